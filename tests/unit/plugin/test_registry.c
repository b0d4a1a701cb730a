/* Tests of the registry of protocols. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plugin/registry.h"
#include "tests/unit/plugin/folder.h"
#include "tests/unit/suite.h"

static void keeps_what_it_loads(void)
{
	struct folder folder;
	struct registry *registry = registry_new();

	folder_make(&folder);
	const char *const search[] = { folder.path, NULL };

	folder_sample(&folder, "sample.so");
	CU_ASSERT_EQUAL(registry_count(registry), 0);
	CU_ASSERT_PTR_NULL(registry_find(registry, "sample"));
	CU_ASSERT_EQUAL_FATAL(registry_load(registry, "sample", search, NULL, NULL), 0);
	CU_ASSERT_EQUAL(registry_count(registry), 1);
	struct plugin *plugin = registry_find(registry, "sample");

	CU_ASSERT_PTR_NOT_NULL_FATAL(plugin);
	CU_ASSERT_PTR_EQUAL(registry_at(registry, 0), plugin);
	CU_ASSERT_PTR_NULL(registry_find(registry, "Sample"));
	plugin_ref(plugin);
	registry_free(&registry);
	CU_ASSERT_PTR_NULL(registry);
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "up"); /* ours still */
	plugin_unref(&plugin);
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "down");
	registry_free(&registry);
	folder_remove(&folder);
}

static void takes_a_name_once(void)
{
	struct folder folder;
	struct registry *registry = registry_new();
	struct plait_error error;
	char expected[256];

	folder_make(&folder);
	const char *first = folder_sample(&folder, "first.so"), *second = folder_sample(&folder, "second.so");

	CU_ASSERT_EQUAL_FATAL(registry_load(registry, first, NULL, NULL, &error), 0);
	setenv("SAMPLE_STATE", "untouched", 1);
	CU_ASSERT_EQUAL(registry_load(registry, second, NULL, NULL, &error), PLAIT_ERROR_REFUSED);
	CU_ASSERT_STRING_EQUAL(error.path, second);
	snprintf(expected, sizeof(expected),
		 "is a second plugin with the protocol name \"sample\", after %s; ", first);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, expected));
	CU_ASSERT_EQUAL(registry_load(registry, first, NULL, NULL, &error), PLAIT_ERROR_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is named twice"));
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "untouched"); /* neither init nor fini ran */
	CU_ASSERT_EQUAL(registry_load(registry, "none", NULL, NULL, &error), PLAIT_ERROR_MISSING);
	CU_ASSERT_EQUAL(registry_count(registry), 1);
	registry_free(&registry);
	folder_remove(&folder);
}

/* What is served is loaded a second time only when its file has other bytes. */
static void shares_what_is_the_same(void)
{
	struct folder folder;
	struct registry *served = registry_new(), *next = registry_new(), *last = registry_new();

	folder_make(&folder);
	const char *file = folder_sample(&folder, "sample.so");

	CU_ASSERT_EQUAL_FATAL(registry_load(served, file, NULL, NULL, NULL), 0);
	setenv("SAMPLE_STATE", "untouched", 1);
	CU_ASSERT_EQUAL_FATAL(registry_load(next, file, NULL, served, NULL), 0);
	CU_ASSERT_PTR_EQUAL(registry_at(next, 0), registry_at(served, 0));
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "untouched");
	registry_free(&served);
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "untouched"); /* next has it */

	FILE *out = fopen(file, "a"); /* behind the end of the object */
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fputs("more", out);
	fclose(out);
	CU_ASSERT_EQUAL_FATAL(registry_load(last, file, NULL, next, NULL), 0);
	CU_ASSERT_PTR_NOT_EQUAL(registry_at(last, 0), registry_at(next, 0));
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "up"); /* the second one's init */
	registry_free(&next);
	registry_free(&last);
	CU_ASSERT_STRING_EQUAL(getenv("SAMPLE_STATE"), "down");
	folder_remove(&folder);
}

SUITE_MAIN("registry", SUITE_TEST(keeps_what_it_loads), SUITE_TEST(takes_a_name_once),
	   SUITE_TEST(shares_what_is_the_same))
