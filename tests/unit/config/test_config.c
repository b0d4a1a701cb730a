/* Loading a configuration: defaults, files, folders, and what lies between listeners and protocols. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <plait/log.h>

#include "core/base/text.h"
#include "core/config/config.h"
#include "core/config/read.h"
#include "tests/unit/config/fake_registry.h"
#include "tests/unit/suite.h"

/* A configuration, the registry it was bound with, and what was said about it. */
struct run {
	struct config *config;
	struct problems problems;
	struct registry *registry;
	int bound;
	char *text;
};

static void print(struct run *run)
{
	size_t len;

	free(run->text);
	run->text = NULL;
	FILE *out = open_memstream(&run->text, &len);
	problems_print(&run->problems, out);
	fclose(out);
}

static void begin(struct run *run, const char *file, const char *text)
{
	static const char *const protocols[] = { "echo", "line", "clock", "faulty" };

	memset(run, 0, sizeof(*run));
	problems_init(&run->problems);
	run->registry = registry_new();
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		CU_ASSERT_TRUE(fake_registry_add(run->registry, protocols[i]));
	run->config = config_load_text(file, text, strlen(text), &run->problems);
	run->bound = run->config ? config_bind_protocols(run->config, run->registry, true, &run->problems)
				 : -1;
	if (run->problems.errors > 0)
		run->bound = -1;
	print(run);
}

static void end(struct run *run)
{
	free(run->text);
	config_free(&run->config);
	CU_ASSERT_PTR_NULL(run->config);
	problems_fini(&run->problems);
	registry_free(&run->registry);
}

static void says(const char *text, const char *part)
{
	struct run run;

	begin(&run, "/etc/plait.json", text);
	CU_ASSERT_EQUAL(run.bound, -1);
	if (!strstr(run.text, part)) {
		printf("# got: %s", run.text);
		CU_FAIL("the text of the problem");
	}
	end(&run);
}

#define LISTENER(name, bind, protocol, more)                                                                 \
	"{\"name\": \"" name "\", \"bind\": \"" bind "\", \"protocol\": \"" protocol "\"" more "}"
#define LISTENERS(...) "\"listeners\": [" __VA_ARGS__ "]"

