/* The options of an endpoint string: one table of keys, and a parser for each kind of value. */
#include "core/base/endpoint_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/escape.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/base/units.h"

#define LONGEST 4096

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define DAY (24ll * 60 * MINUTE)

#define FOR(scheme) (1u << (scheme))
#define TLS FOR(ENDPOINT_TLS)
#define INET (FOR(ENDPOINT_TCP) | TLS)
#define STREAMS (INET | FOR(ENDPOINT_UNIX))

struct row;

/* Reads value, which stays where it is, into the row's member. False: it is none; expected then says what would be one. */
typedef bool read_fn(const struct row *row, char *value, struct endpoint_options *options, char *expected,
		     size_t size);

static read_fn read_duration, read_number, read_truth, read_text, read_addresses;

struct row {
	const char *key;
	read_fn *read;
	unsigned schemes;
	size_t offset;
	uint64_t min, max; /* of durations, in milliseconds, and numbers */
	const char *doc;
};

#define MEMBER(name) offsetof(struct endpoint_options, name)

static const struct row rows[] = {
	{ "timeout", read_duration, STREAMS, MEMBER(timeout_ms), 1, DAY,
	  "How long connecting may take in all, from the name to the end of the TLS handshake" },
	{ "bind", read_addresses, INET, MEMBER(bind4), 0, 0,
	  "Which address of this machine to connect from, ADDRESS or ADDRESS:PORT; one of each family, with a comma "
	  "between" },
	{ "stagger", read_duration, INET, MEMBER(stagger_ms), 10, MINUTE,
	  "How long an address may take before the next one is tried, too" },
	{ "attempts", read_number, INET, MEMBER(attempts), 1, 16,
	  "How many addresses of a name are tried at most" },
	{ "idle", read_duration, STREAMS, MEMBER(idle_ms), 0, 365 * DAY,
	  "How long the connection may be silent in both directions before it is closed; 0 is without end" },
	{ "close", read_duration, STREAMS, MEMBER(close_ms), 1, 10 * MINUTE,
	  "How long the peer may take nothing of what it is still owed before a closing connection is aborted" },
	{ "nodelay", read_truth, INET, MEMBER(nodelay), 0, 0,
	  "Whether small writes leave at once instead of waiting to be joined" },
	{ "keepalive", read_truth, INET, MEMBER(keepalive), 0, 0,
	  "Whether the kernel asks a silent peer if it is still there" },
	{ "handshake", read_duration, TLS, MEMBER(handshake_ms), 1, 10 * MINUTE,
	  "How long the server may take for its TLS handshake" },
	{ "ca", read_text, TLS, MEMBER(ca), 0, 0,
	  "The PEM file of who may have signed the server's certificate, instead of those the system trusts" },
	{ "name", read_text, TLS, MEMBER(name), 0, 0,
	  "The name or address the server's certificate must be for, and that is asked for, instead of the host" },
	{ "verify", read_truth, TLS, MEMBER(verify), 0, 0,
	  "Whether the server's certificate must be good; no is for trying things out only" },
	{ "alpn", read_text, TLS, MEMBER(alpn), 0, 0,
	  "The protocols to offer, the best first, with commas between" },
	{ "certificate", read_text, TLS, MEMBER(certificate), 0, 0,
	  "The PEM file of our own certificate, for servers that ask for one" },
	{ "key", read_text, TLS, MEMBER(key), 0, 0, "The PEM file with that certificate's private key" },
	{ "resume", read_truth, TLS, MEMBER(resume), 0, 0,
	  "Whether a later connection may go on with the TLS session of an earlier one" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void *member(const struct row *row, struct endpoint_options *options)
{
	return (char *)options + row->offset;
}

/* ---- values ---- */

static bool read_duration(const struct row *row, char *value, struct endpoint_options *options,
			  char *expected, size_t size)
{
	uint64_t *ms = member(row, options), found;
	char least[32], most[32];
	if (units_parse_duration(value, &found) == 0 && found >= row->min && found <= row->max) {
		*ms = found;
		return true;
	}
	snprintf(expected, size, "a duration from %s to %s, such as \"250ms\", \"5s\" or \"2m\"",
		 units_format_duration(least, sizeof(least), row->min),
		 units_format_duration(most, sizeof(most), row->max));
	return false;
}

static bool read_number(const struct row *row, char *value, struct endpoint_options *options, char *expected,
			size_t size)
{
	uint64_t *number = member(row, options), found = 0;
	size_t digits = strspn(value, "0123456789");
	for (size_t i = 0; i < digits && found <= row->max; i++)
		found = found * 10 + (uint64_t)(value[i] - '0');
	if (digits > 0 && !value[digits] && found >= row->min && found <= row->max) {
		*number = found;
		return true;
	}
	snprintf(expected, size, "a number from %llu to %llu", (unsigned long long)row->min,
		 (unsigned long long)row->max);
	return false;
}

static bool read_truth(const struct row *row, char *value, struct endpoint_options *options, char *expected,
		       size_t size)
{
	bool *truth = member(row, options);
	*truth = strcmp(value, "yes") == 0;
	if (*truth || strcmp(value, "no") == 0)
		return true;
	snprintf(expected, size, "\"yes\" or \"no\"");
	return false;
}

static bool read_text(const struct row *row, char *value, struct endpoint_options *options, char *expected,
		      size_t size)
{
	const char **text = member(row, options);
	*text = value;
	snprintf(expected, size, "something after the \"=\"");
	return *value != '\0';
}

/* "10.0.0.1", "10.0.0.1:5000", "fe80::1%eth0", "[::1]:5000", "[::1]" */
static bool read_address(const char *text, struct plait_addr *addr)
{
	char with_port[PLAIT_ADDR_TEXT];
	if (addr_from_host(text, addr) == 0 || plait_addr_parse(text, addr, NULL) == 0)
		return true;
	snprintf(with_port, sizeof(with_port), "%s:0", text);
	return *text == '[' && plait_addr_parse(with_port, addr, NULL) == 0;
}

static bool read_addresses(const struct row *row, char *value, struct endpoint_options *options,
			   char *expected, size_t size)
{
	(void)row;
	options->bind4 = options->bind6 = (struct plait_addr){ 0 };
	snprintf(expected, size,
		 "an address of this machine, ADDRESS or ADDRESS:PORT, at most one of each family");
	for (char *next = value; next;) {
		struct plait_addr addr;
		if (!read_address(strsep(&next, ","), &addr))
			return false;
		struct plait_addr *place = addr.family == PLAIT_FAMILY_IPV4 ? &options->bind4
									    : &options->bind6;
		if (place->family != PLAIT_FAMILY_NONE)
			return false;
		*place = addr;
	}
	return true;
}

/* ---- keys ---- */

static int invalid(struct plait_error *error, const char *endpoint, const char *what, const char *remedy)
{
	char found[256], in[256];
	escape_text(found, sizeof(found), what, strlen(what));
	escape_text(in, sizeof(in), endpoint, strlen(endpoint));
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "found \"%s\" in \"%s\"; %s", found, in,
			       remedy);
}

static int unknown_key(struct plait_error *error, const char *endpoint, enum endpoint_scheme scheme,
		       const char *key)
{
	struct suggest best = { 0 };
	char remedy[400] = "";
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].schemes & FOR(scheme))
			suggest_offer(&best, key, rows[i].key);
	}
	if (best.word)
		text_append(remedy, sizeof(remedy), "did you mean \"%s\"? ", best.word);
	text_append(remedy, sizeof(remedy), "Options of %s endpoints are ", endpoint_scheme_name(scheme));
	bool first = true;
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].schemes & FOR(scheme)) {
			text_append_word(remedy, sizeof(remedy), rows[i].key, first);
			first = false;
		}
	}
	if (first)
		snprintf(remedy, sizeof(remedy), "%s endpoints have no options",
			 endpoint_scheme_name(scheme));
	return invalid(error, endpoint, key, remedy);
}

