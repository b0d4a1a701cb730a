/* Plays the recorded behaviour of Twisted's protocols: run_conformance [FILE]. Speaks TAP; fails when a case
 * differs. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/conformance/play.h"

#define SHOWN 2000 /* of a long expectation */

static void show(const char *what, const json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;

	if (text)
		printf("#   %s: %.*s%s\n", what, SHOWN, text, strlen(text) > SHOWN ? "..." : "");
	free(text);
}

static bool run(size_t number, const char *id, const json_t *test)
{
	struct outcome outcome = play_case(test);

	printf("%s %zu - %s (%u plays)\n", outcome.good ? "ok" : "not ok", number, id, outcome.plays);
	if (!outcome.good) {
		printf("#   case %s %s\n", id, outcome.fault[0] ? outcome.fault : outcome.variant);
		show("expected", json_object_get(test, "expect"));
		show("got", outcome.got);
	}
	json_decref(outcome.got);
	fflush(stdout);
	return outcome.good;
}

static int run_all(const json_t *cases)
{
	size_t index, passed = 0, total = json_array_size(cases);
	json_t *test;

	printf("1..%zu\n", total);
	json_array_foreach((json_t *)cases, index, test)
	{
		const char *id = json_string_value(json_object_get(test, "id"));

		passed += run(index + 1, id ? id : "without id", test);
	}
	printf("# %zu of %zu passed\n", passed, total);
	return passed < total || total == 0;
}

int main(int argc, char **argv)
{
	const char *root = getenv("top_srcdir");
	char file[4096];
	json_error_t error;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: run_conformance [FILE]\n");
		return 2;
	}
	snprintf(file, sizeof(file), "%s/tests/conformance/twisted_cases.json", root ? root : ".");
	if (argc == 2)
		snprintf(file, sizeof(file), "%s", argv[1]);
	json_t *cases = json_load_file(file, JSON_REJECT_DUPLICATES, &error);

	if (!cases || !json_is_array(cases)) {
		printf("Bail out! %s: %s\n", file, cases ? "is not an array of cases" : error.text);
		json_decref(cases);
		return 99;
	}
	log_configure(PLAIT_LOG_ERROR, LOG_HUMAN); /* a case that ends its connection is none to report */
	int result = run_all(cases);

	json_decref(cases);
	return result;
}
