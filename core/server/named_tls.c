/* A TLS server for each context of a configuration, found by its name. */
#include "core/server/named_tls.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"

struct named_tls {
	struct tls_directory directory;
	const struct plait_list *list;
	struct one {
		struct tls_server *server;
		struct plait_tls_context context;
	} contexts[]; /* in the list's order */
};

static struct plait_tls_context *find(struct tls_directory *directory, const char *name)
{
	struct named_tls *named = CONTAINER_OF(directory, struct named_tls, directory);
	for (size_t i = 0; i < named->list->count; i++)
		if (strcmp(named->list->names[i], name) == 0)
			return &named->contexts[i].context;
	return NULL;
}

struct named_tls *named_tls_new(const struct plait_list *list, struct tls_context **contexts,
				struct plait_error *error)
{
	struct named_tls *named = calloc(1, sizeof(*named) + list->count * sizeof(named->contexts[0]));
	if (!named) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for TLS");
		return NULL;
	}
	named->directory.find = find;
	named->list = list;
	for (size_t i = 0; i < list->count; i++) {
		struct tls_server_settings settings = { .context = contexts[i] };
		struct one *one = &named->contexts[i];
		one->server = tls_server_new(&settings, error);
		if (!one->server) {
			named_tls_free(&named);
			return NULL;
		}
		one->context.role = tls_server_role(one->server);
	}
	return named;
}

void named_tls_free(struct named_tls **named_at)
{
	struct named_tls *named = *named_at;
	*named_at = NULL;
	if (!named)
		return;
	for (size_t i = 0; i < named->list->count; i++)
		tls_server_free(&named->contexts[i].server);
	free(named);
}

struct tls_directory *named_tls_directory(struct named_tls *named)
{
	return named ? &named->directory : NULL;
}
