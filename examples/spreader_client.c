/* A client of the Spreader: prints what it hears, and answers some seconds later.
 * Usage: spreader_client ENDPOINT [DELAY_MS [ANSWERS]] */
#include <limits.h>
#include <plait/plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plait_deferred *over;
static uint64_t delay_ms = 5000;
static unsigned long answers = ULONG_MAX; /* then it leaves */

struct talk {
	struct plait_timer answer;
};

static void answer(void *arg)
{
	struct plait_conn *conn = arg;
	plait_write(conn, "thank you\r\n", 11);
	if (--answers == 0)
		plait_close(conn);
}

static void heard(struct plait_conn *conn, const void *line, size_t len)
{
	struct talk *talk = plait_conn_state(conn);
	printf("%.*s\n", (int)len, (const char *)line);
	fflush(stdout);
	if (!plait_timer_active(talk->answer))
		talk->answer = plait_call_later(plait_conn_loop(conn), delay_ms, answer, conn);
}

/* Nothing may call the connection after this. */
static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	struct talk *talk = plait_conn_state(conn);
	plait_timer_cancel(&talk->answer);
	printf("lost: %s\n", plait_reason_text(reason));
	plait_deferred_callback(over, plait_value(NULL));
}

static const struct plait_protocol client = { PLAIT_PROTOCOL_HEAD("spreader-client"),
					      .conn_size = sizeof(struct talk),
					      .framing = &plait_line_framing, .message = heard,
					      .lost = lost };

/* Talks from here on, until it is lost; the program ends then, or when no connection comes about. */
static struct plait_result talk(struct plait_result result, void *arg)
{
	(void)result;
	return plait_later(plait_deferred_ref(arg));
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	over = plait_deferred_new(NULL, NULL);
	return plait_add_callback(plait_connect(loop, arg, &client, NULL), talk, over);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: spreader_client ENDPOINT [DELAY_MS [ANSWERS]]\n");
		return 2;
	}
	if (argc > 2)
		delay_ms = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		answers = strtoul(argv[3], NULL, 10);
	int status = plait_react(NULL, start, argv[1]);
	plait_deferred_unref(&over);
	return status;
}
