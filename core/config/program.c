/* A listener that a program asks for: told as a configuration file would, so that the same tables and rules judge it. */
#include <string.h>

#include "core/base/option_defaults.h"
#include "core/config/config.h"

/* How a member of the options is told: nothing when it is zero. */
static const struct {
	const char *object, *key;
	size_t offset;
	const char *unit;
} numbers[] = {
#define NUMBER(object_, key_, member_, unit_)                                                                \
	{                                                                                                    \
		.object = (object_), .key = (key_), .unit = (unit_),                                         \
		.offset = offsetof(struct plait_listen_options, member_)                                     \
	}
	NUMBER("timeouts", "preamble", preamble_timeout_ms, "ms"),
	NUMBER("timeouts", "handshake", handshake_timeout_ms, "ms"),
	NUMBER("timeouts", "first_byte", first_byte_timeout_ms, "ms"),
	NUMBER("timeouts", "idle", idle_timeout_ms, "ms"),
	NUMBER("timeouts", "message", message_timeout_ms, "ms"),
	NUMBER("timeouts", "write", write_timeout_ms, "ms"),
	NUMBER("timeouts", "lifetime", lifetime_ms, "ms"),
	NUMBER("timeouts", "close", close_timeout_ms, "ms"),
	NUMBER("buffers", "high", buffer_high, ""),
	NUMBER("buffers", "low", buffer_low, ""),
	NUMBER("buffers", "cap", buffer_cap, ""),
	NUMBER("buffers", "input", buffer_input, ""),
	NUMBER("limits", "connections", connections, NULL),
	NUMBER("limits", "per_address", per_address, NULL),
	NUMBER("limits", "handshakes", handshakes, NULL),
	NUMBER("limits", "accept_rate", accept_rate, NULL),
	NUMBER("limits", "accept_burst", accept_burst, NULL),
	NUMBER("limits", "address_rate", address_rate, NULL),
	NUMBER("limits", "address_burst", address_burst, NULL),
	NUMBER("limits", "connection_read_rate", connection_read_rate, ""),
	NUMBER("limits", "connection_write_rate", connection_write_rate, ""),
	NUMBER("limits", "read_rate", read_rate, ""),
	NUMBER("limits", "write_rate", write_rate, ""),
#undef NUMBER
};

/* With a unit it is told as text, which has no bound of its own. */
static json_t *number_json(uint64_t number, const char *unit)
{
	char text[40];

	if (number == PLAIT_UNLIMITED)
		number = 0;
	if (!unit)
		return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
	snprintf(text, sizeof(text), "%llu%s", (unsigned long long)number, unit);
	return json_string(text);
}

/* Made when it is not there. */
static json_t *object_in(json_t *parent, const char *name)
{
	if (!json_object_get(parent, name))
		json_object_set_new(parent, name, json_object());
	return json_object_get(parent, name);
}

/* -1: a text is not UTF-8. */
static int tell_limits(json_t *listener, const struct plait_listen_options *options)
{
	const struct {
		const char *key;
		uint64_t number;
	} prefixes[] = { { "connections", options->prefix_connections },
			 { "ipv4", options->prefix_ipv4 },
			 { "ipv6", options->prefix_ipv6 } };
	const struct {
		const char *key, *text;
	} texts[] = { { "over", options->over }, { "over_message", options->over_message } };
	int result = 0;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (prefixes[i].number > 0)
			json_object_set_new(object_in(object_in(listener, "limits"), "per_prefix"),
					    prefixes[i].key, number_json(prefixes[i].number, NULL));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].text)
			result |= json_object_set_new(object_in(listener, "limits"), texts[i].key,
						      json_string(texts[i].text));
	return result;
}

static void tell_numbers(json_t *listener, const struct plait_listen_options *options)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t number;

		memcpy(&number, (const char *)options + numbers[i].offset, sizeof(number));
		if (number == 0)
			continue;
		json_object_set_new(object_in(listener, numbers[i].object), numbers[i].key,
				    number_json(number, numbers[i].unit));
	}
}

/* -1: an entry is not UTF-8. */
static int tell_addresses(json_t *listener, const char *key, const char *const *entries)
{
	json_t *list = entries ? json_array() : NULL;
	int result = 0;

	for (size_t i = 0; entries && entries[i]; i++)
		result |= json_array_append_new(list, json_string(entries[i]));
	if (list)
		result |= json_object_set_new(listener, key, list);
	return result;
}

