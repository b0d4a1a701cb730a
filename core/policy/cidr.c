/* CIDR blocks: read from text, and compiled to ranges that know whether they are in. */
#include "core/policy/cidr.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"

typedef unsigned __int128 number; /* an address, its first byte the highest */

static const char form[] = "an address block, such as \"192.0.2.0/24\", \"2001:db8::/32\", \"192.0.2.1\" or "
			   "\"all\", with \"!\" before it for an exception";

int cidr_parse(const char *text, struct cidr *out, struct plait_error *error)
{
	char found[160];
	const char *begin = text + (*text == '!');

	*out = (struct cidr){ .except = *text == '!' };
	if (strcmp(begin, "all") == 0)
		return 0;
	const char *expected = network_read(begin, &out->network);
	if (!expected && out->network.family != PLAIT_FAMILY_UNIX)
		return 0;
	if (!expected || expected == network_form)
		expected = form;
	escape_text(found, sizeof(found), text, strnlen(text, sizeof(found)));
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "found \"%s\"; expected %s", found,
			       expected);
}

/* ---- compiled ---- */

struct block {
	number first, last;
	unsigned order;
	bool except;
};

/* From each of these on, up to the next, addresses are in or not. The first is 0. */
struct ranges {
	size_t count;
	number *from;
	bool *in;
};

struct blocks {
	size_t count, capacity;
	struct block *items;
};

/* IPv4 and IPv6. */
struct cidr_set {
	size_t count;
	struct blocks blocks[2];
	struct ranges ranges[2];
};

static number to_number(const uint8_t *bytes, unsigned bits)
{
	number value = 0;
	for (unsigned i = 0; i < bits / 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static const char what[] = "a list of addresses";

static int add(struct blocks *blocks, const struct block *block)
{
	if (blocks->count == blocks->capacity) {
		size_t capacity = blocks->capacity ? blocks->capacity * 2 : 16;
		blocks->items = alloc_larger(blocks->items, capacity * sizeof(blocks->items[0]), what);
		blocks->capacity = capacity;
	}
	blocks->items[blocks->count++] = *block;
	return 0;
}

static number ones(unsigned count)
{
	return count == 0 ? 0 : ~(number)0 >> (128 - count);
}

static int add_to(struct cidr_set *set, uint8_t family, const struct cidr *cidr)
{
	unsigned of = network_width(family);
	struct block block = { .first = to_number(cidr->network.bytes, of),
			       .order = (unsigned)set->count,
			       .except = cidr->except };
	block.last = block.first | ones(of - cidr->network.bits);
	return add(&set->blocks[family == PLAIT_FAMILY_IPV6], &block);
}

int cidr_set_add(struct cidr_set *set, const struct cidr *cidr)
{
	int result = 0;
	if (cidr->network.family != PLAIT_FAMILY_IPV6)
		result |= add_to(set, PLAIT_FAMILY_IPV4, cidr);
	if (cidr->network.family != PLAIT_FAMILY_IPV4)
		result |= add_to(set, PLAIT_FAMILY_IPV6, cidr);
	set->count++;
	return result;
}

size_t cidr_set_count(const struct cidr_set *set)
{
	return set->count;
}

/* Outer blocks before those that lie in them; of equal ones the first. */
static int compare(const void *one, const void *other)
{
	const struct block *a = one, *b = other;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void begin_range(struct ranges *ranges, number from, bool in)
{
	if (ranges->count > 0 && ranges->from[ranges->count - 1] == from)
		ranges->count--;
	if (ranges->count > 0 && ranges->in[ranges->count - 1] == in)
		return;
	ranges->from[ranges->count] = from;
	ranges->in[ranges->count++] = in;
}

/* Blocks that lie in one another, and which of them comes first. */
struct nest {
	struct block items[130]; /* one for each prefix, and everything */
	unsigned depth;
};

static void leave_block(struct nest *nest, struct ranges *ranges)
{
	number last = nest->items[--nest->depth].last;
	if (last != ~(number)0)
		begin_range(ranges, last + 1, !nest->items[nest->depth - 1].except);
}

/* Blocks lie in one another or apart. */
static void sweep(const struct blocks *blocks, struct ranges *ranges)
{
	struct nest nest = { .depth = 1 };
	nest.items[0] = (struct block){ .last = ~(number)0, .order = ~0u, .except = true };
	begin_range(ranges, 0, false);
	for (size_t i = 0; i < blocks->count; i++) {
		struct block block = blocks->items[i];
		while (nest.items[nest.depth - 1].last < block.first)
			leave_block(&nest, ranges);
		const struct block *outer = &nest.items[nest.depth - 1];
		if (outer->order < block.order)
			continue; /* it comes first, with all that it holds */
		nest.items[nest.depth++] = block;
		begin_range(ranges, block.first, !block.except);
	}
	while (nest.depth > 1)
		leave_block(&nest, ranges);
}

static int compile(struct blocks *blocks, struct ranges *ranges)
{
	size_t most = 2 * blocks->count + 2;
	if (blocks->count > 0)
		qsort(blocks->items, blocks->count, sizeof(blocks->items[0]), compare);
	ranges->from = alloc_zeroed(most * sizeof(ranges->from[0]), what);
	ranges->in = alloc_zeroed(most * sizeof(ranges->in[0]), what);
	sweep(blocks, ranges);
	free(blocks->items);
	*blocks = (struct blocks){ 0 };
	return 0;
}

int cidr_set_compile(struct cidr_set *set)
{
	return compile(&set->blocks[0], &set->ranges[0]) | compile(&set->blocks[1], &set->ranges[1]);
}

static bool find(const struct ranges *ranges, number address)
{
	size_t low = 0, high = ranges->count; /* from[low] <= address, and less than from[high] */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (ranges->from[middle] <= address)
			low = middle;
		else
			high = middle;
	}
	return ranges->in[low];
}

bool cidr_set_has(const struct cidr_set *set, const struct plait_addr *addr)
{
	switch (addr->family) {
	case PLAIT_FAMILY_IPV4: return find(&set->ranges[0], to_number(addr->u.bytes, 32));
	case PLAIT_FAMILY_IPV6: return find(&set->ranges[1], to_number(addr->u.bytes, 128));
	default: return false;
	}
}

static bool same(const struct ranges *a, const struct ranges *b)
{
	return a->count == b->count && memcmp(a->from, b->from, a->count * sizeof(a->from[0])) == 0 &&
	       memcmp(a->in, b->in, a->count * sizeof(a->in[0])) == 0;
}

bool cidr_set_same(const struct cidr_set *a, const struct cidr_set *b)
{
	return same(&a->ranges[0], &b->ranges[0]) && same(&a->ranges[1], &b->ranges[1]);
}

struct cidr_set *cidr_set_new(void)
{
	return alloc_zeroed(sizeof(struct cidr_set), what);
}

void cidr_set_free(struct cidr_set **set_at)
{
	struct cidr_set *set = *set_at;
	*set_at = NULL;
	for (unsigned i = 0; set && i < 2; i++) {
		free(set->blocks[i].items);
		free(set->ranges[i].from);
		free(set->ranges[i].in);
	}
	free(set);
}
