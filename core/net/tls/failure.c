/* OpenSSL's reasons, verdicts about certificates, and alerts: tables of what they mean to us. */
#include "core/net/tls/failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "core/net/tls/conn.h"
#include "core/net/tls/role.h"
#include "core/net/tls/verify.h"
#include "core/net/transport/transport.h"

struct meaning {
	long code;
	enum handshake_failure kind;
};

static const struct meaning reasons[] = {
	{ SSL_R_HTTP_REQUEST, HANDSHAKE_HTTP },
	{ SSL_R_HTTPS_PROXY_REQUEST, HANDSHAKE_HTTP },
	{ SSL_R_UNSUPPORTED_PROTOCOL, HANDSHAKE_VERSION },
	{ SSL_R_UNKNOWN_PROTOCOL, HANDSHAKE_VERSION },
	{ SSL_R_VERSION_TOO_LOW, HANDSHAKE_VERSION },
	{ SSL_R_VERSION_TOO_HIGH, HANDSHAKE_VERSION },
	{ SSL_R_WRONG_SSL_VERSION, HANDSHAKE_VERSION },
	{ SSL_R_INAPPROPRIATE_FALLBACK, HANDSHAKE_VERSION },
	{ SSL_R_NO_SHARED_CIPHER, HANDSHAKE_CIPHER },
	{ SSL_R_INSUFFICIENT_SECURITY, HANDSHAKE_CIPHER },
	{ SSL_R_NO_SHARED_GROUPS, HANDSHAKE_GROUP },
	{ SSL_R_NO_SUITABLE_GROUPS, HANDSHAKE_GROUP },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, HANDSHAKE_GROUP },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, HANDSHAKE_SIGNATURE },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, HANDSHAKE_SIGNATURE },
	{ SSL_R_NO_APPLICATION_PROTOCOL, HANDSHAKE_ALPN },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, HANDSHAKE_TRUNCATED },
	{ SSL_R_NO_CERTIFICATE_SET, HANDSHAKE_INTERNAL },
	{ ERR_R_MALLOC_FAILURE, HANDSHAKE_INTERNAL },
	{ 0, HANDSHAKE_NO_FAILURE },
};

/* What is not here is not good in some other way. */
static const struct meaning verdicts[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, HANDSHAKE_CERTIFICATE_EXPIRED },
	{ X509_V_ERR_CERT_NOT_YET_VALID, HANDSHAKE_CERTIFICATE_EXPIRED },
	{ X509_V_ERR_CERT_REVOKED, HANDSHAKE_CERTIFICATE_REVOKED },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, HANDSHAKE_CERTIFICATE_ISSUER },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, HANDSHAKE_CERTIFICATE_ISSUER },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, HANDSHAKE_CERTIFICATE_ISSUER },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, HANDSHAKE_CERTIFICATE_ISSUER },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, HANDSHAKE_CERTIFICATE_ISSUER },
	{ X509_V_ERR_CERT_UNTRUSTED, HANDSHAKE_CERTIFICATE_ISSUER },
	{ 0, HANDSHAKE_NO_FAILURE },
};

