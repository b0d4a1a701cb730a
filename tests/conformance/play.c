/* Finds who can play a case. */
#include "tests/conformance/play.h"

#include <string.h>

#include "tests/conformance/script.h"

static const struct player *find(const char *protocol)
{
	static const struct player *const all[] = { framing_players, policy_players };

	for (size_t i = 0; protocol && i < sizeof(all) / sizeof(all[0]); i++) {
		for (const struct player *player = all[i]; player->protocol; player++) {
			if (!strcmp(player->protocol, protocol))
				return player;
		}
	}
	return NULL;
}

static bool is_among(const char *const *words, const char *word)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words;
}

/* What is not understood might change what is to be expected. */
static void check_params(const json_t *params, const struct player *player, struct outcome *outcome)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)params, name, value)
	{
		if (!is_among(player->params, name))
			outcome_fault(outcome, "has the parameter \"%s\", which is unknown", name);
	}
}

struct outcome play_case(const json_t *test)
{
	const char *protocol = json_string_value(json_object_get(test, "protocol"));
	const json_t *expect = json_object_get(test, "expect");
	const struct player *player = find(protocol);
	struct outcome outcome = { 0 };

	if (!player)
		outcome_fault(&outcome, "is of the protocol \"%s\", which is unknown",
			      protocol ? protocol : "");
	else if (!json_is_object(expect) || json_object_size(expect) == 0)
		outcome_fault(&outcome, "expects nothing");
	else
		check_params(json_object_get(test, "params"), player, &outcome);
	if (!outcome.fault[0])
		player->play(test, player->how, &outcome);
	return outcome;
}
