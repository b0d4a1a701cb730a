/* Tests of the plugin loader: what it takes, what it refuses and in which words, and what it leaves
 * behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/plugin/elf.h"
#include "core/plugin/plugin.h"
#include "tests/unit/plugin/folder.h"
#include "tests/unit/suite.h"

static struct folder folder;

/* Loading name fails, about path, with expected in the text. */
static void refuses(const char *name, const char *path, const char *expected)
{
	const char *const search[] = { folder.path, NULL };
	struct plait_error error = { 0 };
	struct plugin *plugin = plugin_load(name, search, &error);

	CU_ASSERT_PTR_NULL_FATAL(plugin);
	CU_ASSERT(error.code < 0);
	CU_ASSERT_STRING_EQUAL(error.path, path);
	if (!strstr(error.text, expected)) {
		printf("# wanted: %s\n# found:  %s\n", expected, error.text);
		CU_FAIL("another error text");
	}
}

static struct plugin *loads(const char *name)
{
	const char *const search[] = { "/nonexistent", folder.path, NULL };
	struct plait_error error = { 0 };
	struct plugin *plugin = plugin_load(name, search, &error);

	if (!plugin)
		printf("# %s: %s\n", error.path, error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plugin);
	return plugin;
}

static void loads_and_unloads(void)
{
	folder_make(&folder);
	const char *path = folder_sample(&folder, "sample.so");
	const char *names[] = { "sample", path };

	for (size_t i = 0; i < 2; i++) {
		struct plugin *plugin = loads(names[i]), *same = plugin_ref(plugin);
		int fd = plugin->fd;

		CU_ASSERT_STRING_EQUAL(plugin->protocol.head.name, "sample");
		CU_ASSERT_STRING_EQUAL(plugin->protocol.summary, "a sample");
		CU_ASSERT_EQUAL(plugin->protocol.conn_size, 24);
		CU_ASSERT_PTR_NULL(plugin->protocol.made);
		CU_ASSERT_EQUAL(plugin->protocol.data(NULL, "x", 1), 1);
		CU_ASSERT_STRING_EQUAL(plugin->file, path);
		CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "up");
		CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 0), -1); /* sealed */
		plugin_unref(&same);
		CU_ASSERT_PTR_NULL(same);
		CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "up");
		plugin_unref(&plugin);
		CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "down");
		CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
	}
	folder_remove(&folder);
}

static void the_copy_is_private(void)
{
	folder_make(&folder);
	const char *path = folder_sample(&folder, "sample.so");
	struct plugin *first = loads(path), *second = loads(path);

	CU_ASSERT(first->handle != second->handle);
	CU_ASSERT(first->protocol.data != second->protocol.data);
	plugin_unref(&second);
	folder_write(&folder, "sample.so", "gone", 4); /* in place: the mapped file itself would change */
	CU_ASSERT_EQUAL(first->protocol.data(NULL, "x", 1), 1);
	plugin_unref(&first);
	folder_remove(&folder);
}

static void relative_paths_become_absolute(void)
{
	char before[PATH_MAX];

	folder_make(&folder);
	const char *path = folder_sample(&folder, "sample.so");

	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(before, sizeof(before)));
	CU_ASSERT_EQUAL(chdir(folder.path), 0);
	struct plugin *plugin = loads("./sample.so");

	CU_ASSERT_STRING_EQUAL(plugin->file, path);
	plugin_unref(&plugin);
	refuses("sample.so", "sample.so",
		"write \"sample\" to have it looked up, or a path with a slash, \"./sample.so\"");
	CU_ASSERT_EQUAL(chdir(before), 0);
	folder_remove(&folder);
}

static void names_what_is_missing(void)
{
	char expected[PATH_MAX];

	folder_make(&folder);
	folder_sample(&folder, "sample.so");
	snprintf(
		expected, sizeof(expected),
		"no plugin of that name. Did you mean \"sample\"? Add its folder to plugin_path, or give the path of its "
		"file. Looked for %s/smaple.so",
		folder.path);
	refuses("smaple", "smaple", expected);
	refuses("other", "other", "no plugin of that name. Add its");
	refuses("", "", "empty");
	refuses(folder_at(&folder, "sampel.so"), folder_at(&folder, "sampel.so"),
		"no such file. Did you mean \"sample.so\"? ");
	refuses("/nonexistent/x.so", "/nonexistent/x.so",
		"no such file. Build the plugin, or correct the path");
	refuses("a\nb", "a\\nb", "no plugin of that name");
	CU_ASSERT_EQUAL(symlink("nowhere", folder_at(&folder, "link.so")), 0);
	refuses("link", folder_at(&folder, "link.so"), "no such file");
	folder_remove(&folder);
}

