/* Fuzz target: lines to the control socket, through the JSON library and the commands' tables. */
#include <assert.h>
#include <string.h>

#include "core/base/option_read.h"
#include "core/server/control/command.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct option_arena *arena = option_arena_new();
	struct control_fault fault;
	void *arguments = NULL;

	memset(&fault, 0xff, sizeof(fault));
	const struct control_command *command = control_parse((const char *)data, size, arena, &arguments,
							      &fault);
	if (command) {
		assert(command->run && arguments);
	} else {
		size_t len = strnlen(fault.text, sizeof(fault.text));

		assert(fault.code && *fault.code);
		assert(len > 0 && len < sizeof(fault.text));
		assert(strnlen(fault.path, sizeof(fault.path)) < sizeof(fault.path));
		/* Nothing of the line's own text may steer a terminal. */
		for (size_t i = 0; i < len; i++)
			assert((unsigned char)fault.text[i] >= 0x20);
	}
	option_arena_free(&arena);
	return 0;
}
