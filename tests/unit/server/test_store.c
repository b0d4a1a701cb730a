/* The supervisor's sockets, and what comes over its channel. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/server/broker.h"
#include "core/server/supervisor/inside.h"
#include "core/server/supervisor/symbol.h"
#include "tests/unit/suite.h"

static struct store store;

static struct channel_bind ask(const char *name, uint16_t port, unsigned number, bool share)
{
	struct channel_bind bind;
	memset(&bind, 0, sizeof(bind));
	struct sockaddr_in *sin = (struct sockaddr_in *)&bind.sa;
	snprintf(bind.name, sizeof(bind.name), "%s", name);
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin->sin_port = htons(port);
	bind.type = SOCK_STREAM;
	bind.number = number;
	bind.share = share;
	bind.len = sizeof(*sin);
	bind.settings = (struct channel_settings){ .backlog = 8, .reuseaddr = 1, .mode = "0600" };
	return bind;
}

static int get(const struct channel_bind *bind, uint32_t worker)
{
	struct plait_error error = { 0 };
	int fd = store_get(&store, bind, worker, &error);
	if (fd < 0)
		fprintf(stderr, "# %s\n", error.text);
	return fd;
}

static void keep(int fd, const char *name)
{
	struct channel_keep kept = { .cookie = channel_cookie(fd) };
	snprintf(kept.name, sizeof(kept.name), "%s", name);
	store_keep(&store, &kept, 1);
	store_keep_end(&store, 1);
}

static void the_next_worker_gets_the_same(void)
{
	struct channel_bind a = ask("a", 0, 0, false), b = ask("b", 0, 0, false);
	int one = get(&a, 1), other = get(&b, 1);
	CU_ASSERT_NOT_EQUAL(one, other);
	CU_ASSERT_EQUAL(get(&b, 2), other);
	CU_ASSERT_EQUAL(get(&a, 2), one);
	CU_ASSERT_EQUAL(store.count, 2);
	store_clear(&store);
}

static void one_worker_gets_each_once(void)
{
	struct channel_bind a = ask("a", 0, 0, false);
	int one = get(&a, 1), other = get(&a, 1);
	CU_ASSERT_NOT_EQUAL(one, other);
	/* The port is taken, as without a store. */
	struct channel_bind taken = ask("b", socket_port(one), 0, false);
	CU_ASSERT(get(&taken, 1) < 0);
	store_clear(&store);
}

static void another_name_gets_it_by_its_address(void)
{
	struct channel_bind a = ask("a", 0, 0, false);
	int fd = get(&a, 1);
	struct channel_bind b = ask("b", socket_port(fd), 0, false);
	CU_ASSERT_EQUAL(get(&b, 2), fd);
	store_clear(&store);
}

static void sockets_that_share_an_address(void)
{
	struct channel_bind first = ask("a", 0, 0, true);
	int one = get(&first, 1);
	struct channel_bind second = ask("a", socket_port(one), 1, true);
	int other = get(&second, 1);
	CU_ASSERT(other >= 0);
	CU_ASSERT_NOT_EQUAL(one, other);
	CU_ASSERT_EQUAL(get(&first, 2), one);
	CU_ASSERT_EQUAL(get(&second, 2), other);
	store_clear(&store);
}

static void what_is_not_kept_is_closed(void)
{
	struct channel_bind a = ask("a", 0, 0, false), b = ask("b", 0, 0, false);
	int one = get(&a, 1), other = get(&b, 1);
	keep(other, "renamed");
	store_sweep(&store);
	CU_ASSERT_EQUAL_FATAL(store.count, 1);
	CU_ASSERT_EQUAL(store.entries[0].fd, other);
	CU_ASSERT_STRING_EQUAL(store.entries[0].key.name, "renamed");
	CU_ASSERT(fcntl(one, F_GETFD) < 0);
	store_sweep(&store); /* once is not for ever */
	CU_ASSERT_EQUAL(store.count, 0);
	store_clear(&store);
}