static bool is_tls(const char *endpoint)
{
	return strncmp(endpoint, "tls:", 4) == 0;
}

/* NULL: a text is not UTF-8. */
static json_t *tell_alpn(const struct config_protocols *protocols)
{
	json_t *alpn = json_object();

	for (size_t i = 0; protocols->alpn[i].name; i++)
		json_object_set_new(alpn, protocols->alpn[i].name,
				    json_pack("{s:s}", "protocol", protocols->alpn_protocols[i]->head.name));
	return alpn;
}

/* The context's text, with the certificate and the key that stand beside it: {"default": {...}}. NULL with error filled. */
static json_t *tell_tls(const char *endpoint, const struct plait_listen_options *options,
			struct plait_error *error)
{
	const struct {
		const char *key, *value;
	} files[] = { { "certificate", options->certificate }, { "key", options->key } };
	json_error_t fault;
	json_t *tls = options->tls ? json_loads(options->tls, JSON_REJECT_DUPLICATES, &fault) : json_object();
	const char *wrong = NULL, *key = "";

	if (!json_is_object(tls))
		wrong = tls ? "expected {...}" : fault.text;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !wrong; i++) {
		if (!files[i].value)
			continue;
		key = files[i].key;
		if (json_object_get(tls, key))
			wrong = "the options say it, too; take one of them out";
		else if (json_object_set_new(tls, key, json_string(files[i].value)) < 0)
			wrong = "the path is not UTF-8";
	}
	if (!wrong)
		return json_pack("{s:o}", "default", tls);
	plait_error_set(error, PLAIT_ERROR_INVALID, endpoint,
			*key ? "tls.%s: %s" : "tls%s: found no JSON object: %s", key, wrong);
	json_decref(tls);
	return NULL;
}

/* A mode that is none is told as a number, and refused like one in a file. */
static int tell_proxy(json_t *listener, const struct plait_listen_options *options)
{
	static const char *const modes[] = { "off", "optional", "required" };
	unsigned mode = options->proxy_mode;
	json_t *proxy = json_object(), *trusted = json_array();
	int result = 0;

	if (mode < sizeof(modes) / sizeof(modes[0]))
		result |= json_object_set_new(proxy, "mode", json_string(modes[mode]));
	else
		result |= json_object_set_new(proxy, "mode", json_integer((json_int_t)mode));
	for (size_t i = 0; options->proxy_trusted && options->proxy_trusted[i]; i++)
		result |= json_array_append_new(trusted, json_string(options->proxy_trusted[i]));
	result |= json_object_set_new(proxy, "trusted", trusted);
	result |= json_object_set_new(listener, "proxy_protocol", proxy);
	return result;
}

/* NULL: a text is not UTF-8. */
static json_t *tell(const char *endpoint, const struct config_protocols *protocols,
		    const struct plait_listen_options *options, json_t *tls)
{
	const char *protocol = protocols->main->head.name;
	const char *name = options->name ? options->name : protocol;
	json_t *root = json_pack("{s:[{s:s, s:s, s:s}]}", "listeners", "name", name, "bind", endpoint,
				 "protocol", protocol);
	json_t *listener = json_array_get(json_object_get(root, "listeners"), 0);

	if (!root)
		return NULL;
	tell_numbers(listener, options);
	int result = tell_addresses(listener, "deny", options->deny);
	result |= tell_addresses(listener, "allow", options->allow);
	result |= tell_limits(listener, options);
	if (protocols->alpn)
		json_object_set_new(listener, "alpn", tell_alpn(protocols));
	if (protocols->overflow)
		json_object_set_new(listener, "overflow",
				    json_pack("{s:s}", "protocol", protocols->overflow->head.name));
	if (protocols->overflow && options->overflow_connections > 0)
		json_object_set_new(json_object_get(listener, "overflow"), "connections",
				    number_json(options->overflow_connections, NULL));
	if (options->mode)
		result |= json_object_set_new(listener, "socket", json_pack("{s:s}", "mode", options->mode));
	if (options->proxy_mode || options->proxy_trusted)
		result |= tell_proxy(listener, options);
	if (tls)
		result |= json_object_set(root, "tls", tls);
	if (tls && !is_tls(endpoint))
		result |= json_object_set_new(listener, "tls", json_string("default"));
	if (result < 0) {
		json_decref(root);
		return NULL;
	}
	return root;
}

