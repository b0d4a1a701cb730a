/* What a PROXY header said of a connection. */
#include <stdlib.h>

#include "core/net/conn/conn.h"
#include "core/net/proxy/told.h"

bool conn_set_told(struct plait_conn *conn, struct proxy_told *told)
{
	if (!told)
		return true;
	struct conn_extra *extra = conn_extra_or_fail(conn);
	if (!extra) {
		free(told);
		return false;
	}
	extra->told = told;
	if (told->shown.addressed)
		extra->local = told->destination;
	return true;
}

const struct plait_proxy *plait_conn_proxy(const struct plait_conn *conn)
{
	return conn->extra && conn->extra->told ? &conn->extra->told->shown : NULL;
}
