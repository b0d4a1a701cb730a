/* Where a loaded object lies, to tell what is of it: functions, and constants such as names. */
#ifndef BASE_CODE_RANGE_H
#define BASE_CODE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct code_range {
	uintptr_t begin, end;
};

static inline bool code_range_has(struct code_range range, uintptr_t address)
{
	return address >= range.begin && address < range.end;
}

#endif
