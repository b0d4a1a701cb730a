/* Lists, gathers and races: one callback on each Deferred, which tells what they have in common. */
#include <plait/deferred_list.h>

#include <stdio.h>

#include "core/async/deferred.h"
#include "core/base/block.h"

#define CANCEL_LOSERS 0x100u /* beside enum plait_list_flags */

struct list;

struct entry {
	struct list *list;
	struct plait_deferred *deferred; /* until it is done; no reference: it never goes without a result */
};

/* Lives until all entries are done. */
struct list {
	unsigned flags;
	size_t users; /* entries that are not done, and calls that go on */
	size_t count, done;
	struct plait_deferred *fires;    /* one reference; NULL once it has fired or is about to */
	struct plait_outcomes *outcomes; /* as long as fires */
	struct entry entries[];
};

void plait_outcomes_free(struct plait_outcomes **outcomes_at)
{
	struct plait_outcomes *outcomes = *outcomes_at;
	*outcomes_at = NULL;
	for (size_t i = 0; outcomes && i < outcomes->count; i++)
		plait_result_drop(&outcomes->items[i].result);
	block_give(outcomes);
}

static void release_outcomes(void *value)
{
	struct plait_outcomes *outcomes = value;
	plait_outcomes_free(&outcomes);
}

static void list_unref(struct list *list)
{
	if (--list->users == 0)
		block_give(list);
}

/* For a user of the list. */
static void cancel_all(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct plait_deferred *deferred = list->entries[i].deferred;
		if (!deferred)
			continue;
		plait_deferred_ref(deferred);
		plait_deferred_cancel(deferred);
		plait_deferred_unref(&deferred);
	}
}

/* With the failure, which is taken, or with the outcomes. */
static void fire(struct list *list, struct plait_failure *failure)
{
	struct plait_deferred *fires = list->fires;
	struct plait_outcomes *outcomes = list->outcomes;
	list->fires = NULL;
	list->outcomes = NULL;
	if (failure)
		plait_outcomes_free(&outcomes);
	if (list->flags & CANCEL_LOSERS)
		cancel_all(list);
	plait_deferred_callback(fires,
				failure ? plait_failed(failure) : plait_owned(outcomes, release_outcomes));
	plait_deferred_unref(&fires);
}

/* Inputs may go on after that, being paused or not to be stopped; nobody waits for them. */
static void cancel_list(struct plait_deferred *deferred, void *arg)
{
	struct list *list = arg;
	(void)deferred;
	list->users++;
	cancel_all(list);
	if (list->fires)
		fire(list, plait_failure(PLAIT_ERROR_CANCELLED, "it was cancelled"));
	list_unref(list);
}

static struct plait_failure *copy_of(const struct plait_failure *failure, size_t index)
{
	struct plait_failure *copy = plait_failure_new(failure->code, failure->file, failure->function,
						       failure->line, "%s", failure->text);
	copy->index = (int)index;
	return copy;
}

/* Takes note of it, and fires if it is time. What goes on in the entry's own Deferred. */
static struct plait_result record(struct list *list, size_t index, struct plait_result result)
{
	struct plait_outcome *outcome = &list->outcomes->items[index];
	const struct plait_failure *failure = result.failure;
	outcome->done = true;
	list->done++;
	if (failure)
		outcome->result = plait_failed(plait_failure_ref(result.failure));
	else
		outcome->result = plait_result_take(&result);
	if (failure && list->flags & PLAIT_FIRE_ON_ONE_ERRBACK) {
		fire(list, copy_of(failure, index));
	} else if (!failure && list->flags & PLAIT_FIRE_ON_ONE_CALLBACK) {
		list->outcomes->index = index;
		fire(list, NULL);
	} else if (list->done == list->count) {
		fire(list, NULL);
	}
	return result;
}

static struct plait_result end_entry(struct plait_result result, void *arg)
{
	struct entry *entry = arg;
	struct list *list = entry->list;
	entry->deferred = NULL;
	if (list->fires)
		result = record(list, (size_t)(entry - list->entries), result);
	if (result.failure && list->flags & PLAIT_CONSUME_ERRORS)
		plait_result_drop(&result);
	list_unref(list);
	return result;
}

static struct list *list_new(size_t count, unsigned flags)
{
	struct list *list = deferred_memory(sizeof(*list) + count * sizeof(list->entries[0]));
	struct plait_outcomes *outcomes = deferred_memory(sizeof(*outcomes) +
							  count * sizeof(outcomes->items[0]));
	*outcomes = (struct plait_outcomes){ .count = count, .index = count };
	*list = (struct list){ .flags = flags, .count = count, .users = 1, .outcomes = outcomes };
	for (size_t i = 0; i < count; i++) {
		outcomes->items[i] = (struct plait_outcome){ .done = false };
		list->entries[i] = (struct entry){ .list = list };
	}
	list->fires = plait_deferred_new(cancel_list, list);
	return list;
}

struct plait_deferred *plait_deferred_list(struct plait_deferred *const *deferreds, size_t count,
					   unsigned flags)
{
	struct list *list = list_new(count, flags);
	struct plait_deferred *fires = plait_deferred_ref(list->fires);
	list->users += count;
	for (size_t i = 0; i < count; i++) {
		struct plait_deferred *deferred = list->entries[i].deferred = deferreds[i];
		plait_add_both(deferred, end_entry, &list->entries[i]);
		plait_deferred_unref(&deferred);
	}
	if (count == 0)
		fire(list, NULL);
	else if (!list->fires && flags & CANCEL_LOSERS)
		cancel_all(list); /* those that came after the winner */
	list_unref(list);
	return fires;
}

struct plait_deferred *plait_gather(struct plait_deferred *const *deferreds, size_t count)
{
	return plait_deferred_list(deferreds, count, PLAIT_FIRE_ON_ONE_ERRBACK | PLAIT_CONSUME_ERRORS);
}

static struct plait_failure *all_failed(const struct plait_outcomes *outcomes)
{
	char text[1024] = "";
	if (outcomes->count == 0)
		return plait_failure(PLAIT_ERROR_INVALID, "there is nothing to race");
	for (size_t i = 0, used = 0; i < outcomes->count && used < sizeof(text); i++) {
		int len = snprintf(text + used, sizeof(text) - used, "%s%s", i ? "; " : "",
				   outcomes->items[i].result.failure->text);
		used += len > 0 ? (size_t)len : 0;
	}
	const struct plait_failure *first = outcomes->items[0].result.failure;
	return plait_failure_new(first->code, first->file, first->function, first->line, "%s", text);
}

static struct plait_result pick_winner(struct plait_result result, void *arg)
{
	struct plait_outcomes *outcomes = result.value;
	(void)arg;
	struct plait_result answer = outcomes->index < outcomes->count
					     ? plait_result_take(&outcomes->items[outcomes->index].result)
					     : plait_failed(all_failed(outcomes));
	plait_result_drop(&result);
	return answer;
}

struct plait_deferred *plait_race(struct plait_deferred *const *deferreds, size_t count)
{
	struct plait_deferred *race = plait_deferred_list(deferreds, count,
							  PLAIT_FIRE_ON_ONE_CALLBACK | PLAIT_CONSUME_ERRORS |
								  CANCEL_LOSERS);
	return plait_add_callback(race, pick_winner, NULL);
}
