/* Filling a struct plait_error. */
#include <plait/error.h>

#include <stdarg.h>
#include <stdio.h>

int plait_error_set(struct plait_error *error, int code, const char *path, const char *format, ...)
{
	if (!error)
		return code;
	/* Built aside, because path or an argument may point into *error when a caller adds to what it was
	 * told. */
	struct plait_error fresh = { .code = code };
	va_list args;

	snprintf(fresh.path, sizeof(fresh.path), "%s", path ? path : "");
	va_start(args, format);
	vsnprintf(fresh.text, sizeof(fresh.text), format, args);
	va_end(args);
	*error = fresh;
	return code;
}
