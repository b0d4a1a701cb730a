/* Clients: endpoint strings and options become settings, a factory and a transport. */
#include "core/net/client/client.h"

#include <plait/reactor.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/factory.h"
#include "core/net/proxy/write.h"
#include "core/net/tls/tls.h"

#define TIMEOUT_MS 30000
#define STAGGER_MS 250
#define ATTEMPTS 8

#define LONGEST_MS (365ull * 24 * 60 * 60 * 1000)
#define LARGEST (16ull << 30)

static uint64_t either(uint64_t given, uint64_t fallback)
{
	return given ? given : fallback;
}

/* What holds when the endpoint says nothing. */
static void set_options(struct client *client, const struct plait_client_options *given)
{
	const struct net_settings *settings = net_settings_default();
	client->options = (struct endpoint_options){
		.timeout_ms = either(given->timeout_ms, TIMEOUT_MS),
		.stagger_ms = either(given->stagger_ms, STAGGER_MS),
		.attempts = either(given->attempts, ATTEMPTS),
		.handshake_ms = either(given->handshake_timeout_ms, settings->timeouts.handshake_ms),
		.idle_ms =
			given->idle_timeout_ms == PLAIT_UNLIMITED
				? 0
				: given->idle_timeout_ms, /* servers guard themselves; who connects may wait */
		.close_ms = either(given->close_timeout_ms, settings->timeouts.close_ms),
		.nodelay = settings->socket.nodelay,
		.keepalive = settings->socket.keepalive.enabled,
		.verify = true,
		.resume = true,
	};
}

static void set_settings(struct client *client, const struct plait_client_options *given)
{
	struct net_settings *settings = &client->settings;
	const struct endpoint_options *options = &client->options;
	*settings = *net_settings_default();
	settings->answered = true;
	settings->timeouts = (struct timeout_settings){ .handshake_ms = options->handshake_ms,
							.idle_ms = options->idle_ms,
							.close_ms = options->close_ms };
	settings->buffers = (struct buffer_settings){
		.high = either(given->buffer_high, settings->buffers.high),
		.low = either(given->buffer_low, settings->buffers.low),
		.cap = either(given->buffer_cap, settings->buffers.cap),
		.input = either(given->buffer_input, settings->buffers.input),
	};
	settings->socket.nodelay = options->nodelay;
	settings->socket.keepalive.enabled = options->keepalive;
	client->race = (struct race_settings){ .stagger_ms = options->stagger_ms,
					       .attempts = (unsigned)options->attempts,
					       .bind4 = options->bind4,
					       .bind6 = options->bind6,
					       .socket = &settings->socket };
}

/* The endpoint's options are in range; a struct's may be anything. */
static bool in_range(const struct client *client)
{
	const struct endpoint_options *options = &client->options;
	const uint64_t times[] = { options->timeout_ms, options->stagger_ms, options->handshake_ms,
				   options->idle_ms, options->close_ms };
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (times[i] > LONGEST_MS)
			return false;
	}
	return true;
}

static int check(const struct client *client, const char *endpoint, struct plait_error *error)
{
	const struct plait_protocol *protocol = &client->own.protocol;
	const struct endpoint *to = &client->endpoint;
	const struct buffer_settings *buffers = &client->settings.buffers;
	const char *fault = NULL;
	if (to->scheme == ENDPOINT_UDP)
		fault = "datagrams have no connections; open a port with plait_port_open";
	else if (to->scheme != ENDPOINT_UNIX && strcmp(to->host, "*") == 0)
		fault = "\"*\" is no host that can be connected to";
	else if (to->scheme != ENDPOINT_UNIX && to->port == 0)
		fault = "expected a port from 1 to 65535";
	else if (!protocol->data && !protocol->message && !protocol->made)
		fault = "the protocol has no callback for a connection: data, message or made";
	else if (!in_range(client))
		fault = "a time has at most 365 days";
	else if (buffers->low >= buffers->high)
		fault = "buffer_low must be less than buffer_high";
	else if (buffers->cap > LARGEST || buffers->high > LARGEST || buffers->input > LARGEST)
		fault = "a buffer has at most 16g";
	else if (buffers->cap < buffers->high + (64 << 10))
		fault = "buffer_cap must be at least 64k more than buffer_high";
	return fault ? plait_error_set(error, PLAIT_ERROR_INVALID, endpoint, "%s", fault) : 0;
}

