/* ALPN's names. */
#include "core/net/tls/alpn.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 255

static int allocate(struct tls_alpn *alpn, size_t size, struct plait_error *error)
{
	*alpn = (struct tls_alpn){ .wire = malloc(size), .names = malloc(size) };
	if (alpn->wire && alpn->names)
		return 0;
	tls_alpn_fini(alpn);
	return plait_error_set(error, PLAIT_ERROR_MEMORY, "alpn", "no memory for a TLS context");
}

/* There is room for it and one byte more. */
static int add(struct tls_alpn *alpn, const char *name, size_t len, struct plait_error *error)
{
	if (len == 0 || len > NAME_MAX_LEN) {
		tls_alpn_fini(alpn);
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, "alpn",
			"found a name of %zu bytes; expected names of 1 to 255 bytes with \",\" "
			"between, such as \"h2,http/1.1\"",
			len);
	}
	alpn->wire[alpn->len] = (unsigned char)len;
	memcpy(alpn->wire + alpn->len + 1, name, len);
	memcpy(alpn->names + alpn->len, name, len);
	alpn->names[alpn->len + len] = '\0';
	alpn->len += len + 1;
	return 0;
}

/* Two of the size of the text with a byte before it: "2h2" and "h2\0" take the same room. */
int tls_alpn_init(struct tls_alpn *alpn, const char *text, struct plait_error *error)
{
	int result = allocate(alpn, strlen(text) + 1, error);
	for (const char *name = text; result == 0; name += strcspn(name, ",") + 1) {
		size_t len = strcspn(name, ",");
		result = add(alpn, name, len, error);
		if (!name[len])
			break;
	}
	return result;
}

int tls_alpn_init_list(struct tls_alpn *alpn, const char *const *list, size_t count,
		       struct plait_error *error)
{
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += strlen(list[i]) + 1;
	*alpn = (struct tls_alpn){ 0 };
	int result = count > 0 ? allocate(alpn, size, error) : 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = add(alpn, list[i], strlen(list[i]), error);
	return result;
}

void tls_alpn_fini(struct tls_alpn *alpn)
{
	free(alpn->wire);
	free(alpn->names);
	*alpn = (struct tls_alpn){ 0 };
}

const char *tls_alpn_find(const struct tls_alpn *alpn, const unsigned char *name, size_t len, int *index)
{
	*index = 0;
	for (size_t at = 0; at < alpn->len; at += alpn->wire[at] + 1u, ++*index) {
		if (alpn->wire[at] == len && memcmp(alpn->wire + at + 1, name, len) == 0)
			return alpn->names + at;
	}
	*index = -1;
	return NULL;
}
