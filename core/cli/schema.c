/* plait schema and plait reference */
#include "core/cli/catalogue.h"
#include "core/cli/cli.h"
#include "core/config/config.h"

/* What failed to load was reported; the rest is printed all the same. */
static int finish(struct catalogue *catalogue)
{
	int status = catalogue->complete ? CLI_DONE : CLI_FAILED;

	catalogue_fini(catalogue);
	return status;
}

int schema_command(const struct arguments *arguments)
{
	struct catalogue catalogue;

	if (catalogue_load(&catalogue, arguments->config) < 0) {
		catalogue_fini(&catalogue);
		return CLI_FAILED;
	}
	json_t *schema = config_schema(catalogue.registry);
	/* A failure to write shows when the stream is flushed. */
	(void)!json_dumpf(schema, stdout, JSON_INDENT(2));

	putchar('\n');
	json_decref(schema);
	return finish(&catalogue);
}

int reference_command(const struct arguments *arguments)
{
	struct catalogue catalogue;

	if (catalogue_load(&catalogue, arguments->config) < 0) {
		catalogue_fini(&catalogue);
		return CLI_FAILED;
	}
	config_reference(catalogue.registry, stdout);
	return finish(&catalogue);
}
