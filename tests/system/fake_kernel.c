/* A kernel with TLS, for machines that have none: preloaded, it takes the keys of what a socket sends (AES-GCM, TLS 1.2 and
 * 1.3), and makes the records. FAKE_KTLS=refuse: it has TLS, but takes no keys, as when it does not know the cipher. On
 * standard error it tells what it was asked for. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define SOCKETS 4096
#define RECORD 16384
#define DATA 23 /* the type of records with data */

static struct keys {
	bool set;
	uint16_t version;
	const EVP_CIPHER *cipher;
	uint8_t key[32], salt[4], iv[8], sequence[8];
} sockets[SOCKETS];

static struct keys *keys_of(int fd)
{
	return fd >= 0 && fd < SOCKETS && sockets[fd].set ? &sockets[fd] : NULL;
}

static long real(long number, long a, long b, long c, long d, long e, long f)
{
	static long (*next)(long, ...);
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return next(number, a, b, c, d, e, f);
}

/* ---- keys ---- */

static void take_keys(int fd, const void *info)
{
	const struct tls12_crypto_info_aes_gcm_128 *small = info;
	const struct tls12_crypto_info_aes_gcm_256 *large = info;
	struct keys *keys = &sockets[fd];
	*keys = (struct keys){ .set = true, .version = small->info.version };
	if (small->info.cipher_type == TLS_CIPHER_AES_GCM_128) {
		keys->cipher = EVP_aes_128_gcm();
		memcpy(keys->key, small->key, sizeof(small->key));
		memcpy(keys->salt, small->salt, 4);
		memcpy(keys->iv, small->iv, 8);
		memcpy(keys->sequence, small->rec_seq, 8);
	} else {
		keys->cipher = EVP_aes_256_gcm();
		memcpy(keys->key, large->key, sizeof(large->key));
		memcpy(keys->salt, large->salt, 4);
		memcpy(keys->iv, large->iv, 8);
		memcpy(keys->sequence, large->rec_seq, 8);
	}
}

static bool is_known(const void *info)
{
	uint16_t cipher = ((const struct tls_crypto_info *)info)->cipher_type;
	const char *mode = getenv("FAKE_KTLS");
	return (!mode || strcmp(mode, "refuse") != 0) &&
	       (cipher == TLS_CIPHER_AES_GCM_128 || cipher == TLS_CIPHER_AES_GCM_256);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	if (level == IPPROTO_TCP && name == TCP_ULP) {
		if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.ss_family != AF_UNIX)
			return 0;
		errno = ENOTCONN;
		return -1;
	}
	if (level == SOL_TLS) {
		if (name == TLS_TX && fd < SOCKETS && is_known(value)) {
			take_keys(fd, value);
			fprintf(stderr, "fake kernel: keys for TLS %x\n", sockets[fd].version);
			return 0;
		}
		fprintf(stderr, "fake kernel: no keys for %s\n", name == TLS_TX ? "sending" : "receiving");
		errno = EINVAL;
		return -1;
	}
	return (int)real(SYS_setsockopt, fd, level, name, (long)value, (long)len, 0);
}

