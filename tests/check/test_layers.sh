#!/usr/bin/env bash
# The rule that includes point one way: each layer of core/ uses itself and those before it, and a few libraries have
# one place each.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

# shellcheck disable=SC2016 # the dollars are awk's
check()
{
	(cd "$1" && find core protocols plugins include -name '*.[ch]' 2>/dev/null | sort | xargs -r awk '
	BEGIN {
		layers = split("base loop async net policy plugin config server bench testing cli", name, " ")
		for (i = 1; i <= layers; i++)
			level[name[i]] = i
	}
	function breach(why) { print FILENAME ":" FNR ": " why }
	FNR == 1 {
		split(FILENAME, part, "/")
		top = part[1]
		layer = part[2]
		if (top == "core" && !(layer in level))
			breach("core/" layer " is no layer")
	}
	/^[ \t]*#[ \t]*include/ {
		text = $0
		sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
		if (text !~ /^["<]/) {
			breach("includes by a macro")
			next
		}
		quoted = substr(text, 1, 1) == "\""
		text = substr(text, 2)
		sub(/[">].*/, "", text)
		if (text ~ /(^|\/)\.\.?(\/|$)/)
			breach("includes " text " by a relative path")
		first = text
		sub(/\/.*/, "", first)

		if (top == "core" && first == "core") {
			split(text, to, "/")
			if (!(to[2] in level))
				breach("includes " text ", which is in no layer")
			else if (level[to[2]] > level[layer])
				breach("core/" layer " includes " text ", a layer above it")
		}
		if (top == "core" && (first == "protocols" || first == "plugins"))
			breach("core/ includes " text)
		if (top != "core" && first == "core")
			breach(top "/ includes " text)
		if (top == "include" && first != "plait" && quoted)
			breach("a public header includes " text)
		if (top == "protocols" && first == "plugins")
			breach("protocols/ includes " text)
		if (first == "tests")
			breach("includes " text)
		if (quoted && text !~ /^(core|protocols|plugins)\//)
			breach("includes \"" text "\" other than from the root")

		place = top == "core" ? "core/" layer : top
		if (text ~ /^(event2?\/|event\.h|ev(dns|http|util|rpc)\.h)/) {
			if (place != "core/loop" && place != "core/net" && FILENAME !~ /^core\/server\/admin/)
				breach("includes libevent (" text ")")
			if (text ~ /bufferevent/)
				breach("includes " text ": transports are our own")
		}
		if (first == "openssl" && FILENAME !~ /^core\/net\/tls\//)
			breach("includes OpenSSL (" text ")")
		if (text ~ /^jansson/ && place != "core/config" && FILENAME !~ /^core\/base\/option[^\/]*$/)
			breach("includes jansson (" text ")")
	}')
}

report 'includes point one way' "$(check "$top_srcdir")"

bad core/base/a.c '#include "core/net/conn/conn.h"'
good core/net/b.c '#include "core/base/log.h"'
expect 'a layer above' 'core/base/a.c:1: core/base includes core/net/conn/conn.h, a layer above it'

bad core/net/a.c '#include "protocols/line.h"'
bad plugins/echo/echo.c '#include "core/base/log.h"'
bad protocols/line.c '#include "core/base/log.h"'
good plugins/echo/more.c '#include <plait/plait.h>'
expect 'core, protocols and plugins apart' 'core/net/a.c:1: core/ includes protocols/line.h
plugins/echo/echo.c:1: plugins/ includes core/base/log.h
protocols/line.c:1: protocols/ includes core/base/log.h'

bad core/base/a.c '#include <event2/event.h>'
bad core/net/b.c '#include <event2/bufferevent.h>'
bad core/net/conn/conn.c '# include <openssl/ssl.h>'
bad core/server/c.c '#include <jansson.h>'
bad include/plait/a.h '#include <jansson.h>'
good core/loop/a.c '#include <event2/event.h>'
good core/net/tls/context.c '#include <openssl/ssl.h>'
good core/base/option.h '#include <jansson.h>'
expect 'libraries in their places' 'core/base/a.c:1: includes libevent (event2/event.h)
core/net/b.c:1: includes event2/bufferevent.h: transports are our own
core/net/conn/conn.c:1: includes OpenSSL (openssl/ssl.h)
core/server/c.c:1: includes jansson (jansson.h)
include/plait/a.h:1: includes jansson (jansson.h)'

bad core/base/a.c '#include "log.h"'
bad core/base/b.c '#include "../net/conn.h"'
bad core/other/c.c '#define X 1'
expect 'paths from the root' 'core/base/a.c:1: includes "log.h" other than from the root
core/base/b.c:1: includes "../net/conn.h" other than from the root
core/base/b.c:1: includes ../net/conn.h by a relative path
core/other/c.c:1: core/other is no layer'

finish
