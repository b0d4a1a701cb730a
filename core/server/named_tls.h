/* The TLS contexts of a configuration by their names, for plugins that begin TLS themselves. */
#ifndef SERVER_NAMED_TLS_H
#define SERVER_NAMED_TLS_H

#include "core/base/option.h"
#include "core/net/factory.h"
#include "core/net/tls/tls.h"

struct named_tls;

/* contexts: one for each of list's names, in their order; both are borrowed. NULL with error filled. */
struct named_tls *named_tls_new(const struct plait_list *list, struct tls_context **contexts,
				struct plait_error *error);

/* Before the contexts, and after the last connection. NULL is allowed. */
void named_tls_free(struct named_tls **named);
struct tls_directory *named_tls_directory(struct named_tls *named); /* NULL of NULL */

#endif