static void looks_at_no_second_folder(void)
{
	folder_make(&folder);
	struct folder second = folder;

	folder_sample(&second, "sample.so");
	folder_make(&folder);
	folder_write(&folder, "sample.so", "", 0);
	const char *const search[] = { folder.path, second.path, NULL };
	struct plait_error error;

	CU_ASSERT_PTR_NULL(plugin_load("sample", search, &error));
	CU_ASSERT_STRING_EQUAL(error.path, folder_at(&folder, "sample.so"));
	folder_remove(&folder);
	folder_remove(&second);
}

static void trusts_no_writable_file(void)
{
	folder_make(&folder);
	const char *path = folder_sample(&folder, "sample.so");
	char expected[PATH_MAX];

	snprintf(expected, sizeof(expected),
		 "can be written by its group (mode 0664); a plugin can do what plait can, so: chmod g-w %s",
		 path);
	chmod(path, 0664);
	refuses("sample", path, expected);
	chmod(path, 0646);
	refuses("sample", path, "can be written by everybody (mode 0646)");
	chmod(path, 0666);
	refuses("sample", path, "can be written by its group and everybody (mode 0666)");
	chmod(path, 0644);
	chmod(folder.path, 0777);
	snprintf(expected, sizeof(expected),
		 "is in a folder that can be written by its group and everybody (mode 0777); "
		 "a plugin can do what plait can, so: chmod go-w %s",
		 folder.path);
	refuses("sample", path, expected);
	chmod(folder.path, 01777); /* sticky: others can still add files */
	refuses("sample", path, "is in a folder that others write to as well (mode 1777)");
	chmod(folder.path, 0770);
	refuses("sample", path, "is in a folder that can be written by its group (mode 0770)");
	chmod(folder.path, 0700);
	folder_remove(&folder);
}

static void trusts_no_strangers(void)
{
	if (geteuid() != 0)
		return; /* only root can give files away */
	folder_make(&folder);
	const char *path = folder_sample(&folder, "sample.so");

	CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
	refuses("sample", path, "belongs to user 12345, neither to root nor to user 0 who runs plait");
	CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
	CU_ASSERT_EQUAL(chown(folder.path, 12345, 12345), 0);
	refuses("sample", path, "is in a folder that belongs to user 12345");
	CU_ASSERT_EQUAL(chown(folder.path, 0, 0), 0);
	folder_remove(&folder);
}

static void follows_links_with_care(void)
{
	folder_make(&folder);
	struct folder real = folder;
	const char *path = folder_sample(&real, "sample.so");

	folder_make(&folder);
	CU_ASSERT_EQUAL(symlink(path, folder_at(&folder, "sample.so")), 0);
	struct plugin *plugin = loads("sample");

	CU_ASSERT_STRING_EQUAL(plugin->file, path);
	plugin_unref(&plugin);
	chmod(folder.path, 0777); /* who may write here chooses where the link goes */
	refuses("sample", folder_at(&folder, "sample.so"), "is in a folder that can be written by");
	chmod(folder.path, 0700);
	chmod(real.path, 0777);
	refuses("sample", path, "is in a folder that can be written by");
	folder_remove(&folder);
	folder_remove(&real);
}

static void refuses_what_is_no_plugin(void)
{
	folder_make(&folder);
	const char *path = folder_write(&folder, "sample.so", "#!/bin/sh\n", 10);

	refuses("sample", path, "is no shared object; a plugin is built with cc -shared -fPIC");
	folder_write(&folder, "sample.so", "", 0);
	refuses("sample", path, "is an empty file");
	folder_write(&folder, "echo.la", "# echo.la - a libtool library file", 34);
	refuses(folder_at(&folder, "echo.la"), folder_at(&folder, "echo.la"),
		"name the .so file in .libs beside it");
	unlink(path);
	mkdir(path, 0755);
	refuses("sample", path, "is a folder; name the .so file in it");
	rmdir(path);
	mkfifo(path, 0644);
	refuses("sample", path, "is no regular file");
	folder_remove(&folder);
}

static void refuses_what_is_cut_short(void)
{
	size_t size;

	folder_make(&folder);
	unsigned char *bytes = sample_bytes(&size);

	for (size_t cut = 4; cut < size; cut += cut < 4096 ? 61 : 997) {
		const char *path = folder_write(&folder, "sample.so", bytes, cut);

		refuses("sample", path, "is cut short or damaged");
	}
	free(bytes);
	folder_remove(&folder);
}

