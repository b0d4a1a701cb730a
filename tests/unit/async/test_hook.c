/* Shutdown hooks of one loop: which are called, in which order, and what is waited for. */
#include "core/async/hook.h"

#include <plait/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define TIMEOUT_MS 1000

static struct rig rig;
static char called[32];
static unsigned answers, cancels;
static struct plait_deferred *pending; /* what the next hook returns, one reference */
static struct plait_hook names[4];

static void note(const char *what)
{
	strncat(called, what, sizeof(called) - strlen(called) - 1);
}

static struct plait_deferred *hook(void *arg)
{
	note(arg);
	return NULL;
}

static struct plait_deferred *slow_hook(void *arg)
{
	note(arg);
	return plait_deferred_ref(pending);
}

static void count_answer(void *arg)
{
	(void)arg;
	answers++;
}

static void count_cancel(struct plait_deferred *deferred, void *arg)
{
	(void)deferred;
	(void)arg;
	cancels++;
}

static void begin(void)
{
	rig_init(&rig);
	called[0] = '\0';
	answers = cancels = 0;
	pending = plait_deferred_new(count_cancel, NULL);
}

static void finish(void)
{
	plait_deferred_unref(&pending);
	rig_fini(&rig);
}

static void run(enum plait_shutdown_phase phase)
{
	hooks_run(rig.loop, phase, TIMEOUT_MS, count_answer, NULL);
}

static void those_of_a_phase_in_their_order(void)
{
	begin();
	plait_add_hook(rig.loop, PLAIT_AFTER_SHUTDOWN, hook, "x");
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "a");
	plait_add_hook(rig.loop, PLAIT_DURING_SHUTDOWN, hook, "m");
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "b");
	plait_add_hook(rig.loop, PLAIT_AFTER_SHUTDOWN, hook, "y");
	run(PLAIT_BEFORE_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "ab");
	CU_ASSERT_EQUAL(answers, 1);
	run(PLAIT_DURING_SHUTDOWN);
	run(PLAIT_AFTER_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "abmxy");
	CU_ASSERT_EQUAL(answers, 3);
	run(PLAIT_AFTER_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "abmxy");
	finish();
}

static void without_hooks_there_is_an_answer(void)
{
	begin();
	run(PLAIT_BEFORE_SHUTDOWN);
	CU_ASSERT_EQUAL(answers, 1);
	finish();
}

static void deferreds_are_waited_for(void)
{
	begin();
	struct plait_deferred *first = pending, *second = plait_deferred_new(NULL, NULL);
	plait_add_hook(rig.loop, PLAIT_DURING_SHUTDOWN, slow_hook, "a");
	run(PLAIT_DURING_SHUTDOWN);
	CU_ASSERT_EQUAL(answers, 0);
	plait_deferred_callback(first, plait_value(NULL));
	CU_ASSERT_EQUAL(answers, 1);

	plait_deferred_unref(&first);
	pending = second;
	plait_add_hook(rig.loop, PLAIT_AFTER_SHUTDOWN, slow_hook, "b");
	plait_add_hook(rig.loop, PLAIT_AFTER_SHUTDOWN, slow_hook, "c");
	plait_add_hook(rig.loop, PLAIT_AFTER_SHUTDOWN, hook, "d");
	run(PLAIT_AFTER_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "abcd"); /* all before any is waited for */
	CU_ASSERT_EQUAL(answers, 1);
	rig_advance(&rig, TIMEOUT_MS - 1);
	plait_deferred_callback(second, plait_value(NULL));
	CU_ASSERT_EQUAL(answers, 2);
	rig_advance(&rig, 10 * TIMEOUT_MS);
	CU_ASSERT_EQUAL(answers, 2);
	CU_ASSERT_EQUAL(cancels, 0);
	finish();
}

static void one_that_never_fires_is_cancelled(void)
{
	begin();
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, slow_hook, "a");
	run(PLAIT_BEFORE_SHUTDOWN);
	rig_advance(&rig, TIMEOUT_MS - 1);
	CU_ASSERT_EQUAL(answers, 0);
	rig_advance(&rig, 1);
	CU_ASSERT_EQUAL(answers, 1);
	CU_ASSERT_EQUAL(cancels, 1);
	finish();
}

static struct plait_deferred *failing_hook(void *arg)
{
	note(arg);
	return plait_fail(plait_failure(PLAIT_ERROR_MISSING, "there is no floor"));
}

