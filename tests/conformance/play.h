/* Plays one recorded case of Twisted's protocols and policies on real connections over memory. */
#ifndef TESTS_CONFORMANCE_PLAY_H
#define TESTS_CONFORMANCE_PLAY_H

#include <jansson.h>
#include <stdbool.h>

/* What a case came to. Texts are for people. */
struct outcome {
	bool good;
	char variant[160]; /* how it was played when it went wrong */
	char fault[256];   /* or why the case could not be played at all */
	json_t *got;       /* what stands where `expect` is; the caller gives the reference back */
	unsigned plays;    /* how many ways of playing it were tried */
};

/* Plays it as recorded, and in the other ways that it allows, until one play differs from its expectation. */
struct outcome play_case(const json_t *test);

/* Who can play the cases of one protocol of Twisted's. A table of these ends with a NULL protocol. */
struct player {
	const char *protocol;
	const char *const *params; /* that it understands; the last is NULL */
	void (*play)(const json_t *test, const void *how, struct outcome *outcome);
	const void *how;
};

extern const struct player framing_players[];
extern const struct player policy_players[];

#endif
