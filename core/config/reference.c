/* docs/configuration.md: the option tables as Markdown. */
#include <stdlib.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/json_path.h"
#include "core/config/config.h"

static bool has_table(const struct plait_option *row)
{
	return row->type == PLAIT_OPTION_TYPE_OBJECT || row->type == PLAIT_OPTION_TYPE_LIST ||
	       row->type == PLAIT_OPTION_TYPE_MAP;
}

/* A bar would end the cell. */
static void print_cell(const char *text, FILE *out)
{
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

static void print_default(const struct plait_option *row, FILE *out)
{
	char text[256];

	if (row->required)
		fputs("required", out);
	if (!row->fallback)
		return;
	/* A default such as CRLF is shown as a file would write it. */
	escape_json(text, sizeof(text), row->fallback, strlen(row->fallback));
	fprintf(out, strcmp(text, row->fallback) == 0 && *text ? "`%s`" : "`\"%s\"`", text);
}

static void print_row(const struct plait_option *row, FILE *out)
{
	char text[512];

	fprintf(out, "| `%s` | %s | ", row->key, option_type_text(row, text, sizeof(text)));
	print_default(row, out);
	fputs(" | ", out);
	print_cell(option_range_text(row, text, sizeof(text)), out);
	fputs(" | ", out);
	print_cell(row->doc, out);
	for (const struct plait_choice *choice = row->choices; choice && choice->word; choice++) {
		if (!choice->doc)
			continue;
		fprintf(out, "%s`%s`: ", choice == row->choices ? ". " : "; ", choice->word);
		print_cell(choice->doc, out);
	}
	fputs(" |\n", out);
}

static void print_table(const struct plait_option *table, FILE *out)
{
	fputs("| key | type | default | range | meaning |\n|---|---|---|---|---|\n", out);
	for (; table->type != PLAIT_OPTION_TYPE_END; table++)
		print_row(table, out);
	fputc('\n', out);
}

/* One section for the table, then those of the tables in it. */
static void print_sections(const struct plait_option *table, const char *path, FILE *out)
{
	print_table(table, out);
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		char place[JSON_PATH_SIZE];

		if (!has_table(row))
			continue;
		snprintf(place, sizeof(place), "%s%s%s%s", path, *path ? "." : "", row->key,
			 row->type == PLAIT_OPTION_TYPE_LIST  ? "[]"
			 : row->type == PLAIT_OPTION_TYPE_MAP ? ".NAME"
							      : "");
		fprintf(out, "## `%s`\n\n%s.\n\n", place, row->doc);
		print_sections(row->table, place, out);
	}
}

static void print_protocol(const struct plait_protocol *protocol, FILE *out)
{
	fprintf(out, "## The protocol `%s`\n\n", protocol->head.name);
	if (protocol->summary)
		fprintf(out, "It %s.\n\n", protocol->summary);
	if (protocol->options)
		print_sections(protocol->options, "options", out);
	else
		fputs("It has no options.\n\n", out);
}

static const char introduction[] =
	"# The configuration file\n"
	"\n"
	"`plait reference` prints this page from the option tables of the program; edits by hand would be lost.\n"
	"\n"
	"The file is one JSON object. `plait check FILE` says what is wrong with one, with the line and column of each\n"
	"error, and `plait schema` prints its JSON Schema.\n"
	"\n"
	"- A **size** is a number of bytes, or a text such as `\"64k\"`, `\"16m\"`, `\"1g\"` (powers of 1024).\n"
	"- A **duration** is a number of seconds, or a text such as `\"250ms\"`, `\"10s\"`, `\"5m\"`, `\"2h\"`, `\"1d\"`.\n"
	"- A **path** that is relative starts at the folder of the configuration file.\n"
	"- A key that begins with `//` is a comment, wherever it stands; `$schema` at the top level is for editors.\n"
	"- Any other key that is not listed here is an error, and so is the same key twice in one object.\n"
	"\n"
	"## The top level\n"
	"\n";

static int by_name(const void *a, const void *b)
{
	const struct plait_protocol *const *first = a, *const *second = b;

	return strcmp((*first)->head.name, (*second)->head.name);
}

/* By name, so that the page does not depend on where the plugins lie. */
static void print_protocols(const struct registry *registry, FILE *out)
{
	size_t count = registry_count(registry);
	const struct plait_protocol **protocols = calloc(count + 1, sizeof(*protocols));

	if (!protocols)
		return;
	for (size_t i = 0; i < count; i++)
		protocols[i] = &registry_at(registry, i)->protocol;
	qsort(protocols, count, sizeof(*protocols), by_name);
	for (size_t i = 0; i < count; i++)
		print_protocol(protocols[i], out);
	free(protocols);
}

void config_reference(const struct registry *registry, FILE *out)
{
	fputs(introduction, out);
	print_sections(config_table, "", out);
	print_protocols(registry, out);
}
