/* Generations of TLS contexts: files and settings become an SSL_CTX. */
#include "core/net/tls/generation.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/compiler.h"
#include "core/net/tls/algorithms.h"
#include "core/net/tls/hello.h"
#include "core/net/tls/identities.h"
#include "core/net/tls/kernel.h"
#include "core/net/tls/sessions.h"
#include "core/net/tls/ssl.h"
#include "core/net/tls/staple.h"
#include "core/net/tls/tls.h"
#include "core/net/tls/verify.h"

/* One part of a context's settings. */
struct step {
	/* 0, or a negative code with an error added at its JSON path. A step that fails does not keep the others from
	 * running: all errors are told at once. A later step may use what earlier ones did, if they did it. */
	int (*apply)(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems);
	void (*release)(struct tls_generation *generation); /* whatever of it apply came to; NULL: nothing */
};

static int apply_groups(struct tls_generation *generation, const struct tls_settings *settings,
			const char *path, struct problems *problems)
{
	if (!settings->groups)
		return 0;
	generation->groups = strdup(settings->groups);
	if (generation->groups)
		return 0;
	problems_add(problems, path, "no memory for a TLS context");
	return PLAIT_ERROR_MEMORY;
}

static void release_groups(struct tls_generation *generation)
{
	free(generation->groups);
}

/* In the order in which they run. */
static const struct step steps[] = {
	{ .apply = tls_algorithms_apply },
	{ .apply = tls_identities_apply, .release = tls_staples_release },
	{ .apply = apply_groups, .release = release_groups },
	{ .apply = tls_verify_apply },
	{ .apply = tls_kernel_apply },
	{ .apply = tls_sessions_apply, .release = tls_sessions_release },
	{ .apply = tls_served_apply },
};

#define STEPS (sizeof(steps) / sizeof(*steps))

static int apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		 struct problems *problems)
{
	int result = 0;
	for (size_t i = 0; i < STEPS; i++) {
		int code = steps[i].apply(generation, settings, path, problems);
		if (code < 0)
			result = code;
		ERR_clear_error();
	}
	return result;
}

static int place = -1; /* of the generation among an SSL_CTX's data */

/* Called when the last connection, and the context, have let go of the SSL_CTX. */
static void on_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *context)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)number;
	(void)context;
	struct tls_generation *generation = pointer;
	COMES_LAST(generation);
	for (size_t i = 0; generation && i < STEPS; i++)
		if (steps[i].release)
			steps[i].release(generation);
	free(generation);
}

static void find_place(void)
{
	place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

static struct tls_generation *allocate(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, find_place);
	SSL_CTX *ssl = tls_ssl_ctx_new(TLS_server_method());
	struct tls_generation *generation = calloc(1, sizeof(*generation));
	if (!ssl || !generation || SSL_CTX_set_ex_data(ssl, place, generation) != 1) {
		SSL_CTX_free(ssl);
		free(generation);
		return NULL;
	}
	generation->ssl = ssl;
	tls_hello_install(ssl);
	return generation;
}

int tls_generation_new(const struct tls_settings *settings, struct tls_sessions *sessions, const char *path,
		       struct problems *problems, struct tls_generation **out)
{
	struct tls_generation *generation = *out = allocate();
	if (!generation) {
		problems_add(problems, path, "no memory for a TLS context");
		return PLAIT_ERROR_MEMORY;
	}
	generation->sessions = tls_sessions_ref(sessions);
	int result = apply(generation, settings, path, problems);
	if (result < 0)
		tls_generation_unref(out);
	return result;
}

struct tls_generation *tls_generation_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place);
}

struct tls_generation *tls_generation_ref(struct tls_generation *generation)
{
	SSL_CTX_up_ref(generation->ssl);
	return generation;
}

void tls_generation_unref(struct tls_generation **generation_at)
{
	struct tls_generation *generation = *generation_at;
	*generation_at = NULL;
	if (!generation)
		return;
	SSL_CTX *ssl = generation->ssl;
	LETS_GO(generation);
	SSL_CTX_free(ssl);
}

/* Else flags of the old one would stay where the fresh one has none. */
static int replace_verification(SSL *ssl, SSL_CTX *fresh)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(fresh), SSL_CTX_get_verify_callback(fresh));
	X509_VERIFY_PARAM_clear_flags(param, X509_VERIFY_PARAM_get_flags(param));
	X509_VERIFY_PARAM_set_inh_flags(param, X509_VP_FLAG_OVERWRITE | X509_VP_FLAG_ONCE);
	return X509_VERIFY_PARAM_inherit(param, SSL_CTX_get0_param(fresh));
}

static int replace_versions(SSL *ssl, SSL_CTX *fresh)
{
	return SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(fresh)) &&
	       SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(fresh));
}

/* SSL_set_SSL_CTX brings certificates, keys, signature algorithms and the security level; ciphers, CAs, the store and the
 * other callbacks are asked of the SSL_CTX that an SSL has. */
int tls_generation_switch(SSL *ssl, struct tls_generation *generation)
{
	SSL_CTX *fresh = generation->ssl;
	if (!SSL_set_SSL_CTX(ssl, fresh) || !replace_verification(ssl, fresh) ||
	    !replace_versions(ssl, fresh))
		return -1;
	SSL_clear_options(ssl, SSL_get_options(ssl));
	SSL_set_options(ssl, SSL_CTX_get_options(fresh));
	SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(fresh));
	return !generation->groups || SSL_set1_groups_list(ssl, generation->groups) ? 0 : -1;
}

const struct tls_served *tls_generation_served(const struct tls_generation *generation, unsigned *count)
{
	*count = generation->served_count;
	return generation->served;
}
