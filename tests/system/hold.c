/* The protocol of tests of loops that are stuck: when it is spoken to, it holds its loop as long as there is a certain file, then
 * echoes. */
#include <plait/plait.h>
#include <unistd.h>

struct hold_options {
	const char *file;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_PATH("file", struct hold_options, file, .required = true, .doc = "The file"),
	PLAIT_OPTION_END,
};

static size_t hold_data(struct plait_conn *conn, const void *data, size_t len)
{
	const struct hold_options *given = plait_conn_options(conn);
	if (access(given->file, F_OK) == 0)
		plait_log(PLAIT_LOG_INFO, "holds its loop");
	while (access(given->file, F_OK) == 0)
		usleep(1000);
	plait_write(conn, data, len);
	return len;
}

PLAIT_PROTOCOL(hold, .summary = "holds its loop", .options = options,
	       .options_size = sizeof(struct hold_options), .data = hold_data);
