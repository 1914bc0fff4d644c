#include "config.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics.h"

/* ---- the process ---------------------------------------------------------------- */

/* /proc/self/stat (proc(5)): the 22nd field, ticks after boot; a name in
 * brackets, which may hold anything, is the second. */
static time_t started(void)
{
	char line[1024], *s = NULL;
	unsigned long long ticks;
	struct timespec now;
	FILE *f = fopen("/proc/self/stat", "re");
	long hz = sysconf(_SC_CLK_TCK);

	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f))
		s = strrchr(line, ')');
	fclose(f);
	for (int i = 2; s && i < 22; i++)
		s = strchr(s + 1, ' ');
	if (!s || hz <= 0 || sscanf(s, "%llu", &ticks) != 1 ||
	    clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return 0;
	return time(NULL) - now.tv_sec + (time_t)(ticks / (unsigned long)hz);
}

static uint64_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n - 1;	/* without the one that we have looked with */
}

void metrics_process(struct metrics_process *out)
{
	out->started = started();
	out->resident = resident();
	out->descriptors = descriptors();
}

/* ---- the text --------------------------------------------------------------------- */

enum metric_type { COUNTER, GAUGE };

/* A unit is the end of a name, and said once more (OpenMetrics 1.0, 4.3). */
static void put(FILE *out, enum metric_type type, const char *name,
		const char *unit, const char *help, uint64_t value)
{
	fprintf(out, "# TYPE %s %s\n", name,
		type == COUNTER ? "counter" : "gauge");
	if (unit)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
	fprintf(out, "%s%s %" PRIu64 "\n", name,
		type == COUNTER ? "_total" : "", value);
}

static void put_totals(FILE *out, const struct cache_totals *t)
{
	put(out, COUNTER, "spoolfs_reads", NULL,
	    "Reads answered, but for what the kernel answers by itself.",
	    t->reads);
	put(out, COUNTER, "spoolfs_waits", NULL,
	    "Reads that had to wait for an origin.", t->waits);
	put(out, COUNTER, "spoolfs_read_bytes", "bytes",
	    "Bytes of these reads.", t->bytes_read);
	put(out, COUNTER, "spoolfs_fetched_bytes", "bytes",
	    "Bytes of bodies from origins.", t->bytes_fetched);
	put(out, COUNTER, "spoolfs_requests", NULL,
	    "Requests to origins, redirects included.", t->requests);
	put(out, COUNTER, "spoolfs_retries", NULL,
	    "Requests that failed in passing.", t->retries);
	put(out, COUNTER, "spoolfs_errors", NULL,
	    "Refusals of origins for good.", t->errors);
	put(out, COUNTER, "spoolfs_completed", NULL,
	    "Files that have become complete.", t->completed);
	put(out, COUNTER, "spoolfs_superseded", NULL,
	    "Files replaced by another version.", t->superseded);
	put(out, COUNTER, "spoolfs_evicted", NULL,
	    "Files evicted from the cache.", t->evicted);
	put(out, GAUGE, "spoolfs_transfers", NULL,
	    "Transfers under way.", t->transfers);
	put(out, GAUGE, "spoolfs_fetching", NULL,
	    "Files being brought by a command.", t->fetching);
	put(out, GAUGE, "spoolfs_entries", NULL,
	    "Files in use.", t->entries);
	put(out, GAUGE, "spoolfs_waiting", NULL,
	    "Reads that are waiting.", t->waiting);
	if (!t->counted)
		return;
	put(out, GAUGE, "spoolfs_cache_files", NULL,
	    "Files in the cache folder.", t->files);
	put(out, GAUGE, "spoolfs_cache_bytes", "bytes",
	    "What they take on the disk.", t->bytes);
}

static void put_process(FILE *out, const struct metrics_process *p)
{
	if (p->started)
		put(out, GAUGE, "process_start_time_seconds", "seconds",
		    "When it was started, since 1970.", (uint64_t)p->started);
	if (p->resident)
		put(out, GAUGE, "process_resident_memory_bytes", "bytes",
		    "Memory that it has.", p->resident);
	if (p->descriptors)
		put(out, GAUGE, "process_open_fds", NULL,
		    "Descriptors that it has.", p->descriptors);
}

char *metrics_format(const struct cache_totals *t,
		     const struct metrics_process *p)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool bad;

	if (!out)
		return NULL;
	fputs("# TYPE spoolfs_build info\n"
	      "# HELP spoolfs_build The program.\n"
	      "spoolfs_build_info{version=\"" PACKAGE_VERSION "\"} 1\n", out);
	put_totals(out, t);
	put_process(out, p);
	fputs("# EOF\n", out);
	bad = ferror(out);
	if (fclose(out) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}
