/* Protocols that programs give us. */
#include "core/net/own_protocol.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/option.h"
#include "core/base/option_read.h"

/* All that are in use. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct own_protocol *first;

#define STATE_LARGEST ((size_t)1 << 30)

void protocol_widen(const struct plait_protocol *given, struct plait_protocol *out)
{
	size_t size = given->head.size;
	memset(out, 0, sizeof(*out));
	memcpy(out, given, size < sizeof(*out) ? size : sizeof(*out));
}

const char *protocol_fault(const struct plait_protocol *protocol, char *room, size_t size)
{
	char text[512];
	if (protocol->framing && (!protocol->framing->next || !protocol->framing->name))
		return "its framing has no name or no next function; use one of plait's, or fill both";
	if (protocol->framing && !protocol->message)
		return "it has a framing but no message callback; add .message, or take .framing away";
	if (protocol->conn_size > STATE_LARGEST || protocol->factory_size > STATE_LARGEST ||
	    protocol->port_size > STATE_LARGEST)
		return "its conn_size, factory_size or port_size is beyond 1 GiB; give the size of a struct";
	if (!protocol->options)
		return NULL;
	if (!protocol->options_size)
		return "it has options but no options_size; give the size of the struct that they fill";
	const char *fault = option_table_fault(protocol->options, protocol->options_size, text, sizeof(text));
	if (!fault)
		return NULL;
	snprintf(room, size, "%s; correct its option table", fault);
	return room;
}

static void enter(struct own_protocol *own)
{
	pthread_mutex_lock(&lock);
	own->next = first;
	own->at = &first;
	if (own->next)
		own->next->at = &own->next;
	first = own;
	pthread_mutex_unlock(&lock);
}

static void leave(struct own_protocol *own)
{
	pthread_mutex_lock(&lock);
	if (own->at)
		*own->at = own->next;
	if (own->at && own->next)
		own->next->at = own->at;
	own->at = NULL;
	pthread_mutex_unlock(&lock);
}

bool own_protocols_need(struct code_range code)
{
	bool any = false;
	pthread_mutex_lock(&lock);
	for (const struct own_protocol *own = first; own && !any; own = own->next)
		any = code_range_has(code, (uintptr_t)own->protocol.head.name);
	pthread_mutex_unlock(&lock);
	return any;
}

static int check_head(const struct plait_head *head, struct plait_error *error)
{
	if (head->magic != PLAIT_MAGIC || head->size < sizeof(*head))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"the protocol has no head: begin it with PLAIT_PROTOCOL_HEAD(\"NAME\")");
	if (head->abi_major == PLAIT_ABI_MAJOR)
		return 0;
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, NULL,
		"the protocol was compiled for ABI %u, and this plait has %u; compile the program anew",
		head->abi_major, PLAIT_ABI_MAJOR);
}

static int read_defaults(struct own_protocol *own, struct plait_error *error)
{
	own->arena = option_arena_new();
	own->options = own->defaults = calloc(1, own->protocol.options_size);
	if (!own->defaults)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a protocol's options");
	return option_read(own->protocol.options, NULL, own->defaults, own->arena, error);
}

int own_protocol_init(struct own_protocol *own, const struct plait_protocol *given, const void *options,
		      struct plait_error *error)
{
	char room[600];
	*own = (struct own_protocol){ .options = options };
	enter(own);
	int result = check_head(&given->head, error);
	if (result < 0)
		return result;
	protocol_widen(given, &own->protocol);
	const char *fault = protocol_fault(&own->protocol, room, sizeof(room));
	if (fault)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "the protocol \"%s\" is faulty: %s",
				       given->head.name, fault);
	return own->protocol.options && !options ? read_defaults(own, error) : 0;
}

void own_protocol_fini(struct own_protocol *own)
{
	leave(own);
	option_arena_free(&own->arena);
	free(own->defaults);
	own->defaults = NULL;
}
