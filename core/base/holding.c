/* The way of what one thread holds to the common sum. */
#include "core/base/holding.h"

#include <stddef.h>

void holding_tell(struct holding *holding, long long spare)
{
	struct holding_sum *sum = holding->sum;
	long long by = holding->bytes - spare - holding->told;
	holding->told += by;
	holding->seen_at = holding->bytes;
	if (!sum || by == 0)
		return;
	long long bytes = atomic_fetch_add_explicit(&sum->bytes, by, memory_order_relaxed) + by;
	long long most = atomic_load_explicit(&sum->most, memory_order_relaxed);
	if (by > 0 && most > 0 && bytes > most)
		sum->over(sum);
}
