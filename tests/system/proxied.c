/* The protocol of test_proxy.py: says where it thinks that its peer is, and what a PROXY header said; then it echoes. */
#include <plait/plait.h>
#include <stdio.h>

static const char *text_of(const char *text)
{
	return text ? text : "-";
}

static int format_header(const struct plait_proxy *proxy, char *out, size_t size)
{
	char peer[PLAIT_ADDR_TEXT], local[PLAIT_ADDR_TEXT];
	const struct plait_proxy_tls *tls = proxy->tls;
	size_t custom_len = 0;
	const char *custom = plait_proxy_tlv(proxy, 0xe0, 0, &custom_len);

	return snprintf(
		out, size,
		" v%u addressed=%d real_peer=%s real_local=%s id=%.*s authority=%s alpn=%s netns=%s path=%s tls=%s "
		"cn=%s verified=%d custom=%.*s",
		proxy->version, proxy->addressed, plait_addr_format(&proxy->real_peer, peer, sizeof(peer)),
		plait_addr_format(&proxy->real_local, local, sizeof(local)), (int)proxy->unique_id_len,
		proxy->unique_id ? (const char *)proxy->unique_id : "", text_of(proxy->authority),
		text_of(proxy->alpn), text_of(proxy->netns), text_of(proxy->source_path),
		tls ? text_of(tls->version) : "none", tls ? text_of(tls->common_name) : "-",
		tls && tls->verified, (int)custom_len, custom ? custom : "");
}

/* The one whom it does not want. */
static int proxied_accept(struct plait_factory *factory, const struct plait_addr *peer)
{
	static const struct plait_addr unwanted = { .family = PLAIT_FAMILY_IPV4,
						    .u.bytes = { 203, 0, 113, 66 } };

	(void)factory;
	return plait_addr_same_host(peer, &unwanted) ? -1 : 0;
}

static void proxied_made(struct plait_conn *conn)
{
	const struct plait_proxy *proxy = plait_conn_proxy(conn);
	char line[4096], peer[PLAIT_ADDR_TEXT], local[PLAIT_ADDR_TEXT];
	int len = snprintf(line, sizeof(line), "peer=%s local=%s",
			   plait_addr_format(plait_conn_peer(conn), peer, sizeof(peer)),
			   plait_addr_format(plait_conn_local(conn), local, sizeof(local)));

	if (proxy)
		len += format_header(proxy, line + len, sizeof(line) - (size_t)len - 1);
	line[len++] = '\n';
	plait_write(conn, line, (size_t)len);
}

static size_t proxied_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

PLAIT_PROTOCOL(proxied, .summary = "says what a PROXY header said", .accept = proxied_accept,
	       .made = proxied_made, .data = proxied_data);
