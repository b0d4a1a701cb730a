#!/usr/bin/env bash
# The rule that every public header compiles alone in strict C11, and shows nothing of the libraries
# behind it.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

# check FOLDER, with the compiler in $compiler.
check()
{
	local header
	for header in "$1"/include/plait/*.h; do
		printf '#include <plait/%s>\n#include <plait/%s>\n' "${header##*/}" "${header##*/}" >"$scratch/alone.c"
		$compiler -std=c11 -Wall -Wextra -pedantic -Werror -I"$1/include" -fsyntax-only "$scratch/alone.c" \
			>"$scratch/errors" 2>&1 || {
			echo "${header##*/} does not compile alone"
			[ "$1" != "$top_srcdir" ] || cat "$scratch/errors"
		}
	done
}

# foreign FOLDER: public headers that show a type of a library plait stands on.
foreign()
{
	grep -nE 'event2/|struct (event|evbuffer|bufferevent)\b|openssl|\bSSL\b|\bSSL_CTX\b|jansson|\bjson_t\b|uthash' \
		"$1"/include/plait/*.h | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/\*| \*)' | sed "s|^$1/||"
}

for compiler in gcc clang; do
	if ! command -v $compiler >/dev/null; then
		skip "each public header compiles alone with $compiler" "there is no $compiler"
		continue
	fi
	report "each public header compiles alone with $compiler" "$(check "$top_srcdir")"

	bad include/plait/needy.h 'size_t needy(void);'
	bad include/plait/twice.h 'struct twice { int x; };'
	good include/plait/fine.h 'struct fine;'
	expect "a needy header, with $compiler" 'needy.h does not compile alone
twice.h does not compile alone'
done

report 'no type of another library in a public header' "$(foreign "$top_srcdir")"
bad include/plait/leak.h 'struct event *leak(void);'
good include/plait/fine.h '/* of an event and SSL we may speak */'
report 'self-test: a leaked type is found' \
	"$([ "$(foreign "$scratch/tree")" = 'include/plait/leak.h:1:struct event *leak(void);' ] || echo 'it is not')"

listed=$(sed -n 's|^[[:space:]]*include/plait/\([a-z_]*\.h\).*|\1|p' "$top_srcdir/Makefile.am" | sort)
there=$(cd "$top_srcdir/include/plait" && printf '%s\n' *.h | sort)
report 'each public header is installed' "$(diff <(echo "$listed") <(echo "$there"))"

finish
