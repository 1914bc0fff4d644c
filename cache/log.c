#include "config.h"

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char *const area_names[] = {
	[LOG_CORE] = "core", [LOG_CONF] = "conf", [LOG_STORE] = "store",
	[LOG_PLAN] = "plan", [LOG_FETCH] = "fetch", [LOG_FUSE] = "fuse",
	[LOG_HTTP] = "http",
};

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR, [LOG_LEVEL_WARNING] = LOG_WARNING,
	[LOG_LEVEL_INFO] = LOG_INFO, [LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

static _Atomic int threshold = LOG_LEVEL_WARNING;
static atomic_bool syslogging;

void log_open(enum log_level level, bool to_syslog)
{
	if (to_syslog)
		openlog("spoolfs", LOG_PID, LOG_DAEMON);
	atomic_store(&threshold, level);
	atomic_store(&syslogging, to_syslog);
}

void log_set_level(enum log_level level)
{
	atomic_store(&threshold, level);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load(&threshold);
}

/* What comes from outside must neither forge a line nor drive a terminal:
 * C0, DEL and, in UTF-8, C1 become '?'. */
static void defuse(char *s)
{
	for (; *s; s++) {
		unsigned char c = *s, next = s[1];

		if (c < 0x20 || c == 0x7f)
			*s = '?';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			s[0] = s[1] = '?';
	}
}

/* The moment matters only to somebody who debugs; syslog has its own. */
static size_t put_prefix(char *line, size_t size, enum log_area area)
{
	struct timespec now;
	struct tm tm;

	if (!log_enabled(LOG_LEVEL_DEBUG) ||
	    clock_gettime(CLOCK_REALTIME, &now) ||
	    !localtime_r(&now.tv_sec, &tm))
		return snprintf(line, size, "spoolfs: %s: ", area_names[area]);
	return snprintf(line, size, "spoolfs: %02d:%02d:%02d.%03ld %s: ",
			tm.tm_hour, tm.tm_min, tm.tm_sec,
			now.tv_nsec / 1000000, area_names[area]);
}

void log_line(enum log_level level, enum log_area area, const char *fmt, ...)
{
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	char *text = line;
	size_t room;
	va_list args;
	int n;

	if (!log_enabled(level))
		return;
	if (!atomic_load(&syslogging))
		text += put_prefix(line, sizeof(line), area);

	room = sizeof(line) - (text - line) - 1;	/* '\n' comes after it */
	errno = saved_errno;				/* for %m */
	va_start(args, fmt);
	n = vsnprintf(text, room, fmt, args);
	va_end(args);
	if (n < 0)
		strcpy(text, "?");
	else if ((size_t)n >= room)
		strcpy(text + room - 4, "...");
	defuse(text);

	if (text == line) {
		syslog(priorities[level], "%s: %s", area_names[area], line);
	} else {
		size_t len = text - line + strlen(text);

		line[len++] = '\n';
		if (write(STDERR_FILENO, line, len) < 0)
			errno = saved_errno;	/* nobody left to tell */
	}
	errno = saved_errno;
}
