/* plait plugins: what there is, and the options of one. */
#include <string.h>

#include "core/base/escape.h"
#include "core/base/option.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/cli/catalogue.h"
#include "core/cli/cli.h"

/* A plugin's texts are its author's, not ours. */
static const char *printable(const char *text, char *out, size_t size)
{
	escape_text(out, size, text ? text : "", text ? strlen(text) : 0);
	return out;
}

static void list(const struct registry *registry)
{
	size_t name_width = 4, version_width = 7;
	char version[64], summary[256], file[1024];

	for (size_t i = 0; i < registry_count(registry); i++) {
		const struct plait_protocol *protocol = &registry_at(registry, i)->protocol;
		size_t name = strlen(protocol->head.name),
		       length = strlen(printable(protocol->version, version, sizeof(version)));

		name_width = name > name_width ? name : name_width;
		version_width = length > version_width ? length : version_width;
	}
	for (size_t i = 0; i < registry_count(registry); i++) {
		const struct plugin *plugin = registry_at(registry, i);
		const struct plait_protocol *protocol = &plugin->protocol;

		printable(protocol->version, version, sizeof(version));
		printf("%-*s  %-*s  %s\n%*s  %s\n", (int)name_width, protocol->head.name, (int)version_width,
		       *version ? version : "-", printable(protocol->summary, summary, sizeof(summary)),
		       (int)name_width, "", printable(plugin->file, file, sizeof(file)));
	}
}

static void print_default(const struct plait_option *row)
{
	bool words = row->type == PLAIT_OPTION_TYPE_STRING || row->type == PLAIT_OPTION_TYPE_PATH;
	char text[256];

	if (row->required)
		printf(", required");
	else if (row->fallback)
		printf(words ? ", default \"%s\"" : ", default %s",
		       printable(row->fallback, text, sizeof(text)));
}

static void print_choices(const struct plait_option *row)
{
	char word[64], doc[256];

	for (const struct plait_choice *choice = row->choices; choice && choice->word; choice++)
		if (choice->doc)
			printf("        %s: %s\n", printable(choice->word, word, sizeof(word)),
			       printable(choice->doc, doc, sizeof(doc)));
}

/* Rows of a table within a table bear its key: "limits.connections". */
static void print_options(const struct plait_option *table, const char *prefix)
{
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		char key[512], text[512], doc[512];

		snprintf(key, sizeof(key), "%s%s", prefix, row->key);
		printf("    %s: %s", printable(key, text, sizeof(text)),
		       option_type_text(row, doc, sizeof(doc)));
		if (*option_range_text(row, text, sizeof(text)))
			printf(", %s", text);
		print_default(row);
		printf("\n        %s\n", printable(row->doc, doc, sizeof(doc)));
		print_choices(row);
		if (!row->table)
			continue;
		text_append(key, sizeof(key), "%s",
			    row->type == PLAIT_OPTION_TYPE_LIST  ? "[]."
			    : row->type == PLAIT_OPTION_TYPE_MAP ? ".NAME."
								 : ".");
		print_options(row->table, key);
	}
}

static void show(const struct plugin *plugin)
{
	const struct plait_protocol *protocol = &plugin->protocol;
	bool streams = protocol->data || protocol->message || protocol->made;
	char text[1024];

	printf("%s", protocol->head.name);
	if (protocol->version)
		printf(" %s", printable(protocol->version, text, sizeof(text)));
	if (protocol->summary)
		printf(": %s", printable(protocol->summary, text, sizeof(text)));
	printf("\n  file: %s\n", printable(plugin->file, text, sizeof(text)));
	printf("  plugin ABI: %u.%u\n", protocol->head.abi_major, protocol->head.abi_minor);
	printf("  listens on: %s%s\n", streams ? "tcp, tls, unix" : "",
	       protocol->datagram ? streams ? ", udp" : "udp" : "");
	if (!protocol->options || protocol->options->type == PLAIT_OPTION_TYPE_END) {
		printf("  options: none\n");
		return;
	}
	printf("  options:\n");
	print_options(protocol->options, "");
}

static int no_such_plugin(const struct registry *registry, const struct arguments *arguments)
{
	struct suggest best = { 0 };
	char name[256];

	for (size_t i = 0; i < registry_count(registry); i++)
		suggest_offer(&best, arguments->operand, registry_at(registry, i)->protocol.head.name);
	fprintf(stderr, "error: no protocol \"%s\" in %s%s%s%s; see plait plugins --config %s\n",
		printable(arguments->operand, name, sizeof(name)), arguments->config,
		best.word ? ", did you mean \"" : "", best.word ? best.word : "", best.word ? "\"?" : "",
		arguments->config);
	return CLI_FAILED;
}

int plugins_command(const struct arguments *arguments)
{
	struct catalogue catalogue;
	int result = arguments->operand && !arguments->config
			     ? catalogue_load_one(&catalogue, arguments->operand)
			     : catalogue_load(&catalogue, arguments->config);
	int status = result < 0 || !catalogue.complete ? CLI_FAILED : CLI_DONE;

	if (result == 0 && !arguments->operand) {
		list(catalogue.registry);
	} else if (result == 0 && arguments->config) {
		const struct plugin *plugin = registry_find(catalogue.registry, arguments->operand);

		if (plugin)
			show(plugin);
		else
			status = no_such_plugin(catalogue.registry, arguments);
	} else if (result == 0 && registry_count(catalogue.registry)) {
		show(registry_at(catalogue.registry, 0));
	}
	catalogue_fini(&catalogue);
	return status;
}
