/* Connections on which TLS begins in pretence: over memory, whose bytes stay as they are. */
#ifndef TESTS_UNIT_NET_UPGRADING_H
#define TESTS_UNIT_NET_UPGRADING_H

#include <plait/start_tls.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"

/* The fixture with a context for TLS; made is forgotten. */
void upgrading_begin(const struct plait_protocol *protocol);

/* What a callback of the recorder can be: answers "STARTTLS" with "go." and begins TLS, in what way plait_start_tls
 * answers is noted when it is not 0. Anything else is just taken. */
size_t upgrading_data(struct plait_conn *conn, const void *data, size_t len);
void upgrading_message(struct plait_conn *conn, const void *message, size_t len);

/* Writes "go." and begins TLS; plait_start_tls's answer. */
int upgrading_start(struct plait_conn *conn);

/* The client does its part of the handshake, and the loop runs. */
void upgrading_shake(struct rig_client *client);

#endif
