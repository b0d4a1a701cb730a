#!/usr/bin/env bash
# The rules about files: not too long, with a purpose in the first line, and nothing private or unfinished in them.
# shellcheck disable=SC2317 # the rules are called by their names
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

sources() { (cd "$1" && find core include protocols plugins examples tests -name '*.[ch]' 2>/dev/null | sort); }
texts()
{
	(cd "$1" && find . -type d \( -name .git -o -name build -o -name build-aux -o -name autom4te.cache \
		-o -name 'plait-*' -o -name __pycache__ -o -name dev \) -prune -o -type f -print | sed 's|^\./||' | sort)
}

too_long() { (cd "$1" && sources . | xargs -r awk 'FNR == 501 { print FILENAME " has more than 500 lines" }'); }

no_purpose()
{
	(cd "$1" && sources . | xargs -r awk \
		'FNR == 1 && !/^\/\* ./ { print FILENAME " does not begin with a comment that says its purpose" }')
}

# Marks of work left undone. Spelt so that this file does not match itself.
unfinished()
{
	(cd "$1" && sources . | xargs -r grep -nE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' | sed 's/^\([^:]*:[0-9]*\):.*/\1: unfinished/')
}

private() { (cd "$1" && texts . | xargs -r grep -lE -e '-----BEGIN [A-Z ]*PRIVATE ''KEY' | sed 's/$/ holds a private key/'); }

bare_core()
{
	[ ! -e "$1/.gitignore" ] || grep -nE '^/?core/?$' "$1/.gitignore" | sed 's/^/.gitignore ignores the sources: /'
}

rules='too_long no_purpose unfinished private bare_core'
check()
{
	local rule
	for rule in $rules; do $rule "$1"; done
}

for rule in $rules; do
	report "rule: ${rule//_/ }" "$($rule "$top_srcdir")"
done

bad core/base/long.c "$(echo '/* Long. */' && seq -f '/* %g */' 500)"
good core/base/short.c "$(echo '/* Short. */' && seq -f '/* %g */' 499)"
bad core/net/bare.c 'int x;'
word=TO
bad core/net/mark.c "/* A mark. */ /* ${word}DO: the rest */"
bad notes/key.txt "$(printf -- "-----BEGIN %s PRIVATE %s-----" EC KEY)"
bad .gitignore "core"
expect 'each is found' 'core/base/long.c has more than 500 lines
core/net/bare.c does not begin with a comment that says its purpose
core/net/mark.c:1: unfinished
notes/key.txt holds a private key
.gitignore ignores the sources: 1:core'

finish
