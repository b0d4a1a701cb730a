/* The headers: version 1 first. */
#include "tests/unit/net/proxy_headers.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define IPV4                                                                                                 \
	"\xc0\0\2\1"                                                                                         \
	"\xc0\0\2\2"                                                                                         \
	"\x30\x39"                                                                                           \
	"\1\xbb"
#define DOC6 "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define IPV6                                                                                                 \
	DOC6 "\1" DOC6 "\2"                                                                                  \
	     "\x30\x39"                                                                                      \
	     "\1\xbb"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"
#define TEN(x) x x x x x x x x x x
#define PATH(x) x TEN(TEN("\0")) "\0\0\0\0" /* of four bytes */
#define FULL TEN(TEN("p")) "pppppppp"

#define BYTES(bytes) bytes, sizeof(bytes) - 1
#define GOOD(name, bytes, says)                                                                              \
	{                                                                                                    \
		name, BYTES(bytes), PROXY_DONE, says, 0                                                      \
	}
#define BAD(name, at, bytes, says)                                                                           \
	{                                                                                                    \
		name, BYTES(bytes), PROXY_BROKEN, says, at                                                   \
	}
#define OTHER(name, at, bytes)                                                                               \
	{                                                                                                    \
		name, BYTES(bytes), PROXY_NONE, NULL, at                                                     \
	}
#define SHORT(name, bytes)                                                                                   \
	{                                                                                                    \
		name, BYTES(bytes), PROXY_MORE, NULL, 0                                                      \
	}

#define INET4 "192.0.2.1:12345 192.0.2.2:443"
#define INET6 "[2001:db8::1]:12345 [2001:db8::2]:443"
#define ADDRESS "an address is not good"
#define PORT "a port is not good"
#define FAMILY "the family is none of"

