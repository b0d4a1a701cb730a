/* Every broken configuration of tests/configs/broken, each with the exact text it must bring. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json_path.h"
#include "core/config/config.h"
#include "core/net/tls/tls.h"
#include "core/server/privilege/privilege.h"
#include "tests/unit/config/fake_registry.h"
#include "tests/unit/suite.h"

static char *read_text(const char *file)
{
	char *text = calloc(1, 65536);
	FILE *in = fopen(file, "rb");

	if (in && fread(text, 1, 65535, in) == 0)
		*text = '\0';
	if (in)
		fclose(in);
	return text;
}

static void check_tls(const struct config *config, struct problems *problems)
{
	const struct tls_config *contexts = config->tls.items;
	for (size_t i = 0; i < config->tls.count; i++) {
		char path[JSON_PATH_SIZE];
		json_path_key(path, sizeof(path), "tls", config->tls.names[i], strlen(config->tls.names[i]));
		struct tls_context *context = tls_context_new(&contexts[i].settings, path, problems);
		tls_context_free(&context);
	}
}

/* text.txt stands where a certificate would; what is said of it bears the path of this folder. */
static void leave_out_stand_ins(struct problems *problems)
{
	size_t kept = 0;
	for (size_t i = 0; i < problems->count; i++) {
		if (!strstr(problems->items[i].text, "/text.txt: ")) {
			problems->items[kept++] = problems->items[i];
			continue;
		}
		free(problems->items[i].file);
		free(problems->items[i].path);
		free(problems->items[i].text);
	}
	problems->count = kept;
}

/* What `plait check FILE` says. */
static char *problems_of(const char *file)
{
	struct registry *registry = registry_new();
	struct problems problems;
	char *text = NULL;
	size_t len;

	problems_init(&problems);
	struct config *config = config_load(file, &problems);
	bool all = true;
	for (size_t i = 0; config && i < config->plugins.count; i++)
		all &= fake_registry_add(registry, config->plugins.items[i]);
	if (config)
		check_tls(config, &problems);
	if (config)
		config_bind_protocols(config, registry, all, &problems);
	if (config)
		privilege_judge(config, &problems);
	CU_ASSERT_TRUE(problems.errors > 0);
	leave_out_stand_ins(&problems);
	FILE *out = open_memstream(&text, &len);
	problems_print(&problems, out);
	fclose(out);
	config_free(&config);
	problems_fini(&problems);
	registry_free(&registry);
	return text;
}

static int is_configuration(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".json") == 0;
}

static void each_brings_its_errors(void)
{
	const char *root = getenv("top_srcdir");
	struct dirent **entries;
	char file[512];

	snprintf(file, sizeof(file), "%s/tests/configs/broken", root ? root : ".");
	CU_ASSERT_EQUAL_FATAL(chdir(file), 0);
	int count = scandir(".", &entries, is_configuration, alphasort);
	CU_ASSERT_TRUE_FATAL(count >= 32);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		snprintf(file, sizeof(file), "%.*s.expected", (int)strlen(name) - 5, name);
		char *expected = read_text(file), *found = problems_of(name);
		if (strcmp(found, expected) != 0) {
			printf("# %s brings:\n%s", name, found);
			CU_FAIL("not the errors expected");
		}
		CU_ASSERT_TRUE(*expected != '\0');
		free(found);
		free(expected);
		free(entries[i]);
	}
	free(entries);
	printf("# %d broken configurations\n", count);
}

SUITE_MAIN("broken", SUITE_TEST(each_brings_its_errors))
