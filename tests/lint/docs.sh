#!/bin/sh
# SPDX-License-Identifier: MIT
# The pages made from the tables of settings and signals are as committed, mandoc has
# nothing to say about them, and no setting is missing from any.
# With "update" the committed pages are rewritten instead.
set -eu
: "${top_srcdir:=.}" "${top_builddir:=.}"
tool=$top_builddir/tools/settings-doc
signals=$top_builddir/tools/signals-doc
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

fail() {
	echo "docs.sh: $*" >&2
	status=1
}

"$tool" man >"$tmp/settings"
sed -e "/^@SETTINGS@\$/{
r $tmp/settings
d
}" "$top_srcdir/man/gthreadd.ini.5.in" >"$tmp/gthreadd.ini.5"
"$tool" sample >"$tmp/gthreadd.ini"
"$signals" master >"$tmp/master"
"$signals" worker >"$tmp/worker"
sed -e "/^@MASTER@\$/{
r $tmp/master
d
}" -e "/^@WORKER@\$/{
r $tmp/worker
d
}" "$top_srcdir/man/gthreadd-signals.7.in" >"$tmp/gthreadd-signals.7"

metrics=$top_builddir/tools/metrics-doc
"$metrics" metrics >"$tmp/metrics"
"$metrics" ends >"$tmp/ends"
sed -e "/^@METRICS@\$/{
r $tmp/metrics
d
}" -e "/^@ENDS@\$/{
r $tmp/ends
d
}" "$top_srcdir/man/gthreadd-metrics.7.in" >"$tmp/gthreadd-metrics.7"

if [ "${1-}" = update ]; then
	cp "$tmp/gthreadd-metrics.7" "$top_srcdir/man/gthreadd-metrics.7"
	cp "$tmp/gthreadd.ini.5" "$top_srcdir/man/gthreadd.ini.5"
	cp "$tmp/gthreadd-signals.7" "$top_srcdir/man/gthreadd-signals.7"
	cp "$tmp/gthreadd.ini" "$top_srcdir/conf/gthreadd.ini"
	exit 0
fi

for page in man/gthreadd.ini.5 man/gthreadd-signals.7 man/gthreadd-metrics.7 \
	conf/gthreadd.ini; do
	diff -u "$top_srcdir/$page" "$tmp/${page#*/}" ||
		fail "$page is out of date: make update-docs"
done

if command -v mandoc >/dev/null; then
	for page in "$top_srcdir"/man/*.[1-9]; do
		mandoc -T lint -W warning "$page" || fail "mandoc: $page"
	done
else
	echo 'docs.sh: mandoc is not installed: pages not checked'
fi

if grep -E '^\.It Cm .*\[[^]]*$' "$top_srcdir/man/gthreadd.ini.5"; then
	fail 'a bracket is not closed in man/gthreadd.ini.5'
fi

"$tool" help >"$tmp/help"
if [ "$(awk 'length > 80' "$tmp/help" | wc -l)" -ne 0 ]; then
	fail 'a line of --help is longer than 80 columns'
fi
"$tool" names >"$tmp/names"
while read -r name; do
	grep -Eq -e "--(\[no-\])?$name( |\$)" "$tmp/help" ||
		fail "$name is missing in --help"
	grep -q "^\.It Cm $name " "$top_srcdir/man/gthreadd.ini.5" ||
		fail "$name is missing in man/gthreadd.ini.5"
	grep -Eq "^#?$name =" "$top_srcdir/conf/gthreadd.ini" ||
		fail "$name is missing in conf/gthreadd.ini"
done <"$tmp/names"

# What may stand in a format of the access log.
sed -n "s/^GT_ATOM('\(.\)', .*/\1/p" "$top_srcdir/src/stats/tbl/atom.def" \
	>"$tmp/atoms"
while read -r atom; do
	grep -Eq "^\.It Li %\((\{[a-z]+\})?$atom\)s" \
		"$top_srcdir/man/gthreadd.ini.5" ||
		fail "%($atom)s is missing in man/gthreadd.ini.5"
done <"$tmp/atoms"
[ -s "$tmp/atoms" ] || fail 'there are no atoms'

# What gunicorn has and we have not is told to those who come from there.
sed -n 's/^GT_FOREIGN("\([a-z0-9-]*\)".*/\1/p
s/^GT_DIFFERS(\([a-z_]*\),.*/\1/p' "$top_srcdir"/src/config/tbl/foreign.def \
	"$top_srcdir"/src/config/tbl/differs.def |
	sed 's/_ms$//; s/_/-/g' >"$tmp/foreign"
while read -r name; do
	grep -q "\`$name\`" "$top_srcdir/doc/migration.md" ||
		fail "$name is missing in doc/migration.md"
done <"$tmp/foreign"
[ "$(wc -l <"$tmp/foreign")" -gt 20 ] || fail 'foreign names are not found'

[ -s "$tmp/names" ] || fail 'there are no settings'
exit $status
