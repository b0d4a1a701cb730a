#!/usr/bin/env bash
# What make install leaves: a program, a library and plugins that find each other, and all it takes to write a plugin.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/../check/tap.sh"

stage=$scratch/stage
log=$scratch/log
: "${CC:=cc}"
unset LD_LIBRARY_PATH PLAIT_PLUGIN_PATH
umask 022

# run NAME COMMAND...: ok when COMMAND succeeds; else its output is the reason.
run()
{
	local name=$1 output=
	shift
	"$@" >"$log" 2>&1 || output=$(echo "failed: $*" && tail -n 20 "$log")
	report "$name" "$output"
}

quiet_make() { MAKEFLAGS='' make -s -C "$top_builddir" "$@"; }

run 'installs into DESTDIR' quiet_make install DESTDIR="$stage"
prefix=$(quiet_make print-prefix)
abi=$(sed -n 's/^#define PLAIT_ABI_MAJOR //p' "$top_srcdir/include/plait/abi.h")

missing=
for file in bin/plait lib/libplait.so "lib/libplait.so.$abi" "lib/plait/plugins-$abi/echo.so" \
	"lib/plait/plugins-$abi/line.so" "lib/plait/plugins-$abi/broadcast.so" lib/pkgconfig/plait.pc \
	include/plait/plait.h share/plait/certs/make etc/plait/plait.json; do
	[ -e "$stage$prefix/$file" ] || missing+="$file"$'\n'
done
report 'nothing is missing' "$missing"

report 'nobody but the owner may write to a plugin' "$(find "$stage$prefix/lib/plait" -perm /022 ! -type l)"

export LD_LIBRARY_PATH=$stage$prefix/lib
run 'the installed program starts' "$stage$prefix/bin/plait" version

# pkg-config says all that a plugin's author has to know; the staging folder stands for the root.
export PKG_CONFIG_PATH=$stage$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage
report 'plait.pc names the plugin folder and the ABI' "$(
	folder=$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=plugindir plait)
	[ "$folder" = "$prefix/lib/plait/plugins-$abi" ] || echo "plugindir=$folder"
	[[ $(pkg-config --variable=abi plait) =~ ^$abi\.[0-9]+$ ]] || echo "abi=$(pkg-config --variable=abi plait)"
)"

mkdir "$scratch/mine"
cat >"$scratch/mine/mine.c" <<'TXT'
#include <plait/plait.h>

struct mine_options {
	uint64_t size;
};

static const struct plait_option table[] = {
	PLAIT_OPTION_SIZE("size", struct mine_options, size, .fallback = "4k", .doc = "A size"),
	PLAIT_OPTION_END,
};

static size_t mine_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

PLAIT_PROTOCOL(mine, .summary = "a plugin from outside", .options = table,
	       .options_size = sizeof(struct mine_options), .data = mine_data);
TXT
# Nothing but pkg-config: no flag of the tree's. Under sanitizers the library brings their runtime along.
# shellcheck disable=SC2046,SC2086 # flags are words
run 'a plugin compiles with pkg-config alone' $CC -Wall -Wextra -Werror -shared -fPIC -o "$scratch/mine/mine.so" \
	"$scratch/mine/mine.c" $(pkg-config --cflags --libs plait)

cat >"$scratch/mine/mine.json" <<TXT
{
  "plugins": ["./mine.so", "$stage$prefix/lib/plait/plugins-$abi/echo.so"],
  "listeners": [
    { "name": "mine", "bind": "tcp://127.0.0.1:0", "protocol": "mine", "options": { "size": "8k" } },
    { "name": "echo", "bind": "unix:echo.sock", "protocol": "echo" }
  ]
}
TXT
run 'the installed program takes it, and its own' "$stage$prefix/bin/plait" check "$scratch/mine/mine.json"

# What is the user's stays: a configuration that was changed.
echo '{}' >"$stage$prefix/etc/plait/plait.json"
run 'installs again' quiet_make install DESTDIR="$stage"
report 'a configuration that is there is kept' "$([ "$(cat "$stage$prefix/etc/plait/plait.json")" = '{}' ] ||
	echo 'it was overwritten')"
run 'uninstalls' quiet_make uninstall DESTDIR="$stage"
report 'and leaves only that' "$(find "$stage" ! -type d ! -path "$stage$prefix/etc/plait/plait.json")"

finish
