/* Option tables: parsing, defaults, messages, faults of tables, and their JSON Schema. */
#include <stdlib.h>
#include <string.h>

#include "core/base/option.h"
#include "tests/unit/suite.h"

struct inner {
	bool on;
	const char *file;
};

struct all {
	bool flag;
	int64_t number;
	uint64_t size;
	uint64_t delay_ms;
	const char *text;
	const char *none;
	const char *path;
	int choice;
	struct plait_strings words;
	struct inner object;
	struct plait_list list;
	struct plait_list map;
	struct plait_texts texts;
};

static const struct plait_choice colours[] = { { "red", 3, NULL }, { "green", 7, NULL }, { 0 } };
static const struct plait_choice automatic[] = { { "auto", -1, NULL }, { 0 } };

static const struct plait_option inner_table[] = {
	PLAIT_OPTION_BOOL("on", struct inner, on, .fallback = "true", .doc = "x"),
	PLAIT_OPTION_PATH("file", struct inner, file, .fallback = "f", .doc = "x"),
	PLAIT_OPTION_END,
};

static const struct plait_option table[] = {
	PLAIT_OPTION_BOOL("flag", struct all, flag, .doc = "x"),
	PLAIT_OPTION_INT("number", struct all, number, .fallback = "auto", .min = 1, .max = 256,
			 .choices = automatic, .doc = "x"),
	PLAIT_OPTION_SIZE("size", struct all, size, .fallback = "64k", .min = 1, .max = 1 << 20, .doc = "x"),
	PLAIT_OPTION_DURATION("delay", struct all, delay_ms, .fallback = "1.5s", .min = 1, .doc = "x"),
	PLAIT_OPTION_STRING("text", struct all, text, .fallback = "hello", .max = 10, .doc = "x"),
	PLAIT_OPTION_STRING("none", struct all, none, .doc = "x"),
	PLAIT_OPTION_PATH("path", struct all, path, .doc = "x"),
	PLAIT_OPTION_CHOICE("choice", struct all, choice, colours, .fallback = "green", .doc = "x"),
	PLAIT_OPTION_STRINGS("words", struct all, words, .fallback = "a,b", .max = 3, .doc = "x"),
	PLAIT_OPTION_OBJECT("object", struct all, object, inner_table, .doc = "x"),
	PLAIT_OPTION_LIST("list", struct all, list, inner_table, struct inner, .max = 2, .doc = "x"),
	PLAIT_OPTION_MAP("map", struct all, map, inner_table, struct inner, .max = 2, .doc = "x"),
	{ .type = PLAIT_OPTION_TYPE_ANY, .key = "any", .doc = "x" },
	PLAIT_OPTION_TEXTS("texts", struct all, texts, .min = 1, .max = 2, .doc = "x"),
	PLAIT_OPTION_END,
};

struct run {
	struct option_arena *arena;
	struct problems problems;
	struct all all;
	int result;
	char *text; /* the problems as printed */
};

static void begin(struct run *run, const char *json)
{
	size_t len;
	json_error_t error;
	json_t *object = json ? json_loads(json, JSON_ALLOW_NUL, &error) : NULL;

	memset(run, 0, sizeof(*run));
	run->arena = option_arena_new();
	problems_init(&run->problems);
	struct option_context context = { run->arena, &run->problems, "/etc" };
	CU_ASSERT_TRUE(!json || object);
	run->result = option_parse(table, object, "top", &run->all, &context);
	json_decref(object);
	FILE *out = open_memstream(&run->text, &len);
	problems_print(&run->problems, out);
	fclose(out);
	CU_ASSERT_EQUAL(run->result, run->problems.errors ? -1 : 0);
}

static void end(struct run *run)
{
	free(run->text);
	problems_fini(&run->problems);
	option_arena_free(&run->arena);
	CU_ASSERT_PTR_NULL(run->arena);
}

static void expect(const char *json, const char *expected)
{
	struct run run;

	begin(&run, json);
	if (strcmp(run.text, expected) != 0) {
		printf("# got: %s", run.text);
		CU_FAIL("the text of the problem");
	}
	end(&run);
}

