/* Endpoint strings: a scheme, then a host and a port, or a path. */
#include "core/base/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/suggest.h"

static const struct {
	const char *name, *prefix;
} schemes[] = {
	[ENDPOINT_TCP] = { "tcp", "tcp://" },
	[ENDPOINT_TLS] = { "tls", "tls://" },
	[ENDPOINT_UDP] = { "udp", "udp://" },
	[ENDPOINT_UNIX] = { "unix", "unix:" },
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

#define FORMS "\"tcp://HOST:PORT\", \"tls://HOST:PORT\", \"udp://HOST:PORT\" or \"unix:/PATH\""

const char *endpoint_scheme_name(enum endpoint_scheme scheme)
{
	return schemes[scheme].name;
}

static int invalid(struct plait_error *error, const char *text, const char *remedy)
{
	char found[300];

	escape_text(found, sizeof(found), text, strlen(text));
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "found \"%s\"; %s", found, remedy);
}

/* The scheme's word is misspelt, or there is none at all. */
static int invalid_scheme(struct plait_error *error, const char *text)
{
	struct suggest best = { 0 };
	char word[16], remedy[200];
	size_t len = strcspn(text, ":");

	if (len < sizeof(word) && text[len]) {
		memcpy(word, text, len);
		word[len] = '\0';
		for (size_t i = 0; i < SCHEMES; i++)
			suggest_offer(&best, word, schemes[i].name);
	}
	if (!best.word)
		return invalid(error, text, "expected " FORMS);
	snprintf(remedy, sizeof(remedy), "did you mean \"%s%s\"? Expected " FORMS, best.word,
		 strcmp(best.word, "unix") == 0 ? ":" : "://");
	return invalid(error, text, remedy);
}

static int parse_unix(const char *text, const char *path, const char *folder, struct endpoint *out,
		      struct plait_error *error)
{
	char remedy[128];
	int len;

	if (!*path || strcmp(path, "@") == 0)
		return invalid(error, text,
			       "expected a path after \"unix:\", or \"@NAME\" for an abstract socket");
	/* unix:///run/x is a URL people know; in unix://run/x a slash is one too many or one too few. */
	if (strncmp(path, "///", 3) == 0)
		path += 2;
	if (strncmp(path, "//", 2) == 0)
		return invalid(error, text,
			       "expected a path right after \"unix:\", such as \"unix:/run/x.sock\"");
	if (path[strlen(path) - 1] == '/')
		return invalid(error, text, "expected the path of a file, not of a folder");
	if (*path == '/' || *path == '@' || !folder)
		len = snprintf(out->path, sizeof(out->path), "%s", path);
	else
		len = snprintf(out->path, sizeof(out->path), "%s/%s", folder,
			       path + (strncmp(path, "./", 2) ? 0 : 2));
	if (len >= 0 && (size_t)len < sizeof(out->path))
		return 0;
	snprintf(remedy, sizeof(remedy),
		 "the path of a UNIX socket has at most %zu bytes, and this one has %d",
		 sizeof(out->path) - 1, len);
	return invalid(error, text, remedy);
}

static bool parse_port(const char *text, uint16_t *port)
{
	unsigned value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5 || text[digits])
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

/* "fe80::1%eth0": what follows the percent sign is an interface. */
static bool is_ipv6(const char *host)
{
	char bare[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t len = strcspn(host, "%"), zone = strlen(host + len);

	if (len >= sizeof(bare) || zone == 1 || zone > IF_NAMESIZE)
		return false;
	memcpy(bare, host, len);
	bare[len] = '\0';
	return inet_pton(AF_INET6, bare, &address) == 1;
}

/* A name, an IPv4 address or "*". What looks like an address must be one: "10.0.0.300" is no name. */
static bool is_name(const char *host)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	struct in_addr address;

	if (strcmp(host, "*") == 0)
		return true;
	if (!host[strspn(host, "0123456789.")])
		return inet_pton(AF_INET, host, &address) == 1;
	return *host != '.' && *host != '-' && !host[strspn(host, plain)] && !strstr(host, "..");
}

static int parse_inet(const char *text, const char *rest, struct endpoint *out, struct plait_error *error)
{
	const char *host = rest, *end, *port;
	bool bracketed = *rest == '[';

	if (bracketed) {
		host++;
		end = strchr(host, ']');
		if (!end)
			return invalid(error, text, "expected a \"]\" after the IPv6 address");
		port = end + 1;
	} else {
		end = port = rest + strcspn(rest, ":");
		if (*port && strchr(port + 1, ':'))
			return invalid(error, text,
				       "an IPv6 address stands in brackets, such as \"tcp://[::1]:7007\"");
	}
	if ((size_t)(end - host) >= sizeof(out->host))
		return invalid(error, text, "the host has at most 255 bytes");
	memcpy(out->host, host, (size_t)(end - host));
	out->host[end - host] = '\0';
	if (!*out->host)
		return invalid(error, text,
			       "expected a host before the port; \"*\" is every address of this machine");
	if (bracketed ? !is_ipv6(out->host) : !is_name(out->host))
		return invalid(
			error, text,
			bracketed
				? "expected an IPv6 address between the brackets"
				: "expected a host name, an IPv4 address, an IPv6 address in brackets or \"*\"");
	if (*port != ':')
		return invalid(error, text,
			       "expected a port, such as \":7007\"; \":0\" lets the system choose");
	if (!parse_port(port + 1, &out->port))
		return invalid(error, text, "expected a port from 0 to 65535 at the end");
	return 0;
}

int endpoint_parse(const char *text, const char *folder, struct endpoint *out, struct plait_error *error)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < SCHEMES; i++) {
		size_t len = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, len) != 0)
			continue;
		out->scheme = (enum endpoint_scheme)i;
		return i == ENDPOINT_UNIX ? parse_unix(text, text + len, folder, out, error)
					  : parse_inet(text, text + len, out, error);
	}
	return invalid_scheme(error, text);
}
