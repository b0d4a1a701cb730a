#!/usr/bin/env bash
# The rule that docs/configuration.md is what the program prints, with the shipped plugins and no others.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

report 'docs/configuration.md is current (plait reference > docs/configuration.md)' \
	"$("$PLAIT" reference | diff "$top_srcdir/docs/configuration.md" - | head -n 20)"
report 'self-test: another page is found' \
	"$("$PLAIT" reference | sed 's/JSON/XML/' | diff -q "$top_srcdir/docs/configuration.md" - >/dev/null && echo 'it is not')"

finish
