/* A list of what is wrong, each with its place. */
#include "core/base/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"
#include "core/base/json_path.h"

/* More are of no help to a person, and a file could make any number of them. */
enum { MOST_KEPT = 200 };

static const char what[] = "what is wrong";

void problems_init(struct problems *problems)
{
	memset(problems, 0, sizeof(*problems));
}

void problems_fini(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].file);
		free(problems->items[i].path);
		free(problems->items[i].text);
	}
	free(problems->items);
	problems_init(problems);
}

static void locate(const struct problems *problems, const char *path, bool key, int *line, int *column)
{
	char place[JSON_PATH_SIZE];

	*line = *column = 0;
	if (!problems->locate || !path)
		return;
	snprintf(place, sizeof(place), "%s", path);
	do {
		if (problems->locate(problems->context, place, key, line, column))
			return;
		key = false;
	} while (json_path_up(place));
}

static void PLAIT_PRINTF(6, 0) add(struct problems *problems, bool warning, int line, int column,
				   const char *path, const char *format, va_list args)
{
	if (!warning)
		problems->errors++;
	if (problems->count >= MOST_KEPT) {
		problems->omitted++;
		return;
	}
	struct problem *items = alloc_larger(problems->items, (problems->count + 1) * sizeof(*items), what);
	problems->items = items;
	items[problems->count++] = (struct problem){
		.file = alloc_copy(problems->file, what),
		.line = line,
		.column = column,
		.path = path && *path ? alloc_copy(path, what) : NULL,
		.text = alloc_text(what, format, args),
		.warning = warning,
	};
}

void problems_add(struct problems *problems, const char *path, const char *format, ...)
{
	int line, column;
	va_list args;

	locate(problems, path, false, &line, &column);
	va_start(args, format);
	add(problems, false, line, column, path, format, args);
	va_end(args);
}

void problems_warn(struct problems *problems, const char *path, const char *format, ...)
{
	int line, column;
	va_list args;

	locate(problems, path, false, &line, &column);
	va_start(args, format);
	add(problems, true, line, column, path, format, args);
	va_end(args);
}

void problems_add_error(struct problems *problems, const char *path, const struct plait_error *error)
{
	if (error->path[0])
		problems_add(problems, path, "%s: %s", error->path, error->text);
	else
		problems_add(problems, path, "%s", error->text);
}

void problems_add_key(struct problems *problems, const char *path, const char *format, ...)
{
	int line, column;
	va_list args;

	locate(problems, path, true, &line, &column);
	va_start(args, format);
	add(problems, false, line, column, path, format, args);
	va_end(args);
}

void problems_add_at(struct problems *problems, int line, int column, const char *path, const char *format,
		     ...)
{
	va_list args;

	va_start(args, format);
	add(problems, false, line, column, path, format, args);
	va_end(args);
}

/* By file, then place; those of one place as they were added, which the addresses in the array tell. */
static int compare(const void *a, const void *b)
{
	const struct problem *left = *(const struct problem *const *)a,
			     *right = *(const struct problem *const *)b;
	int files = strcmp(left->file ? left->file : "", right->file ? right->file : "");

	if (files != 0)
		return files;
	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	if (left->column != right->column)
		return left->column < right->column ? -1 : 1;
	return left < right ? -1 : left > right;
}

/* Whatever a name or a text brought along, it ends no line and moves no cursor. */
static void put(const char *text, const char *end, FILE *out)
{
	size_t len = strlen(text), size = 4 * len + 4;
	char *safe = alloc_larger(NULL, size, what);

	escape_controls(safe, size, text, len);
	fprintf(out, "%s%s", safe, end);
	free(safe);
}

static void print(const struct problem *problem, FILE *out)
{
	if (problem->file)
		put(problem->file, ":", out);
	if (problem->line > 0)
		fprintf(out, "%d:%d:", problem->line, problem->column);
	if (problem->file || problem->line > 0)
		putc(' ', out);
	fprintf(out, "%s: ", problem->warning ? "warning" : "error");
	if (problem->path)
		put(problem->path, ": ", out);
	put(problem->text, "\n", out);
}

void problems_print(const struct problems *problems, FILE *out)
{
	const struct problem *sorted[MOST_KEPT] = { NULL };

	for (size_t i = 0; i < problems->count; i++)
		sorted[i] = &problems->items[i];
	qsort(sorted, problems->count, sizeof(sorted[0]), compare);
	for (size_t i = 0; i < problems->count; i++)
		print(sorted[i], out);
	if (problems->omitted > 0)
		fprintf(out, "... and %zu more\n", problems->omitted);
}