static void check_defaults(const struct all *all)
{
	CU_ASSERT_FALSE(all->flag);
	CU_ASSERT_EQUAL(all->number, -1);
	CU_ASSERT_EQUAL(all->size, 65536);
	CU_ASSERT_EQUAL(all->delay_ms, 1500);
	CU_ASSERT_STRING_EQUAL(all->text, "hello");
	CU_ASSERT_PTR_NULL(all->none);
	CU_ASSERT_PTR_NULL(all->path);
	CU_ASSERT_EQUAL(all->choice, 7);
	CU_ASSERT_EQUAL(all->words.count, 2);
	CU_ASSERT_STRING_EQUAL(all->words.items[1], "b");
	CU_ASSERT_TRUE(all->object.on);
	CU_ASSERT_STRING_EQUAL(all->object.file, "/etc/f");
	CU_ASSERT_EQUAL(all->list.count, 0);
	CU_ASSERT_EQUAL(all->map.count, 0);
	CU_ASSERT_EQUAL(all->texts.count, 0);
}

static void defaults_step_in(void)
{
	struct run run;

	begin(&run, NULL);
	check_defaults(&run.all);
	end(&run);
	begin(&run, "{}");
	check_defaults(&run.all);
	end(&run);
}

static void defaults_stay_where_a_value_is_wrong(void)
{
	struct run run;

	begin(&run,
	      "{\"flag\": 1, \"number\": 0, \"size\": \"2m\", \"delay\": 0, \"text\": \"01234567890\", \"none\": 1, "
	      "\"path\": \"\", \"choice\": \"blue\", \"words\": [1], \"object\": 1, \"list\": [{}, {}, {}], "
	      "\"map\": [], \"texts\": {\"a\": \"b\", \"c\": 1}}");
	CU_ASSERT_EQUAL(run.problems.errors, 13);
	check_defaults(&run.all);
	end(&run);
}

static void every_type_is_taken(void)
{
	struct run run;

	begin(&run,
	      "{\"flag\": true, \"number\": 256, \"size\": \"1m\", \"delay\": \"2h\", \"text\": \"\", \"none\": "
	      "\"\\u00fc\", \"path\": \"./a/b\", \"choice\": \"red\", \"words\": [], \"object\": {\"on\": false}, "
	      "\"list\": [{\"on\": false}, {\"file\": \"/x\"}], \"map\": {\"// c\": 1, \"one\": {}, \"a.b\": {\"on\": "
	      "false}}, \"any\": [1], \"texts\": {\"z\": \"1\", \"//\": 3, \"*.a\": \"2\"}, \"// note\": 5}");
	CU_ASSERT_EQUAL(run.result, 0);
	CU_ASSERT_TRUE(run.all.flag);
	CU_ASSERT_EQUAL(run.all.number, 256);
	CU_ASSERT_EQUAL(run.all.size, 1 << 20);
	CU_ASSERT_EQUAL(run.all.delay_ms, 7200000);
	CU_ASSERT_STRING_EQUAL(run.all.text, "");
	CU_ASSERT_STRING_EQUAL(run.all.none, "\xc3\xbc");
	CU_ASSERT_STRING_EQUAL(run.all.path, "/etc/a/b");
	CU_ASSERT_EQUAL(run.all.choice, 3);
	CU_ASSERT_EQUAL(run.all.words.count, 0);
	CU_ASSERT_FALSE(run.all.object.on);
	const struct inner *items = run.all.list.items;
	CU_ASSERT_EQUAL_FATAL(run.all.list.count, 2);
	CU_ASSERT_FALSE(items[0].on);
	CU_ASSERT_STRING_EQUAL(items[0].file, "/etc/f");
	CU_ASSERT_TRUE(items[1].on);
	CU_ASSERT_STRING_EQUAL(items[1].file, "/x");
	CU_ASSERT_EQUAL_FATAL(run.all.map.count, 2);
	CU_ASSERT_STRING_EQUAL(run.all.map.names[0], "one");
	CU_ASSERT_STRING_EQUAL(run.all.map.names[1], "a.b");
	items = run.all.map.items;
	CU_ASSERT_FALSE(items[1].on);
	CU_ASSERT_EQUAL_FATAL(run.all.texts.count, 2);
	CU_ASSERT_STRING_EQUAL(run.all.texts.names[0], "z");
	CU_ASSERT_STRING_EQUAL(run.all.texts.items[0], "1");
	CU_ASSERT_STRING_EQUAL(run.all.texts.names[1], "*.a");
	CU_ASSERT_STRING_EQUAL(run.all.texts.items[1], "2");
	end(&run);
}

