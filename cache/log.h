/* log: one line per event, said once, by whoever can say what it means.
 *
 * Thread-safe. Lines go to stderr ("spoolfs: AREA: text", one write(2) each,
 * with the time of day when the level is debug) or to syslog, chosen once by
 * log_open. Control characters come out as '?' and a very long line is cut, so
 * that a header or a name from outside can't forge a line. What is logged
 * about a URL goes through url_redact (url.h) first: no userinfo, no query,
 * ever.
 */
#ifndef SPOOL_LOG_H
#define SPOOL_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
		 LOG_LEVEL_DEBUG };

enum log_area { LOG_CORE, LOG_CONF, LOG_STORE, LOG_PLAN, LOG_FETCH, LOG_FUSE,
		LOG_HTTP };

/* Before log_open: level warning, stderr. */
void log_open(enum log_level level, bool to_syslog);
/* Another level, at any time. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* Leaves errno as it was; %m is the errno of the caller. */
void log_line(enum log_level level, enum log_area area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(area, ...) log_line(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...) log_line(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_line(LOG_LEVEL_DEBUG, area, __VA_ARGS__)

#endif
