/* conf: all settings, from one table.
 *
 * Built-in default < ini file < -o option. The table (conf_table) names each
 * key once with its type, default, bounds and one-line help; --help, the
 * example, the parser and the documentation test all walk it.
 *
 * Ini files: top-level keys first, then sections
 *
 *   [origin "https://example.com/"]    longest prefix wins, whole sections
 *   header = Name: value               repeatable
 *   header_file = PATH                 one header a line; for secrets
 *   user_agent, proxy, ca_file, …
 *
 *   [origin "*"]                       for every URL that no other one fits
 *
 *   [file "film.mp4"]                  a name in the root of the mount
 *   url = https://…
 *
 * Lines may be indented as one likes; a value ends with its line. Lines that
 * begin with ';' or '#' are comments; inside a line a ';' after a space begins
 * one, except in a header, where it is refused: it would cut a value in two
 * unseen. Quotes belong to the value.
 *
 * A file is parsed into scratch and applied only as a whole. An unknown key
 * or section, a key or section given twice, a bad or empty value, an over-long
 * line: "FILE:LINE: reason". An ini file that holds secrets (header,
 * response_header, token, a proxy with userinfo) and any header_file or
 * token_file is refused when group or others may read or write it; so is one
 * that names a program to run when they may write it. Reasons never repeat a
 * header, a token, a proxy or the URL of a file. A token is not taken from -o:
 * everybody can read that.
 * `~/` at the start of a path is the home folder. Relative paths in an ini are
 * relative to it.
 *
 * setting*.c turn one value into its field, ini.c reads files (and is alone in
 * knowing inih), conf.c is the rest. Not thread-safe, except for reading a
 * struct conf that nobody changes any more.
 */
#ifndef SPOOL_CONF_H
#define SPOOL_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "log.h"
#include "plan.h"

struct conf_list {
	char **v;		/* n texts, in the order given */
	size_t n;
};

struct conf_users {
	bool all;
	uid_t *v;		/* n of them; n is 0 if all */
	size_t n;
};

/* What is stored of the headers of a response. */
enum conf_save { CONF_SAVE_ESSENTIAL, CONF_SAVE_ALL };

#define CONF_SIZE_UNSET UINT64_MAX	/* the word that is the default */
#define CONF_SIZE_OFF (UINT64_MAX - 1)	/* "off", where there is such a word */
#define CONF_AGE_UNSET UINT_MAX

struct conf_origin {
	char *prefix;		/* canonical: url.key of the section's URL; of
				   the section for all others NULL */
	struct conf_list headers;	/* "Name: value"; those of header_file
					   included */
	char *user_agent, *proxy, *ca_file;	/* NULL: not set */
	struct conf_list response_header;	/* "Name: value" */
	bool copy_headers;
	enum conf_save save_headers;
	struct conf_list forward_headers;	/* "Name" */
	struct conf_list content_type;	/* ".ext type/subtype", in lower case,
					   one space between */
	struct conf_list ignore_query;	/* names of parameters as they stand in
					   URLs, or "*" alone */
	uint64_t split_threshold;	/* bytes; _UNSET: auto; _OFF */
	unsigned max_age;	/* seconds; CONF_AGE_UNSET: as the origin says */
	struct conf_list no_cache;	/* patterns of paths: rules.h */
	char *on_complete;	/* absolute path of a program, or NULL */
};

struct conf_file {
	char *name, *url;	/* one component; as given, valid */
};

struct conf {
	char *cache_dir;	/* absolute */
	uint64_t cache_size;	/* bytes, or CONF_SIZE_UNSET: no limit */
	uint64_t min_free;	/* bytes, or CONF_SIZE_UNSET: as the disk is */
	unsigned max_age;	/* days; 0: no limit */
	struct conf_list http;	/* "ADDRESS:PORT" or "unix:/PATH"; none: off */
	struct conf_list http_names;	/* in lower case, without port; IPv6 in
					   brackets */
	struct conf_list allow_origin;	/* "https://host[:port]" or "null", in
					   lower case; "*" alone: any */
	struct conf_users allow_users;	/* besides our own and root */
	char *token;		/* NULL: none; else unreserved characters alone */
	struct conf_list allow, deny;	/* patterns: policy.h */
	bool private_targets;
	unsigned max_clients;	/* 0: as many as descriptors allow */
	unsigned max_requests;	/* a second and peer; 0: no limit */
	uint64_t max_header;	/* bytes */
	char *control;		/* absolute path, "auto", or NULL for off */
	unsigned connect_timeout, stall_timeout, read_timeout;	/* seconds */
	unsigned max_connections;	/* to one host */
	bool offline;
	enum plan_fill fill;
	bool passthrough;
	enum log_level log_level;
	struct conf_origin *origins;
	size_t n_origins;
	struct conf_file *files;
	size_t n_files;
};