static void what_the_dead_have_not_served_is_closed(void)
{
	struct channel_bind a = ask("a", 0, 0, false), b = ask("b", 0, 0, false), c = ask("c", 0, 0, false);
	int one = get(&a, 1);
	keep(one, "a");
	store_sweep(&store);
	int other = get(&b, 1), third = get(&c, 2);
	store_release(&store, 1);
	CU_ASSERT_EQUAL(store.count, 2);
	CU_ASSERT(fcntl(one, F_GETFD) >= 0);
	CU_ASSERT(fcntl(other, F_GETFD) < 0);
	CU_ASSERT(fcntl(third, F_GETFD) >= 0);
	store_clear(&store);
}

static void what_cannot_be_changed_is_bound_anew(void)
{
	struct channel_bind a = ask("a", 0, 0, false);
	uint64_t cookie = channel_cookie(get(&a, 1));
	a.settings.v6only = 1;
	CU_ASSERT_NOT_EQUAL(channel_cookie(get(&a, 2)), cookie);
	CU_ASSERT_EQUAL(store.count, 1);
	store_clear(&store);
}

/* Who takes all there are must not keep the next worker from beginning. */
static void some_descriptors_are_left_for_workers(void)
{
	struct rlimit before, limit;
	struct channel_bind a = ask("a", 0, 0, false);
	struct plait_error error = { 0 };
	int ends[2], room = 0;
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 200;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (store_get(&store, &a, 1, &error) >= 0)
		;
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "ulimit -n"));
	CU_ASSERT(store.count > 100);
	while (room < 10 && channel_pair(ends) == 0)
		room++;
	CU_ASSERT_EQUAL(room, 10);
	for (int i = 0; i < 2 * room; i++)
		close(ends[1] - i);
	setrlimit(RLIMIT_NOFILE, &before);
	store_clear(&store);
}

static void files_go_with_their_sockets(void)
{
	char folder[] = "/tmp/plait-store-XXXXXX", path[64];
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	struct channel_bind bind = ask(BROKER_CONTROL_NAME, 0, 0, false);
	struct sockaddr_un *sun = (struct sockaddr_un *)&bind.sa;
	memset(&bind.sa, 0, sizeof(bind.sa));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, strlen(path));
	bind.len = sizeof(*sun);
	CU_ASSERT(get(&bind, 1) >= 0);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	store_stop(&store); /* but for the control socket's */
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	store_clear(&store);
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	rmdir(folder);
}