static void defaults_are_safe(void)
{
	struct run run;

	begin(&run, "/etc/plait.json", "{" LISTENERS(LISTENER("a", "tcp://*:7007", "echo", "")) "}");
	CU_ASSERT_STRING_EQUAL(run.text, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(run.config);
	CU_ASSERT_EQUAL(run.bound, 0);
	CU_ASSERT_EQUAL(run.config->threads, 0);
	CU_ASSERT_EQUAL(run.config->accept, CONFIG_ACCEPT_LEAST_LOADED);
	CU_ASSERT_EQUAL(run.config->drain_timeout_ms, 30000);
	CU_ASSERT_EQUAL(run.config->log.level, PLAIT_LOG_INFO);
	CU_ASSERT_EQUAL(run.config->log.format, LOG_HUMAN);
	CU_ASSERT_EQUAL_FATAL(run.config->listeners.count, 1);
	const struct listener_config *listener = run.config->listeners.items;
	CU_ASSERT_EQUAL(listener->net.timeouts.handshake_ms, 10000);
	CU_ASSERT_EQUAL(listener->net.timeouts.idle_ms, 600000);
	CU_ASSERT_EQUAL(listener->net.timeouts.close_ms, 5000);
	CU_ASSERT_EQUAL(listener->net.buffers.high, 65536);
	CU_ASSERT_EQUAL(listener->net.buffers.low, 16384);
	CU_ASSERT_EQUAL(listener->net.buffers.cap, 16 << 20);
	CU_ASSERT_EQUAL(listener->net.buffers.input, 1 << 20);
	CU_ASSERT_EQUAL(listener->net.limits.connections, 10000);
	CU_ASSERT_EQUAL(listener->net.limits.per_address, 0);
	CU_ASSERT_EQUAL(listener->net.socket.backlog, 4096);
	CU_ASSERT_TRUE(listener->net.socket.nodelay);
	CU_ASSERT_TRUE(listener->net.socket.reuseaddr);
	CU_ASSERT_FALSE(listener->net.socket.v6only);
	CU_ASSERT_TRUE(listener->net.socket.keepalive.enabled);
	CU_ASSERT_EQUAL(listener->net.socket.keepalive.idle_ms, 300000);
	CU_ASSERT_EQUAL(listener->net.socket.keepalive.interval_ms, 30000);
	CU_ASSERT_EQUAL(listener->net.socket.keepalive.count, 4);
	CU_ASSERT_STRING_EQUAL(listener->net.socket.mode, "0660");
	CU_ASSERT_EQUAL(listener->endpoint.scheme, ENDPOINT_TCP);
	CU_ASSERT_EQUAL(listener->endpoint.port, 7007);
	CU_ASSERT_PTR_EQUAL(listener->speaks, &registry_find(run.registry, "echo")->protocol);
	CU_ASSERT_PTR_NULL(listener->overflow.speaks);
	CU_ASSERT_EQUAL(listener->net.limits.overflow, 0);
	CU_ASSERT_EQUAL(listener->net.limits.read_rate, 0);
	CU_ASSERT_PTR_NULL(listener->options);
	CU_ASSERT_PTR_NULL(listener->tls);
	CU_ASSERT_PTR_NULL(listener->tls_context);
	end(&run);
}

static void values_arrive(void)
{
	struct run run;

	begin(&run, "/etc/plait.json",
	      "{\"$schema\": \"x\", \"// note\": [], \"threads\": 4, \"accept\": \"reuseport\", \"drain_timeout\": 0, "
	      "\"log\": {\"level\": \"debug\", \"format\": \"json\"}, \"tls\": {\"default\": {\"certificate\": "
	      "\"/etc/passwd\", \"key\": \"/etc/passwd\"}, \"two\": {\"certificate\": \"/etc/passwd\", \"key\": "
	      "\"passwd\"}}, " LISTENERS(LISTENER(
		      "a", "tls://*:1", "line",
		      ", \"options\": {\"// note\": 1, \"max_length\": \"4k\"}, \"buffers\": "
		      "{\"high\": \"1m\"}, \"socket\": {\"mode\": \"600\", \"keepalive\": "
		      "{\"enabled\": false}}") ", " LISTENER("b", "tls://*:2", "echo",
							     ", \"tls\": \"two\"") ", " LISTENER("c",
												 "unix:c.sock",
												 "line",
												 ", \"options\": {}") ", " LISTENER("d",
																    "udp://*:1",
																    "clock",
																    "")) "}");
	CU_ASSERT_STRING_EQUAL(run.text, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(run.config);
	CU_ASSERT_EQUAL(run.config->threads, 4);
	CU_ASSERT_EQUAL(run.config->accept, CONFIG_ACCEPT_REUSEPORT);
	CU_ASSERT_EQUAL(run.config->drain_timeout_ms, 0);
	CU_ASSERT_EQUAL(run.config->log.level, PLAIT_LOG_DEBUG);
	CU_ASSERT_EQUAL(run.config->log.format, LOG_JSON);
	CU_ASSERT_EQUAL_FATAL(run.config->listeners.count, 4);
	const struct listener_config *listeners = run.config->listeners.items;
	const struct tls_config *contexts = run.config->tls.items;
	CU_ASSERT_PTR_EQUAL(listeners[0].tls_context, &contexts[0]);
	CU_ASSERT_PTR_EQUAL(listeners[1].tls_context, &contexts[1]);
	CU_ASSERT_STRING_EQUAL(contexts[1].settings.pair.key, "/etc/passwd");
	CU_ASSERT_EQUAL(listeners[0].net.buffers.high, 1 << 20);
	CU_ASSERT_STRING_EQUAL(listeners[0].net.socket.mode, "600");
	CU_ASSERT_FALSE(listeners[0].net.socket.keepalive.enabled);
	CU_ASSERT_EQUAL(((struct fake_line_options *)listeners[0].options)->max_length, 4096);
	CU_ASSERT_STRING_EQUAL(((struct fake_line_options *)listeners[0].options)->delimiter, "\r\n");
	CU_ASSERT_EQUAL(((struct fake_line_options *)listeners[2].options)->max_length, 16384);
	CU_ASSERT_STRING_EQUAL(listeners[2].endpoint.path, "/etc/c.sock");
	end(&run);
}

static void paths_start_at_the_folder_of_the_file(void)
{
	static const char text[] =
		"{\"plugins\": [\"echo\", \"./echo.so\", \"/usr/x.so\", \"x/y.so\"], \"plugin_path\": "
		"[\"plugins\", \"/opt\"], " LISTENERS(LISTENER("a", "tcp://*:1", "echo", "")) "}";
	struct run run;
	char here[4096], expected[8192];

	begin(&run, "/etc/plait/x.json", text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(run.config);
	CU_ASSERT_STRING_EQUAL(run.config->folder, "/etc/plait");
	CU_ASSERT_STRING_EQUAL(run.config->plugins.items[0], "echo");
	CU_ASSERT_STRING_EQUAL(run.config->plugins.items[1], "/etc/plait/echo.so");
	CU_ASSERT_STRING_EQUAL(run.config->plugins.items[2], "/usr/x.so");
	CU_ASSERT_STRING_EQUAL(run.config->plugins.items[3], "/etc/plait/x/y.so");
	CU_ASSERT_STRING_EQUAL(run.config->plugin_path.items[0], "/etc/plait/plugins");
	CU_ASSERT_STRING_EQUAL(run.config->plugin_path.items[1], "/opt");
	end(&run);
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof(here)));
	begin(&run, "x.json", text);
	CU_ASSERT_STRING_EQUAL(run.config->folder, here);
	end(&run);
	begin(&run, "./sub/x.json", text);
	snprintf(expected, sizeof(expected), "%s/sub", here);
	CU_ASSERT_STRING_EQUAL(run.config->folder, expected);
	end(&run);
	begin(&run, "/x.json", text);
	CU_ASSERT_STRING_EQUAL(run.config->plugin_path.items[0], "/plugins");
	end(&run);
}

static void addresses_that_differ_do_not_clash(void)
{
	static const char *const binds[] = {
		"tcp://*:0",     "tcp://*:0",         "tcp://0.0.0.0:7",
		"udp://[::]:7",  "tcp://127.0.0.1:8", "tcp://127.0.0.2:8",
		"tcp://[::1]:8", "tcp://localhost:8", "unix:a",
		"unix:b",        "unix:@a",
	};
	char text[4096] = "{\"listeners\": [" LISTENER("v6", "tcp://[::]:7", "echo",
						       ", \"socket\": {\"v6only\": true}");
	struct run run;

	for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]); i++)
		text_append(text, sizeof(text),
			    ", {\"name\": \"%zu\", \"bind\": \"%s\", \"protocol\": \"echo\"}", i, binds[i]);
	text_append(text, sizeof(text), "]}");
	begin(&run, "/etc/plait.json", text);
	CU_ASSERT_STRING_EQUAL(run.text, "");
	CU_ASSERT_EQUAL(run.bound, 0);
	end(&run);
}