/* Defaults into *c (any content is overwritten). 0 or -ENOMEM. */
int conf_init(struct conf *c);
void conf_fini(struct conf *c);
/* *from once more into *to (any content is overwritten). 0 or -ENOMEM. */
int conf_copy(struct conf *to, const struct conf *from);

/* $XDG_CONFIG_HOME/spoolfs/spoolfs.ini or ~/.config/…; malloc'd, or NULL. */
char *conf_default_path(void);

/* Read an ini file over *c. must_exist: a missing file is an error (-c FILE).
 * 0; else -EINVAL, -ENOENT, -errno with *error (malloc'd, one line without
 * newline, "FILE:LINE: reason" or "FILE: reason"; NULL with -ENOMEM) and *c
 * as it was. */
int conf_read(struct conf *c, const char *path, bool must_exist, char **error);

/* One key=value, as of -o. 0; -ENOENT unknown key (it may be a mount option);
 * -EINVAL with *error set ("-o KEY=VALUE: reason"); -ENOMEM. *c is as it was
 * unless 0. */
int conf_set(struct conf *c, const char *key, const char *value, char **error);
/* The same with relative paths relative to folder (absolute), not to the current
 * one. */
int conf_set_in(struct conf *c, const char *folder, const char *key,
		const char *value, char **error);

/* Before c takes the place of the settings in force: what can't be changed while
 * the program runs is made as it is in `now`. *kept: the names of those that
 * differed, "cache_dir, http" (malloc'd), or NULL. 0 or -ENOMEM. */
int conf_keep(struct conf *c, const struct conf *now, char **kept);

/* The section for a URL (its key): of those that fit the one with the longest
 * prefix, else [origin "*"], else one that says nothing. Points into c or to
 * something that stays; never NULL. A prefix matches at a '/' or at its own end
 * only: https://a.example is not a prefix of https://a.example.net/. What begins
 * a query ends a path. */
const struct conf_origin *conf_origin(const struct conf *c, const char *key);

/* The table, for --help and for tests. */
enum conf_section { CONF_GLOBAL, CONF_ORIGIN, CONF_FILE };
enum conf_type {
	CONF_CACHE_DIR,		/* a path; its default depends on the user */
	CONF_LISTEN,		/* some ADDRESS:PORT or unix:PATH, or "off" */
	CONF_HOSTS,		/* some names of hosts */
	CONF_WEB_ORIGINS,	/* some SCHEME://HOST[:PORT], or "*" */
	CONF_USERS,		/* some names or numbers, or "all" */
	CONF_TOKEN, CONF_TOKEN_FILE,
	CONF_PATTERNS,		/* repeatable: URL prefixes, hosts, networks */
	CONF_NUMBER,		/* min to max */
	CONF_SECONDS,		/* min to max; its default is a word */
	CONF_SIZE,		/* bytes; its default is a word */
	CONF_BYTES,		/* bytes, min to max */
	CONF_SPLIT,		/* bytes, "auto" or "off" */
	CONF_CONTROL,		/* a path, "auto" or "off" */
	CONF_FILL, CONF_AUTO, CONF_LEVEL, CONF_YES, CONF_SAVE,	/* a word */
	CONF_HEADER, CONF_HEADER_FILE,	/* repeatable: more headers */
	CONF_RESPONSE_HEADER,	/* repeatable */
	CONF_HEADER_NAMES,
	CONF_CONTENT_TYPE,	/* repeatable */
	CONF_QUERY,		/* some names, with commas, or "*" */
	CONF_PATHS,		/* repeatable: patterns of paths */
	CONF_TEXT,
	CONF_PROXY,
	CONF_READABLE,		/* a path of something that can be read */
	CONF_PROGRAM,		/* a path of something that can be run */
	CONF_URL,
};
struct conf_key {
	enum conf_section section;
	const char *name;
	const char *value;	/* what a value looks like: "SECONDS" */
	const char *fallback;	/* default as text, or "" */
	const char *help;	/* one line, no full stop */
	enum conf_type type;
	size_t offset;		/* of the field in the section's struct */
	unsigned min, max;
};
const struct conf_key *conf_table(size_t *n);
/* NULL: a section has no such key. */
const struct conf_key *conf_find(enum conf_section section, const char *name);
/* May stand several times in one section, each adding to those before. */
bool conf_is_repeatable(const struct conf_key *key);

void conf_help(FILE *out);	/* the -o part of --help */
void conf_example(FILE *out);	/* an ini file that changes nothing: every key
				   with its default, commented out */

#endif
