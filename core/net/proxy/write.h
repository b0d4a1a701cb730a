/* PROXY headers of version 2, to send. */
#ifndef NET_PROXY_WRITE_H
#define NET_PROXY_WRITE_H

#include <plait/proxy.h>

#include "core/net/proxy/header.h"

#define PROXY_AUTHORITY_MAX 255

/* The longest: its head, addresses, and three additions. */
#define PROXY_WRITTEN_MAX (16 + 36 + 3 * 3 + PROXY_AUTHORITY_MAX + 128 + 4)

/* Returns its length, or PLAIT_ERROR_INVALID with error filled, which may be NULL. */
int proxy_header_write(const struct plait_proxy_send *send, uint8_t out[PROXY_WRITTEN_MAX],
		       struct plait_error *error);

#endif
