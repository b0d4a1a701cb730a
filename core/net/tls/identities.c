/* Several identities of a server side by side: one of each kind of key, from which each client gets one that it can use. */
#include "core/net/tls/identities.h"

#include <string.h>

#include "core/base/json_path.h"
#include "core/net/tls/chain.h"
#include "core/net/tls/identity.h"
#include "core/net/tls/staple.h"

/* One pair at work. */
struct pair {
	struct tls_generation *generation;
	const struct tls_pair_settings *files;
	bool allow_readable_key;
	const char *path; /* of the object that names the files */
	struct problems *problems;
	struct tls_identity identity;
};

/* Of the kinds of keys that were used up to now. */
struct kinds {
	const char *kind, *file;
};

#define MOST_KINDS 8

static int report(const struct pair *pair, const char *key, const struct plait_error *error)
{
	char path[JSON_PATH_SIZE];
	json_path_key(path, sizeof(path), pair->path, key, strlen(key));
	problems_add(pair->problems, path, "%s: %s", error->path, error->text);
	return error->code;
}

static int read_files(struct pair *pair)
{
	const struct tls_pair_settings *files = pair->files;
	struct plait_error error = { 0 };
	int result = tls_identity_read_certificate(&pair->identity, files->certificate, &error);
	if (result < 0)
		report(pair, "certificate", &error);
	int key = tls_identity_read_key(&pair->identity, files->key, pair->allow_readable_key, &error);
	if (key < 0)
		result = report(pair, "key", &error);
	if (result == 0 && tls_identity_match(&pair->identity, files->certificate, files->key, &error) < 0)
		result = report(pair, "key", &error);
	return result;
}

/* OpenSSL has one place for each kind, and would forget the first of two. */
static int take_kind(const struct pair *pair, struct kinds *kinds)
{
	const char *kind = tls_identity_kind(&pair->identity);
	struct plait_error error = { 0 };
	size_t i = 0;
	while (i < MOST_KINDS && kinds[i].kind && strcmp(kinds[i].kind, kind) != 0)
		i++;
	if (i < MOST_KINDS && !kinds[i].kind) {
		kinds[i] = (struct kinds){ kind, pair->files->certificate };
		return 0;
	}
	plait_error_set(
		&error, PLAIT_ERROR_INVALID, pair->files->certificate,
		"it is for an %s key, as %s is; expected one certificate of each kind. One for other names "
		"goes into a context of its own",
		kind, i < MOST_KINDS ? kinds[i].file : "another");
	return report(pair, "certificate", &error);
}

static int use(struct pair *pair, struct kinds *kinds)
{
	struct plait_error error = { 0 };
	char path[JSON_PATH_SIZE];
	int result = take_kind(pair, kinds);
	if (result < 0)
		return result;
	if (tls_identity_use(&pair->identity, pair->generation->ssl, pair->files->certificate, &error) < 0)
		return report(pair, "certificate", &error);
	json_path_key(path, sizeof(path), pair->path, "certificate", strlen("certificate"));
	tls_chain_warn(&pair->identity, pair->files->certificate, path, pair->problems);
	return tls_staple_add(pair->generation, &pair->identity, pair->files, pair->path, pair->problems);
}

static int apply(struct pair *pair, struct kinds *kinds)
{
	/* One that is missing was told when the settings were read. */
	if (!pair->files->certificate || !pair->files->key)
		return PLAIT_ERROR_INVALID;
	int result = read_files(pair);
	if (result == 0)
		result = use(pair, kinds);
	tls_identity_fini(&pair->identity);
	return result;
}

int tls_identities_apply(struct tls_generation *generation, const struct tls_settings *settings,
			 const char *path, struct problems *problems)
{
	struct pair pair = {
		.generation = generation,
		.files = &settings->pair,
		.allow_readable_key = settings->allow_readable_key,
		.path = path,
		.problems = problems,
	};
	struct kinds kinds[MOST_KINDS] = { { 0 } };
	const struct tls_pair_settings *more = settings->pairs.items;
	char list[JSON_PATH_SIZE], place[JSON_PATH_SIZE];
	int result = apply(&pair, kinds);
	json_path_key(list, sizeof(list), path, "certificates", strlen("certificates"));
	for (size_t i = 0; i < settings->pairs.count; i++) {
		json_path_index(place, sizeof(place), list, i);
		pair.path = place;
		pair.files = &more[i];
		int code = apply(&pair, kinds);
		result = code < 0 ? code : result;
	}
	return result;
}
