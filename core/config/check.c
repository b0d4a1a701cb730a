/* What a table cannot say: rules between values, and about files. */
#include "core/config/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core/base/escape.h"
#include "core/base/json_path.h"
#include "core/base/units.h"
#include "core/loop/loop.h"
#include "core/net/datagram/multicast.h"
#include "core/policy/pace.h"

/* A listener and where it stands. */
struct subject {
	struct listener_config *listener;
	struct problems *problems;
	char path[32];
};

static const char *child(const struct subject *subject, const char *key, char *out, size_t size)
{
	snprintf(out, size, "%s.%s", subject->path, key);
	return out;
}

static void check_name(const struct subject *subject)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *name = subject->listener->name;
	char found[128], path[64];

	if (!name || !name[strspn(name, allowed)])
		return;
	escape_text(found, sizeof(found), name, strlen(name));
	problems_add(subject->problems, child(subject, "name", path, sizeof(path)),
		     "found \"%s\"; expected only letters, digits, \".\", \"_\" and \"-\"", found);
}

static void check_unique(const struct subject *subject, const struct config *config)
{
	const struct listener_config *first = config->listeners.items;
	const char *name = subject->listener->name;
	char found[128], path[64];

	for (const struct listener_config *other = first; name && other < subject->listener; other++) {
		if (!other->name || strcmp(other->name, name) != 0)
			continue;
		escape_text(found, sizeof(found), name, strlen(name));
		problems_add(
			subject->problems, child(subject, "name", path, sizeof(path)),
			"found \"%s\", the name of listeners[%zu]; expected one that no other listener has",
			found, (size_t)(other - first));
		return;
	}
}

static void check_bind(const struct subject *subject, const char *folder)
{
	struct listener_config *listener = subject->listener;
	struct plait_error error;
	char path[64];

	if (!listener->bind)
		return;
	if (endpoint_parse(listener->bind, folder, &listener->endpoint, &error) == 0)
		listener->endpoint_known = true;
	else
		problems_add(subject->problems, child(subject, "bind", path, sizeof(path)), "%s", error.text);
}

static void check_buffers(const struct subject *subject)
{
	const struct buffer_settings *buffers = &subject->listener->net.buffers;
	char path[64], less[32], more[32];

	if (buffers->low >= buffers->high)
		problems_add(
			subject->problems, child(subject, "buffers", path, sizeof(path)),
			"found a low mark of %s and a high mark of %s; expected low to be less than high",
			units_format_size(less, sizeof(less), buffers->low),
			units_format_size(more, sizeof(more), buffers->high));
	/* Reading pauses only after the answers to what was read last. */
	if (buffers->high + LOOP_INPUT_SIZE > buffers->cap)
		problems_add(subject->problems, child(subject, "buffers", path, sizeof(path)),
			     "found a high mark of %s and a cap of %s; expected a cap of at least 64k more",
			     units_format_size(less, sizeof(less), buffers->high),
			     units_format_size(more, sizeof(more), buffers->cap));
}

/* Connections are limited where there are any; and what serves those above a limit needs one. */
static void check_overflow(const struct subject *subject, const json_t *object)
{
	struct listener_config *listener = subject->listener;
	char path[64];

	child(subject, "overflow", path, sizeof(path));
	if (!json_is_object(object))
		return;
	if (!listener->overflow.protocol && !json_object_get(object, "protocol"))
		problems_add(subject->problems, path, "the key \"protocol\" is missing; it is required");
	else if (listener->net.limits.connections == 0)
		problems_add(subject->problems, path,
			     "no connection is above limits.connections, which is 0; set it, or take "
			     "\"overflow\" out");
	else if (listener->overflow.protocol)
		listener->net.limits.overflow = listener->overflow.connections;
}

