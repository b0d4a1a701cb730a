/* Endpoint strings: "tcp://[::]:7007", "unix:/run/x.sock". No I/O here. */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include <stdint.h>

#include <plait/error.h>

enum endpoint_scheme { ENDPOINT_TCP, ENDPOINT_TLS, ENDPOINT_UDP, ENDPOINT_UNIX };

struct endpoint {
	enum endpoint_scheme scheme;
	uint16_t port;  /* 0: the system chooses */
	char host[256]; /* a name or an address, without brackets; "*" is every address of both families */
	char path[108]; /* UNIX: a path, or "@name" for an abstract one */
};

/* 0, or a negative code with error's text saying what was found and what is allowed. A relative UNIX path is joined
 * to folder (NULL: left as it is). */
int endpoint_parse(const char *text, const char *folder, struct endpoint *out, struct plait_error *error);

const char *endpoint_scheme_name(enum endpoint_scheme scheme);

#endif
