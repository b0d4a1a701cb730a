/* A transport: how bytes of one connection move. Plain sockets, TLS and memory each are one const struct of functions;
 * nobody above asks which it is. */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <plait/conn.h>
#include <sys/types.h>

#include "core/loop/watch.h"
#include "core/net/handshake.h"

/* What an operation returns besides a positive number of bytes. */
enum transport_result {
	TRANSPORT_END = 0,        /* read: the peer ended its direction in order; handshake, shutdown: done */
	TRANSPORT_WANT_READ = -1, /* again when readable */
	TRANSPORT_WANT_WRITE = -2, /* again when writable */
	TRANSPORT_FAILED = -3,     /* broken; transport_failure tells why */
	TRANSPORT_UNABLE = -4,     /* sendfile: not with this file; its bytes may be written instead */
	TRANSPORT_PART =
		-5, /* read: again when readable; of what may carry bytes the begin has come, first told here */
};

struct transport;

struct transport_ops {
	/* Takes fd over (also when it fails, 0 or -1). context is the listener's: the TLS context. */
	int (*open)(struct transport *transport, int fd, void *context);

	ssize_t (*handshake)(struct transport *transport); /* NULL: there is none */
	ssize_t (*read)(struct transport *transport, void *buffer, size_t size);

	/* After WANT_READ or WANT_WRITE the next write or writev begins with the same bytes, at least as many; where they
	 * lie and how they are cut does not matter. */
	ssize_t (*write)(struct transport *transport, const void *data, size_t len);
	ssize_t (*writev)(struct transport *transport, const struct iovec *parts, int count);

	/* Up to len > 0 bytes of file from offset; TRANSPORT_END: it has none there. NULL: it cannot. */
	ssize_t (*sendfile)(struct transport *transport, int file, uint64_t offset, size_t len);

	/* True when read may return more without the descriptor being readable again. NULL: it never may. */
	bool (*pending)(const struct transport *transport);

	/* True when read has told that the begin of what may carry bytes has come, and not its end: part of a TLS record. NULL:
	 * there are no such parts. */
	bool (*partial)(const struct transport *transport);

	/* Ends our direction, after all that was written. */
	ssize_t (*shutdown)(struct transport *transport);
	bool close_ends; /* close alone does that, too, when nothing more is to be read */

	/* The end; reset: the peer must see a broken connection, not an orderly one. */
	void (*close)(struct transport *transport, bool reset);

	/* Which readiness to report, a set of enum watch_interest. 0, or -1 with errno: it cannot. */
	int (*want)(struct transport *transport, unsigned interest);

	/* Bytes the kernel has taken and the peer has not, 0 when that is not known. */
	size_t (*unacknowledged)(const struct transport *transport);

	/* What takes its descriptor over when TLS begins; NULL: nothing can. */
	const struct transport_ops *secure;

	/* Whether bytes have come that were not read. Of those with secure. */
	bool (*arrived)(const struct transport *transport);

	/* Of what secure names: as open, on the descriptor of the transport that was. 0, or -1 and nothing has changed. */
	int (*take_over)(struct transport *transport, void *context);

	/* Of TLS, once the handshake is done; NULL: the transport has none. */
	void (*describe)(struct transport *transport, struct plait_tls *tls);

	/* Which of the protocols that its context offers the handshake agreed on, counted from 0; -1: none. NULL: none
	 * ever. */
	int (*agreed)(const struct transport *transport);

	/* The peer's, to be freed; NULL: it showed none, or there is no memory. NULL as well: nobody shows any. */
	struct plait_certificate *(*certificate)(const struct transport *transport);

	/* plait_tls_export and plait_tls_binding. NULL: it refuses. */
	int (*export)(struct transport *transport, const char *label, const void *context, size_t context_len,
		      void *out, size_t len);
	int (*bind)(struct transport *transport, uint8_t out[PLAIT_TLS_BINDING_SIZE]);
};

struct transport {
	const struct transport_ops *ops;
	void *handle;       /* SSL, struct memory */
	struct watch watch; /* of those that have a descriptor; others report by themselves */
};

/* -1: none. */
static inline int transport_fd(const struct transport *transport)
{
	return transport->watch.fd;
}

static inline bool transport_pending(const struct transport *transport)
{
	return transport->ops->pending && transport->ops->pending(transport);
}

static inline bool transport_partial(const struct transport *transport)
{
	return transport->ops->partial && transport->ops->partial(transport);
}

/* Then ops->open. The watch's fn is called on loop with what is ready. */
void transport_init(struct transport *transport, const struct transport_ops *ops, struct plait_loop *loop,
		    watch_fn *fn);

/* Remembers, for the calling thread, why an operation failed; returns TRANSPORT_FAILED. */
ssize_t transport_fail(enum plait_reason reason, const char *format, ...) PLAIT_PRINTF(2, 3);
ssize_t transport_fail_errno(const char *call); /* with the reason and text for errno */

/* Remembers of which kind the last failure is, when it is a handshake's. */
ssize_t transport_fail_handshake(enum handshake_failure kind);

/* Of the last failure on this thread. */
enum plait_reason transport_failure(const char **text);
enum handshake_failure transport_handshake_failure(void);

/* For transports on a socket. */
void transport_socket_open(struct transport *transport, int fd);
size_t transport_socket_unacknowledged(const struct transport *transport);
int transport_socket_want(struct transport *transport, unsigned interest);
void transport_socket_close(struct transport *transport, bool reset);

/* Closes fd so that the peer sees a reset. -1 is allowed. */
void transport_socket_reset(int fd);

extern const struct transport_ops transport_plain;
extern const struct transport_ops transport_tls; /* context: struct tls_role */

#endif