/* The peer's. What is not here has no number that we know. */
static const struct {
	int code;
	enum handshake_failure kind;
	const char *words;
} alerts[] = {
	{ SSL_AD_UNEXPECTED_MESSAGE, HANDSHAKE_ALERT, "unexpected message" },
	{ SSL_AD_BAD_RECORD_MAC, HANDSHAKE_ALERT, "bad record MAC" },
	{ SSL_AD_DECRYPTION_FAILED, HANDSHAKE_ALERT, "decryption failed" },
	{ SSL_AD_RECORD_OVERFLOW, HANDSHAKE_ALERT, "record overflow" },
	{ SSL_AD_DECOMPRESSION_FAILURE, HANDSHAKE_ALERT, "decompression failure" },
	{ SSL_AD_HANDSHAKE_FAILURE, HANDSHAKE_ALERT, "handshake failure" },
	{ SSL_AD_NO_CERTIFICATE, HANDSHAKE_ALERT, "no certificate" },
	{ SSL_AD_BAD_CERTIFICATE, HANDSHAKE_REFUSED, "bad certificate" },
	{ SSL_AD_UNSUPPORTED_CERTIFICATE, HANDSHAKE_REFUSED, "unsupported certificate" },
	{ SSL_AD_CERTIFICATE_REVOKED, HANDSHAKE_REFUSED, "certificate revoked" },
	{ SSL_AD_CERTIFICATE_EXPIRED, HANDSHAKE_REFUSED, "certificate expired" },
	{ SSL_AD_CERTIFICATE_UNKNOWN, HANDSHAKE_REFUSED, "certificate unknown" },
	{ SSL_AD_ILLEGAL_PARAMETER, HANDSHAKE_ALERT, "illegal parameter" },
	{ SSL_AD_UNKNOWN_CA, HANDSHAKE_REFUSED, "unknown CA" },
	{ SSL_AD_ACCESS_DENIED, HANDSHAKE_ALERT, "access denied" },
	{ SSL_AD_DECODE_ERROR, HANDSHAKE_ALERT, "decode error" },
	{ SSL_AD_DECRYPT_ERROR, HANDSHAKE_ALERT, "decrypt error" },
	{ SSL_AD_EXPORT_RESTRICTION, HANDSHAKE_ALERT, "export restriction" },
	{ SSL_AD_PROTOCOL_VERSION, HANDSHAKE_VERSION, "protocol version" },
	{ SSL_AD_INSUFFICIENT_SECURITY, HANDSHAKE_ALERT, "insufficient security" },
	{ SSL_AD_INTERNAL_ERROR, HANDSHAKE_ALERT, "internal error" },
	{ SSL_AD_INAPPROPRIATE_FALLBACK, HANDSHAKE_VERSION, "inappropriate fallback" },
	{ SSL_AD_USER_CANCELLED, HANDSHAKE_ALERT, "user canceled" },
	{ SSL_AD_NO_RENEGOTIATION, HANDSHAKE_ALERT, "no renegotiation" },
	{ SSL_AD_MISSING_EXTENSION, HANDSHAKE_ALERT, "missing extension" },
	{ SSL_AD_UNSUPPORTED_EXTENSION, HANDSHAKE_ALERT, "unsupported extension" },
	{ SSL_AD_CERTIFICATE_UNOBTAINABLE, HANDSHAKE_ALERT, "certificate unobtainable" },
	{ SSL_AD_UNRECOGNIZED_NAME, HANDSHAKE_ALERT, "unrecognized name" },
	{ SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE, HANDSHAKE_REFUSED, "bad certificate status response" },
	{ SSL_AD_BAD_CERTIFICATE_HASH_VALUE, HANDSHAKE_REFUSED, "bad certificate hash value" },
	{ SSL_AD_UNKNOWN_PSK_IDENTITY, HANDSHAKE_ALERT, "unknown PSK identity" },
	{ SSL_AD_CERTIFICATE_REQUIRED, HANDSHAKE_ALERT, "certificate required" },
	{ SSL_AD_NO_APPLICATION_PROTOCOL, HANDSHAKE_ALERT, "no application protocol" },
};

static enum handshake_failure look_up(const struct meaning *meanings, long code)
{
	while (meanings->code && meanings->code != code)
		meanings++;
	return meanings->kind;
}

/* What is wrong with it, and which name it should have when it is that. */
static ssize_t tell_certificate(const struct tls_conn *conn)
{
	long verdict = SSL_get_verify_result(conn->ssl);
	bool misnamed = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
	enum handshake_failure kind = look_up(verdicts, verdict);
	if (SSL_is_server(conn->ssl))
		transport_fail(PLAIT_REASON_TLS_CERTIFICATE, "%s", tls_verify_verdict());
	else
		transport_fail(PLAIT_REASON_TLS_CERTIFICATE, "%s%s%.100s",
			       X509_verify_cert_error_string(verdict), misnamed ? "; expected " : "",
			       misnamed ? conn->role->expected : "");
	return transport_fail_handshake(kind != HANDSHAKE_NO_FAILURE ? kind : HANDSHAKE_CERTIFICATE);
}

static ssize_t tell_missing(void)
{
	transport_fail(PLAIT_REASON_TLS_CERTIFICATE, "the client has shown none, and one is required");
	return transport_fail_handshake(HANDSHAKE_CERTIFICATE_MISSING);
}

static ssize_t tell_alert(int code, enum plait_reason reason)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++) {
		if (alerts[i].code != code)
			continue;
		transport_fail(reason, "alert \"%s\"", alerts[i].words);
		return transport_fail_handshake(alerts[i].kind);
	}
	transport_fail(reason, "alert %d", code);
	return transport_fail_handshake(HANDSHAKE_ALERT);
}

static enum handshake_failure kind_of(const struct tls_conn *conn, int reason)
{
	enum handshake_failure kind = look_up(reasons, reason);
	/* Of later records it says only that they are not sound. */
	if (reason == SSL_R_WRONG_VERSION_NUMBER && SSL_get_state(conn->ssl) == TLS_ST_BEFORE)
		kind = HANDSHAKE_NO_TLS;
	return kind != HANDSHAKE_NO_FAILURE ? kind : HANDSHAKE_MALFORMED;
}

ssize_t tls_failure_tell(const struct tls_conn *conn, enum plait_reason reason)
{
	unsigned long error = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(error);
	int code = ERR_GET_REASON(error);
	if (code == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return tell_certificate(conn);
	if (code == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return tell_missing();
	if (ERR_GET_LIB(error) == ERR_LIB_SSL && code >= SSL_AD_REASON_OFFSET &&
	    code < SSL_AD_REASON_OFFSET + 256)
		return tell_alert(code - SSL_AD_REASON_OFFSET, reason);
	transport_fail(reason, "%s", text ? text : "no reason given");
	return transport_fail_handshake(kind_of(conn, code));
}
