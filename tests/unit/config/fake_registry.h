/* A registry without shared objects: protocols that look to a configuration like the shipped ones. */
#ifndef TESTS_UNIT_CONFIG_FAKE_REGISTRY_H
#define TESTS_UNIT_CONFIG_FAKE_REGISTRY_H

#include "core/plugin/registry.h"

struct fake_line_options {
	const char *delimiter;
	uint64_t max_length;
	const char *reply;
};

/* Knows echo (no options; streams and datagrams), line (options), clock (datagrams only) and faulty (a table that is
 * wrong). False when there is none of that name. Free it with registry_free. */
bool fake_registry_add(struct registry *registry, const char *protocol);

#endif
