/* Data kept for each loop: one of each key on each, made when it is first asked for, and ended in order. */
#include <plait/threads.h>
#include <stdio.h>
#include <string.h>

#include "core/loop/loop.h"
#include "tests/unit/suite.h"

static struct plait_loop *one, *two;

static char events[256];

static void note(const char *what, struct plait_loop *loop)
{
	size_t len = strlen(events);
	snprintf(events + len, sizeof(events) - len, "%s%u%s ", what, plait_loop_index(loop),
		 plait_loop_current() == loop ? "" : "(elsewhere)");
}

static bool saw(const char *expected)
{
	bool same = strcmp(events, expected) == 0;
	if (!same)
		printf("# saw \"%s\"\n", events);
	events[0] = '\0';
	return same;
}

static void open_both(void)
{
	events[0] = '\0';
	one = loop_new(1, 3);
	two = loop_new(2, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	CU_ASSERT_PTR_NOT_NULL_FATAL(two);
}

static void *data_of(struct plait_loop *loop, const struct plait_loop_key *key)
{
	loop_enter(loop);
	void *data = plait_loop_data(loop, key);
	loop_enter(NULL);
	return data;
}

static void init_a(struct plait_loop *loop, void *data)
{
	note("init-a", loop);
	*(int *)data += 7;
}

static void fini_a(struct plait_loop *loop, void *data)
{
	note(*(int *)data == 7 ? "fini-a" : "wrong", loop);
}

static void fini_b(struct plait_loop *loop, void *data);

static const struct plait_loop_key key_a = { sizeof(int), init_a, fini_a },
				   key_b = { sizeof(int), NULL, fini_b }, key_empty = { .size = 0 };

/* Made after a, so ended before: a is still there. */
static void fini_b(struct plait_loop *loop, void *data)
{
	note("fini-b", loop);
	(void)data;
	CU_ASSERT_EQUAL(*(int *)plait_loop_data(loop, &key_a), 7);
}

static void each_loop_has_its_own(void)
{
	open_both();
	int *first = data_of(one, &key_a), *second = data_of(two, &key_a);
	CU_ASSERT_TRUE(saw("init-a1 init-a2 "));
	CU_ASSERT_PTR_NOT_EQUAL(first, second);
	CU_ASSERT_EQUAL(*first, 7);
	CU_ASSERT_PTR_EQUAL(data_of(one, &key_a), first);
	CU_ASSERT_PTR_NOT_EQUAL(data_of(one, &key_b), first);
	CU_ASSERT_EQUAL(*(int *)data_of(one, &key_b), 0);
	CU_ASSERT_PTR_NOT_NULL(data_of(one, &key_empty));
	CU_ASSERT_TRUE(saw(""));
	loop_free(&one);
	CU_ASSERT_TRUE(saw("fini-b1 fini-a1 "));
	loop_free(&two);
	CU_ASSERT_TRUE(saw("fini-a2 "));
}

/* Enough for the table to grow a few times; anywhere in memory, so that some collide. */
#define KEYS 1000
#define PLACES 65536

static void any_number_of_keys_is_told_apart(void)
{
	static struct plait_loop_key places[PLACES], *keys[KEYS];
	static int *found[KEYS];
	unsigned place = 1;
	open_both();
	for (int i = 0; i < KEYS; i++) {
		place = (place * 31413 + 6925) % PLACES; /* never the same */
		keys[i] = &places[place];
		keys[i]->size = sizeof(int);
		found[i] = data_of(one, keys[i]);
		CU_ASSERT_EQUAL(*found[i], 0);
		*found[i] = i + 1;
	}
	unsigned wrong = 0;
	for (int i = 0; i < KEYS; i++)
		wrong += data_of(one, keys[i]) != found[i] || *found[i] != i + 1;
	CU_ASSERT_EQUAL(wrong, 0);
	loop_free(&one);
	loop_free(&two);
}

static void fini_late(struct plait_loop *loop, void *data);
static const struct plait_loop_key key_late = { sizeof(int), NULL, fini_late };

static void fini_last(struct plait_loop *loop, void *data)
{
	(void)data;
	note("last", loop);
}
static const struct plait_loop_key key_last = { sizeof(int), NULL, fini_last };

static void ask_for_last(void *arg)
{
	note("posted", arg);
	plait_loop_data(arg, &key_last);
}

static void fini_first(struct plait_loop *loop, void *data)
{
	(void)data;
	note("first", loop);
	*(int *)plait_loop_data(loop, &key_late) = 1;
	plait_post(loop, ask_for_last, loop);
}
static const struct plait_loop_key key_first = { sizeof(int), NULL, fini_first };

static void fini_late(struct plait_loop *loop, void *data)
{
	note(*(int *)data == 1 ? "late" : "wrong", loop);
	CU_ASSERT_EQUAL(*(int *)plait_loop_data(loop, &key_first), 0); /* ended, and zeroed */
}

/* The two ask for one another at their end, and still come to one; what the first posts asks for one more. */
static void what_is_made_at_the_end_is_ended_too(void)
{
	open_both();
	*(int *)data_of(one, &key_first) = 5;
	loop_free(&one);
	CU_ASSERT_TRUE(saw("first1 late1 posted1 last1 "));
	loop_free(&two);
}

SUITE_MAIN("data", SUITE_TEST(each_loop_has_its_own), SUITE_TEST(any_number_of_keys_is_told_apart),
	   SUITE_TEST(what_is_made_at_the_end_is_ended_too))