int close(int fd)
{
	if (fd >= 0 && fd < SOCKETS)
		sockets[fd].set = false;
	return (int)real(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* ---- records ---- */

static void count_up(uint8_t number[8])
{
	for (int i = 7; i >= 0 && ++number[i] == 0; i--)
		;
}

/* GCM; tag behind what it encrypted. */
static void seal(const struct keys *keys, const uint8_t nonce[12], const uint8_t *head, int head_len,
		 const uint8_t *data, int len, uint8_t *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0;
	if (!context || EVP_EncryptInit_ex(context, keys->cipher, NULL, keys->key, nonce) != 1 ||
	    EVP_EncryptUpdate(context, NULL, &done, head, head_len) != 1 ||
	    EVP_EncryptUpdate(context, out, &done, data, len) != 1 ||
	    EVP_EncryptFinal_ex(context, out + done, &done) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out + len) != 1)
		abort();
	EVP_CIPHER_CTX_free(context);
}

/* Returns the record's length. */
static size_t make_1_3(struct keys *keys, uint8_t type, const uint8_t *data, size_t len, uint8_t *out)
{
	uint8_t nonce[12], inner[RECORD + 1];
	size_t body = len + 1 + 16;
	memcpy(nonce, keys->salt, 4);
	memcpy(nonce + 4, keys->iv, 8);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= keys->sequence[i];
	memcpy(inner, data, len);
	inner[len] = type;
	memcpy(out, (uint8_t[]){ DATA, 3, 3, (uint8_t)(body >> 8), (uint8_t)body }, 5);
	seal(keys, nonce, out, 5, inner, (int)len + 1, out + 5);
	count_up(keys->sequence);
	return 5 + body;
}

static size_t make_1_2(struct keys *keys, uint8_t type, const uint8_t *data, size_t len, uint8_t *out)
{
	uint8_t nonce[12], head[13];
	size_t body = 8 + len + 16;
	memcpy(nonce, keys->salt, 4);
	memcpy(nonce + 4, keys->iv, 8);
	memcpy(head, keys->sequence, 8);
	memcpy(head + 8, (uint8_t[]){ type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len }, 5);
	memcpy(out, (uint8_t[]){ type, 3, 3, (uint8_t)(body >> 8), (uint8_t)body }, 5);
	memcpy(out + 5, keys->iv, 8);
	seal(keys, nonce, head, 13, data, (int)len, out + 13);
	count_up(keys->sequence);
	count_up(keys->iv);
	return 5 + body;
}

/* One record, whole: what has begun is waited for. */
static ssize_t send_record(int fd, struct keys *keys, uint8_t type, const void *data, size_t len)
{
	uint8_t record[RECORD + 64];
	struct pollfd set = { .fd = fd, .events = POLLOUT };
	if (poll(&set, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (len > RECORD)
		len = RECORD;
	size_t size = (keys->version == TLS_1_3_VERSION ? make_1_3 : make_1_2)(keys, type, data, len, record);
	for (size_t sent = 0; sent < size;) {
		long some = real(SYS_sendto, fd, (long)(record + sent), (long)(size - sent), MSG_NOSIGNAL, 0,
				 0);
		if (some < 0 && errno != EAGAIN)
			return -1;
		sent += some > 0 ? (size_t)some : 0;
		poll(&set, 1, 1000);
	}
	return (ssize_t)len;
}

/* ---- how bytes come ---- */

long syscall(long number, ...)
{
	long given[6];
	va_list args;
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		given[i] = va_arg(args, long);
	va_end(args);
	struct keys *keys = number == SYS_sendto ? keys_of((int)given[0]) : NULL;
	if (keys)
		return send_record((int)given[0], keys, DATA, (const void *)given[1], (size_t)given[2]);
	return real(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct keys *keys = keys_of(fd);
	uint8_t data[RECORD], type = DATA;
	size_t len = 0;
	if (!keys)
		return real(SYS_sendmsg, fd, (long)message, flags, 0, 0, 0);
	for (size_t i = 0; i < message->msg_iovlen && len < RECORD; i++) {
		size_t some = message->msg_iov[i].iov_len;
		some = some < RECORD - len ? some : RECORD - len;
		memcpy(data + len, message->msg_iov[i].iov_base, some);
		len += some;
	}
	const struct cmsghdr *control = message->msg_control ? CMSG_FIRSTHDR(message) : NULL;
	if (control && control->cmsg_level == SOL_TLS) {
		type = *CMSG_DATA(control);
		fprintf(stderr, "fake kernel: a message of type %u\n", type);
	}
	return send_record(fd, keys, type, data, len);
}

ssize_t sendfile(int fd, int file, off_t *offset, size_t len)
{
	struct keys *keys = keys_of(fd);
	uint8_t data[RECORD];
	if (!keys)
		return real(SYS_sendfile, fd, file, (long)offset, (long)len, 0, 0);
	ssize_t got = pread(file, data, len < RECORD ? len : RECORD, *offset);
	return got > 0 ? send_record(fd, keys, DATA, data, (size_t)got) : got;
}