/* Overwrites the descriptor in a copy of the sample. */
static const char *patched(size_t offset, const void *value, size_t len)
{
	struct elf_image image = { .file = "sample" };
	struct elf_symbol symbol;
	unsigned char *bytes = sample_bytes(&image.size);

	image.bytes = bytes;
	CU_ASSERT_EQUAL_FATAL(elf_check(&image, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(elf_find(&image, PLAIT_PLUGIN_SYMBOL, &symbol, NULL), 0);
	CU_ASSERT_FATAL(symbol.bytes_size >= sizeof(struct plait_head));
	memcpy(bytes + (symbol.bytes - bytes) + offset, value, len);
	const char *path = folder_write(&folder, "sample.so", bytes, image.size);

	free(bytes);
	return path;
}

static void patched_head(size_t offset, unsigned value, size_t len, const char *expected)
{
	const char *path = patched(offset, &value, len);

	refuses("sample", path, expected);
}

static void checks_the_head(void)
{
	char expected[256];

	unsetenv("SAMPLE_STATE");
	folder_make(&folder);
	patched_head(offsetof(struct plait_head, magic), 0xdeadbeef, 4,
		     "the wrong magic number 0xdeadbeef instead of 0x74616c70");
	snprintf(
		expected, sizeof(expected),
		"is built for plugin ABI %d.0, but plait %s has %d.%d; upgrade plait, or build the plugin again with the "
		"headers of this plait",
		PLAIT_ABI_MAJOR + 1, plait_version(), PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR);
	patched_head(offsetof(struct plait_head, abi_major), PLAIT_ABI_MAJOR + 1, 2, expected);
	patched_head(offsetof(struct plait_head, abi_major), 0, 2,
		     "; build the plugin again with the headers of this plait");
	patched_head(offsetof(struct plait_head, abi_minor), PLAIT_ABI_MINOR + 1, 2,
		     "; upgrade plait, or build the plugin again");
	patched_head(offsetof(struct plait_head, size), 1 << 20, 4,
		     "says that its descriptor has 1048576 bytes, but its symbol");
	patched_head(offsetof(struct plait_head, size), 16, 4, "truncated descriptor: 16 bytes");
	patched_head(offsetof(struct plait_head, kind), 77, 4, "is a plugin of kind 77, and plait");
	CU_ASSERT_PTR_NULL(getenv("SAMPLE_STATE"));
	folder_remove(&folder);
}

static void hears_what_init_says(void)
{
	folder_make(&folder);
	const char *path = folder_sample(&folder, "sample.so");

	unsetenv("SAMPLE_STATE");
	setenv("SAMPLE_INIT", "no luck\ntoday", 1);
	refuses("sample", path, "its init failed: no luck\\ntoday");
	setenv("SAMPLE_INIT", "mute", 1);
	refuses("sample", path, "its init failed: it does not say why");
	unsetenv("SAMPLE_INIT");
	CU_ASSERT_PTR_NULL(getenv("SAMPLE_STATE")); /* no fini without an init */
	folder_remove(&folder);
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void leaves_no_descriptor_open(void)
{
	size_t before = open_descriptors();

	loads_and_unloads();
	trusts_no_writable_file();
	checks_the_head();
	hears_what_init_says();
	refuses_what_is_no_plugin();
	CU_ASSERT_EQUAL(open_descriptors(), before);
}

static void needs_no_error_to_fill(void)
{
	CU_ASSERT_PTR_NULL(plugin_load("/nonexistent/x.so", NULL, NULL));
	CU_ASSERT_PTR_NULL(plugin_load("x", NULL, NULL));
}

static void has_a_default_path(void)
{
	setenv("PLAIT_PLUGIN_PATH", "/one::/two:/one", 1);
	const char *const *path = plugin_default_path();
	size_t count = 0;

	CU_ASSERT_STRING_EQUAL_FATAL(path[0], "/one");
	CU_ASSERT_STRING_EQUAL_FATAL(path[1], "/two");
	while (path[count])
		count++;
	CU_ASSERT(count >= 3);
	CU_ASSERT_EQUAL(path[count - 1][0], '/');
	CU_ASSERT_PTR_EQUAL(plugin_default_path(), path);
}

SUITE_MAIN("loader", SUITE_TEST(loads_and_unloads), SUITE_TEST(the_copy_is_private),
	   SUITE_TEST(relative_paths_become_absolute), SUITE_TEST(names_what_is_missing),
	   SUITE_TEST(looks_at_no_second_folder), SUITE_TEST(trusts_no_writable_file),
	   SUITE_TEST(trusts_no_strangers), SUITE_TEST(follows_links_with_care),
	   SUITE_TEST(refuses_what_is_no_plugin), SUITE_TEST(refuses_what_is_cut_short),
	   SUITE_TEST(checks_the_head), SUITE_TEST(hears_what_init_says),
	   SUITE_TEST(leaves_no_descriptor_open), SUITE_TEST(needs_no_error_to_fill),
	   SUITE_TEST(has_a_default_path))