/* What is logged meanwhile. */
static const char *logged(void (*act)(void))
{
	static char text[1024];
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	act();
	dup2(before, STDERR_FILENO);
	close(before);
	ssize_t len = pread(fileno(file), text, sizeof(text) - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	fclose(file);
	return text;
}

static void run_before(void)
{
	run(PLAIT_BEFORE_SHUTDOWN);
}

static void a_failure_is_logged_and_the_others_go_on(void)
{
	begin();
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, failing_hook, "a");
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "b");
	const char *text = logged(run_before);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "there is no floor"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "failing_hook"));
	CU_ASSERT_STRING_EQUAL(called, "ab");
	CU_ASSERT_EQUAL(answers, 1);
	finish();
}

static void removed_by_name(void)
{
	begin();
	struct plait_hook a = plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "a"),
			  b = plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "b"), copy = a,
			  none = { 0 };
	CU_ASSERT_EQUAL(plait_remove_hook(&a), 0);
	CU_ASSERT_PTR_NULL(a.loop);
	CU_ASSERT_EQUAL(plait_remove_hook(&a), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_remove_hook(&copy), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_remove_hook(&none), PLAIT_ERROR_GONE);
	run(PLAIT_BEFORE_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "b");
	CU_ASSERT_EQUAL(plait_remove_hook(&b), PLAIT_ERROR_GONE); /* it was called */
	finish();
}

static struct plait_deferred *meddle(void *arg)
{
	note(arg);
	CU_ASSERT_EQUAL(plait_remove_hook(&names[1]), 0);
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "same");
	plait_add_hook(rig.loop, PLAIT_AFTER_SHUTDOWN, hook, "later");
	return NULL;
}

static void a_hook_may_add_and_remove_hooks(void)
{
	begin();
	names[0] = plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, meddle, "a");
	names[1] = plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "b");
	names[2] = plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, hook, "c");
	run(PLAIT_BEFORE_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "ac");
	run(PLAIT_AFTER_SHUTDOWN);
	CU_ASSERT_STRING_EQUAL(called, "aclater");
	finish();
}

static void what_is_waited_for_at_the_end_is_cancelled(void)
{
	begin();
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, slow_hook, "a");
	run(PLAIT_BEFORE_SHUTDOWN);
	hooks_free(rig.loop);
	CU_ASSERT_EQUAL(cancels, 1);
	CU_ASSERT_EQUAL(answers, 0);
	loop_enter(rig.loop);
	finish();
}

/* The last one is cancelled first, but goes on only when the other is gone: in its place lies by then what must stay as it
 * is. */
static void one_that_is_paused_may_outlive_the_others(void)
{
	unsigned char *later[64], untouched[64];
	begin();
	struct plait_deferred *first = pending, *paused = plait_deferred_new(NULL, NULL);
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, slow_hook, "a");
	run(PLAIT_BEFORE_SHUTDOWN);
	pending = paused;
	plait_deferred_pause(paused);
	plait_add_hook(rig.loop, PLAIT_BEFORE_SHUTDOWN, slow_hook, "b");
	run(PLAIT_BEFORE_SHUTDOWN);
	hooks_free(rig.loop);
	loop_enter(rig.loop);
	CU_ASSERT_EQUAL(cancels, 1);
	memset(untouched, 0x5a, sizeof(untouched));
	for (size_t i = 0; i < sizeof(untouched); i++) {
		later[i] = malloc(i + 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(later[i]);
		memset(later[i], 0x5a, i + 1);
	}
	plait_deferred_unpause(paused);
	CU_ASSERT_TRUE(plait_deferred_called(paused));
	for (size_t i = 0; i < sizeof(untouched); i++) {
		CU_ASSERT_EQUAL(memcmp(later[i], untouched, i + 1), 0);
		free(later[i]);
	}
	plait_deferred_unref(&first);
	finish();
}

SUITE_MAIN("hook", SUITE_TEST(those_of_a_phase_in_their_order), SUITE_TEST(without_hooks_there_is_an_answer),
	   SUITE_TEST(deferreds_are_waited_for), SUITE_TEST(one_that_never_fires_is_cancelled),
	   SUITE_TEST(a_failure_is_logged_and_the_others_go_on), SUITE_TEST(removed_by_name),
	   SUITE_TEST(a_hook_may_add_and_remove_hooks),
	   SUITE_TEST(what_is_waited_for_at_the_end_is_cancelled),
	   SUITE_TEST(one_that_is_paused_may_outlive_the_others))
