/* Bytes to a stream socket as they are: for transports that have nothing of their own to do with them. */
#ifndef NET_TRANSPORT_PLAIN_H
#define NET_TRANSPORT_PLAIN_H

#include "core/net/transport/transport.h"

ssize_t plain_write(struct transport *transport, const void *data, size_t len);
ssize_t plain_writev(struct transport *transport, const struct iovec *parts, int count);
ssize_t plain_sendfile(struct transport *transport, int file, uint64_t offset, size_t len);

#endif
