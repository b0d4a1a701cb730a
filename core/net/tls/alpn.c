/* ALPN's names. */
#include "core/net/tls/alpn.h"

#include <stdlib.h>
#include <string.h>

/* Two of the size of the text with a byte before it: "2h2" and "h2\0" take the same room. */
int tls_alpn_init(struct tls_alpn *alpn, const char *text, struct plait_error *error)
{
	size_t size = strlen(text) + 1, at = 0;
	*alpn = (struct tls_alpn){ .wire = malloc(size), .names = malloc(size), .len = size };
	if (!alpn->wire || !alpn->names) {
		tls_alpn_fini(alpn);
		return plait_error_set(error, PLAIT_ERROR_MEMORY, "alpn", "no memory for a TLS context");
	}
	for (const char *name = text;; name += strcspn(name, ",") + 1) {
		size_t len = strcspn(name, ",");
		if (len == 0 || len > 255) {
			tls_alpn_fini(alpn);
			return plait_error_set(
				error, PLAIT_ERROR_INVALID, "alpn",
				"found a name of %zu bytes; expected names of 1 to 255 bytes with \",\" "
				"between, such as \"h2,http/1.1\"",
				len);
		}
		alpn->wire[at] = (unsigned char)len;
		memcpy(alpn->wire + at + 1, name, len);
		memcpy(alpn->names + at, name, len);
		alpn->names[at + len] = '\0';
		at += len + 1;
		if (!name[len])
			return 0;
	}
}

void tls_alpn_fini(struct tls_alpn *alpn)
{
	free(alpn->wire);
	free(alpn->names);
	*alpn = (struct tls_alpn){ 0 };
}

const char *tls_alpn_find(const struct tls_alpn *alpn, const unsigned char *name, size_t len)
{
	for (size_t at = 0; at < alpn->len; at += alpn->wire[at] + 1u) {
		if (alpn->wire[at] == len && memcmp(alpn->wire + at + 1, name, len) == 0)
			return alpn->names + at;
	}
	return NULL;
}
