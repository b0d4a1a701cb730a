/* A list of Deferreds: three tasks, of which one fails, awaited together. */
#include <plait/plait.h>
#include <stdio.h>

struct task {
	const char *name;
	uint64_t takes_ms;
	bool fails;
	struct plait_deferred *done;
};

static struct task tasks[] = {
	{ .name = "wash", .takes_ms = 30 },
	{ .name = "cook", .takes_ms = 10, .fails = true },
	{ .name = "sweep", .takes_ms = 20 },
};

enum { TASKS = sizeof(tasks) / sizeof(tasks[0]) };

static void finish(void *arg)
{
	struct task *task = arg;
	printf("%s is over\n", task->name);
	if (task->fails)
		plait_deferred_errback(task->done,
				       plait_failure(PLAIT_ERROR_MISSING, "no salt in the house"));
	else
		plait_deferred_callback(task->done, plait_value(task));
	plait_deferred_unref(&task->done);
}

static struct plait_deferred *begin(struct plait_loop *loop, struct task *task)
{
	task->done = plait_deferred_new(NULL, NULL);
	plait_call_later(loop, task->takes_ms, finish, task);
	return plait_deferred_ref(task->done);
}

static struct plait_result all_done(struct plait_result result, void *arg)
{
	(void)arg;
	struct plait_outcomes *outcomes = result.value;
	for (size_t i = 0; i < outcomes->count; i++) {
		const struct plait_failure *failure = outcomes->items[i].result.failure;
		printf("%s: %s\n", tasks[i].name, failure ? failure->text : "good");
	}
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	(void)arg;
	struct plait_deferred *each[TASKS];
	for (size_t i = 0; i < TASKS; i++)
		each[i] = begin(loop, &tasks[i]);
	return plait_add_callback(plait_deferred_list(each, TASKS, PLAIT_CONSUME_ERRORS), all_done, NULL);
}

int main(void)
{
	return plait_react(NULL, start, NULL);
}
