/* The protocol of test_supervisor.py: it echoes, and does what ends its process, or its loop, when it is told so. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <plait/plait.h>

/* With this file the process does not come to serve, or late. */
struct fault_options {
	const char *poison;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_PATH("poison", struct fault_options, poison,
			  .doc = "A file with which factories crash, or take their time"),
	PLAIT_OPTION_END,
};

static volatile int *volatile nowhere;

static void write_nowhere(void *arg)
{
	(void)arg;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	raise(SIGKILL); /* they would report what is meant */
#endif
	*nowhere = 1;
}

static volatile int standing = 1;

static void stand_still(void *arg)
{
	(void)arg;
	while (standing)
		;
}

static volatile size_t depth;

static size_t recurse(const volatile char *above)
{
	volatile char here[512];
	here[0] = above[0];
	if (++depth == 0)
		return 0;
	return recurse(here) + (size_t)here[0];
}

/* OpenSSL finds nothing any more that it has not found before. */
static void lose_algorithms(void)
{
	void *found = dlsym(RTLD_DEFAULT, "EVP_set_default_properties");
	int (*set)(void *, const char *);
	memcpy(&set, &found, sizeof(set));
	if (set)
		set(NULL, "provider=none");
}

static int fault_factory_start(struct plait_factory *factory, struct plait_error *error)
{
	const struct fault_options *given = plait_factory_options(factory);
	(void)error;
	FILE *file = given->poison ? fopen(given->poison, "re") : NULL;
	char word[16] = "";
	if (!file)
		return 0;
	(void)!fgets(word, sizeof(word), file);
	fclose(file);
	if (strcmp(word, "slow") == 0)
		sleep(2);
	else
		write_nowhere(NULL);
	return 0;
}

static void fault_message(struct plait_conn *conn, const void *line, size_t len)
{
	char word[32] = "";
	volatile char zero = 0;
	memcpy(word, line, len < sizeof(word) - 1 ? len : sizeof(word) - 1);
	if (strcmp(word, "segv") == 0)
		write_nowhere(NULL);
	else if (strcmp(word, "abort") == 0)
		abort();
	else if (strcmp(word, "overflow") == 0)
		depth += recurse(&zero);
	else if (strcmp(word, "loop") == 0)
		stand_still(NULL);
	else if (strcmp(word, "tls") == 0)
		lose_algorithms();
	else if (strcmp(word, "timer") == 0)
		plait_call_later(plait_conn_loop(conn), 1, stand_still, NULL);
	plait_write(conn, line, len);
	plait_write(conn, "\n", 1);
}

PLAIT_PROTOCOL(fault, .summary = "ends its process when told so", .options = options,
	       .options_size = sizeof(struct fault_options), .framing = &plait_line_framing,
	       .factory_start = fault_factory_start, .message = fault_message);
