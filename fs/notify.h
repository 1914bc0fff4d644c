/* notify: tell a service manager how we are, as sd_notify(3) does.
 *
 * The protocol is a datagram to NOTIFY_SOCKET, so no library is needed.
 * Without a service manager (no NOTIFY_SOCKET) nothing is said.
 */
#ifndef SPOOL_FS_NOTIFY_H
#define SPOOL_FS_NOTIFY_H

#include <stdbool.h>

/* Say "READY=1", "STOPPING=1" and the like. A manager that does not hear is
 * logged, no more. */
void notify_send(const char *state);

/* Say "STATUS=...", one line for people. */
void notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct notify;

/* Keep the manager's watchdog quiet (WATCHDOG_USEC, WATCHDOG_PID): a thread
 * says "WATCHDOG=1" at half the interval, each time only after alive(ctx, ms)
 * has said so; it may take ms to find out. 0, with *out NULL when no watchdog
 * is on; or -errno. After fork, with signals blocked. */
int notify_watch(bool (*alive)(void *ctx, int timeout_ms), void *ctx,
		 struct notify **out);

/* End the thread; takes as long as alive does at most. NULL is fine. */
void notify_unwatch(struct notify *n);

#endif