static int make_plain(struct client *client, struct plait_error *error)
{
	(void)error;
	client->transport = &transport_plain;
	return 0;
}

static int make_tls(struct client *client, struct plait_error *error)
{
	const struct endpoint_options *options = &client->options;
	struct tls_client_settings settings = {
		.verify = options->verify,
		.ca = options->ca,
		.server_name = options->name ? options->name : client->endpoint.host,
		.alpn = options->alpn,
		.certificate = options->certificate,
		.key = options->key,
		.resume = options->resume,
	};
	if (!options->verify)
		log_write(PLAIT_LOG_WARNING, NULL,
			  "%s: whoever answers is believed, for verify=no says not to check certificates",
			  client->text);
	struct tls_client *tls = tls_client_new(&settings, error);
	if (!tls)
		return PLAIT_ERROR_INVALID;
	client->transport = &transport_tls;
	client->tls = tls;
	client->transport_context = tls_client_role(tls);
	return 0;
}

static int (*const makers[])(struct client *client, struct plait_error *error) = {
	[ENDPOINT_TCP] = make_plain,
	[ENDPOINT_TLS] = make_tls,
	[ENDPOINT_UNIX] = make_plain,
};

static int make_preamble(struct client *client, const struct plait_proxy_send *send,
			 struct plait_error *error)
{
	uint8_t bytes[PROXY_WRITTEN_MAX];
	if (!send)
		return 0;
	int len = proxy_header_write(send, bytes, error);
	if (len < 0)
		return len;
	client->preamble_len = (size_t)len;
	client->preamble = malloc(client->preamble_len);
	if (!client->preamble)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a PROXY header");
	memcpy(client->preamble, bytes, client->preamble_len);
	return 0;
}

static void client_free(struct client *client)
{
	factory_free(&client->factory);
	tls_client_free(&client->tls);
	endpoint_options_fini(&client->options);
	own_protocol_fini(&client->own);
	free(client->preamble);
	free(client->text);
	free(client);
}

static int prepare(struct client *client, const char *endpoint, const struct plait_protocol *protocol,
		   const struct plait_client_options *given, struct plait_error *error)
{
	set_options(client, given);
	int result = endpoint_parse_options(endpoint, &client->endpoint, &client->options, error);
	if (result == 0)
		result = own_protocol_init(&client->own, protocol, given->options, error);
	if (result < 0)
		return result;
	set_settings(client, given);
	result = check(client, endpoint, error);
	if (result == 0)
		result = makers[client->endpoint.scheme](client, error);
	if (result == 0)
		result = make_preamble(client, given->proxy, error);
	if (result < 0)
		return result;
	client->factory = factory_new(plait_loop_reactor(client->loop),
				      given->name ? given->name : client->text, &client->own.protocol,
				      client->own.options, &client->settings, error);
	return client->factory ? 0 : PLAIT_ERROR_REFUSED;
}

struct client *client_new(struct plait_loop *loop, const char *endpoint,
			  const struct plait_protocol *protocol, const struct plait_client_options *options,
			  struct plait_error *error)
{
	static const struct plait_client_options none;
	struct client *client = calloc(1, sizeof(*client));
	if (client)
		client->text = strndup(endpoint, strcspn(endpoint, "?"));
	if (!client || !client->text) {
		free(client);
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a client");
		return NULL;
	}
	atomic_init(&client->references, 1);
	client->loop = loop;
	if (prepare(client, endpoint, protocol, options ? options : &none, error) == 0)
		return client;
	client_free(client);
	return NULL;
}

struct client *client_ref(struct client *client)
{
	atomic_fetch_add_explicit(&client->references, 1, memory_order_relaxed);
	return client;
}

static void free_at_home(struct post *post)
{
	client_free(CONTAINER_OF(post, struct client, post));
}

void client_unref(struct client **client_at)
{
	struct client *client = *client_at;
	*client_at = NULL;
	if (!client || atomic_fetch_sub_explicit(&client->references, 1, memory_order_acq_rel) > 1)
		return;
	if (plait_loop_current() == client->loop)
		client_free(client);
	else
		post_send(&client->loop->posts, &client->post, free_at_home);
}