#define TAKEN "listeners[1].bind: found "
#define TWO(a, b) "{" LISTENERS(LISTENER("a", a, "echo", "") ", " LISTENER("b", b, "echo", "")) "}"

static void shared_addresses_do_not_clash(void)
{
	struct run run;

	begin(&run, "/etc/plait.json",
	      "{" LISTENERS(
		      LISTENER("a", "udp://*:7", "echo", ", \"socket\": {\"shared\": true}") ", " LISTENER(
			      "b", "udp://*:7", "echo", ", \"socket\": {\"shared\": true}")) "}");
	CU_ASSERT_STRING_EQUAL(run.text, "");
	CU_ASSERT_EQUAL(run.bound, 0);
	end(&run);
}

static void addresses_that_cover_others_clash(void)
{
	says(TWO("tcp://0.0.0.0:7", "tcp://127.0.0.1:7"), TAKEN);
	says(TWO("tcp://[::1]:7", "tcp://[::]:7"), TAKEN);
	says(TWO("tcp://10.0.0.1:7", "tcp://[::]:7"), TAKEN);
	says(TWO("tcp://[::ffff:10.0.0.1]:7", "tcp://10.0.0.1:7"), TAKEN);
	says(TWO("tcp://*:7", "tcp://[::1]:7"), TAKEN);
	says(TWO("tcp://*:7", "tcp://*:7"), TAKEN);
	says(TWO("tcp://LocalHost:7", "tcp://localhost:7"), TAKEN);
	says(TWO("udp://*:7", "udp://*:7"), TAKEN);
	says("{" LISTENERS(LISTENER("a", "udp://*:7", "echo",
				    ", \"socket\": {\"shared\": true}") ", " LISTENER("b", "udp://*:7",
										      "echo", "")) "}",
	     TAKEN);
	says("{" LISTENERS(
		     LISTENER("a", "tcp://*:7", "echo", ", \"socket\": {\"shared\": true}") ", " LISTENER(
			     "b", "tcp://*:7", "echo", ", \"socket\": {\"shared\": true}")) "}",
	     TAKEN);
	says(TWO("unix:/etc/x", "unix:x"), TAKEN);
	says(TWO("unix:@x", "unix:@x"), TAKEN);
}

static void protocols_must_fit_their_listeners(void)
{
	says("{" LISTENERS(LISTENER("a", "tcp://*:1", "clock", "")) "}",
	     "listeners[0].protocol: the protocol \"clock\" takes datagrams only; bind it to udp:// instead of tcp://*:1");
	says("{" LISTENERS(LISTENER("a", "udp://*:1", "line", "")) "}", "takes no datagrams");
	says("{" LISTENERS(LISTENER("a", "tcp://*:1", "faulty", "")) "}",
	     "faulty option table: option \"max_length\" has a default that it would not take itself");
	says("{" LISTENERS(LISTENER("a", "tcp://*:1", "lien", "")) "}",
	     "did you mean \"line\"? Loaded are \"echo\", \"line\", \"clock\", \"faulty\"");
	says("{" LISTENERS(LISTENER("a", "tcp://*:1", "line", ", \"options\": null")) "}",
	     "plait.json:1:82: error: listeners[0].options: found null; expected an object");
}