static void numbers_have_many_forms(void)
{
	static const struct {
		const char *json;
		uint64_t size, delay_ms;
		int64_t number;
	} samples[] = {
		{ "{\"number\": 5.0}", 65536, 1500, 5 },        { "{\"number\": 1e2}", 65536, 1500, 100 },
		{ "{\"number\": \"auto\"}", 65536, 1500, -1 },  { "{\"size\": 1e3}", 1000, 1500, -1 },
		{ "{\"size\": 1048576.0}", 1 << 20, 1500, -1 }, { "{\"delay\": 0.3}", 65536, 300, -1 },
		{ "{\"delay\": 7}", 65536, 7000, -1 },          { "{\"delay\": 0.001}", 65536, 1, -1 },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct run run;

		begin(&run, samples[i].json);
		CU_ASSERT_EQUAL(run.result, 0);
		CU_ASSERT_EQUAL(run.all.number, samples[i].number);
		CU_ASSERT_EQUAL(run.all.size, samples[i].size);
		CU_ASSERT_EQUAL(run.all.delay_ms, samples[i].delay_ms);
		end(&run);
	}
}

/* Without a range of its own a row still takes no number that its member cannot hold. */
static void numbers_out_of_any_range_are_refused(void)
{
	static const struct plait_option free_table[] = {
		PLAIT_OPTION_INT("number", struct all, number, .fallback = "7", .doc = "x"),
		PLAIT_OPTION_SIZE("size", struct all, size, .doc = "x"),
		PLAIT_OPTION_END,
	};
	static const char *const texts[] = { "{\"number\": 1e300}",  "{\"number\": -1e300}",
					     "{\"number\": 9.1e15}", "{\"size\": 1e300}",
					     "{\"size\": 9.3e18}",   "{\"size\": \"9999999t\"}" };
	struct option_context context = { .arena = option_arena_new() };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct problems problems;
		struct all all = { 0 };
		json_error_t error;
		json_t *object = json_loads(texts[i], 0, &error);

		problems_init(&problems);
		context.problems = &problems;
		CU_ASSERT_EQUAL(option_parse(free_table, object, "", &all, &context), -1);
		CU_ASSERT_EQUAL(all.number, 7);
		CU_ASSERT_EQUAL(all.size, 0);
		json_decref(object);
		problems_fini(&problems);
	}
	option_arena_free(&context.arena);
}

#define SIZE_FORM "expected a size such as \"64k\", \"16m\" or a number of bytes\n"
#define DELAY_FORM "expected a duration such as \"5m\", \"250ms\" or a number of seconds\n"
#define NUMBER_FORM "xpected a whole number from 1 to 256 or \"auto\"\n"

