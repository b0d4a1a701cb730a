/* Names of protocols for ALPN: "h2,http/1.1" as TLS writes it, and back. */
#ifndef NET_TLS_ALPN_H
#define NET_TLS_ALPN_H

#include <stddef.h>

#include <plait/error.h>

struct tls_alpn {
	unsigned char *wire; /* each name behind its length; NULL: none */
	size_t len;
	char *names; /* the same with a NUL behind each instead */
};

/* text: names of 1 to 255 bytes with commas between. 0, or a negative code with error filled. */
int tls_alpn_init(struct tls_alpn *alpn, const char *text, struct plait_error *error);

/* The same from a list, whose names may have commas. None at all is none. */
int tls_alpn_init_list(struct tls_alpn *alpn, const char *const *list, size_t count,
		       struct plait_error *error);
void tls_alpn_fini(struct tls_alpn *alpn);

/* The name of the list that is this, which lives as long as the list; *index: its place, from 0. NULL and -1: none is. */
const char *tls_alpn_find(const struct tls_alpn *alpn, const unsigned char *name, size_t len, int *index);

#endif
