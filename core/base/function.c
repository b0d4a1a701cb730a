/* Naming functions by where they were loaded from. */
#include "core/base/function.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

void function_describe(const void *function, char *text, size_t size)
{
	char file[256];
	Dl_info place = { 0 };
	if (!dladdr(function, &place) || !place.dli_fname) {
		snprintf(text, size, "at %p", function);
		return;
	}
	/* A plugin is loaded from a private copy: the link bears its name. */
	ssize_t len = readlink(place.dli_fname, file, sizeof(file) - 1);
	if (len < 0)
		snprintf(file, sizeof(file), "%s", place.dli_fname);
	else
		file[len] = '\0';
	if (place.dli_sname && place.dli_saddr == function)
		snprintf(text, size, "%s of %s", place.dli_sname, file);
	else
		snprintf(text, size, "+%#zx of %s",
			 (size_t)((const char *)function - (const char *)place.dli_fbase), file);
}