const struct proxy_sample proxy_samples[] = {
	/* Version 1, good. */
	GOOD("v1 tcp4", "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r\n", INET4),
	GOOD("v1 tcp4, the longest", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	     "255.255.255.255:65535 255.255.255.255:65535"),
	GOOD("v1 tcp4, the least", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0 0.0.0.0:0"),
	GOOD("v1 tcp6", "PROXY TCP6 2001:db8::1 2001:db8::2 12345 443\r\n", INET6),
	GOOD("v1 tcp6, in full and upper case",
	     "PROXY TCP6 2001:0DB8:0000:0000:0000:0000:0000:0001 2001:db8:0:0:0:0:0:2 12345 443\r\n", INET6),
	GOOD("v1 tcp6, the longest",
	     "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
	GOOD("v1 tcp6 of a socket of both families",
	     "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:202 12345 443\r\n", INET4),
	GOOD("v1 unknown", "PROXY UNKNOWN\r\n", "own"),
	GOOD("v1 unknown with addresses", "PROXY UNKNOWN 192.0.2.1 192.0.2.2 12345 443\r\n", "own"),
	GOOD("v1 unknown with anything", "PROXY UNKNOWN \n\r\r \0 \xff 256.0.2.1\r\n", "own"),
	GOOD("v1 unknown, the longest",
	     "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	     "own"),

	/* Version 1, bad. */
	BAD("v1 256 in an address", 0, "PROXY TCP4 256.0.2.1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 256 in the second address", 0, "PROXY TCP4 192.0.2.1 192.0.256.2 12345 443\r\n", ADDRESS),
	BAD("v1 a leading zero in an address", 0, "PROXY TCP4 192.00.2.1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 a short address", 0, "PROXY TCP4 192.0.2 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 a long address", 0, "PROXY TCP4 192.0.2.1.1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 a dot at an address' end", 0, "PROXY TCP4 192.0.2.1. 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 a hexadecimal address", 0, "PROXY TCP4 0xc0.0.2.1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 a name for an address", 0, "PROXY TCP4 localhost 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 tcp4 with IPv6", 0, "PROXY TCP4 2001:db8::1 2001:db8::2 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6 with IPv4", 0, "PROXY TCP6 192.0.2.1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 IPv4 and IPv6", 0, "PROXY TCP4 192.0.2.1 2001:db8::2 12345 443\r\n", ADDRESS),
	BAD("v1 IPv6 and IPv4", 0, "PROXY TCP6 2001:db8::1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6, two double colons", 0, "PROXY TCP6 2001::db8::1 ::1 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6, seven groups", 0, "PROXY TCP6 1:2:3:4:5:6:7 ::1 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6, nine groups", 0, "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6, five digits", 0, "PROXY TCP6 12345::1 ::1 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6 with a scope", 0, "PROXY TCP6 fe80::1%lo ::1 12345 443\r\n", ADDRESS),
	BAD("v1 tcp6 in brackets", 0, "PROXY TCP6 [::1] [::1] 12345 443\r\n", ADDRESS),
	BAD("v1 a port with a leading zero", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 012345 443\r\n", PORT),
	BAD("v1 a short port with a leading zero", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 1 0443\r\n", PORT),
	BAD("v1 a port of zeros", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 00 443\r\n", PORT),
	BAD("v1 a port above 65535", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", PORT),
	BAD("v1 the second port above 65535", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 1 99999\r\n", PORT),
	BAD("v1 a port that is 2^32 + 80", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 4294967376 443\r\n", PORT),
	BAD("v1 a port with a sign", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", PORT),
	BAD("v1 a port below 0", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n", PORT),
	BAD("v1 a port that is none", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 http 443\r\n", PORT),
	BAD("v1 a port with a letter", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 1 44a\r\n", PORT),
	BAD("v1 no second port", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 12345\r\n", PORT),
	BAD("v1 no second port but a blank", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 \r\n", PORT),
	BAD("v1 three ports", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", PORT),
	BAD("v1 a blank at the end", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443 \r\n", PORT),
	BAD("v1 two blanks before a port", 0, "PROXY TCP4 192.0.2.1 192.0.2.2  12345 443\r\n", PORT),
	BAD("v1 two blanks", 0, "PROXY TCP4  192.0.2.1 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 two blanks before the family", 0, "PROXY  TCP4 192.0.2.1 192.0.2.2 12345 443\r\n", FAMILY),
	BAD("v1 a tab", 6, "PROXY\tTCP4 192.0.2.1 192.0.2.2 12345 443\r\n", "no blank"),
	BAD("v1 a tab further on", 0, "PROXY TCP4\t192.0.2.1 192.0.2.2 12345 443\r\n", FAMILY),
	BAD("v1 udp4", 0, "PROXY UDP4 192.0.2.1 192.0.2.2 12345 443\r\n", FAMILY),
	BAD("v1 tcp5", 0, "PROXY TCP5 192.0.2.1 192.0.2.2 12345 443\r\n", FAMILY),
	BAD("v1 lower case", 0, "PROXY tcp4 192.0.2.1 192.0.2.2 12345 443\r\n", FAMILY),
	BAD("v1 no family", 0, "PROXY \r\n", FAMILY),
	BAD("v1 nothing", 6, "PROXY\r\n", "no blank"),
	BAD("v1 a family alone", 0, "PROXY TCP4\r\n", FAMILY),
	BAD("v1 unknown and a letter", 0, "PROXY UNKNOWNX\r\n", FAMILY),
	BAD("v1 unknown in lower case", 0, "PROXY unknown\r\n", FAMILY),
	BAD("v1 a NUL", 0, "PROXY TCP4 192.0.2.1\0 192.0.2.2 12345 443\r\n", ADDRESS),
	BAD("v1 a NUL in a port", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 1\0002 443\r\n", PORT),
	BAD("v1 LF alone", 41, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\nGET / HTTP/1.1\r\n",
	    "without a CR"),
	BAD("v1 CR alone", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\rGET / HTTP/1.1\r\n", PORT),
	BAD("v1 two CRs", 0, "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r\r\n", PORT),
	BAD("v1 HTTP's proxy header", 6, "PROXY: x\r\n", "no blank"),
	BAD("v1 no end", PROXY_LINE_MAX, "PROXY UNKNOWN " TEN("0123456789") "\r\n", "107"),
	BAD("v1 an end a byte too late", PROXY_LINE_MAX, "PROXY UNKNOWN " TEN("012345678") "01\r\n", "107"),
	SHORT("v1 without its LF", "PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r"),

	/* Version 2, good. */
	GOOD("v2 tcp4", SIG "\x21\x11\0\xc" IPV4, INET4),
	GOOD("v2 tcp6", SIG "\x21\x21\0\x24" IPV6, INET6),
	GOOD("v2 tcp6 of a socket of both families",
	     SIG "\x21\x21\0\x24" MAPPED DOC6 "\2"
		 "\x30\x39"
		 "\1\xbb",
	     "192.0.2.1:12345 [2001:db8::2]:443"),
	GOOD("v2 unix", SIG "\x21\x31\0\xd8" PATH("/a/b") PATH("\0abc"), "unix unix"),
	GOOD("v2 unix, paths without an end", SIG "\x21\x31\0\xd8" FULL FULL, "unix unix"),
	GOOD("v2 udp4", SIG "\x21\x12\0\xc" IPV4, "own"),
	GOOD("v2 udp6", SIG "\x21\x22\0\x24" IPV6, "own"),
	GOOD("v2 unix datagrams", SIG "\x21\x32\0\xd8" PATH("/a/b") PATH("/c/d"), "own"),
	GOOD("v2 unspec", SIG "\x21\0\0\0", "own"),
	GOOD("v2 unspec with an addition",
	     SIG "\x21\0\0\4"
		 "\4\0\1x",
	     "own"),
	GOOD("v2 local", SIG "\x20\0\0\0", "own"),
	GOOD("v2 local with addresses", SIG "\x20\x11\0\xc" IPV4, "own"),
	GOOD("v2 local, family 9 and too few bytes",
	     SIG "\x20\x91\0\3"
		 "abc",
	     "own"),
	GOOD("v2 local, an addition that overruns",
	     SIG "\x20\0\0\3"
		 "\1\xff\xff",
	     "own"),
	GOOD("v2 with alpn and authority",
	     SIG "\x21\x11\0\x1a" IPV4 "\1\0\2h2"
		 "\2\0\6"
		 "a.test",
	     INET4),
	GOOD("v2 with a unique id", SIG "\x21\x11\0\x12" IPV4 "\5\0\3\0\1\2", INET4),
	GOOD("v2 with the longest unique id",
	     SIG "\x21\x11\0\x8f" IPV4 "\5\0\x80" TEN(TEN("i")) TEN("ii") "iiiiiiii", INET4),
	GOOD("v2 with an empty addition", SIG "\x21\x11\0\xf" IPV4 "\4\0\0", INET4),
	GOOD("v2 with additions nobody knows",
	     SIG "\x21\x11\0\x15" IPV4 "\xe0\0\2ab"
		 "\xff\0\1c",
	     INET4),
	GOOD("v2 with tls",
	     SIG "\x21\x11\0\x24" IPV4 "\x20\0\x15"
		 "\1\0\0\0\1"
		 "\x21\0\7TLSv1.3"
		 "\x23\0\0"
		 "\x30\0\0",
	     INET4),
	GOOD("v2 with a namespace",
	     SIG "\x21\x11\0\x12" IPV4 "\x30\0\3"
		 "abc",
	     INET4),
	GOOD("v2 with a checksum", SIG "\x21\x11\0\x13" IPV4 "\3\0\4\x3e\xe8\x86\xa1", INET4),
	GOOD("v2 with a checksum in the middle",
	     SIG "\x21\x11\0\x1d" IPV4 "\5\0\3"
		 "abc"
		 "\3\0\4\xc7\x85\x69\x3e"
		 "\4\0\1z",
	     INET4),

	/* Version 2, bad. */
	BAD("v2 version 1", 13, SIG "\x11\x11\0\xc" IPV4, "the version"),
	BAD("v2 version 3", 13, SIG "\x31\x11\0\xc" IPV4, "the version"),
	BAD("v2 version 0", 13, SIG "\1\x11\0\xc" IPV4, "the version"),
	BAD("v2 command 2", 13, SIG "\x22\x11\0\xc" IPV4, "the command"),
	BAD("v2 command 15", 13, SIG "\x2f\x11\0\xc" IPV4, "the command"),
	BAD("v2 family 9", 14, SIG "\x21\x91\0\xc" IPV4, "the family"),
	BAD("v2 family 4", 14, SIG "\x21\x41\0\xc" IPV4, "the family"),
	BAD("v2 transport 3", 14, SIG "\x21\x13\0\xc" IPV4, "the family"),
	BAD("v2 a family without a transport", 14, SIG "\x21\x10\0\xc" IPV4, "the family"),
	BAD("v2 a transport without a family", 14, SIG "\x21\1\0\xc" IPV4, "the family"),
	BAD("v2 tcp4, too short", 16,
	    SIG "\x21\x11\0\xb"
		"\xc0\0\2\1"
		"\xc0\0\2\2"
		"\x30\x39\1",
	    "too short"),
	BAD("v2 tcp4 without addresses", 16, SIG "\x21\x11\0\0", "too short"),
	BAD("v2 tcp6 as long as tcp4", 16, SIG "\x21\x21\0\xc" IPV4, "too short"),
	BAD("v2 unix, too short", 16, SIG "\x21\x31\0\xd7" PATH("/a/b"), "too short"),
	BAD("v2 udp4, too short", 16, SIG "\x21\x12\0\0", "too short"),
	BAD("v2 longer than 4096", 16, SIG "\x21\x11\xf\xf1" IPV4, "longer than 4096"),
	BAD("v2 longest", 16, SIG "\x21\x11\xff\xff" IPV4, "longer than 4096"),
	BAD("v2 local, longest", 16, SIG "\x20\0\xff\xff", "longer than 4096"),
	BAD("v2 an addition of one byte", 0, SIG "\x21\x11\0\xd" IPV4 "\1", "an addition"),
	BAD("v2 an addition of two bytes", 0, SIG "\x21\x11\0\xe" IPV4 "\1\0", "an addition"),
	BAD("v2 an addition that overruns by one", 0, SIG "\x21\x11\0\x10" IPV4 "\1\0\2x", "an addition"),
	BAD("v2 an addition that overruns far", 0, SIG "\x21\x11\0\xf" IPV4 "\1\xff\xff", "an addition"),
	BAD("v2 the second addition overruns", 0,
	    SIG "\x21\x11\0\x13" IPV4 "\4\0\1x"
		"\2\0\1",
	    "an addition"),
	BAD("v2 unspec, an addition that overruns", 0,
	    SIG "\x21\0\0\3"
		"\4\0\1",
	    "an addition"),
	BAD("v2 a unique id of 129 bytes", 0,
	    SIG "\x21\x11\0\x90" IPV4 "\5\0\x81" TEN(TEN("i")) TEN("ii") "iiiiiiiii", "the unique id"),
	BAD("v2 tls, cut short", 0,
	    SIG "\x21\x11\0\x13" IPV4 "\x20\0\4"
		"\1\0\0\0",
	    "is cut short"),
	BAD("v2 tls, a part that overruns", 0,
	    SIG "\x21\x11\0\x1b" IPV4 "\x20\0\x8"
		"\1\0\0\0\1"
		"\x21\0\7"
		"\4\0\1z",
	    "a part of"),
	BAD("v2 tls, a part of two bytes", 0,
	    SIG "\x21\x11\0\x16" IPV4 "\x20\0\7"
		"\1\0\0\0\1"
		"\x21\0",
	    "a part of"),
	BAD("v2 a wrong checksum", 0, SIG "\x21\x11\0\x13" IPV4 "\3\0\4\x3e\xe8\x86\xa0",
	    "the checksum is wrong"),
	BAD("v2 a checksum of zeros", 0, SIG "\x21\x11\0\x13" IPV4 "\3\0\4\0\0\0\0", "the checksum is wrong"),
	BAD("v2 a checksum of other bytes", 0,
	    SIG "\x21\x11\0\x1d" IPV4 "\5\0\3"
		"abd"
		"\3\0\4\xc7\x85\x69\x3e"
		"\4\0\1z",
	    "the checksum is wrong"),
	BAD("v2 a checksum of 3 bytes", 0, SIG "\x21\x11\0\x12" IPV4 "\3\0\3\x3e\xe8\x86", "has not 4 bytes"),
	BAD("v2 two checksums", 0,
	    SIG "\x21\x11\0\x1a" IPV4 "\3\0\4\x3e\xe8\x86\xa1"
		"\3\0\4\x3e\xe8\x86\xa1",
	    "two checksums"),
	SHORT("v2 without its last byte", SIG "\x21\x11\0\xc"
					      "\xc0\0\2\1"
					      "\xc0\0\2\2"
					      "\x30\x39"
					      "\1"),

	/* What begins otherwise. */
	OTHER("TLS", 1, "\x16\3\1\2\0\1\0\1\xfc\3\3"),
	OTHER("HTTP", 1, "GET / HTTP/1.1\r\n"),
	OTHER("HTTP that begins like v1", 2, "PUT / HTTP/1.1\r\n"),
	OTHER("lower case", 1, "proxy TCP4 192.0.2.1 192.0.2.2 12345 443\r\n"),
	OTHER("a blank first", 1, " PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r\n"),
	OTHER("lines", 3, "\r\nhello\r\n"),
	OTHER("the signature with another end", 12, "\r\n\r\n\0\r\nQUIT\r\x21\x11"),
	OTHER("the signature without its NUL", 5, "\r\n\r\n\r\nQUIT\n\x21\x11"),
	SHORT("nothing", ""),
	SHORT("the begin of v1", "PROX"),
	SHORT("the begin of both ends", "\r"),
	SHORT("the signature alone", SIG),
};

const size_t proxy_sample_count = sizeof(proxy_samples) / sizeof(proxy_samples[0]);