/* Limits that bound nothing where there are no connections. */
static const struct {
	const char *key;
	size_t offset;
} of_connections[] = {
#define LIMIT(member_)                                                                                       \
	{                                                                                                    \
		"limits." #member_, offsetof(struct limit_settings, member_)                                 \
	}
	LIMIT(per_address),
	LIMIT(per_prefix.connections),
	LIMIT(accept_rate),
	LIMIT(address_rate),
	LIMIT(read_rate),
	LIMIT(write_rate),
	LIMIT(connection_read_rate),
	LIMIT(connection_write_rate),
#undef LIMIT
};

static void check_streams_only(const struct subject *subject)
{
	const struct listener_config *listener = subject->listener;
	const char *limits = (const char *)&listener->net.limits;
	char path[64];

	if (listener->endpoint.scheme != ENDPOINT_UDP)
		return;
	for (size_t i = 0; i < sizeof(of_connections) / sizeof(of_connections[0]); i++)
		if (*(const uint64_t *)(const void *)(limits + of_connections[i].offset) != 0)
			problems_add(subject->problems,
				     child(subject, of_connections[i].key, path, sizeof(path)),
				     "a udp:// listener has no connections; take it out");
	if (listener->overflow.protocol)
		problems_add(subject->problems, child(subject, "overflow", path, sizeof(path)),
			     "a udp:// listener has no connections; take it out");
}

static void check_burst(const struct subject *subject, const char *key, int64_t burst, int64_t rate)
{
	char path[64];

	if (burst > 0 && rate == 0)
		problems_add(subject->problems, child(subject, key, path, sizeof(path)),
			     "a burst alone bounds nothing; set its rate, too, or take it out");
}

/* A text can be said where there is one, and nothing is to be agreed on before. */
static void check_over(const struct subject *subject)
{
	const struct listener_config *listener = subject->listener;
	bool says = listener->net.limits.over == LIMIT_OVER_MESSAGE;
	char path[64];

	if (listener->endpoint.scheme == ENDPOINT_UDP && listener->net.limits.over != LIMIT_OVER_RESET)
		problems_add(subject->problems, child(subject, "limits.over", path, sizeof(path)),
			     "a udp:// listener has no connections; take it out");
	else if (says && listener->endpoint.scheme == ENDPOINT_TLS)
		problems_add(subject->problems, child(subject, "limits.over", path, sizeof(path)),
			     "a tls:// listener can say nothing before the handshake; expected \"reset\" or "
			     "\"wait\"");
	else if (says && !listener->net.limits.message)
		problems_add(subject->problems, child(subject, "limits.over", path, sizeof(path)),
			     "found \"message\" and nothing to send; add \"over_message\"");
	else if (!says && listener->net.limits.message)
		problems_add(subject->problems, child(subject, "limits.over_message", path, sizeof(path)),
			     "it is never sent; set \"over\" to \"message\", or take it out");
}

static void check_v6only(const struct subject *subject)
{
	char path[64];

	if (subject->listener->net.socket.v6only && !strcmp(subject->listener->endpoint.host, "*"))
		problems_add(subject->problems, child(subject, "socket.v6only", path, sizeof(path)),
			     "\"*\" binds every address, IPv4 ones too; for IPv6 alone bind to [::]");
}

static void check_octal(const char *text, const char *path, const char *example, struct problems *problems)
{
	char found[64], *end;

	if (!text)
		return;
	long value = strtol(text, &end, 8);
	if (!text[strspn(text, "01234567")] && !*end && value <= 0777)
		return;
	escape_text(found, sizeof(found), text, strlen(text));
	problems_add(problems, path,
		     "found \"%s\"; expected an octal number from \"000\" to \"0777\", such as \"%s\"", found,
		     example);
}

static void check_mode(const struct subject *subject)
{
	char path[64];

	check_octal(subject->listener->net.socket.mode, child(subject, "socket.mode", path, sizeof(path)),
		    "0660", subject->problems);
}

