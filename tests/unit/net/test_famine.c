/* Who waits for a descriptor, in which order they are woken, and what the reserve is for. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/container.h"
#include "core/net/famine.h"
#include "tests/unit/suite.h"

static char woken[16];

struct someone {
	char name;
	struct famine_waiter waiter;
};

static void on_woken(struct famine_waiter *waiter)
{
	woken[strlen(woken)] = CONTAINER_OF(waiter, struct someone, waiter)->name;
}

static struct someone make(char name, bool privileged)
{
	memset(woken, 0, sizeof(woken));
	return (struct someone){ .name = name, .waiter = { .wake = on_woken, .privileged = privileged } };
}

static struct famine_told told(void)
{
	struct famine_told now;
	famine_tell(&now);
	return now;
}

static void one_a_descriptor_in_order(void)
{
	struct someone a = make('a', false), b = make('b', false), c = make('c', true);
	unsigned long long before = told().episodes;
	famine_closed(); /* nobody waits */
	CU_ASSERT_TRUE(famine_wait(&a.waiter));
	CU_ASSERT_FALSE(famine_wait(&a.waiter));
	CU_ASSERT_TRUE(famine_wait(&b.waiter));
	CU_ASSERT_TRUE(famine_wait(&c.waiter));
	CU_ASSERT_TRUE(told().now);
	famine_closed();
	CU_ASSERT_STRING_EQUAL(woken, "c");
	famine_closed();
	famine_closed();
	famine_closed();
	CU_ASSERT_STRING_EQUAL(woken, "cab");
	CU_ASSERT_FALSE(famine_wait(&a.waiter)); /* it has not looked yet */
	famine_take(&a.waiter);
	CU_ASSERT_TRUE(famine_wait(&a.waiter));
	CU_ASSERT_TRUE(famine_end(&a.waiter));
	CU_ASSERT_FALSE(famine_end(&b.waiter));
	CU_ASSERT_TRUE(told().now);
	CU_ASSERT_FALSE(famine_end(&c.waiter));
	CU_ASSERT_FALSE(told().now);
	CU_ASSERT_EQUAL(told().episodes, before + 1);
	CU_ASSERT_EQUAL(atomic_load(&famine_needs), 0);
}

static void the_reserve_comes_first(void)
{
	struct someone a = make('a', false), c = make('c', true);
	struct rlimit before, none;
	famine_open_reserve();
	CU_ASSERT_EQUAL(told().reserve, FAMINE_RESERVE);
	for (unsigned i = 0; i < FAMINE_RESERVE; i++)
		CU_ASSERT_TRUE(famine_use_reserve());
	CU_ASSERT_FALSE(famine_use_reserve());
	CU_ASSERT_EQUAL(atomic_load(&famine_needs), FAMINE_RESERVE);
	int taken = dup(0); /* the lowest of those that were given up */
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)taken + 1;
	setrlimit(RLIMIT_NOFILE, &none);
	famine_wait(&a.waiter);
	famine_wait(&c.waiter);
	famine_closed(); /* it was not */
	CU_ASSERT_STRING_EQUAL(woken, "");
	close(taken);
	famine_closed();
	CU_ASSERT_STRING_EQUAL(woken, "c");
	CU_ASSERT_EQUAL(told().reserve, 1);
	famine_closed();
	CU_ASSERT_STRING_EQUAL(woken, "c");
	setrlimit(RLIMIT_NOFILE, &before);
	famine_closed();
	CU_ASSERT_STRING_EQUAL(woken, "ca");
	CU_ASSERT_EQUAL(told().reserve, FAMINE_RESERVE);
	famine_end(&a.waiter);
	famine_end(&c.waiter);
	famine_close_reserve();
	CU_ASSERT_EQUAL(told().reserve, 0);
	CU_ASSERT_EQUAL(atomic_load(&famine_needs), 0);
}

SUITE_MAIN("famine", SUITE_TEST(one_a_descriptor_in_order), SUITE_TEST(the_reserve_comes_first))
