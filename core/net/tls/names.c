/* Names of servers in a hash table: a wildcard is kept as what follows its "*". */
#include "core/net/tls/names.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"

#define uthash_malloc(size) alloc_zeroed(size, what)
#include <uthash.h>

static const char what[] = "the names of servers";

#define LABEL_MAX 63

struct entry {
	unsigned number;
	UT_hash_handle hh;
	char key[];
};

struct tls_names {
	struct entry *entries;
};

struct tls_names *tls_names_new(void)
{
	return alloc_zeroed(sizeof(struct tls_names), what);
}

void tls_names_free(struct tls_names **names_at)
{
	struct tls_names *names = *names_at;
	*names_at = NULL;
	if (!names)
		return;
	struct entry *entry, *next;
	HASH_ITER (hh, names->entries, entry, next) {
		HASH_DEL(names->entries, entry);
		free(entry);
	}
	free(names);
}

/* Letters, digits, hyphens; and underscores, which names of hosts have in many a network. NUL: none of these. */
static char lower(unsigned char byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
		     byte == '_';
	return plain ? (char)byte : '\0';
}

size_t tls_name_canonical(const void *name, size_t len, char out[TLS_NAME_SIZE])
{
	const unsigned char *bytes = name;
	size_t label = 0;
	if (len > 0 && bytes[len - 1] == '.')
		len--;
	if (len == 0 || len >= TLS_NAME_SIZE)
		return 0;
	for (size_t i = 0; i < len; i++) {
		bool dot = bytes[i] == '.';
		out[i] = dot ? '.' : lower(bytes[i]);
		if (!out[i] || (dot && label == 0) || (!dot && label == LABEL_MAX))
			return 0;
		label = dot ? 0 : label + 1;
	}
	out[len] = '\0';
	return label > 0 ? len : 0;
}

bool tls_name_is_address(const char *name)
{
	struct in6_addr address;
	return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static const struct entry *find(const struct tls_names *names, const char *key, size_t len)
{
	const struct entry *entry;
	HASH_FIND(hh, names->entries, key, len, entry);
	return entry;
}

/* ---- from a configuration ---- */

static bool is_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name > 0x7f)
			return false;
	return true;
}

/* The key of a name or a wildcard, or NULL. */
static const char *key_of(const char *name, char out[TLS_NAME_SIZE])
{
	bool wild = strncmp(name, "*.", 2) == 0;
	size_t skipped = wild ? 1 : 0;
	if (!tls_name_canonical(name + 2 * skipped, strlen(name + 2 * skipped), out))
		return NULL;
	size_t len = strlen(out);
	if (!wild)
		return out;
	if (len + 2 >= TLS_NAME_SIZE) /* there is a label of a byte or more before it */
		return NULL;
	memmove(out + 1, out, len + 1);
	out[0] = '.';
	return out;
}

static int refuse(const char *name, struct plait_error *error)
{
	char found[128];
	escape_text(found, sizeof(found), name, strlen(name));
	if (tls_name_is_address(name))
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found \"%s\", an address; clients ask for host names only", found);
	if (!is_ascii(name))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"found \"%s\"; expected the name as clients send it, in ASCII: what begins with "
			"\"xn--\", which the command idn2 prints",
			found);
	if (strcmp(name, "*") == 0)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found \"*\"; for every other name there is the listener's \"tls\"");
	if (strchr(name, '*'))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"found \"%s\"; expected \"*\" as the whole of the first label only, as in "
			"\"*.b.example\"",
			found);
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, NULL,
		"found \"%s\"; expected a host name such as \"a.example\", or \"*.b.example\": "
		"labels of 1 to 63 letters, digits, \"-\" and \"_\", 253 bytes at most",
		found);
}

int tls_names_add(struct tls_names *names, const char *name, unsigned number, struct plait_error *error)
{
	char text[TLS_NAME_SIZE];
	const char *key = tls_name_is_address(name) ? NULL : key_of(name, text);
	if (!key)
		return refuse(name, error);
	size_t len = strlen(key);
	if (find(names, key, len))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"found \"%s\" for the second time; case does not matter in a name, nor "
			"does a dot at its end",
			name);
	struct entry *entry = alloc_zeroed(sizeof(*entry) + len + 1, what);
	entry->number = number;
	memcpy(entry->key, key, len + 1);
	HASH_ADD_KEYPTR(hh, names->entries, entry->key, len, entry);
	return 0;
}

/* ---- from a client ---- */

int tls_names_find(const struct tls_names *names, const void *name, size_t len)
{
	char text[TLS_NAME_SIZE];
	len = tls_name_canonical(name, len, text);
	const struct entry *entry = len > 0 ? find(names, text, len) : NULL;
	const char *rest = len > 0 && !entry ? strchr(text, '.') : NULL;
	if (rest)
		entry = find(names, rest, len - (size_t)(rest - text));
	return entry ? (int)entry->number : -1;
}
