/* ctl: spoolctl, a command line that is a table.
 *
 * spoolctl.c has the table and reads the command line; ctl.c is what commands
 * share; each ctl_*.c is a few of them. What they know of a cache folder they
 * read there (look.h), so that they work beside a daemon and without one; what
 * is to be done, and what only lives in memory, they ask of the daemon
 * (ctl_call.h).
 *
 * Every command answers in words for people, or with --json in JSON, one object
 * a line for each thing it speaks of, with the names of control_json.h.
 */
#ifndef SPOOL_HTTP_CTL_H
#define SPOOL_HTTP_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "cache/conf.h"
#include "cache/store.h"
#include "cache/url.h"

/* Besides 0 and EXIT_FAILURE. */
#define EXIT_USAGE 2
#define EXIT_CHANGED 3

/* Options of commands, as bits. */
enum ctl_flag {
	CTL_JSON = 1,
	CTL_ACTIVE = 2,
	CTL_INACTIVE = 4,
	CTL_PARTIAL = 8,
	CTL_ALL = 16,
	CTL_OLDER = 32,		/* with an age */
	CTL_OUTPUT = 64,	/* with a file */
	CTL_BACKGROUND = 128,
};

/* A command as it was given. */
struct ctl {
	struct conf conf;
	unsigned flags;
	time_t older;		/* seconds */
	const char *output;
	char **args;
	int n_args;
};

/* Exit statuses. */
int ctl_url(struct ctl *ctl);
int ctl_path(struct ctl *ctl);
int ctl_ls(struct ctl *ctl);
int ctl_info(struct ctl *ctl);
int ctl_rm(struct ctl *ctl);
int ctl_status(struct ctl *ctl);
int ctl_watch(struct ctl *ctl);
int ctl_get(struct ctl *ctl);
int ctl_stop(struct ctl *ctl);
int ctl_pin(struct ctl *ctl);
int ctl_unpin(struct ctl *ctl);
int ctl_validate(struct ctl *ctl);
int ctl_reset(struct ctl *ctl);
int ctl_add(struct ctl *ctl);
int ctl_remove(struct ctl *ctl);
int ctl_names(struct ctl *ctl);
int ctl_reload(struct ctl *ctl);
int ctl_log_level(struct ctl *ctl);

/* ---- what they share ---- */

/* One line on stderr. EXIT_FAILURE. */
int ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Text from outside, UTF-8, whose controls must not drive a terminal: each is a
 * '?'. */
void ctl_put(const char *s);
/* An object as a line; takes it. EXIT_SUCCESS, or EXIT_FAILURE after a
 * complaint (NULL: no memory). */
int ctl_put_json(json_t *object);

/* "LABEL          TEXT", text from outside, NULL as "-". */
void ctl_put_line(const char *label, const char *text);
/* The same of a time, as the user's clock has it. */
void ctl_put_time(const char *label, time_t t);

/* "1.5 GB" into buf. */
const char *ctl_size(uint64_t bytes, char buf[16]);

/* A name of the settings, or NULL. */
const struct conf_file *ctl_find_name(const struct conf *conf,
				      const char *name);
/* A URL as given, or the URL of a name (of the settings, or that the daemon has
 * been given); NULL after a complaint. */
struct url *ctl_resolve(const struct ctl *ctl, const char *arg);

/* Where the record of a URL would be; malloc'd, or NULL after a complaint. */
char *ctl_record_path(const struct conf *conf, const struct url *u);
/* The record of a URL at its path. 0; -ENOENT nothing is cached; -errno. */
int ctl_find_record(const char *path, const struct url *u,
		    struct store_record *out);

/* A record as control_json_view shows what is not in use; last used at `used`.
 * A new reference or NULL. */
json_t *ctl_record_json(const struct store_record *r, time_t used);

/* The string, number or truth of an object's member; NULL, 0, false if it is
 * none. */
const char *ctl_text(const json_t *object, const char *name);
uint64_t ctl_number(const json_t *object, const char *name);
bool ctl_true(const json_t *object, const char *name);

/* "45%", or "-" when the size is not known; 100 only when all is here. */
const char *ctl_percent(const json_t *view, char buf[8]);

#endif
