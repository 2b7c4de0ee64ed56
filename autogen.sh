#!/bin/sh
# Makes ./configure from configure.ac.
set -eu
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf --install --force
