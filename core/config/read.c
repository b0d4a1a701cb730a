/* Reading a configuration's text, within a bound. */
#include "core/config/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/open_file.h"
#include "core/base/system_text.h"

static const char what[] = "a configuration's text";

/* Read to its end rather than by its size: /dev/stdin and pipes have none. */
static char *read_all(int fd, size_t *len)
{
	size_t size = 16384;
	char *text = alloc_larger(NULL, size, what);

	*len = 0;
	for (;;) {
		ssize_t got = read(fd, text + *len, size - 1 - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return NULL;
		}
		*len += (size_t)got;
		if (got == 0 || *len > CONFIG_MOST_BYTES)
			break;
		if (*len < size - 1)
			continue;
		text = alloc_larger(text, size *= 2, what);
	}
	text[*len] = '\0';
	return text;
}

char *config_read(const char *file, size_t *len, struct problems *problems)
{
	struct stat status;
	char *text = NULL;
	int fd = open_file(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status) < 0) {
		problems_add(problems, NULL, "cannot open the configuration: %s%s", system_text(errno),
			     open_file_remedy(errno));
	} else if (S_ISDIR(status.st_mode)) {
		problems_add(problems, NULL, "this is a folder; expected a configuration file");
	} else {
		text = read_all(fd, len);
		if (!text)
			problems_add(problems, NULL, "cannot read the configuration: %s", system_text(errno));
	}
	if (fd >= 0)
		close(fd);
	if (text && *len > CONFIG_MOST_BYTES) {
		problems_add(problems, NULL, "the file is larger than %d MiB; this is no configuration",
			     CONFIG_MOST_BYTES >> 20);
		free(text);
		text = NULL;
	}
	return text;
}
