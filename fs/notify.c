#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cache/log.h"
#include "notify.h"

/* How long one look at whether we are alive may take. Short, because the end
 * of the program waits for it; the next look follows at once. */
#define LOOK_MS 1000

struct notify {
	bool (*alive)(void *ctx, int timeout_ms);
	void *ctx;
	int64_t interval_ns;		/* between two signs of life */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ending;			/* lock */
};

void notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len > sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		   (struct sockaddr *)&to,
		   offsetof(struct sockaddr_un, sun_path) + len) < 0)
		log_warn(LOG_CORE, "NOTIFY_SOCKET: %m");
	if (fd >= 0)
		close(fd);
}

void notify_status(const char *fmt, ...)
{
	static const char key[] = "STATUS=";
	char text[1024];
	va_list args;
	char *c;

	memcpy(text, key, sizeof(key));
	va_start(args, fmt);
	vsnprintf(text + sizeof(key) - 1, sizeof(text) - sizeof(key) + 1, fmt,
		  args);
	va_end(args);
	for (c = text; *c; c++)		/* a line break would begin a new state */
		if (*c == '\n')
			*c = ' ';
	notify_send(text);
}

/* The watchdog's time-out that is meant for this process; 0: none. */
static uint64_t watchdog_usec(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	unsigned long long n;
	char *end;

	if (!usec || !getenv("NOTIFY_SOCKET") ||
	    (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	n = strtoull(usec, &end, 10);
	if (errno || end == usec || *end || *usec == '-') {
		log_warn(LOG_CORE, "WATCHDOG_USEC is not a number: %s", usec);
		return 0;
	}
	/* Whoever waits for years needs no watchdog; no sum overflows. */
	return n < INT64_MAX / 4000 ? n : 0;
}

static void sleep_locked(struct notify *n)
{
	struct timespec until;
	int64_t ns;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns = until.tv_nsec + n->interval_ns;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	while (!n->ending && !err)
		err = pthread_cond_timedwait(&n->changed, &n->lock, &until);
}

static void *watch_main(void *arg)
{
	struct notify *n = arg;
	bool alive = true, was_alive;

	pthread_setname_np(pthread_self(), "watchdog");
	pthread_mutex_lock(&n->lock);
	while (!n->ending) {
		pthread_mutex_unlock(&n->lock);
		was_alive = alive;
		alive = n->alive(n->ctx, LOOK_MS);
		if (alive)
			notify_send("WATCHDOG=1");
		if (alive != was_alive)
			log_warn(LOG_CORE, alive ? "alive again" :
				 "no sign of life for the watchdog");
		pthread_mutex_lock(&n->lock);
		if (alive)
			sleep_locked(n);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notify_watch(bool (*alive)(void *ctx, int timeout_ms), void *ctx,
		 struct notify **out)
{
	uint64_t usec = watchdog_usec();
	pthread_condattr_t attr;
	struct notify *n;
	int err;

	if (!usec) {
		*out = NULL;
		return 0;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->alive = alive;
	n->ctx = ctx;
	n->interval_ns = (int64_t)usec * 1000 / 2;
	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
	err = pthread_create(&n->thread, NULL, watch_main, n);
	if (err) {
		pthread_cond_destroy(&n->changed);
		pthread_mutex_destroy(&n->lock);
		free(n);
		return -err;
	}
	*out = n;
	return 0;
}

void notify_unwatch(struct notify *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->ending = true;
	pthread_cond_signal(&n->changed);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