static void messages_say_what_and_where(void)
{
	expect("{\"flag\": \"true\"}", "error: top.flag: found \"true\"; expected true or false\n");
	expect("{\"number\": 257}", "error: top.number: found 257; e" NUMBER_FORM);
	expect("{\"number\": \"5\"}", "error: top.number: found \"5\"; e" NUMBER_FORM);
	expect("{\"number\": 1e300}", "error: top.number: found 1e+300; e" NUMBER_FORM);
	expect("{\"number\": \"atuo\"}",
	       "error: top.number: found \"atuo\"; did you mean \"auto\"? E" NUMBER_FORM);
	expect("{\"size\": \"NaN\"}", "error: top.size: found \"NaN\"; " SIZE_FORM);
	expect("{\"size\": -1}", "error: top.size: found -1; " SIZE_FORM);
	expect("{\"size\": 0.5}", "error: top.size: found 0.5; " SIZE_FORM);
	expect("{\"size\": 1e308}", "error: top.size: found 1e+308; expected a size from 1 to 1m\n");
	expect("{\"size\": \"99999999999g\"}",
	       "error: top.size: found \"99999999999g\"; expected a size from 1 to 1m\n");
	expect("{\"delay\": 0}", "error: top.delay: found 0; expected a duration of at least 1ms\n");
	expect("{\"delay\": 1e-9}", "error: top.delay: found 1e-09; " DELAY_FORM);
	expect("{\"delay\": 1e306}", "error: top.delay: found 1e+306; expected a duration of at least 1ms\n");
	expect("{\"delay\": \"1\\u0000s\"}", "error: top.delay: found \"1\\x00s\"; " DELAY_FORM);
	expect("{\"text\": null}", "error: top.text: found null; expected a string\n");
	expect("{\"text\": \"01234567890\"}",
	       "error: top.text: found \"01234567890\"; expected a string of 0 to 10 bytes\n");
	expect("{\"text\": \"a\\u0000\"}",
	       "error: top.text: found \"a\\x00\"; expected a string without a NUL character\n");
	expect("{\"path\": \"\"}", "error: top.path: found an empty string; expected a path\n");
	expect("{\"path\": \"/\\u0000\"}",
	       "error: top.path: found \"/\\x00\"; expected a path without a NUL character\n");
	expect("{\"choice\": \"gren\"}",
	       "error: top.choice: found \"gren\"; did you mean \"green\"? Expected one of \"red\", \"green\"\n");
	expect("{\"choice\": \"red\\u0000\"}",
	       "error: top.choice: found \"red\\x00\"; expected one of \"red\", \"green\"\n");
	expect("{\"words\": {}}", "error: top.words: found an empty object; expected a list of strings\n");
	expect("{\"words\": [\"a\", \"\", 1]}",
	       "error: top.words[1]: found \"\"; expected a string of at least 1 byte\n"
	       "error: top.words[2]: found 1; expected a string\n");
	expect("{\"words\": [\"a\", \"b\", \"c\", \"d\"]}",
	       "error: top.words: found a list; expected a list of strings with 0 to 3 items\n");
	expect("{\"list\": [{}, []]}", "error: top.list[1]: found an empty list; expected an object\n");
	expect("{\"map\": {\"a.b\": {\"on\": 1}, \"\": {}}}",
	       "error: top.map[\"a.b\"].on: found 1; expected true or false\n"
	       "error: top.map[\"\"]: found an empty name; expected one of 1 byte or more\n");
	expect("{\"texts\": [\"a\"]}",
	       "error: top.texts: found a list; expected an object of strings, each under its name\n");
	expect("{\"texts\": {\"a.b\": 1, \"\": \"x\"}}",
	       "error: top.texts[\"a.b\"]: found 1; expected a string\n"
	       "error: top.texts[\"\"]: found an empty name; expected one of 1 byte or more\n");
	expect("{\"texts\": {\"a\": \"\"}}",
	       "error: top.texts.a: found \"\"; expected a string of at least 1 byte\n");
	expect("{\"texts\": {\"//\": \"x\"}}",
	       "error: top.texts: found an object; expected an object of strings, each under its name with 1 to 2 "
	       "items\n");
	expect("{\"texts\": {\"a\": \"x\", \"b\": \"x\", \"c\": \"x\"}}",
	       "error: top.texts: found an object; expected an object of strings, each under its name with 1 to 2 "
	       "items\n");
	expect("{\"object\": {\"of\": 1, \"$schema\": 1}}",
	       "error: top.object.of: unknown key \"of\"; expected \"on\", \"file\"\n"
	       "error: top.object.$schema: unknown key \"$schema\"; expected \"on\", \"file\"\n");
}

static void hostile_text_is_escaped_and_cut(void)
{
	char json[4000] = "{\"", found[4000];
	struct run run;

	expect("{\"text\": \"\\u001b]0;x\\u0007......\"}",
	       "error: top.text: found \"\\x1b]0;x\\x07......\"; expected a string of 0 to 10 bytes\n");
	memset(json + 2, 'k', 3000);
	strcpy(json + 3002, "\": \"%s%n\"}");
	begin(&run, json);
	CU_ASSERT_EQUAL(run.problems.errors, 1);
	CU_ASSERT_TRUE(strlen(run.text) < 1000);
	end(&run);
	memset(found, 0, sizeof(found));
	snprintf(found, sizeof(found), "{\"text\": \"%.*s\"}", 3000, json + 2);
	begin(&run, found);
	CU_ASSERT_EQUAL(run.problems.errors, 1);
	CU_ASSERT_TRUE(strlen(run.text) < 300);
	CU_ASSERT_PTR_NOT_NULL(strstr(run.text, "kkk...\"; expected"));
	end(&run);
}

