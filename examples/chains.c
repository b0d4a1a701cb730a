/* Deferreds: what goes through a chain of callbacks, fired at once and later, with a value and with a failure. */
#include <plait/plait.h>
#include <stdio.h>

enum { TOO_LARGE = -1000 };

/* Numbers travel as the value itself: nobody has to release them. */
static struct plait_result number(intptr_t n)
{
	return plait_value((void *)n);
}

static struct plait_result square(struct plait_result result, void *arg)
{
	intptr_t n = (intptr_t)result.value;
	printf("%s: square of %ld\n", (const char *)arg, (long)n);
	if (n > 1000)
		return plait_failed(plait_failure(TOO_LARGE, "%ld is too large to be squared", (long)n));
	return number(n * n);
}

static struct plait_result twice(struct plait_result result, void *arg)
{
	intptr_t n = (intptr_t)result.value;
	printf("%s: twice %ld\n", (const char *)arg, (long)n);
	return number(2 * n);
}

static struct plait_result report(struct plait_result result, void *arg)
{
	printf("%s: result %ld\n", (const char *)arg, (long)(intptr_t)result.value);
	return number(0);
}

static struct plait_result complain(struct plait_result result, void *arg)
{
	printf("%s: failed: %s\n", (const char *)arg, result.failure->text);
	plait_result_drop(&result); /* it is handled */
	return number(0);
}

/* Takes the reference. */
static void calculate(struct plait_deferred *deferred, char *name)
{
	plait_add_callback(deferred, square, name);
	plait_add_callback(deferred, twice, name);
	plait_add_callbacks(deferred, report, complain, name);
	plait_deferred_unref(&deferred);
}

/* Fires what waits, which ends the last reference to it. */
static void give_seven(void *arg)
{
	struct plait_deferred *deferred = arg;
	plait_deferred_callback(deferred, number(7));
	plait_deferred_unref(&deferred);
}

static void give_failure(void *arg)
{
	struct plait_deferred *deferred = arg;
	plait_deferred_errback(deferred, plait_failure(PLAIT_ERROR_MISSING, "there was no number"));
	plait_deferred_unref(&deferred);
}

static struct plait_deferred *later(struct plait_loop *loop, uint64_t delay_ms, plait_call_fn *fire)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_call_later(loop, delay_ms, fire, plait_deferred_ref(deferred));
	return deferred;
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	(void)arg;
	calculate(plait_succeed(number(3)), "at once");
	calculate(plait_succeed(number(5000)), "too large");
	calculate(plait_fail(plait_failure(PLAIT_ERROR_MISSING, "no number at all")), "failed before");
	calculate(later(loop, 10, give_seven), "later");
	calculate(later(loop, 20, give_failure), "failed later");
	puts("all chains are laid");
	return later(loop, 30, give_seven);
}

int main(void)
{
	return plait_react(NULL, start, NULL);
}