static void unused_contexts_are_warned_of(void)
{
	struct run run;

	begin(&run, "x.json",
	      "{\"tls\": {\"old.one\": {\"certificate\": \"/etc/passwd\", \"key\": \"/etc/passwd\"}}, " LISTENERS(
		      LISTENER("a", "tcp://*:1", "echo", "")) "}");
	CU_ASSERT_EQUAL(run.bound, 0);
	CU_ASSERT_EQUAL(run.problems.errors, 0);
	CU_ASSERT_STRING_EQUAL(run.text,
			       "x.json:1:21: warning: tls[\"old.one\"]: no listener uses this TLS context\n");
	end(&run);
}

static void refuses_file(const char *file, const char *expected)
{
	struct run run = { 0 };

	problems_init(&run.problems);
	run.config = config_load(file, &run.problems);
	CU_ASSERT_PTR_NULL(run.config);
	print(&run);
	if (!strstr(run.text, expected)) {
		printf("# got: %s", run.text);
		CU_FAIL("the text of the problem");
	}
	free(run.text);
	problems_fini(&run.problems);
}

static void files_that_cannot_be_read_are_said_so(void)
{
	char name[] = "/tmp/plait-test-XXXXXX";
	int fd = mkstemp(name);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	refuses_file(
		"/nonexistent/x.json",
		"/nonexistent/x.json: error: cannot open the configuration: No such file or directory\n");
	refuses_file("/tmp", "/tmp: error: this is a folder; expected a configuration file\n");
	CU_ASSERT_EQUAL(ftruncate(fd, CONFIG_MOST_BYTES + 1), 0);
	refuses_file(name, ": error: the file is larger than 16 MiB; this is no configuration\n");
	CU_ASSERT_EQUAL(ftruncate(fd, CONFIG_MOST_BYTES), 0);
	refuses_file(name, ":1:1: error: ");
	close(fd);
	if (getuid() != 0) {
		CU_ASSERT_EQUAL(chmod(name, 0), 0);
		refuses_file(name, ": error: cannot open the configuration: Permission denied\n");
	}
	unlink(name);
	refuses_file("/dev/null", "/dev/null:1:1: error: the file is empty");
}

static void a_file_is_loaded(void)
{
	static const char text[] = "{" LISTENERS(LISTENER("a", "tcp://*:1", "echo", "")) "}";
	char name[] = "/tmp/plait-test-XXXXXX";
	struct problems problems;
	int fd = mkstemp(name);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	problems_init(&problems);
	struct config *config = config_load(name, &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(problems.count, 0);
	CU_ASSERT_STRING_EQUAL(config->folder, "/tmp");
	CU_ASSERT_STRING_EQUAL(config->file, name);
	/* The server's own problems find their places as long as the config is there. */
	problems_add(&problems, "listeners[0].bind", "the port is in use");
	CU_ASSERT_EQUAL(problems.items[0].line, 1);
	CU_ASSERT_EQUAL(problems.items[0].column, 38);
	config_free(&config);
	problems_fini(&problems);
	unlink(name);
}

/* The positions go with the config; a later problem must not look for them. */
static void a_failure_leaves_nothing_behind(void)
{
	struct problems problems;

	problems_init(&problems);
	CU_ASSERT_PTR_NULL(config_load_text("x.json", "[]", 2, &problems));
	CU_ASSERT_PTR_NULL(problems.locate);
	problems_add(&problems, "listeners", "later");
	CU_ASSERT_EQUAL(problems.items[1].line, 0);
	CU_ASSERT_STRING_EQUAL(problems.items[1].file, "x.json");
	problems_fini(&problems);
}

static void the_tables_have_no_fault(void)
{
	char text[256] = "";

	CU_ASSERT_PTR_NULL(option_table_fault(config_table, sizeof(struct config), text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(text, "");
}

SUITE_MAIN("config", SUITE_TEST(defaults_are_safe), SUITE_TEST(values_arrive),
	   SUITE_TEST(paths_start_at_the_folder_of_the_file), SUITE_TEST(addresses_that_differ_do_not_clash),
	   SUITE_TEST(shared_addresses_do_not_clash), SUITE_TEST(addresses_that_cover_others_clash),
	   SUITE_TEST(protocols_must_fit_their_listeners), SUITE_TEST(unused_contexts_are_warned_of),
	   SUITE_TEST(files_that_cannot_be_read_are_said_so), SUITE_TEST(a_file_is_loaded),
	   SUITE_TEST(a_failure_leaves_nothing_behind), SUITE_TEST(the_tables_have_no_fault))
