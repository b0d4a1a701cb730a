/* Telling the service manager how it goes: systemd's notification protocol, which is a datagram of lines. Without one, nothing
 * happens. Main thread, as all here. */
#ifndef SERVER_SYSTEMD_NOTIFY_H
#define SERVER_SYSTEMD_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <plait/abi.h>

/* Of a text; what is longer is not sent. */
#define NOTIFY_MOST 255

/* Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, which children would inherit. Once, before any privilege
 * goes. */
void notify_open(void);

/* Puts them back, for a program that is to take this one's place. */
void notify_restore(void);

/* Takes them out again: that program did not come. */
void notify_hide(void);

/* How often the manager wants to hear that all is well; 0: never. */
uint64_t notify_watchdog_ms(void);

bool notify_wanted(void);

/* "READY=1\nSTATUS=..." */
void notify_send(const char *format, ...) PLAIT_PRINTF(1, 2);

/* The manager hears the main process only: in a worker, texts go through fn. NULL: straight to the manager. */
typedef void notify_fn(const char *text, void *arg);
void notify_through(notify_fn *fn, void *arg);

/* A worker's text: sends its lines, of those that a worker may send. */
void notify_forward(const char *text);

/* "RELOADING=1", with the time that belongs to it. */
void notify_reloading(void);

#endif
