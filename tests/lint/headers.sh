#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, and twice; Python's headers are there
# only for those that may include them.
set -u
top=${top_srcdir:-.}
cc=${CC:-gcc}
python_cflags=$(pkg-config --cflags python3-embed | sed 's/-I/-isystem /g')
bad=0
seen=0

for header in "$top"/include/gthreadd/*/*.h; do
	name=${header#"$top"/include/}
	flags=
	case $name in
	gthreadd/python/nogil.h | gthreadd/python/pyobj.h | gthreadd/python/pyerr.h)
		flags=$python_cflags ;;
	esac
	# shellcheck disable=SC2086 # flags are words
	printf '#include "%s"\n#include "%s"\n' "$name" "$name" |
		$cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror \
			-fsyntax-only -I"$top/include" $flags -x c - || {
		echo "$name: does not compile alone"
		bad=$((bad + 1))
	}
	seen=$((seen + 1))
done
echo "headers: $seen files, $bad violations"
[ "$seen" -gt 0 ] && [ "$bad" -eq 0 ]
