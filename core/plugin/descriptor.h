/* Judging a plugin's descriptor: the fixed head first, and the protocol in it once the head is known to be
 * good. */
#ifndef PLUGIN_DESCRIPTOR_H
#define PLUGIN_DESCRIPTOR_H

#include <stddef.h>

#include <plait/protocol.h>

/* The head as it stands in the file, before any of the plugin's code has run; symbol_size is the real size
 * of its symbol, of which bytes[0..size) are known and the rest is zero. The name, a pointer, is not
 * looked at. 0 or a negative code with error. */
int descriptor_check_head(const char *file, size_t symbol_size, const void *bytes, size_t size,
			  struct plait_error *error);

/* Copies a loaded descriptor whose head was good, widened with zeros or cut to this host's size, and
 * checks all the rest. 0 or a negative code with error, whose text may hold the plugin's bytes as they
 * are. */
int descriptor_read(const char *file, const void *descriptor, struct plait_protocol *out,
		    struct plait_error *error);

#endif