static void check_groups(const struct subject *subject)
{
	const struct plait_strings *groups = &subject->listener->net.socket.multicast.groups;
	char path[96];
	struct plait_error error;

	for (size_t i = 0; i < groups->count; i++) {
		snprintf(path, sizeof(path), "%s.socket.multicast.groups[%zu]", subject->path, i);
		if (multicast_check_group(groups->items[i], &error) < 0)
			problems_add(subject->problems, path, "%s", error.text);
		else if (subject->listener->endpoint_known &&
			 subject->listener->endpoint.scheme != ENDPOINT_UDP)
			problems_add(subject->problems, path,
				     "a %s listener hears no groups; take them out, or bind it to udp://",
				     endpoint_scheme_name(subject->listener->endpoint.scheme));
	}
}

static bool uses(const struct listener_config *listener, const struct tls_config *context)
{
	for (size_t i = 0; listener->name_contexts && i < listener->server_names.count; i++)
		if (listener->name_contexts[i] == context)
			return true;
	return listener->tls_context == context;
}

static void check_contexts(const struct config *config, struct problems *problems)
{
	const struct listener_config *listeners = config->listeners.items;
	const struct tls_config *contexts = config->tls.items;

	for (size_t i = 0; i < config->tls.count; i++) {
		char path[JSON_PATH_SIZE];
		bool used = false;

		for (size_t j = 0; j < config->listeners.count; j++)
			used = used || uses(&listeners[j], &contexts[i]);
		if (used || problems->errors > 0)
			continue;
		json_path_key(path, sizeof(path), "tls", config->tls.names[i], strlen(config->tls.names[i]));
		problems_warn(problems, path, "no listener uses this TLS context");
	}
}

static void check_control(const struct config *config, struct problems *problems)
{
	static const struct sockaddr_un sun;

	if (config->control && strlen(config->control) >= sizeof(sun.sun_path))
		problems_add(problems, "control",
			     "the path is %zu bytes long; that of a UNIX socket has %zu at most",
			     strlen(config->control), sizeof(sun.sun_path) - 1);
}

static void check_privilege(const struct config *config, struct problems *problems)
{
	const struct sandbox_config *sandbox = &config->sandbox;

	check_octal(config->umask, "umask", "027", problems);
	if (config->group && !config->user)
		problems_add(problems, "group",
			     "a group without a user is left to whoever started the server; "
			     "name the user, too");
	if (sandbox->landlock == CONFIG_SANDBOX_OFF && sandbox->read.count + sandbox->write.count > 0)
		problems_warn(problems, sandbox->read.count > 0 ? "sandbox.read" : "sandbox.write",
			      "it changes nothing while sandbox.landlock is off");
	if (sandbox->seccomp == CONFIG_SANDBOX_OFF && sandbox->syscalls.count > 0)
		problems_warn(problems, "sandbox.syscalls",
			      "it changes nothing while sandbox.seccomp is off");
}

void config_check(struct config *config, struct problems *problems)
{
	const json_t *listeners = json_object_get(config->root, "listeners");
	bool sound = problems->errors == 0;

	for (size_t i = 0; i < config->listeners.count; i++) {
		struct subject subject = { .problems = problems };

		subject.listener = (struct listener_config *)config->listeners.items + i;
		snprintf(subject.path, sizeof(subject.path), "listeners[%zu]", i);
		check_name(&subject);
		check_unique(&subject, config);
		check_mode(&subject);
		if (sound)
			check_buffers(&subject);
		const struct limit_settings *limits = &subject.listener->net.limits;
		check_burst(&subject, "limits.accept_burst", limits->accept_burst, limits->accept_rate);
		check_burst(&subject, "limits.address_burst", limits->address_burst, limits->address_rate);
		check_overflow(&subject, json_object_get(json_array_get(listeners, i), "overflow"));
		check_bind(&subject, config->folder);
		check_groups(&subject);
		config_check_proxy(config, i, sound, problems);
		config_check_access(config, i, problems);
		if (!subject.listener->endpoint_known)
			continue;
		check_streams_only(&subject);
		check_over(&subject);
		check_v6only(&subject);
		config_check_tls(config, i, problems);
	}
	config_check_clashes(config, problems);
	check_control(config, problems);
	check_privilege(config, problems);
	check_contexts(config, problems);
}
