/* The line protocol: answers each line, after Twisted's LineReceiver. */
#include <plait/plait.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PLACE "{line}" /* in the reply: where the line goes */

enum delimiter { DELIMITER_CRLF, DELIMITER_LF, DELIMITER_ANY };
enum too_long { TOO_LONG_CLOSE, TOO_LONG_ERROR };

struct line_options {
	int delimiter; /* enum delimiter */
	const char *custom_delimiter;
	uint64_t max_length;
	int too_long; /* enum too_long */
	const char *reply;
};

#define REPLY_PARTS 4 /* what is before the line, the line, what is after it, the delimiter */

/* What the options come to, worked out once a listener. */
struct line_factory {
	struct plait_line framing;
	const char *end; /* of every line we send */
	struct iovec reply[REPLY_PARTS];
	int parts;         /* of the reply, none of them empty; 0: there is none */
	int place;         /* which of them the line is to be; -1: none */
	char too_long[80]; /* what is wrong with a longer line, for the log and the peer */
};

static const struct plait_choice delimiters[] = {
	{ "crlf", DELIMITER_CRLF, "carriage return and line feed" },
	{ "lf", DELIMITER_LF, "line feed; a carriage return before it belongs to the line" },
	{ "any", DELIMITER_ANY, "CRLF or a bare LF, as each line has it; replies end in CRLF" },
	{ NULL, 0, NULL },
};

static const struct plait_choice too_longs[] = {
	{ "close", TOO_LONG_CLOSE, "the connection ends" },
	{ "error", TOO_LONG_ERROR, "the line is dropped and answered with an error line" },
	{ NULL, 0, NULL },
};

static const struct plait_option options[] = {
	PLAIT_OPTION_CHOICE("delimiter", struct line_options, delimiter, delimiters, .fallback = "crlf",
			    .doc = "What ends a line, ours and the peer's"),
	PLAIT_OPTION_STRING("custom_delimiter", struct line_options, custom_delimiter, .min = 1, .max = 16,
			    .doc = "The very bytes that end a line, such as \";\", in place of delimiter"),
	PLAIT_OPTION_SIZE("max_length", struct line_options, max_length, .fallback = "16k", .min = 1,
			  .max = 16 * 1024 * 1024, .doc = "The longest line, its delimiter not counted"),
	PLAIT_OPTION_CHOICE("too_long", struct line_options, too_long, too_longs, .fallback = "close",
			    .doc = "What happens on a longer line"),
	PLAIT_OPTION_STRING("reply", struct line_options, reply, .fallback = PLACE, .max = 1024,
			    .doc = "The answer to a line; " PLACE " in it stands for the line; empty: none"),
	PLAIT_OPTION_END,
};

static const char *const ends[] = {
	[DELIMITER_CRLF] = "\r\n",
	[DELIMITER_LF] = "\n",
	[DELIMITER_ANY] = "\r\n",
};

static struct iovec part(const char *text, size_t len)
{
	return (struct iovec){ .iov_base = (void *)text, .iov_len = len };
}

static void add_part(struct line_factory *line, const char *text, size_t len)
{
	if (len > 0)
		line->reply[line->parts++] = part(text, len);
}

/* place: of the line in the text; NULL: none. rest: what is after it. */
static void prepare_reply(struct line_factory *line, const char *text, const char *place, const char *rest)
{
	line->place = -1;
	if (!*text)
		return;
	add_part(line, text, place ? (size_t)(place - text) : strlen(text));
	if (place)
		line->place = line->parts++;
	add_part(line, rest, strlen(rest));
	add_part(line, line->end, strlen(line->end));
}

static int line_factory_start(struct plait_factory *factory, struct plait_error *error)
{
	const struct line_options *given = plait_factory_options(factory);
	struct line_factory *line = plait_factory_state(factory);
	const char *place = strstr(given->reply, PLACE);
	const char *rest = place ? place + strlen(PLACE) : "";

	if (strstr(rest, PLACE))
		return plait_error_set(error, PLAIT_ERROR_INVALID, "reply",
				       "names " PLACE " twice; leave one, or put other text there");
	line->end = given->custom_delimiter ? given->custom_delimiter : ends[given->delimiter];
	line->framing.max_length = given->max_length;
	line->framing.delimiter = line->end;
	if (!given->custom_delimiter && given->delimiter == DELIMITER_ANY)
		line->framing.delimiter = NULL;
	prepare_reply(line, given->reply, place, rest);
	snprintf(line->too_long, sizeof(line->too_long), "line longer than %" PRIu64 " bytes",
		 given->max_length);
	return 0;
}

static const struct line_factory *factory_of(const struct plait_conn *conn)
{
	return plait_factory_state(plait_conn_factory(conn));
}

static void line_made(struct plait_conn *conn)
{
	plait_set_framing(conn, &plait_line_framing, &factory_of(conn)->framing);
}

static void line_message(struct plait_conn *conn, const void *message, size_t len)
{
	const struct line_factory *line = factory_of(conn);
	struct iovec reply[REPLY_PARTS];

	memcpy(reply, line->reply, sizeof(reply));
	if (line->place >= 0)
		reply[line->place] = part(message, len);
	if (line->parts > 0)
		plait_writev(conn, reply, line->parts);
}

static size_t line_message_too_long(struct plait_conn *conn, const void *data, size_t len)
{
	const struct line_factory *line = factory_of(conn);
	const struct line_options *given = plait_conn_options(conn);
	const struct iovec answer[] = {
		part("error: ", strlen("error: ")),
		part(line->too_long, strlen(line->too_long)),
		part(line->end, strlen(line->end)),
	};

	(void)data;
	(void)len;
	if (given->too_long == TOO_LONG_CLOSE)
		return 0;
	plait_writev(conn, answer, sizeof(answer) / sizeof(answer[0]));
	plait_frame_skip(conn);
	return 0;
}

/* clang-format off */
PLAIT_PROTOCOL(line,
	.summary = "answers each line, by default with the line itself",
	.version = "1.0.0",
	.options = options,
	.options_size = sizeof(struct line_options),
	.factory_size = sizeof(struct line_factory),
	.factory_start = line_factory_start,
	.made = line_made,
	.message = line_message,
	.message_too_long = line_message_too_long);
