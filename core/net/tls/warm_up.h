/* Handshakes of the process with itself, before those with others: OpenSSL makes much of what it needs in its first ones, and
 * one that fails then for want of memory can leave it unable to make any. */
#ifndef NET_TLS_WARM_UP_H
#define NET_TLS_WARM_UP_H

#include <plait/error.h>

/* Whether handshakes can be made at all, by three of each version. Takes a few milliseconds. Any thread. 0, or a negative code
 * with error filled. */
int tls_warm_up(struct plait_error *error);

#endif
