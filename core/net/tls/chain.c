/* Looking at certificates with a client's eyes. */
#include "core/net/tls/chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "core/base/escape.h"
#include "core/net/tls/date.h"

struct view {
	const struct tls_identity *identity;
	const char *file, *path;
	struct problems *problems;
};

/* Certificates are counted as people do in the file: the first is number 1. */
static int count(const struct view *view)
{
	return 1 + sk_X509_num(view->identity->issuers);
}

static X509 *get(const struct view *view, int number)
{
	return number == 1 ? view->identity->certificate : sk_X509_value(view->identity->issuers, number - 2);
}

/* Whom it names, short and fit to print. */
static const char *describe(const X509_NAME *name, char *out, size_t size)
{
	static const int wanted[] = { NID_commonName, NID_organizationalUnitName, NID_organizationName };
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		int at = X509_NAME_get_index_by_NID(name, wanted[i], -1);
		unsigned char *text = NULL;
		int len = at < 0 ? -1
				 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
								      X509_NAME_get_entry(name, at)));
		if (len >= 0)
			escape_text(out, size, text, (size_t)len);
		OPENSSL_free(text);
		if (len >= 0)
			return out;
	}
	snprintf(out, size, "no name");
	return out;
}

static const char *subject(X509 *certificate, char *out, size_t size)
{
	return describe(X509_get_subject_name(certificate), out, size);
}

static void warn_dates(const struct view *view, int number, time_t now)
{
	X509 *certificate = get(view, number);
	char name[128], date[TLS_DATE_SIZE];
	time_t begin, end;
	const char *fault = NULL;
	if (tls_date_read(X509_get0_notBefore(certificate), &begin) < 0 ||
	    tls_date_read(X509_get0_notAfter(certificate), &end) < 0) {
		problems_warn(view->problems, view->path, "%s: certificate %d has a date that is none",
			      view->file, number);
		return;
	}
	if (now < begin)
		fault = "is not valid before";
	else if (now > end)
		fault = "expired on";
	else if (tls_date_ends_soon(begin, end, now))
		fault = "expires soon, on";
	if (fault)
		problems_warn(view->problems, view->path, "%s: certificate %d (%s) %s %s", view->file, number,
			      subject(certificate, name, sizeof(name)), fault,
			      tls_date_text(now < begin ? begin : end, date));
}

static bool signed_by(X509 *certificate, X509 *issuer)
{
	return X509_check_issued(issuer, certificate) == X509_V_OK;
}

static bool signed_itself(X509 *certificate)
{
	return (X509_get_extension_flags(certificate) & EXFLAG_SI) != 0;
}

/* The number of the certificate that signed that one; 0: it is not there. */
static int find_issuer(const struct view *view, int number)
{
	for (int i = 1; i <= count(view); i++)
		if (i != number && signed_by(get(view, number), get(view, i)))
			return i;
	return 0;
}

/* Each is followed by the one that signed it, as older versions of TLS demand and some clients still do. Told once. */
static void warn_order(const struct view *view)
{
	char name[128], issuer[128];
	for (int i = 1; i < count(view); i++) {
		X509 *certificate = get(view, i);
		if (signed_by(certificate, get(view, i + 1)))
			continue;
		int found = signed_itself(certificate) ? i : find_issuer(view, i);
		subject(certificate, name, sizeof(name));
		if (found == i)
			problems_warn(
				view->problems, view->path,
				"%s: certificate %d (%s) ends the chain, for it signed itself; take what follows out",
				view->file, i, name);
		else if (found > 0)
			problems_warn(
				view->problems, view->path,
				"%s: the chain is in the wrong order: certificate %d (%s) was signed by "
				"certificate %d; expected each to be followed by the one that signed it",
				view->file, i, name, found);
		else
			problems_warn(
				view->problems, view->path,
				"%s: certificate %d (%s) was not signed by the one that follows; expected \"%s\" "
				"there",
				view->file, i, name,
				describe(X509_get_issuer_name(certificate), issuer, sizeof(issuer)));
		return;
	}
}

/* Whether the system's roots have signed it. */
static bool known_to_system(X509 *certificate)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509 *issuer = NULL;
	if (store && context && X509_STORE_set_default_paths(store) == 1 &&
	    X509_STORE_CTX_init(context, store, certificate, NULL) == 1)
		X509_STORE_CTX_get1_issuer(&issuer, context, certificate);
	bool known = issuer != NULL;
	X509_free(issuer);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	ERR_clear_error();
	return known;
}

/* A certificate all alone may have been signed by a root of which clients know; where this machine does not, it was more
 * likely forgotten to append the issuers, and clients that have not met them elsewhere refuse. */
static void warn_missing(const struct view *view)
{
	X509 *certificate = get(view, 1);
	char issuer[128];
	if (count(view) > 1 || signed_itself(certificate) || known_to_system(certificate))
		return;
	problems_warn(view->problems, view->path,
		      "%s: it has no certificate of its issuer, \"%s\", which is no root that this system "
		      "knows; unless it is a root of your own, append it, and the issuers above it",
		      view->file, describe(X509_get_issuer_name(certificate), issuer, sizeof(issuer)));
}

static void warn_purpose(const struct view *view)
{
	char name[128];
	if (X509_check_purpose(get(view, 1), X509_PURPOSE_SSL_SERVER, 0) != 1)
		problems_warn(view->problems, view->path,
			      "%s: certificate 1 (%s) says that it is not for servers; clients refuse it",
			      view->file, subject(get(view, 1), name, sizeof(name)));
}

void tls_chain_warn(const struct tls_identity *identity, const char *file, const char *path,
		    struct problems *problems)
{
	const struct view view = { .identity = identity, .file = file, .path = path, .problems = problems };
	time_t now = time(NULL);
	for (int i = 1; i <= count(&view); i++)
		warn_dates(&view, i, now);
	warn_order(&view);
	warn_missing(&view);
	warn_purpose(&view);
	ERR_clear_error();
}

X509 *tls_chain_issuer(const struct tls_identity *identity)
{
	for (int i = 0; i < sk_X509_num(identity->issuers); i++)
		if (signed_by(identity->certificate, sk_X509_value(identity->issuers, i)))
			return sk_X509_value(identity->issuers, i);
	return signed_itself(identity->certificate) ? identity->certificate : NULL;
}
