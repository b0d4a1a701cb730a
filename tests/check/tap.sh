# Sourced by the checks: results as TAP, and the two ends of a check: the tree, and a small one made to break the rule.
# A check defines check FOLDER, which prints one line for each breach of its rule and nothing else.
# shellcheck shell=bash
set -u

top_srcdir=${top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
top_builddir=${top_builddir:-$top_srcdir/build/dev}
tap_count=0
tap_failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# report NAME TEXT: ok when TEXT is empty, else not ok, with TEXT as its reason.
report()
{
	tap_count=$((tap_count + 1))
	if [ -z "$2" ]; then
		echo "ok $tap_count - $1"
	else
		echo "not ok $tap_count - $1"
		printf '%s\n' "$2" | sed 's/^/#   /'
		tap_failed=1
	fi
}

skip()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# bad FILE TEXT: a file in a tree of its own under $scratch/tree; good FILE TEXT is the same word for a file in order.
bad()
{
	mkdir -p "$(dirname "$scratch/tree/$1")"
	printf '%s\n' "$2" >"$scratch/tree/$1"
}
good() { bad "$@"; }

# expect NAME BREACHES: check finds exactly BREACHES in the tree under $scratch, which is then thrown away.
expect()
{
	local found
	found=$(check "$scratch/tree" 2>&1 | sort)
	if [ "$found" = "$(printf '%s' "$2" | sort)" ]; then
		report "self-test: $1" ''
	else
		report "self-test: $1" "expected: ${2:-nothing}
found: ${found:-nothing}"
	fi
	rm -rf "$scratch/tree"
}

finish()
{
	echo "1..$tap_count"
	exit $tap_failed
}
