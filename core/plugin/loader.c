/* Loads plugins: nothing of a plugin runs before its file, its version and its descriptor's head are known
 * to be good. */
#include "core/plugin/loader.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"
#include "core/base/system_text.h"
#include "core/base/text.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/elf.h"
#include "core/plugin/file.h"
#include "core/plugin/roll.h"

#define MEMORY_NAME_SIZE 64

/* Under this name nobody else's object can be: the descriptor stays open as long as the plugin. */
static void memory_name(int fd, char *name)
{
	snprintf(name, MEMORY_NAME_SIZE, "/proc/%ld/fd/%d", (long)getpid(), fd);
}

/* Judges the private copy by its bytes; fills symbol. */
static int inspect(const char *file, int fd, size_t size, struct elf_symbol *symbol,
		   struct plait_error *error)
{
	struct elf_image image = { .file = file, .size = size };
	void *bytes = NULL;

	if (size) {
		bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes == MAP_FAILED)
			return plait_error_set(error, PLAIT_ERROR_SYSTEM, file, "cannot be mapped: %s",
					       system_text(errno));
		image.bytes = bytes;
	}
	int code = elf_check(&image, error);

	if (!code)
		code = elf_find(&image, PLAIT_PLUGIN_SYMBOL, symbol, error);
	if (!code)
		code = descriptor_check_head(file, symbol->size, symbol->bytes, symbol->bytes_size, error);
	if (size)
		munmap(bytes, size);
	symbol->bytes = NULL;
	return code;
}

