/* "Did you mean": the nearest of a few words, by the typing errors that lie between. */
#include "core/base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { LONGEST = 64, FARTHEST = 3, SHORTEST_STEM = 3 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int letter(const char *text, size_t at)
{
	return tolower((unsigned char)text[at]);
}

/* Insertions, deletions, replacements and swaps of neighbours; the case of letters does not count. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][LONGEST + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = letter(a, i - 1) != letter(b, j - 1);

			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && letter(a, i - 1) == letter(b, j - 2) &&
			    letter(a, i - 2) == letter(b, j - 1))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		size_t *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

/* "cert" for "certificate" is no typing error, but meant all the same. */
static bool is_stem(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t shorter = least(a_len, b_len);

	return shorter >= SHORTEST_STEM && strncasecmp(a, b, shorter) == 0;
}

void suggest_offer(struct suggest *best, const char *found, const char *candidate)
{
	size_t found_len = strlen(found), candidate_len = strlen(candidate);
	size_t longer = found_len > candidate_len ? found_len : candidate_len;

	if (found_len == 0 || candidate_len == 0 || longer > LONGEST)
		return;
	size_t far = distance(found, found_len, candidate, candidate_len);
	/* One error in three letters is a slip; more is another word. */
	if (far > FARTHEST || far * 3 > longer) {
		if (!is_stem(found, found_len, candidate, candidate_len))
			return;
		far = FARTHEST + 1;
	}
	if (!best->word || far < best->distance) {
		best->word = candidate;
		best->distance = far;
	}
}
