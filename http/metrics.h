/* metrics: sums and states for a monitoring system, as OpenMetrics 1.0 text.
 *
 * Pure. No URL, no name and no address is in it.
 */
#ifndef SPOOL_HTTP_METRICS_H
#define SPOOL_HTTP_METRICS_H

#include <time.h>

#include "cache/command.h"

#define METRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Of the process. */
struct metrics_process {
	time_t started;		/* 0: not known; so the others */
	uint64_t resident;	/* bytes */
	uint64_t descriptors;
};
/* Asks the kernel. */
void metrics_process(struct metrics_process *out);

/* NUL-terminated, malloc'd; NULL: no memory. */
char *metrics_format(const struct cache_totals *t,
		     const struct metrics_process *p);

#endif
