/* Checks a plugin's descriptor against the ABI, one clear error for each way it can be wrong. */
#include "core/plugin/descriptor.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/net/own_protocol.h"

#define NAME_LONGEST 64

/* What ABI 1.0 had: no descriptor of this major is smaller. */
#define SIZE_LEAST                                                                                           \
	(offsetof(struct plait_protocol, datagram) + sizeof(((struct plait_protocol *)0)->datagram))

static int check_version(const char *file, const struct plait_head *head, struct plait_error *error)
{
	bool newer = head->abi_major > PLAIT_ABI_MAJOR ||
		     (head->abi_major == PLAIT_ABI_MAJOR && head->abi_minor > PLAIT_ABI_MINOR);

	if (head->abi_major == PLAIT_ABI_MAJOR && !newer)
		return 0;
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, file, "is built for plugin ABI %u.%u, but plait %s has %u.%u; %s",
		head->abi_major, head->abi_minor, plait_version(), PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR,
		newer ? "upgrade plait, or build the plugin again with the headers of this plait"
		      : "build the plugin again with the headers of this plait");
}

int descriptor_check_head(const char *file, size_t symbol_size, const void *bytes, size_t size,
			  struct plait_error *error)
{
	struct plait_head head = { 0 };

	if (symbol_size < sizeof(head))
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "has a truncated head: its symbol " PLAIT_PLUGIN_SYMBOL
				       " has %zu bytes, and a head "
				       "takes %zu; define the protocol with PLAIT_PROTOCOL",
				       symbol_size, sizeof(head));
	memcpy(&head, bytes, size < sizeof(head) ? size : sizeof(head));
	if (head.magic != PLAIT_MAGIC)
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "has the wrong magic number 0x%08x instead of 0x%08x; "
				       "define the protocol with PLAIT_PROTOCOL",
				       head.magic, PLAIT_MAGIC);
	int code = check_version(file, &head, error);

	if (code)
		return code;
	if (head.size > symbol_size)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, file,
			"says that its descriptor has %u bytes, but its symbol " PLAIT_PLUGIN_SYMBOL
			" has %zu; "
			"define the protocol with PLAIT_PROTOCOL and build it again",
			head.size, symbol_size);
	if (head.kind != PLAIT_KIND_PROTOCOL)
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "is a plugin of kind %u, and plait %s knows only kind %d, protocols; "
				       "upgrade plait, or define the protocol with PLAIT_PROTOCOL",
				       head.kind, plait_version(), PLAIT_KIND_PROTOCOL);
	if (head.size < SIZE_LEAST || head.size % sizeof(void *))
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "has a truncated descriptor: %u bytes, and ABI %d.%d has %zu; "
				       "define the protocol with PLAIT_PROTOCOL and build it again",
				       head.size, PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR,
				       sizeof(struct plait_protocol));
	return 0;
}

static int check_name(const char *file, const char *name, struct plait_error *error)
{
	size_t length = name ? strnlen(name, NAME_LONGEST + 1) : 0;
	bool good = length > 0 && length <= NAME_LONGEST;

	for (size_t i = 0; good && i < length; i++)
		good = isascii((unsigned char)name[i]) &&
		       (isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-');
	if (good)
		return 0;
	if (!length)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, file,
			"names no protocol; give it a name of 1 to %d letters, digits, _ and -",
			NAME_LONGEST);
	return plait_error_set(error, PLAIT_ERROR_INVALID, file,
			       "has the protocol name \"%.*s\"%s; a name is 1 to %d letters, digits, _ and -",
			       NAME_LONGEST, name, length > NAME_LONGEST ? " (or longer)" : "", NAME_LONGEST);
}

int descriptor_read(const char *file, const void *descriptor, struct plait_protocol *out,
		    struct plait_error *error)
{
	char room[600];

	protocol_widen(descriptor, out);
	int code = check_name(file, out->head.name, error);

	if (code)
		return code;
	const char *fault = protocol_fault(out, room, sizeof(room));

	if (!fault && !out->made && !out->data && !out->message && !out->datagram)
		fault = "it has none of the callbacks made, data, message and datagram, so it could answer nothing; "
			"add one";
	if (!fault)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_INVALID, file, "has a faulty protocol \"%s\": %s",
			       out->head.name, fault);
}
