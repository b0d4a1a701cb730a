#!/usr/bin/env bash
# The rule that manual pages are sound.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

check()
{
	find "$1/docs" -name '*.[1-8]' -exec mandoc -Tlint -Wwarning {} \; 2>&1 | sed "s|^mandoc: $1/||"
}

if command -v mandoc >/dev/null; then
	report 'mandoc finds nothing' "$(check "$top_srcdir")"
	bad docs/bad.1 '.Dd January 1, 2026
.Dt BAD 1
.Os
.Sh NAME
.Zz'
	found=$(check "$scratch/tree")
	report 'self-test: a broken page is found' "$([ -n "$found" ] || echo 'it is not')"
else
	skip 'mandoc finds nothing' 'there is no mandoc'
fi

finish
