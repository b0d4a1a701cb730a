/* wolfSSL's part in the table of clients: a full handshake and a resumed one, and what the server says each time. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what, WOLFSSL *ssl, int result)
{
	char text[WOLFSSL_MAX_ERROR_SZ] = "";
	if (ssl)
		wolfSSL_ERR_error_string_n((unsigned long)wolfSSL_get_error(ssl, result), text, sizeof(text));
	fprintf(stderr, "wolfssl: %s: %s\n", what, text);
	exit(1);
}

static int dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("cannot connect", NULL, 0);
	return fd;
}

/* One connection with the session, NULL: a full handshake. Returns the session that it leaves. */
static WOLFSSL_SESSION *say_hello(WOLFSSL_CTX *ctx, int port, WOLFSSL_SESSION *session)
{
	static const char name[] = "localhost", hello[] = "hello\n";
	WOLFSSL *ssl = wolfSSL_new(ctx);
	if (!ssl || wolfSSL_check_domain_name(ssl, name) != WOLFSSL_SUCCESS ||
	    wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, name, sizeof(name) - 1) != WOLFSSL_SUCCESS ||
	    wolfSSL_UseSessionTicket(ssl) != WOLFSSL_SUCCESS)
		fail("cannot prepare a connection", ssl, 0);
	if (session && wolfSSL_set_session(ssl, session) != WOLFSSL_SUCCESS)
		fail("cannot use the session", ssl, 0);
	int fd = dial(port);
	wolfSSL_set_fd(ssl, fd);
	int result = wolfSSL_connect(ssl);
	if (result != WOLFSSL_SUCCESS)
		fail("the handshake", ssl, result);
	result = wolfSSL_write(ssl, hello, sizeof(hello) - 1);
	if (result < 0)
		fail("writing", ssl, result);
	char answer[512] = "";
	size_t len = 0;
	while (len == 0 || answer[len - 1] != '\n') {
		if (len == sizeof(answer))
			fail("the answer is too long", NULL, 0);
		result = wolfSSL_read(ssl, answer + len, (int)(sizeof(answer) - len));
		if (result <= 0)
			fail("reading", ssl, result);
		len += (size_t)result;
	}
	fwrite(answer, 1, len, stdout);
	puts(wolfSSL_session_reused(ssl) ? "client resumed" : "client full");
	WOLFSSL_SESSION *left = wolfSSL_get1_session(ssl);
	wolfSSL_shutdown(ssl);
	wolfSSL_free(ssl);
	close(fd);
	return left;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts(wolfSSL_lib_version());
		return 0;
	}
	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: %s PORT 1.2|1.3 CA [CERTIFICATE KEY]\n", argv[0]);
		return 2;
	}
	wolfSSL_Init();
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(strcmp(argv[2], "1.3") ? wolfTLSv1_2_client_method()
								  : wolfTLSv1_3_client_method());
	if (!ctx || wolfSSL_CTX_load_verify_locations(ctx, argv[3], NULL) != WOLFSSL_SUCCESS)
		fail("cannot read the CA", NULL, 0);
	if (argc == 6 &&
	    (wolfSSL_CTX_use_certificate_chain_file(ctx, argv[4]) != WOLFSSL_SUCCESS ||
	     wolfSSL_CTX_use_PrivateKey_file(ctx, argv[5], WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS))
		fail("cannot read the certificate", NULL, 0);
	int port = atoi(argv[1]);
	WOLFSSL_SESSION *session = say_hello(ctx, port, NULL), *next = say_hello(ctx, port, session);
	wolfSSL_SESSION_free(session);
	wolfSSL_SESSION_free(next);
	wolfSSL_CTX_free(ctx);
	wolfSSL_Cleanup();
	return 0;
}
