/* Names of servers, as a configuration writes them and as clients ask for them (SNI): which entry is meant. */
#ifndef NET_TLS_NAMES_H
#define NET_TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/error.h>

struct tls_names;

#define TLS_NAME_SIZE 254 /* of the longest name, with its NUL */

/* In lower case, without a dot at the end. Returns the length, or 0: it is no host name. */
size_t tls_name_canonical(const void *name, size_t len, char out[TLS_NAME_SIZE]);

/* Addresses stand in certificates in a way of their own, and no client asks for them by SNI. */
bool tls_name_is_address(const char *name);

/* Aborts when there is no memory, as adding does. */
struct tls_names *tls_names_new(void);
void tls_names_free(struct tls_names **names);

/* name: "a.example", or "*.b.example" for all that have one label before ".b.example". number: what finding it returns.
 * 0, or a negative code with error's text filled: it is no such name, or is there already. */
int tls_names_add(struct tls_names *names, const char *name, unsigned number, struct plait_error *error);

/* The number of what a client asks for, exactly or else by a wildcard; -1: nobody's. Any bytes. Any thread. */
int tls_names_find(const struct tls_names *names, const void *name, size_t len);

#endif