static void rows_read_well(void)
{
	char text[128];

	CU_ASSERT_STRING_EQUAL(option_type_text(&table[2], text, sizeof(text)), "size");
	CU_ASSERT_STRING_EQUAL(option_range_text(&table[2], text, sizeof(text)), "1 to 1m");
	CU_ASSERT_STRING_EQUAL(option_range_text(&table[1], text, sizeof(text)), "1 to 256, or \"auto\"");
	CU_ASSERT_STRING_EQUAL(option_range_text(&table[3], text, sizeof(text)), "at least 1ms");
	CU_ASSERT_STRING_EQUAL(option_range_text(&table[7], text, sizeof(text)), "\"red\", \"green\"");
	CU_ASSERT_STRING_EQUAL(option_range_text(&table[0], text, sizeof(text)), "");
	CU_ASSERT_STRING_EQUAL(option_range_text(&table[7], text, 8), "\"red...");
}

static void faults_of(const struct plait_option *row, size_t size, const char *part)
{
	struct plait_option rows[] = { *row, PLAIT_OPTION_END };
	char text[256] = "no fault";

	option_table_fault(rows, size, text, sizeof(text));
	if (!strstr(text, part)) {
		printf("# %s\n", text);
		CU_FAIL("the fault of a table");
	}
}

static void faulty_tables_are_found(void)
{
	static const struct plait_option good = {
		.type = PLAIT_OPTION_TYPE_SIZE, .key = "k", .max = 9, .doc = "x"
	};
	char text[256];
	struct plait_option row;

	CU_ASSERT_PTR_NULL(option_table_fault(table, sizeof(struct all), text, sizeof(text)));
	faults_of(&good, 8, "no fault");
	faults_of(&good, 7, "\"k\" names a member outside");
	faults_of(&good, (size_t)1 << 40, "its struct is larger");
	row = good, row.offset = SIZE_MAX - 3;
	faults_of(&row, 8, "outside of its struct");
	row = good, row.doc = "";
	faults_of(&row, 8, "has no doc");
	row = good, row.key = NULL;
	faults_of(&row, 8, "row 1 of its table has no key");
	row = good, row.key = "// x";
	faults_of(&row, 8, "other characters");
	row = good, row.type = (enum plait_option_type)99;
	faults_of(&row, 8, "a type this plait does not know");
	row = good, row.fallback = "10";
	faults_of(&row, 8, "would not take itself");
	row = good, row.fallback = "9x";
	faults_of(&row, 8, "would not take itself");
	row = good, row.fallback = "9", row.required = true;
	faults_of(&row, 8, "is required and has a default");
	row = good, row.min = 10;
	faults_of(&row, 8, "impossible range");
	row = good, row.type = PLAIT_OPTION_TYPE_INT, row.min = -10, row.max = 0;
	faults_of(&row, 8, "a min below 0 and no max");
	row = good, row.min = -1;
	faults_of(&row, 8, "impossible range");
	row = good, row.type = PLAIT_OPTION_TYPE_PATH, row.choices = colours;
	faults_of(&row, 8, "which its type does not take");
	row = good, row.type = PLAIT_OPTION_TYPE_CHOICE;
	faults_of(&row, 8, "has no choices");
	row = good, row.type = PLAIT_OPTION_TYPE_LIST;
	faults_of(&row, 64, "has no table");
	row = good, row.type = PLAIT_OPTION_TYPE_BOOL, row.max = 0, row.fallback = "yes";
	faults_of(&row, 8, "would not take itself");
}