/* Who may write to the folder could have linked another program's there. */
static void a_socket_of_two_names_is_left_alone(void)
{
	char dir[] = "/tmp/plait-store-XXXXXX", other[64];
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct unix_path_id id;
	struct stat found;
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	unix_path_remember(fd, &id);
	CU_ASSERT_EQUAL(unix_path_set_mode(&sun, "0600"), 0);
	CU_ASSERT_EQUAL(link(sun.sun_path, other), 0);
	CU_ASSERT_EQUAL(unix_path_set_mode(&sun, "0666"), 0);
	CU_ASSERT_EQUAL(unix_path_give(&id, 65534, 65534), 0);
	CU_ASSERT_EQUAL(stat(other, &found), 0);
	CU_ASSERT_EQUAL(found.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(found.st_uid, geteuid());
	unlink(other);
	unlink(sun.sun_path);
	rmdir(dir);
	close(fd);
}

static struct config *configure(const char *text)
{
	struct problems problems;
	problems_init(&problems);
	struct config *config = config_load_text("some.json", text, strlen(text), &problems);
	problems_fini(&problems);
	return config;
}

static void only_what_is_configured_is_bound(void)
{
	struct config *config = configure(
		"{\"control\": \"/tmp/c\", \"listeners\": [{\"name\": \"a\", \"bind\": "
		"\"tcp://127.0.0.1:7\", \"protocol\": \"p\"}, {\"name\": \"b\", \"bind\": "
		"\"udp://127.0.0.1:0\", \"protocol\": \"p\"}]}");
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	struct channel_bind bind = ask("whoever", 7, 0, false);
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind = ask("a", 7, 0, false);
	CU_ASSERT(permit_bind(config, &bind));
	bind.type = SOCK_DGRAM; /* the listener is TCP's */
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind = ask("a", 8, 0, false);
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind = ask("b", 8, 0, false);
	bind.type = SOCK_DGRAM; /* any port of that, but no privileged one */
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind = ask("b", 1024, 0, false);
	bind.type = SOCK_DGRAM;
	CU_ASSERT(permit_bind(config, &bind));
	bind = ask("b", 0, PLAIT_LOOPS_MAX - 1, false);
	bind.type = SOCK_DGRAM;
	CU_ASSERT(permit_bind(config, &bind));
	bind.number++; /* there are no more loops than that */
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind.len = sizeof(bind.sa) + 1;
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind.len = 1;
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind = ask(BROKER_CONTROL_NAME, 7, 0, false);
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	struct sockaddr_un *sun = (struct sockaddr_un *)&bind.sa;
	sun->sun_family = AF_UNIX;
	strcpy(sun->sun_path, "/tmp/c");
	bind.len = sizeof(*sun);
	CU_ASSERT(permit_bind(config, &bind));
	bind.len = offsetof(struct sockaddr_un, sun_path) + strlen("/tmp/"); /* where the kernel would stop */
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	bind.len = sizeof(*sun);
	strcpy(sun->sun_path, "/tmp/d");
	CU_ASSERT_FALSE(permit_bind(config, &bind));
	config_free(&config);
}

static void messages_bring_descriptors(void)
{
	struct channel_message message, got;
	int ends[2], passed;
	CU_ASSERT_EQUAL_FATAL(channel_pair(ends), 0);
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_RECYCLE;
	memset(message.u.text, 'x', sizeof(message.u.text));
	int text = channel_write_text("hello", 5);
	CU_ASSERT(text >= 0);
	CU_ASSERT_EQUAL(channel_send(ends[0], &message, text, true), 0);
	CU_ASSERT_EQUAL(channel_receive(ends[1], &got, &passed, true), 1);
	CU_ASSERT_EQUAL(strlen(got.u.text), sizeof(got.u.text) - 1);
	CU_ASSERT(passed >= 0 && passed != text);
	size_t len;
	char *read_back = channel_read_text(passed, 5, &len);
	CU_ASSERT_STRING_EQUAL(read_back, "hello");
	free(read_back);
	CU_ASSERT_PTR_NULL(channel_read_text(passed, 4, &len));
	CU_ASSERT(write(passed, "x", 1) < 0); /* it is sealed */
	CU_ASSERT_EQUAL(channel_receive(ends[1], &got, &passed, false), -1);
	CU_ASSERT_EQUAL(errno, EAGAIN);
	close(passed);
	close(text);
	close(ends[0]);
	CU_ASSERT_EQUAL(channel_receive(ends[1], &got, &passed, true), 0);
	close(ends[1]);
}

static void the_first_end_takes_no_descriptors(void)
{
	struct channel_message message = { .kind = CHANNEL_UPGRADE };
	int ends[2], takes = 1;
	socklen_t len = sizeof(takes);
	CU_ASSERT_EQUAL_FATAL(channel_pair(ends), 0);
	if (getsockopt(ends[0], SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &takes, &len) == 0) {
		CU_ASSERT_EQUAL(channel_send(ends[1], &message, ends[1], false), -1);
		CU_ASSERT_EQUAL(errno, EPERM);
	}
	close(ends[0]);
	close(ends[1]);
}

static void what_is_no_message_is_refused(void)
{
	struct channel_message message, got;
	int ends[2], passed;
	CU_ASSERT_EQUAL_FATAL(channel_pair(ends), 0);
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_KINDS;
	CU_ASSERT_EQUAL(channel_send(ends[0], &message, -1, true), 0);
	CU_ASSERT_EQUAL(channel_receive(ends[1], &got, &passed, true), -1);
	CU_ASSERT_EQUAL(errno, EPROTO);
	message.kind = CHANNEL_READY;
	message.version = CHANNEL_VERSION + 1;
	CU_ASSERT(send(ends[0], &message, sizeof(message), 0) > 0);
	CU_ASSERT_EQUAL(channel_receive(ends[1], &got, &passed, true), -1);
	message.version = CHANNEL_VERSION;
	CU_ASSERT(send(ends[0], &message, sizeof(message) - 1, 0) > 0);
	CU_ASSERT_EQUAL(channel_receive(ends[1], &got, &passed, true), -1);
	close(ends[0]);
	close(ends[1]);
}

static void symbols_of_files(void)
{
	struct symbol symbol;
	char path[] = "/tmp/plait-symbol-XXXXXX", head[64] = "\177ELF\002";
	CU_ASSERT_FALSE(symbol_find("/", 0, 0, &symbol));
	CU_ASSERT_FALSE(symbol_find("/dev/zero", 0, 0, &symbol));
	CU_ASSERT_FALSE(symbol_find("/nowhere", 0, 0, &symbol));
	int fd = mkstemp(path);
	memset(head + 5, 0xff, sizeof(head) - 5); /* all that it says lies beyond its end */
	CU_ASSERT_EQUAL(write(fd, head, sizeof(head)), (ssize_t)sizeof(head));
	CU_ASSERT_FALSE(symbol_find(path, 0, 0, &symbol));
	close(fd);
	unlink(path);
}

/* Its table of symbols fills a terabyte, all of it a hole. */
static void symbols_without_end(void)
{
	struct symbol symbol;
	char path[] = "/tmp/plait-symbol-XXXXXX";
	const ElfW(Off) size = (ElfW(Off))1 << 40, at = 1 << 16;
	ElfW(Ehdr) head = { .e_ident = "\177ELF\002",
			    .e_phoff = sizeof(head),
			    .e_phnum = 1,
			    .e_shoff = sizeof(head) + sizeof(ElfW(Phdr)),
			    .e_shnum = 2 };
	ElfW(Phdr) segment = { .p_type = PT_LOAD, .p_filesz = size };
	ElfW(Shdr) sections[2] = {
		{ .sh_type = SHT_SYMTAB, .sh_offset = at, .sh_size = size - at, .sh_link = 1 },
		{ .sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = size - at },
	};
	int fd = mkstemp(path);
	CU_ASSERT_EQUAL(write(fd, &head, sizeof(head)), (ssize_t)sizeof(head));
	CU_ASSERT_EQUAL(write(fd, &segment, sizeof(segment)), (ssize_t)sizeof(segment));
	CU_ASSERT_EQUAL(write(fd, sections, sizeof(sections)), (ssize_t)sizeof(sections));
	CU_ASSERT_EQUAL(ftruncate(fd, (off_t)size), 0);
	CU_ASSERT_FALSE(symbol_find(path, 0, 64, &symbol));
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(the_next_worker_gets_the_same),
		SUITE_TEST(one_worker_gets_each_once),
		SUITE_TEST(another_name_gets_it_by_its_address),
		SUITE_TEST(sockets_that_share_an_address),
		SUITE_TEST(what_is_not_kept_is_closed),
		SUITE_TEST(what_the_dead_have_not_served_is_closed),
		SUITE_TEST(what_cannot_be_changed_is_bound_anew),
		SUITE_TEST(some_descriptors_are_left_for_workers),
		SUITE_TEST(files_go_with_their_sockets),
		SUITE_TEST(a_socket_of_two_names_is_left_alone),
		SUITE_TEST(only_what_is_configured_is_bound),
		SUITE_TEST(messages_bring_descriptors),
		SUITE_TEST(the_first_end_takes_no_descriptors),
		SUITE_TEST(what_is_no_message_is_refused),
		SUITE_TEST(symbols_of_files),
		SUITE_TEST(symbols_without_end),
	};
	return suite_run("store", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
