/* The crash report: what a dying thread wrote down, as lines of the log. The page is the worker's, and not trusted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* More of them than a report has room for. */
#define MAPPINGS_MOST 4096

/* Who waits for the next worker does not wait longer for names. */
#define NAMES_MS 300

struct mapping {
	uint64_t begin, end, offset;
	const char *path; /* up to the end of the line */
};

/* What was read once: a process that shares the page may live on and write to it. */
struct report {
	struct roll roll;
	struct crash_record crash;
	uint32_t loops;
	uint64_t until_ms; /* symbols are looked for */
	struct mapping mappings[MAPPINGS_MOST];
	unsigned mapping_count;
};

/* ---- addresses ---- */

/* The next one of the line, which may be empty. */
static const char *next_field(const char *at)
{
	at += strcspn(at, " \n");
	return at + strspn(at, " ");
}

/* "BEGIN-END rights OFFSET device inode PATH", as in /proc/PID/maps. False: it has no path. */
static bool read_mapping(const char *line, struct mapping *out)
{
	char *end;
	out->begin = strtoull(line, &end, 16);
	if (*end != '-')
		return false;
	out->end = strtoull(end + 1, NULL, 16);
	const char *offset = next_field(next_field(line));
	out->offset = strtoull(offset, NULL, 16);
	out->path = next_field(next_field(next_field(offset)));
	return *out->path && *out->path != '\n';
}

static void read_mappings(struct report *report)
{
	const char *line = report->crash.maps;
	for (; *line && report->mapping_count < MAPPINGS_MOST;
	     line += strcspn(line, "\n"), line += *line == '\n')
		report->mapping_count += read_mapping(line, &report->mappings[report->mapping_count]);
}

/* Which has the address. */
static bool find_mapping(const struct report *report, uint64_t address, struct place *place)
{
	for (unsigned i = 0; i < report->mapping_count; i++) {
		const struct mapping *one = &report->mappings[i];
		if (address < one->begin || address >= one->end)
			continue;
		size_t len = strcspn(one->path, "\n");
		snprintf(place->module, sizeof(place->module), "%.*s",
			 (int)(len < sizeof(place->module) ? len : sizeof(place->module)), one->path);
		place->offset = address - one->begin + one->offset;
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
static void find_symbol(const struct report *report, struct place *place)
{
	const char *file = place->plugin ? place->plugin->file : place->module;
	if (file[0] == '/' && supervisor_now_ms() < report->until_ms)
		(void)symbol_find(file, place->plugin ? place->plugin->size : 0, place->offset,
				  &place->symbol);
}

/* The compiler may have put a part of a callback elsewhere: "NAME.cold". */
static const char *find_part(const struct report *report, const struct place *part)
{
	size_t len = strcspn(part->symbol.name, ".");
	for (unsigned i = 0; part->symbol.name[len] && i < ROLL_CALLBACKS; i++) {
		struct place place = { .plugin = part->plugin };
		if (part->plugin->callbacks[i] == 0 ||
		    !find_mapping(report, part->plugin->callbacks[i], &place))
			continue;
		find_symbol(report, &place);
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
	if (!find_mapping(report, address, place))
		return;
	place->plugin = find_plugin(&report->roll, address);
	find_symbol(report, place);
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
	const struct crash_record *crash = &report->crash;
	*culprit = (struct place){ 0 };
	for (uint32_t i = 0; i < crash->frame_count && i < CRASH_FRAMES; i++) {
		struct place place;
		find_place(report, crash->frames[i], i > 0, &place);
		if (place.plugin)
			*culprit = place;
	}
}

static void name_loop(const struct report *report, char *out, size_t size)
{
	int loop = report->crash.loop;
	if (loop < 0)
		snprintf(out, size, "another thread than the loops'");
	else if ((uint32_t)loop + 1 == report->loops)
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

/* NULL: it wrote nothing, or there is no memory. The caller frees it. */
static struct report *read_report(const struct page *page)
{
	struct report *report = page && atomic_load(&page->crash.state) != CRASH_NONE
					? malloc(sizeof(*report))
					: NULL;
	if (!report)
		return NULL;
	memcpy(&report->roll, &page->roll, sizeof(report->roll));
	memcpy(&report->crash, &page->crash, sizeof(report->crash));
	report->loops = page->loops;
	report->crash.maps[CRASH_MAPS - 1] = '\0';
	for (unsigned i = 0; i < ROLL_PLUGINS; i++) {
		struct roll_entry *entry = &report->roll.entries[i];
		entry->name[sizeof(entry->name) - 1] = entry->file[sizeof(entry->file) - 1] = '\0';
	}
	report->until_ms = supervisor_now_ms() + NAMES_MS;
	report->mapping_count = 0;
	read_mappings(report);
	return report;
}

void report_crash(const struct worker_process *worker, char *summary, size_t size)
{
	struct report *report = read_report(worker->page);
	char where[64], whom[256], line[1024];
	struct place place;
	*summary = '\0';
	if (!report)
		return;
	const struct crash_record *crash = &report->crash;
	find_culprit(report, &place);
	name_culprit(&place, whom, sizeof(whom));
	name_loop(report, where, sizeof(where));
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
