/* Fuzz target: a configuration's text through the scanner, the JSON library, the option tables and all checks. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/config/config.h"
#include "tests/fuzz/fuzz.h"

/* What is taken keeps the promises the server builds on. */
static void check(const struct config *config)
{
	const struct listener_config *listeners = config->listeners.items;

	assert(config->threads >= 0 && config->threads <= 256);
	assert(config->listeners.count > 0);
	for (size_t i = 0; i < config->listeners.count; i++) {
		const struct net_settings *net = &listeners[i].net;

		assert(listeners[i].name && listeners[i].bind && listeners[i].protocol && net->socket.mode);
		assert(net->buffers.low < net->buffers.high && net->buffers.high < net->buffers.cap);
		assert((listeners[i].endpoint.scheme == ENDPOINT_TLS) == (listeners[i].tls_context != NULL));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems;
	char *printed = NULL;
	size_t len;

	problems_init(&problems);
	struct config *config = config_load_text("fuzz.json", (const char *)data, size, &problems);
	assert(config || problems.errors > 0);
	if (config && problems.errors == 0)
		check(config);
	/* What is wrong in it must not stop the search for more. */
	struct registry *registry = registry_new();
	if (config)
		config_bind_protocols(config, registry, true, &problems);
	registry_free(&registry);
	FILE *out = open_memstream(&printed, &len);
	assert(out);
	problems_print(&problems, out);
	fclose(out);
	/* Nothing of the file's own text may steer a terminal. */
	for (size_t i = 0; i < len; i++)
		assert((unsigned char)printed[i] >= 0x20 || printed[i] == '\n');
	free(printed);
	config_free(&config);
	problems_fini(&problems);
	return 0;
}