static const char *remedy(const char *text)
{
	static const struct {
		const char *symptom, *remedy;
	} table[] = {
		{ "Too many open files", "raise ulimit -n, or LimitNOFILE= of the systemd unit" },
		{ "undefined symbol: plait_",
		  "this plait does not have it: upgrade plait, or correct the plugin" },
		{ "undefined symbol", "link the plugin with the library that defines it" },
		{ "cannot open shared object file",
		  "install that library, or link the plugin with its run path" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strstr(text, table[i].symptom))
			return table[i].remedy;
	return "build the plugin again on this machine";
}

/* dlerror's text with the private copy's name taken off its head, or replaced by the file's. */
static int dl_error(const char *file, const char *memory, struct plait_error *error)
{
	const char *why = dlerror();
	size_t length = strlen(memory);
	char text[sizeof(error->text)] = "";

	if (!why)
		why = "for a reason the system does not tell";
	if (!strncmp(why, memory, length) && !strncmp(why + length, ": ", 2))
		why += length + 2;
	for (const char *found; (found = strstr(why, memory)); why = found + length)
		text_append(text, sizeof(text), "%.*s%s", (int)(found - why), why, file);
	text_append(text, sizeof(text), "%s", why);
	return plait_error_set(error, PLAIT_ERROR_INVALID, file, "cannot be loaded: %s; %s", text,
			       remedy(text));
}

/* dlopens the private copy and returns the address of its descriptor, NULL with error. */
static const void *load(struct plugin *plugin, const struct elf_symbol *symbol, struct plait_error *error)
{
	char memory[MEMORY_NAME_SIZE];
	struct link_map *map = NULL;

	memory_name(plugin->fd, memory);
	plugin->handle = dlopen(memory, RTLD_NOW | RTLD_LOCAL);
	if (!plugin->handle) {
		dl_error(plugin->file, memory, error);
		return NULL;
	}
	const void *found = dlsym(plugin->handle, PLAIT_PLUGIN_SYMBOL);

	/* The size that was checked is the one of this very symbol, not of a namesake in another object. */
	if (!found || dlinfo(plugin->handle, RTLD_DI_LINKMAP, &map) < 0 ||
	    (uintptr_t)found != map->l_addr + (uintptr_t)symbol->value) {
		plait_error_set(error, PLAIT_ERROR_INVALID, plugin->file,
				"has more than one symbol " PLAIT_PLUGIN_SYMBOL
				"; define one protocol, without symbol "
				"versions");
		return NULL;
	}
	return found;
}

static void release(struct plugin *plugin)
{
	roll_remove(plugin);
	if (plugin->handle)
		dlclose(plugin->handle);
	if (plugin->fd >= 0)
		close(plugin->fd);
	free(plugin->file);
	free(plugin);
}

/* Names of files, and what a plugin says, go to terminals and logs. */
static void make_printable(struct plait_error *error)
{
	struct plait_error raw;

	if (!error)
		return;
	raw = *error;
	raw.path[sizeof(raw.path) - 1] = raw.text[sizeof(raw.text) - 1] = 0;
	escape_text(error->path, sizeof(error->path), raw.path, strlen(raw.path));
	escape_text(error->text, sizeof(error->text), raw.text, strlen(raw.text));
}

struct plugin *plugin_copy(const char *name, const char *const *search, struct plait_error *error)
{
	struct plugin *plugin = alloc_zeroed(sizeof(*plugin), "a plugin");

	plugin->references = 1;
	plugin->fd = -1;
	plugin->file = file_find(name, search, error);
	if (plugin->file)
		plugin->fd = file_copy(plugin->file, &plugin->size, error);
	if (plugin->fd >= 0)
		return plugin;
	release(plugin);
	make_printable(error);
	return NULL;
}

static bool same_bytes(int a, int b, size_t size)
{
	void *one = mmap(NULL, size, PROT_READ, MAP_PRIVATE, a, 0);
	void *other = mmap(NULL, size, PROT_READ, MAP_PRIVATE, b, 0);
	bool same = one != MAP_FAILED && other != MAP_FAILED && memcmp(one, other, size) == 0;

	if (one != MAP_FAILED)
		munmap(one, size);
	if (other != MAP_FAILED)
		munmap(other, size);
	return same;
}

bool plugin_same(const struct plugin *a, const struct plugin *b)
{
	return !strcmp(a->file, b->file) && a->size == b->size && same_bytes(a->fd, b->fd, a->size);
}

int plugin_open(struct plugin *plugin, struct plait_error *error)
{
	struct elf_symbol symbol;
	struct plait_error why;
	int code = inspect(plugin->file, plugin->fd, plugin->size, &symbol, &why);
	const void *descriptor = code ? NULL : load(plugin, &symbol, &why);

	if (descriptor && !descriptor_read(plugin->file, descriptor, &plugin->protocol, &why)) {
		roll_add(plugin);
		return 0;
	}
	make_printable(&why);
	if (error)
		*error = why;
	return why.code;
}

int plugin_init(struct plugin *plugin, struct plait_error *error)
{
	struct plait_error why = { 0 };

	if (plugin->protocol.init && plugin->protocol.init(&why)) {
		/* The plugin filled it: its strings need not end. */
		why.path[sizeof(why.path) - 1] = why.text[sizeof(why.text) - 1] = 0;
		plait_error_set(error, why.code < 0 ? why.code : PLAIT_ERROR_REFUSED, plugin->file,
				"its init failed: %s%s%s", why.path, *why.path ? ": " : "",
				*why.text ? why.text : "it does not say why; ask the plugin's author");
		make_printable(error);
		return why.code < 0 ? why.code : PLAIT_ERROR_REFUSED;
	}
	plugin->initialised = true;
	return 0;
}

struct plugin *plugin_load(const char *name, const char *const *search, struct plait_error *error)
{
	struct plugin *plugin = plugin_copy(name, search, error);

	if (plugin && (plugin_open(plugin, error) || plugin_init(plugin, error)))
		plugin_unref(&plugin);
	return plugin;
}

struct plugin *plugin_ref(struct plugin *plugin)
{
	assert(plugin->references > 0);
	plugin->references++;
	return plugin;
}

void plugin_unref(struct plugin **plugin)
{
	struct plugin *gone = *plugin;

	*plugin = NULL;
	if (!gone)
		return;
	assert(gone->references > 0);
	if (--gone->references)
		return;
	if (gone->keeper)
		gone->keeper->unused(gone->keeper, gone);
	else
		plugin_free(&gone);
}

void plugin_free(struct plugin **plugin)
{
	struct plugin *gone = *plugin;

	*plugin = NULL;
	if (gone->initialised && gone->protocol.fini)
		gone->protocol.fini();
	release(gone);
}

struct extent {
	const struct link_map *map;
	struct code_range code;
};

/* Adds the segments of the object that extent is about. */
static int add_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct extent *extent = arg;

	(void)size;
	if (info->dlpi_addr != extent->map->l_addr)
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + segment->p_vaddr, end = begin + segment->p_memsz;

		if (segment->p_type != PT_LOAD)
			continue;
		if (extent->code.end == 0 || begin < extent->code.begin)
			extent->code.begin = begin;
		if (end > extent->code.end)
			extent->code.end = end;
	}
	return 1;
}

struct code_range plugin_code(const struct plugin *plugin)
{
	struct extent extent = { 0 };
	struct link_map *map = NULL;

	if (dlinfo(plugin->handle, RTLD_DI_LINKMAP, &map) < 0)
		return extent.code;
	extent.map = map;
	dl_iterate_phdr(add_segments, &extent);
	return extent.code;
}
