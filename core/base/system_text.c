/* errno in words. */
#include "core/base/system_text.h"

#include <errno.h>
#include <string.h>

const char *system_text(int code)
{
	switch (code) {
	case EMFILE: return "too many open files: raise ulimit -n, or LimitNOFILE= of the systemd unit";
	case ENFILE: return "the whole machine has too many open files: raise the sysctl fs.file-max";
	default: return strerror(code);
	}
}
