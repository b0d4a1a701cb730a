#!/usr/bin/env bash
# The rule that libplait exports plait_* only, and a plugin its one symbol.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

# The defined dynamic symbols of $1 that do not match $2. Those with a leading "__" are the compiler's.
strangers()
{
	nm -D --defined-only "$1" | awk -v good="$2" -v file="${1##*/}" \
		'{ sub(/@.*/, "", $3) } $3 !~ good && $3 !~ /^(_init|_fini|__.*)$/ { print file " exports " $3 }'
}

check()
{
	local file found
	if [ -e "$1/.libs/libplait.so" ]; then
		strangers "$1/.libs/libplait.so" '^plait_'
	else
		echo "there is no $1/.libs/libplait.so"
	fi
	for file in "$1"/plugins/*/.libs/*.so; do
		if [ ! -e "$file" ]; then
			echo "there is no $file"
			continue
		fi
		strangers "$file" '^plait_plugin$'
		found=$(nm -D --defined-only "$file" | grep -c ' plait_plugin$')
		[ "$found" = 1 ] || echo "${file##*/} does not export plait_plugin"
	done
}

report 'only plait_ is exported' "$(check "$top_builddir")"

mkdir -p "$scratch/tree/.libs" "$scratch/tree/plugins/bad/.libs"
library() { echo "$1" | ${CC:-cc} -shared -fPIC -x c -o "$scratch/tree/$2" -; }
library 'int plait_x(void) { return 1; } int conn_x(void) { return 1; }' .libs/libplait.so
library 'int plait_plugin; int helper;' plugins/bad/.libs/bad.so
library 'static int plait_plugin; int *f(void) { return &plait_plugin; }' plugins/bad/.libs/none.so
expect 'a stranger is found' 'bad.so exports helper
libplait.so exports conn_x
none.so does not export plait_plugin
none.so exports f'

finish
