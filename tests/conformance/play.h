/* Plays one recorded case of Twisted's receivers on a real connection over memory. */
#ifndef TESTS_CONFORMANCE_PLAY_H
#define TESTS_CONFORMANCE_PLAY_H

#include <jansson.h>
#include <stdbool.h>

/* What a case came to. Texts are for people. */
struct outcome {
	bool good;
	char variant[160]; /* how the input was cut when it went wrong */
	char fault[256];   /* or why the case could not be played at all */
	json_t *got;       /* what stands where `expect` is; the caller gives the reference back */
	unsigned plays;    /* how many ways of cutting were played */
};

/* Plays it as recorded and re-cut as it allows, until one play differs from its expectation. */
struct outcome play_case(const json_t *test);

/* Whether there is a framing that can play the cases of this protocol of Twisted's. */
bool play_knows(const char *protocol);

#endif
