/* Factories for tests, configured as a listener is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/option_read.h"
#include "core/policy/pace.h"
#include "core/policy/throttle.h"
#include "core/testing/kit.h"

/* What a listener's object fills; the protocol's options lie behind it. */
struct configured {
	struct net_settings settings;
};

struct test_factory {
	struct test_factory *next;
	struct plait_factory *factory;
	struct throttle *throttle; /* NULL: no rate is limited */
	struct pace pace;
	struct option_arena *arena;
	struct configured configured;
	max_align_t options[];
};

static const struct plait_option no_options[] = { PLAIT_OPTION_END };

static int configure(struct test_factory *made, const struct plait_protocol *protocol, const char *json,
		     struct plait_error *error)
{
	const struct plait_option table[] = {
		{ .type = PLAIT_OPTION_TYPE_OBJECT,
		  .key = "options",
		  .offset = offsetof(struct test_factory, options) -
			    offsetof(struct test_factory, configured),
		  .table = protocol->options ? protocol->options : no_options,
		  .table_size = protocol->options_size,
		  .doc = "The protocol's own options" },
		NET_SETTINGS_ROWS(struct configured, settings),
		PLAIT_OPTION_END,
	};
	return option_read(table, json, &made->configured, made->arena, error);
}

static void free_one(struct test_factory *made)
{
	factory_free(&made->factory);
	throttle_free(&made->throttle);
	option_arena_free(&made->arena);
	free(made);
}

static void throttle(struct test_factory *made)
{
	const struct limit_settings *settings = &made->configured.settings.limits;
	if (throttle_needed(settings)) {
		made->throttle = throttle_new(settings);
		if (!made->throttle)
			abort();
		made->factory->traffic = throttle_traffic(made->throttle);
	}
	if (!pace_needed(settings))
		return;
	pace_init(&made->pace, settings, made->factory->traffic);
	made->factory->traffic = &made->pace.traffic;
}

struct plait_factory *plait_test_factory(struct plait_test *test, const struct plait_protocol *protocol,
					 const char *json, struct plait_error *error)
{
	struct plait_error wrong = { 0 };
	struct test_factory *made = kit_alloc(sizeof(*made) + protocol->options_size);
	made->arena = option_arena_new();
	if (configure(made, protocol, json, &wrong) == 0)
		made->factory = factory_allocate(NULL, protocol->head.name, protocol,
						 protocol->options ? made->options : NULL,
						 &made->configured.settings, &wrong);
	if (made->factory && protocol->starts_tls)
		made->factory->tls.role = made; /* memory asks nothing of it */
	if (made->factory && factory_begin(made->factory, &wrong) < 0)
		factory_free(&made->factory);
	if (made->factory)
		throttle(made);
	if (!made->factory) {
		if (error)
			*error = wrong;
		else
			printf("# %s%s%s\n", wrong.path, wrong.path[0] ? ": " : "", wrong.text);
		free_one(made);
		return NULL;
	}
	made->next = test->factories;
	test->factories = made;
	return made->factory;
}

void kit_free_factories(struct plait_test *test)
{
	while (test->factories) {
		struct test_factory *made = test->factories;
		test->factories = made->next;
		free_one(made);
	}
}
