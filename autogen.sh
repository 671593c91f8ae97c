#!/bin/sh
# Make ./configure from configure.ac (autoconf, automake, autoconf-archive, pkg-config).
set -e
cd "$(dirname "$0")"
mkdir -p m4 build-aux
exec autoreconf --install --warnings=all,no-portability
