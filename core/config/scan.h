/* A walk over a JSON text that keeps what a JSON library forgets: places, and the cause of a mistake. */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config/positions.h"

struct scan_fault {
	struct place place;
	char text[384]; /* what is wrong, and the remedy */
};

/* Fills positions from text[0..len). False at the first mistake. It does not look at everything a JSON library does
 * (UTF-8, surrogates, the size of numbers), so a text without a fault here may still be none. */
bool scan_json(const char *text, size_t len, struct positions *positions, struct scan_fault *fault);

/* The place of a byte. */
struct place scan_place(const char *text, size_t len, size_t offset);

#endif
