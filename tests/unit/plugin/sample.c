/* The plugin the loader's tests load, copy, patch and break. Its init obeys the environment, its fini
 * leaves a mark. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <plait/protocol.h>

static int sample_init(struct plait_error *error)
{
	const char *wish = getenv("SAMPLE_INIT");

	if (!environ || (wish && !strcmp(wish, "mute")))
		return 7;
	if (wish) {
		error->code = PLAIT_ERROR_SYSTEM;
		strncpy(error->text, wish, sizeof(error->text) - 1);
		return -1;
	}
	return setenv("SAMPLE_STATE", "up", 1);
}

static void sample_fini(void)
{
	setenv("SAMPLE_STATE", "down", 1);
}

static size_t sample_data(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len;
}

PLAIT_PROTOCOL(sample, .summary = "a sample", .version = "1.5", .conn_size = 24, .init = sample_init,
	       .fini = sample_fini, .data = sample_data);
