#!/usr/bin/env bash
# That ./dev configures when it must: a second command may have installed what the first did without.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

# A project and a machine of nothing but what dev looks at: configure, config.status and make note that they were called.
project=$scratch/project machine=$scratch/machine
mkdir -p "$project/build-aux" "$machine"
cp "$top_srcdir/dev" "$project/dev"
touch "$project/configure.ac" "$project/Makefile.in" "$project/build-aux/ltmain.sh"

# program FILE LINES...
program()
{
	printf '%s\n' '#!/usr/bin/env bash' "${@:2}" >"$1"
	chmod +x "$1"
}
program "$project/configure" "echo configure >>'$scratch/calls'; touch Makefile" \
	"printf '#!/usr/bin/env bash\necho \"\$*\" >>%s\n' '$scratch/calls' >config.status; chmod +x config.status"
program "$machine/make" "echo make >>'$scratch/calls'"
program "$machine/dpkg-query" 'echo installed'
program "$machine/apt-get" 'exit 1'
program "$machine/pkg-config" "cat '$scratch/libraries'"

# builds EXPECTED: the calls of one ./dev build, in one line.
builds()
{
	rm -f "$scratch/calls"
	PATH=$machine:$PATH PLAIT_DEV_CONFIGURE=${arguments-} "$project/dev" build >"$scratch/said" 2>&1 ||
		{ echo 'it failed:' && cat "$scratch/said"; }
	found=$(paste -sd ' ' "$scratch/calls")
	[ "$found" = "$1" ] || echo "expected: $1; found: $found"
}

echo 'openssl     OpenSSL' >"$scratch/libraries"
report 'the first command configures' "$(builds 'configure make')"
report 'the second takes what is there' "$(builds make)"
echo 'cunit       CUnit' >>"$scratch/libraries"
report 'a library of the tests that came is looked for' "$(builds '-q --recheck make')"
report 'once' "$(builds make)"
echo 'zlib        zlib' >>"$scratch/libraries"
report 'one that nobody looks for is not' "$(builds make)"
arguments=CC=clang
report 'other arguments begin anew' "$(builds 'configure make')"
finish
