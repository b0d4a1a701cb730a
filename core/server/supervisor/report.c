/* The crash report: what a dying thread wrote down, as lines of the log. The page is the worker's, and not trusted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/server/supervisor/inside.h"
#include "core/server/supervisor/symbol.h"

struct place {
	const struct roll_entry *plugin; /* NULL: none's */
	const char *callback;            /* the function is this callback of it; NULL: none, or not known */
	char module[512];                /* empty: unknown */
	uint64_t offset;                 /* in the file */
	struct symbol symbol;            /* its name may be empty */
};

struct report {
	struct page *page;
	char maps[CRASH_MAPS];
};

/* ---- addresses ---- */

/* The mapping that has the address, from a text as in /proc/PID/maps. */
static bool find_mapping(const char *maps, uint64_t address, struct place *place)
{
	for (const char *line = maps; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		uint64_t begin, end, offset;
		int path = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &begin, &end, &offset,
			   &path) < 3 ||
		    path == 0 || address < begin || address >= end)
			continue;
		snprintf(place->module, sizeof(place->module), "%.*s", (int)strcspn(line + path, "\n"),
			 line + path);
		place->offset = address - begin + offset;
		return true;
	}
	return false;
}

static const struct roll_entry *find_plugin(const struct roll *roll, uint64_t address)
{
	for (unsigned i = 0; i < ROLL_PLUGINS; i++)
		if (roll->entries[i].used && address >= roll->entries[i].begin &&
		    address < roll->entries[i].end)
			return &roll->entries[i];
	return NULL;
}

/* The callback that begins there; exact: else the last one that begins before it. */
static const char *find_callback(const struct roll_entry *plugin, uint64_t address, bool exact)
{
	const char *best = NULL;
	uint64_t begin = 0;
	for (unsigned i = 0; i < ROLL_CALLBACKS; i++) {
		uint64_t one = plugin->callbacks[i];
		if (one == 0 || one > address || one < begin || (exact && one != address))
			continue;
		best = roll_callback_name(i);
		begin = one;
	}
	return best;
}

/* The plugin runs from a copy, which is gone; its file may be another one meanwhile. */
static void find_symbol(struct place *place)
{
	const char *file = place->module;
	struct stat found;
	if (place->plugin) {
		file = place->plugin->file;
		if (stat(file, &found) < 0 || (uint64_t)found.st_size != place->plugin->size)
			return;
	}
	if (file[0] == '/' && !symbol_find(file, place->offset, &place->symbol))
		place->symbol.name[0] = '\0';
}

/* The compiler may have put a part of a callback elsewhere: "NAME.cold". */
static const char *find_part(const struct report *report, const struct place *part)
{
	size_t len = strcspn(part->symbol.name, ".");
	for (unsigned i = 0; part->symbol.name[len] && i < ROLL_CALLBACKS; i++) {
		struct place place = { .plugin = part->plugin };
		if (part->plugin->callbacks[i] == 0 ||
		    !find_mapping(report->maps, part->plugin->callbacks[i], &place))
			continue;
		find_symbol(&place);
		if (strncmp(place.symbol.name, part->symbol.name, len) == 0 && !place.symbol.name[len])
			return roll_callback_name(i);
	}
	return NULL;
}

/* caller: the address is where a call returns to, which may be behind the function's end. */
static void find_place(const struct report *report, uint64_t address, bool caller, struct place *place)
{
	*place = (struct place){ 0 };
	address -= caller && address > 0;
	if (!find_mapping(report->maps, address, place))
		return;
	place->plugin = find_plugin(&report->page->roll, address);
	find_symbol(place);
	if (place->plugin && place->symbol.name[0])
		place->callback = find_callback(place->plugin, address - place->symbol.into, true);
	else if (place->plugin)
		place->callback = find_callback(place->plugin, address, false);
	if (place->plugin && !place->callback)
		place->callback = find_part(report, place);
}

/* ---- words ---- */

static void describe(const struct place *place, uint64_t address, char *out, size_t size)
{
	const char *slash = strrchr(place->module, '/');
	*out = '\0';
	if (place->plugin)
		text_append(out, size, "plugin %.63s", place->plugin->name);
	else if (place->module[0])
		text_append(out, size, "%s", slash ? slash + 1 : place->module);
	if (place->module[0])
		text_append(out, size, "+0x%" PRIx64, place->offset);
	else
		text_append(out, size, "0x%" PRIx64, address);
	if (place->symbol.name[0])
		text_append(out, size, " %s", place->symbol.name);
	if (place->callback)
		text_append(out, size, " (callback %s)", place->callback);
}

/* The outermost function of a plugin is what the core has called. */
static void find_culprit(const struct report *report, struct place *culprit)
{
	const struct crash_record *crash = &report->page->crash;
	*culprit = (struct place){ 0 };
	for (uint32_t i = 0; i < crash->frame_count && i < CRASH_FRAMES; i++) {
		struct place place;
		find_place(report, crash->frames[i], i > 0, &place);
		if (place.plugin)
			*culprit = place;
	}
}

static void name_loop(const struct page *page, char *out, size_t size)
{
	int loop = page->crash.loop;
	if (loop < 0)
		snprintf(out, size, "another thread than the loops'");
	else if ((uint32_t)loop + 1 == page->loops)
		snprintf(out, size, "the main loop");
	else
		snprintf(out, size, "loop %d", loop);
}

static void name_culprit(const struct place *culprit, char *out, size_t size)
{
	*out = '\0';
	if (!culprit->plugin) {
		text_append(out, size, "no plugin's code");
		return;
	}
	text_append(out, size, "plugin %.63s", culprit->plugin->name);
	if (culprit->callback)
		text_append(out, size, ", callback %s", culprit->callback);
	else if (culprit->symbol.name[0])
		text_append(out, size, ", function %s", culprit->symbol.name);
}

void report_crash(const struct worker_process *worker, char *summary, size_t size)
{
	struct crash_record *crash = worker->page ? &worker->page->crash : NULL;
	struct report *report = crash && atomic_load(&crash->state) != CRASH_NONE ? malloc(sizeof(*report))
										  : NULL;
	char where[64], whom[256], line[1024];
	struct place place;
	*summary = '\0';
	if (!report)
		return;
	report->page = worker->page;
	memcpy(report->maps, crash->maps, sizeof(report->maps));
	report->maps[CRASH_MAPS - 1] = '\0';
	for (unsigned i = 0; i < ROLL_PLUGINS; i++) {
		struct roll_entry *entry = &report->page->roll.entries[i];
		entry->name[sizeof(entry->name) - 1] = entry->file[sizeof(entry->file) - 1] = '\0';
	}
	find_culprit(report, &place);
	name_culprit(&place, whom, sizeof(whom));
	name_loop(report->page, where, sizeof(where));
	snprintf(summary, size, "in %s, %s", where, whom);
	log_answer(PLAIT_LOG_ERROR, NULL,
		   "worker %u (pid %d): signal %d (%s), address 0x%" PRIx64 ", in thread %d, %s; %s",
		   worker->number, (int)worker->pid, (int)crash->signal, strsignal(crash->signal),
		   crash->address, (int)crash->thread, where, whom);
	for (uint32_t i = 0; i < crash->frame_count && i < CRASH_FRAMES; i++) {
		find_place(report, crash->frames[i], i > 0, &place);
		describe(&place, crash->frames[i], line, sizeof(line));
		log_answer(PLAIT_LOG_ERROR, NULL, "worker %u: #%u %s", worker->number, (unsigned)i, line);
	}
	free(report);
}