/* What a file says in other words. */
static int check_tls(const char *endpoint, const struct config_protocols *protocols,
		     const struct plait_listen_options *options, struct plait_error *error)
{
	bool tls = is_tls(endpoint);
	bool may_have = protocols->main->starts_tls ||
			(protocols->overflow && protocols->overflow->starts_tls);

	if (!tls && !may_have && (options->certificate || options->key || options->tls))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, endpoint,
			"takes no certificate, no key and nothing else of TLS; they are for tls:// endpoints");
	if (tls && !options->tls && (!options->certificate || !options->key))
		return plait_error_set(error, PLAIT_ERROR_INVALID, endpoint,
				       "a tls:// endpoint needs a certificate and a key in the options");
	if (!options->tls && !options->certificate != !options->key)
		return plait_error_set(error, PLAIT_ERROR_INVALID, endpoint,
				       "a certificate and its key go together; name the %s, too",
				       options->key ? "certificate" : "key");
	return 0;
}

/* What an object could not hold, or would pass over. */
static const char *alpn_fault(const struct plait_listen_alpn *alpn, size_t number)
{
	json_t *text = json_string(alpn[number].name);

	json_decref(text);
	if (!text)
		return "a name is not UTF-8";
	if (strncmp(alpn[number].name, "//", 2) == 0)
		return "a name begins with \"//\"";
	for (size_t i = 0; i < number; i++)
		if (strcmp(alpn[i].name, alpn[number].name) == 0)
			return "a name is there for the second time";
	return NULL;
}

static int check_alpn(const char *endpoint, const struct config_protocols *protocols,
		      struct plait_error *error)
{
	const struct plait_listen_alpn *alpn = protocols->alpn;

	for (size_t i = 0; alpn && alpn[i].name; i++) {
		const char *fault = alpn_fault(alpn, i);

		if (fault)
			return plait_error_set(error, PLAIT_ERROR_INVALID, endpoint, "alpn: %s", fault);
	}
	return 0;
}

/* The program knows no "listeners[0]", and one context only. */
static void report(const struct problem *problem, const char *endpoint, struct plait_error *error)
{
	static const struct {
		const char *ours, *theirs;
	} prefixes[] = { { "listeners[0].", "" }, { "tls.default", "tls" } };
	const char *path = problem->path ? problem->path : "", *begin = "";

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(path, prefixes[i].ours, strlen(prefixes[i].ours)) != 0)
			continue;
		path += strlen(prefixes[i].ours);
		begin = prefixes[i].theirs;
		break;
	}
	plait_error_set(error, PLAIT_ERROR_INVALID, endpoint, "%s%s: %s", begin, path, problem->text);
}

struct config *config_for_program(const char *endpoint, const struct config_protocols *protocols,
				  const struct plait_listen_options *options, struct plait_error *error)
{
	static const struct plait_listen_options defaults;
	struct problems problems;

	if (!options)
		options = &defaults;
	if (check_tls(endpoint, protocols, options, error) < 0)
		return NULL;
	if (check_alpn(endpoint, protocols, error) < 0)
		return NULL;
	bool secure = options->certificate || options->key || options->tls;
	json_t *tls = secure ? tell_tls(endpoint, options, error) : NULL;
	if (secure && !tls)
		return NULL;
	json_t *root = tell(endpoint, protocols, options, tls);
	json_decref(tls);
	if (!root) {
		plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				"a name, an endpoint, an address, a path or a mode is not UTF-8");
		return NULL;
	}
	problems_init(&problems);
	struct config *config = config_from_json("", root, &problems);
	if (problems.errors == 0)
		config_bind_program(config, protocols, &problems);
	for (size_t i = 0; i < problems.count && problems.errors > 0; i++) {
		if (problems.items[i].warning)
			continue;
		report(&problems.items[i], endpoint, error);
		config_free(&config);
		break;
	}
	problems_fini(&problems);
	return config;
}

uint64_t config_default_drain_timeout_ms(void)
{
	struct config config = { 0 };

	option_defaults(config_table, &config);
	return config.drain_timeout_ms;
}