static int wrong_scheme(struct plait_error *error, const char *endpoint, const struct row *row)
{
	char remedy[200] = "it is for ";
	bool first = true;
	for (enum endpoint_scheme scheme = 0; scheme <= ENDPOINT_UNIX; scheme++) {
		if (row->schemes & FOR(scheme)) {
			text_append(remedy, sizeof(remedy), "%s%s:%s", first ? "" : ", ",
				    endpoint_scheme_name(scheme), scheme == ENDPOINT_UNIX ? "" : "//");
			first = false;
		}
	}
	text_append(remedy, sizeof(remedy), " only");
	return invalid(error, endpoint, row->key, remedy);
}

static const struct row *find(const char *key)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	}
	return NULL;
}

static int digit(char letter)
{
	static const char digits[] = "0123456789abcdef";
	if (letter >= 'A' && letter <= 'F')
		letter = (char)(letter - 'A' + 'a');
	const char *at = letter ? strchr(digits, letter) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* In place. False: what follows a "%" is no byte that can be in a text. */
static bool decode(char *text)
{
	char *out = text;
	for (; *text; text++) {
		*out = *text;
		if (*text == '%') {
			int high = digit(text[1]), low = high < 0 ? -1 : digit(text[2]);
			if (low < 0 || high + low == 0)
				return false;
			*out = (char)(high * 16 + low);
			text += 2;
		}
		out++;
	}
	*out = '\0';
	return true;
}

static int read_pair(const char *endpoint, enum endpoint_scheme scheme, char *pair, unsigned *seen,
		     struct endpoint_options *options, struct plait_error *error)
{
	char expected[200] = "", remedy[256];
	char *key = strsep(&pair, "=");
	if (!pair)
		return invalid(error, endpoint, key, "expected KEY=VALUE, with \"&\" before the next one");
	const struct row *row = find(key);
	if (!row)
		return unknown_key(error, endpoint, scheme, key);
	if (!(row->schemes & FOR(scheme)))
		return wrong_scheme(error, endpoint, row);
	if (*seen & 1u << (row - rows))
		return invalid(error, endpoint, key, "it is written twice; take one out");
	*seen |= 1u << (row - rows);
	if (!decode(pair))
		return invalid(error, endpoint, pair,
			       "after a \"%\" expected two hexadecimal digits, not 00");
	char found[256];
	snprintf(found, sizeof(found), "%s=%s", key, pair);
	if (row->read(row, pair, options, expected, sizeof(expected)))
		return 0;
	snprintf(remedy, sizeof(remedy), "expected %s", expected);
	return invalid(error, endpoint, found, remedy);
}

int endpoint_parse_options(const char *text, struct endpoint *endpoint, struct endpoint_options *options,
			   struct plait_error *error)
{
	unsigned seen = 0;
	options->text = NULL;
	if (strlen(text) > LONGEST)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "an endpoint has at most %d bytes",
				       LONGEST);
	options->text = strdup(text);
	if (!options->text)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for an endpoint");
	char *query = options->text;
	const char *front = strsep(&query, "?");
	int result = endpoint_parse(front, NULL, endpoint, error);
	while (result == 0 && query && *query) {
		char *pair = strsep(&query, "&");
		result = read_pair(text, endpoint->scheme, pair, &seen, options, error);
	}
	return result;
}

void endpoint_options_fini(struct endpoint_options *options)
{
	free(options->text);
	options->text = NULL;
}

const char *endpoint_option_at(enum endpoint_scheme scheme, unsigned at, const char **doc)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (!(rows[i].schemes & FOR(scheme)) || at-- > 0)
			continue;
		*doc = rows[i].doc;
		return rows[i].key;
	}
	return NULL;
}
