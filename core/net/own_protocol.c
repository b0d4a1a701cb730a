/* The protocols that programs hand over: checked, widened, and with their options' defaults. */
#include "core/net/own_protocol.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/option.h"
#include "core/base/option_read.h"

/* What the program was compiled with may have fewer callbacks. */
static int widen(struct plait_protocol *out, const struct plait_protocol *given, struct plait_error *error)
{
	size_t size = given->head.size;
	if (given->head.magic != PLAIT_MAGIC || size < sizeof(given->head))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"the protocol has no head: begin it with PLAIT_PROTOCOL_HEAD(\"NAME\")");
	if (given->head.abi_major != PLAIT_ABI_MAJOR)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"the protocol was compiled for ABI %u, and this plait has %u; compile the "
			"program anew",
			given->head.abi_major, PLAIT_ABI_MAJOR);
	memcpy(out, given, size < sizeof(*out) ? size : sizeof(*out));
	return 0;
}

static int set_defaults(struct own_protocol *own, struct plait_error *error)
{
	const struct plait_protocol *protocol = &own->protocol;
	own->arena = option_arena_new();
	own->options = own->defaults = calloc(1, protocol->options_size);
	if (!own->defaults)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a protocol's options");
	return option_read(protocol->options, NULL, own->defaults, own->arena, error);
}

int own_protocol_init(struct own_protocol *own, const struct plait_protocol *given, const void *options,
		      struct plait_error *error)
{
	const struct plait_protocol *protocol = &own->protocol;
	char fault[512];
	*own = (struct own_protocol){ .options = options };
	int result = widen(&own->protocol, given, error);
	if (result < 0 || !protocol->options)
		return result;
	if (option_table_fault(protocol->options, protocol->options_size, fault, sizeof(fault)))
		return plait_error_set(error, PLAIT_ERROR_INVALID, "options",
				       "the protocol \"%s\" has a faulty option table: %s",
				       protocol->head.name, fault);
	return options ? 0 : set_defaults(own, error);
}

void own_protocol_fini(struct own_protocol *own)
{
	option_arena_free(&own->arena);
	free(own->defaults);
}
