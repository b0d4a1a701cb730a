/* Visitors: connections counted, and newcomers' rates measured, by address or by a block of addresses. A table holds who is
 * connected, and of the others only whose bucket is not full, at most VISITORS_RESTING of them: the longest gone are
 * forgotten first. Any thread. */
#ifndef POLICY_VISITORS_H
#define POLICY_VISITORS_H

#include <stddef.h>

#include <plait/addr.h>

#include "core/policy/bucket.h"

#define VISITORS_RESTING 65536u

struct visitors;

/* NULL: no memory. */
struct visitors *visitors_new(void);
void visitors_free(struct visitors **visitors);

enum visitor_kind { VISITOR_ADDRESS, VISITOR_PREFIX };

/* What is counted as one; compared as bytes. */
struct visitor_key {
	uint8_t kind; /* enum visitor_kind */
	uint8_t family;
	uint8_t bits;
	uint8_t bytes[16];
};

/* The block of so many bits that an IPv4 or IPv6 address lies in. */
struct visitor_key visitor_key(enum visitor_kind kind, const struct plait_addr *addr, unsigned bits);

enum visit { VISIT_GOOD, VISIT_TOO_MANY, VISIT_TOO_FAST, VISIT_NO_MEMORY };

struct visit_limits {
	int64_t connections;           /* 0: any number */
	struct bucket_settings bucket; /* of newcomers */
};

/* VISIT_GOOD counts a connection, until visitors_leave; anything else is why not. */
enum visit visitors_enter(struct visitors *visitors, const struct visitor_key *key,
			  const struct visit_limits *limits, uint64_t now_ns);
void visitors_leave(struct visitors *visitors, const struct visitor_key *key, uint64_t now_ns);

/* How many there are, the resting ones among them. */
size_t visitors_count(struct visitors *visitors);

#endif