static void faults_between_rows_are_found(void)
{
	static const struct plait_option twice[] = {
		{ .type = PLAIT_OPTION_TYPE_BOOL, .key = "k", .doc = "x" },
		{ .type = PLAIT_OPTION_TYPE_BOOL, .key = "k", .doc = "x" },
		PLAIT_OPTION_END,
	};
	static const struct plait_option loop[] = {
		{ .type = PLAIT_OPTION_TYPE_OBJECT, .key = "k", .doc = "x", .table = loop, .table_size = 8 },
		PLAIT_OPTION_END,
	};
	static const struct plait_option deep[] = {
		{ .type = PLAIT_OPTION_TYPE_OBJECT, .key = "k", .doc = "x", .table = twice, .table_size = 8 },
		PLAIT_OPTION_END,
	};
	char text[256];
	struct plait_option *endless = calloc(300, sizeof(*endless));

	CU_ASSERT_STRING_EQUAL(option_table_fault(twice, 8, text, sizeof(text)),
			       "option \"k\" appears twice");
	CU_ASSERT_STRING_EQUAL(option_table_fault(deep, 8, text, sizeof(text)), "option \"k\" appears twice");
	CU_ASSERT_STRING_EQUAL(option_table_fault(loop, 8, text, sizeof(text)),
			       "its tables are nested more than 8 deep");
	char keys[300][8];
	for (size_t i = 0; i < 300; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
		endless[i] =
			(struct plait_option){ .type = PLAIT_OPTION_TYPE_BOOL, .key = keys[i], .doc = "x" };
	}
	const char *fault = option_table_fault(endless, 8, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL_FATAL(fault);
	CU_ASSERT_PTR_NOT_NULL(strstr(fault, "PLAIT_OPTION_END missing"));
	free(endless);
}

static json_t *property(const json_t *schema, const char *key)
{
	json_t *found = json_object_get(json_object_get(schema, "properties"), key);

	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	return found;
}

static bool is_json(const json_t *value, const char *expected)
{
	json_error_t error;
	json_t *wanted = json_loads(expected, JSON_DECODE_ANY, &error);
	bool same = wanted && json_equal(value, wanted);

	json_decref(wanted);
	if (!same) {
		char *text = json_dumps(value, JSON_ENCODE_ANY);
		printf("# got %s\n", text);
		free(text);
	}
	return same;
}

static void schemas_say_the_same(void)
{
	json_t *schema = option_schema(table);

	CU_ASSERT_TRUE(is_json(property(schema, "flag"), "{\"type\": \"boolean\", \"title\": \"flag\", "
							 "\"description\": \"x\"}"));
	CU_ASSERT_TRUE(is_json(
		property(schema, "number"),
		"{\"anyOf\": [{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 256}, {\"enum\": "
		"[\"auto\"]}], \"title\": \"number\", \"description\": \"x\", \"default\": \"auto\"}"));
	CU_ASSERT_TRUE(is_json(json_object_get(property(schema, "choice"), "enum"), "[\"red\", \"green\"]"));
	CU_ASSERT_TRUE(is_json(json_array_get(json_object_get(property(schema, "delay"), "anyOf"), 0),
			       "{\"type\": \"number\", \"minimum\": 0.001}"));
	CU_ASSERT_TRUE(is_json(json_object_get(property(schema, "text"), "maxLength"), "10"));
	CU_ASSERT_TRUE(is_json(json_object_get(property(schema, "list"), "maxItems"), "2"));
	CU_ASSERT_TRUE(is_json(json_object_get(schema, "additionalProperties"), "false"));
	CU_ASSERT_TRUE(is_json(json_object_get(schema, "patternProperties"), "{\"^//\": {}}"));
	CU_ASSERT_PTR_NULL(json_object_get(schema, "required"));
	json_decref(schema);
}

SUITE_MAIN("option", SUITE_TEST(defaults_step_in), SUITE_TEST(defaults_stay_where_a_value_is_wrong),
	   SUITE_TEST(every_type_is_taken), SUITE_TEST(numbers_have_many_forms),
	   SUITE_TEST(numbers_out_of_any_range_are_refused), SUITE_TEST(messages_say_what_and_where),
	   SUITE_TEST(hostile_text_is_escaped_and_cut), SUITE_TEST(rows_read_well),
	   SUITE_TEST(faulty_tables_are_found), SUITE_TEST(faults_between_rows_are_found),
	   SUITE_TEST(schemas_say_the_same))
