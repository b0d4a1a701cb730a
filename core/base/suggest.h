/* "Did you mean": the nearest of a few words. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

struct suggest {
	const char *word; /* the nearest so far, NULL when none is near enough */
	size_t distance;
};

/* Offers candidate for the misspelt found; keeps it in *best if it is nearer than what was there. best starts zeroed. */
void suggest_offer(struct suggest *best, const char *found, const char *candidate);

#endif
