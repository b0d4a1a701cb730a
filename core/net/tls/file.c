/* Reading small files in whole. */
#include "core/net/tls/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/open_file.h"
#include "core/base/system_text.h"
#include "core/base/units.h"

/* What the system has too little of comes back, whatever the file is. */
static bool is_passing(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOMEM || number == EIO;
}

static int refuse(struct plait_error *error, const char *name, int number)
{
	return plait_error_set(error, is_passing(number) ? PLAIT_ERROR_SYSTEM : PLAIT_ERROR_MISSING, name,
			       "cannot read it: %s%s", system_text(number), open_file_remedy(number));
}

/* Fills file up to size - 1 bytes. */
static int fill(int fd, size_t size, struct tls_file *file)
{
	char *data = file->data;
	while (file->len < size - 1) {
		ssize_t got = read(fd, data + file->len, size - 1 - file->len);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -1;
		file->len += got > 0 ? (size_t)got : 0;
	}
	data[file->len] = '\0';
	return 0;
}

static int read_open(int fd, const char *name, size_t most, struct tls_file *file, struct plait_error *error)
{
	char text[32];
	if (fstat(fd, &file->status) != 0)
		return refuse(error, name, errno);
	if (!S_ISREG(file->status.st_mode))
		return plait_error_set(error, PLAIT_ERROR_MISSING, name,
				       "cannot read it: this is not a file");
	size_t size = most + 2; /* a byte too many shows that there is too much */
	file->data = malloc(size);
	if (!file->data)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, name, "no memory to read it");
	if (fill(fd, size, file) < 0)
		return refuse(error, name, errno);
	if (file->len <= most)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_OVERFLOW, name,
			       "it is larger than %s, the most that is read",
			       units_format_size(text, sizeof(text), most));
}

int tls_file_read(const char *name, size_t most, struct tls_file *out, struct plait_error *error)
{
	*out = (struct tls_file){ 0 };
	/* Without waiting: it might be a pipe. */
	int fd = open_file(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return refuse(error, name, errno);
	int result = read_open(fd, name, most, out, error);
	close(fd);
	if (result < 0)
		tls_file_free(out);
	return result;
}

void tls_file_free(struct tls_file *file)
{
	if (file->data)
		OPENSSL_cleanse(file->data, file->len);
	free(file->data);
	*file = (struct tls_file){ 0 };
}
