/* What protocols ask about a connection's TLS. */
#include <string.h>

#include "core/net/conn/conn.h"

/* Labels of IANA's registry have half of it. */
#define LABEL_MAX 128

#define CONTEXT_MAX 65535 /* TLS 1.2 writes its length in 16 bits */

/* None while it is on its way there. */
static const struct transport_ops *tls_of(const struct plait_conn *conn)
{
	const struct transport_ops *ops = conn->transport.ops;
	return ops->describe && !conn_is_upgrading(conn) ? ops : NULL;
}

const struct plait_tls *plait_conn_tls(struct plait_conn *conn)
{
	const struct transport_ops *ops = tls_of(conn);
	if (!ops)
		return NULL;
	struct conn_extra *extra = conn_extra(conn);
	if (!extra->has_tls)
		ops->describe(&conn->transport, &extra->tls);
	extra->has_tls = true;
	return &extra->tls;
}

const struct plait_certificate *plait_conn_certificate(struct plait_conn *conn)
{
	const struct transport_ops *ops = tls_of(conn);
	if (!ops || !ops->certificate)
		return NULL;
	struct conn_extra *extra = conn_extra(conn);
	if (!extra->certificate)
		extra->certificate = ops->certificate(&conn->transport);
	return extra->certificate;
}

int plait_tls_export(struct plait_conn *conn, const char *label, const void *context, size_t context_len,
		     void *out, size_t len)
{
	const struct transport_ops *ops = tls_of(conn);
	if (!ops)
		return PLAIT_ERROR_MISSING;
	size_t label_len = strnlen(label, LABEL_MAX + 1);
	if (label_len == 0 || label_len > LABEL_MAX || len == 0 || len > PLAIT_TLS_EXPORT_MAX ||
	    (context && context_len > CONTEXT_MAX) || (!context && context_len > 0))
		return PLAIT_ERROR_INVALID;
	if (!ops->export)
		return PLAIT_ERROR_REFUSED;
	return ops->export(&conn->transport, label, context, context_len, out, len);
}

int plait_tls_binding(struct plait_conn *conn, uint8_t out[PLAIT_TLS_BINDING_SIZE])
{
	const struct transport_ops *ops = tls_of(conn);
	if (!ops)
		return PLAIT_ERROR_MISSING;
	return ops->bind ? ops->bind(&conn->transport, out) : PLAIT_ERROR_REFUSED;
}
