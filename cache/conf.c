#include "config.h"

#include "conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setting.h"
#include "url.h"

static const struct conf_key table[] = {
	{ CONF_GLOBAL, "cache_dir", "PATH", "~/.cache/spoolfs",
	  "where the cache is kept",
	  CONF_CACHE_DIR, offsetof(struct conf, cache_dir), 0, 0 },
	{ CONF_GLOBAL, "cache_size", "SIZE", "unlimited",
	  "how large it may grow",
	  CONF_SIZE, offsetof(struct conf, cache_size), 0, 0 },
	{ CONF_GLOBAL, "min_free", "SIZE", "auto",
	  "how much of its disk stays free",
	  CONF_SIZE, offsetof(struct conf, min_free), 0, 0 },
	{ CONF_GLOBAL, "max_age", "DAYS", "0",
	  "how long unused files are kept; 0: for ever",
	  CONF_NUMBER, offsetof(struct conf, max_age), 0, 36500 },
	{ CONF_GLOBAL, "http", "ADDRESS:PORT", "127.0.0.1:4612",
	  "serve there, unix:PATH, or off",
	  CONF_LISTEN, offsetof(struct conf, http), 0, 0 },
	{ CONF_GLOBAL, "http_names", "NAME", "none",
	  "serve requests for these hosts, too",
	  CONF_HOSTS, offsetof(struct conf, http_names), 0, 0 },
	{ CONF_GLOBAL, "allow_origin", "ORIGIN", "none",
	  "pages from there may use it, or *",
	  CONF_WEB_ORIGINS, offsetof(struct conf, allow_origin), 0, 0 },
	{ CONF_GLOBAL, "allow_users", "NAME", "own",
	  "of this machine, or all",
	  CONF_USERS, offsetof(struct conf, allow_users), 0, 0 },
	{ CONF_GLOBAL, "token", "TEXT", "",
	  "serve who says this; not with -o",
	  CONF_TOKEN, offsetof(struct conf, token), 0, 0 },
	{ CONF_GLOBAL, "token_file", "PATH", "",
	  "serve who says what this file says",
	  CONF_TOKEN_FILE, offsetof(struct conf, token), 0, 0 },
	{ CONF_GLOBAL, "allow", "PATTERN", "",
	  "nothing else may be asked for; repeatable",
	  CONF_PATTERNS, offsetof(struct conf, allow), 0, 0 },
	{ CONF_GLOBAL, "deny", "PATTERN", "",
	  "this may not be asked for; repeatable",
	  CONF_PATTERNS, offsetof(struct conf, deny), 0, 0 },
	{ CONF_GLOBAL, "private_targets", "WHETHER", "yes",
	  "ask private addresses: yes, no",
	  CONF_YES, offsetof(struct conf, private_targets), 0, 0 },
	{ CONF_GLOBAL, "max_clients", "N", "0",
	  "connections served at once; 0: as can be",
	  CONF_NUMBER, offsetof(struct conf, max_clients), 0, 1000000 },
	{ CONF_GLOBAL, "max_requests", "N", "0",
	  "from one address in a second; 0: any",
	  CONF_NUMBER, offsetof(struct conf, max_requests), 0, 1000000 },
	{ CONF_GLOBAL, "max_header", "SIZE", "8K",
	  "what the head of a request may take",
	  CONF_BYTES, offsetof(struct conf, max_header), 4096, 1 << 20 },
	{ CONF_GLOBAL, "control", "PATH", "auto",
	  "the socket for spoolctl, or auto, or off",
	  CONF_CONTROL, offsetof(struct conf, control), 0, 0 },
	{ CONF_GLOBAL, "connect_timeout", "SECONDS", "10",
	  "how long to try to connect",
	  CONF_NUMBER, offsetof(struct conf, connect_timeout), 1, 3600 },
	{ CONF_GLOBAL, "stall_timeout", "SECONDS", "10",
	  "how long a transfer may bring nothing",
	  CONF_NUMBER, offsetof(struct conf, stall_timeout), 1, 3600 },
	{ CONF_GLOBAL, "read_timeout", "SECONDS", "30",
	  "how long a read waits at most",
	  CONF_NUMBER, offsetof(struct conf, read_timeout), 1, 3600 },
	{ CONF_GLOBAL, "max_connections", "N", "16",
	  "connections to one host at once",
	  CONF_NUMBER, offsetof(struct conf, max_connections), 1, 64 },
	{ CONF_GLOBAL, "offline", "WHETHER", "no",
	  "ask no server, use what is cached: yes, no",
	  CONF_YES, offsetof(struct conf, offline), 0, 0 },
	{ CONF_GLOBAL, "fill", "WHICH", "playing",
	  "complete files: playing, all, none",
	  CONF_FILL, offsetof(struct conf, fill), 0, 0 },
	{ CONF_GLOBAL, "passthrough", "WHEN", "auto",
	  "the kernel reads complete files: auto, no",
	  CONF_AUTO, offsetof(struct conf, passthrough), 0, 0 },
	{ CONF_GLOBAL, "log_level", "LEVEL", "info",
	  "error, warning, info, debug",
	  CONF_LEVEL, offsetof(struct conf, log_level), 0, 0 },

	{ CONF_ORIGIN, "header", "NAME: VALUE", "",
	  "send this header too; may be repeated",
	  CONF_HEADER, offsetof(struct conf_origin, headers), 0, 0 },
	{ CONF_ORIGIN, "header_file", "PATH", "",
	  "send the headers in this file too, one a line",
	  CONF_HEADER_FILE, offsetof(struct conf_origin, headers), 0, 0 },
	{ CONF_ORIGIN, "user_agent", "TEXT", "",
	  "call yourself so",
	  CONF_TEXT, offsetof(struct conf_origin, user_agent), 0, 0 },
	{ CONF_ORIGIN, "proxy", "SCHEME://HOST[:PORT]", "",
	  "go through this proxy",
	  CONF_PROXY, offsetof(struct conf_origin, proxy), 0, 0 },
	{ CONF_ORIGIN, "ca_file", "PATH", "",
	  "trust these certificate authorities (PEM)",
	  CONF_READABLE, offsetof(struct conf_origin, ca_file), 0, 0 },
	{ CONF_ORIGIN, "forward_headers", "NAME", "none",
	  "pass these headers of clients on",
	  CONF_HEADER_NAMES, offsetof(struct conf_origin, forward_headers),
	  0, 0 },
	{ CONF_ORIGIN, "response_header", "NAME: VALUE", "",
	  "add this header to answers; may be repeated",
	  CONF_RESPONSE_HEADER, offsetof(struct conf_origin, response_header),
	  0, 0 },
	{ CONF_ORIGIN, "copy_headers", "WHETHER", "no",
	  "pass on the headers that are stored: yes, no",
	  CONF_YES, offsetof(struct conf_origin, copy_headers), 0, 0 },
	{ CONF_ORIGIN, "save_headers", "WHICH", "essential",
	  "store headers of answers: all, essential",
	  CONF_SAVE, offsetof(struct conf_origin, save_headers), 0, 0 },
	{ CONF_ORIGIN, "content_type", ".EXT TYPE/SUBTYPE", "",
	  "what files of this extension are; may be repeated",
	  CONF_CONTENT_TYPE, offsetof(struct conf_origin, content_type),
	  0, 0 },
	{ CONF_ORIGIN, "ignore_query", "NAME,...", "none",
	  "parameters that tell no files apart, or *",
	  CONF_QUERY, offsetof(struct conf_origin, ignore_query), 0, 0 },
	{ CONF_ORIGIN, "split_threshold", "SIZE", "auto",
	  "how far ahead pays a second connection; auto, off",
	  CONF_SPLIT, offsetof(struct conf_origin, split_threshold), 0, 0 },
	{ CONF_ORIGIN, "max_age", "SECONDS", "origin",
	  "how long what is cached holds without asking",
	  CONF_SECONDS, offsetof(struct conf_origin, max_age), 0, 315360000 },
	{ CONF_ORIGIN, "no_cache", "PATTERN", "",
	  "ask each time about these paths; may be repeated",
	  CONF_PATHS, offsetof(struct conf_origin, no_cache), 0, 0 },
	{ CONF_ORIGIN, "on_complete", "COMMAND", "",
	  "run this when a file is complete",
	  CONF_PROGRAM, offsetof(struct conf_origin, on_complete), 0, 0 },

	{ CONF_FILE, "url", "URL", "",
	  "what this name in the root of the mount is",
	  CONF_URL, offsetof(struct conf_file, url), 0, 0 },
};
#define TABLE_LENGTH (sizeof(table) / sizeof(table[0]))

const struct conf_key *conf_table(size_t *n)
{
	*n = TABLE_LENGTH;
	return table;
}

const struct conf_key *conf_find(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < TABLE_LENGTH; i++)
		if (table[i].section == section &&
		    strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

bool conf_is_repeatable(const struct conf_key *key)
{
	switch (key->type) {
	case CONF_HEADER: case CONF_HEADER_FILE: case CONF_RESPONSE_HEADER:
	case CONF_CONTENT_TYPE: case CONF_PATTERNS: case CONF_PATHS:
		return true;
	default:
		return false;
	}
}

int conf_init(struct conf *c)
{
	struct conf fresh = { 0 };

	if (setting_defaults(CONF_GLOBAL, &fresh)) {
		conf_fini(&fresh);
		return -ENOMEM;
	}
	*c = fresh;
	return 0;
}

static void fini_section(enum conf_section section, void *base)
{
	for (size_t i = 0; i < TABLE_LENGTH; i++)
		if (table[i].section == section)
			setting_free(&table[i], base);
}

void conf_fini(struct conf *c)
{
	for (size_t i = 0; i < c->n_origins; i++) {
		fini_section(CONF_ORIGIN, &c->origins[i]);
		free(c->origins[i].prefix);
	}
	for (size_t i = 0; i < c->n_files; i++) {
		fini_section(CONF_FILE, &c->files[i]);
		free(c->files[i].name);
	}
	fini_section(CONF_GLOBAL, c);
	free(c->origins);
	free(c->files);
	memset(c, 0, sizeof(*c));
}

/* *to = a copy of text, which may be NULL. */
static int copy_text(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

/* What the fields of a section own, of from into to, a copy of it byte by
 * byte. Unless 0, *to holds none of what from owns either. */
static int copy_section(enum conf_section section, void *to, const void *from)
{
	int err = 0;

	for (size_t i = 0; i < TABLE_LENGTH; i++) {
		if (table[i].section != section)
			continue;
		if (!err)
			err = setting_copy(&table[i], to, from);
		else
			setting_forget(&table[i], to);
	}
	return err;
}

static int copy_origin(struct conf_origin *to, const struct conf_origin *from)
{
	int err;

	*to = *from;
	to->prefix = NULL;
	err = copy_section(CONF_ORIGIN, to, from);
	return err ? err : copy_text(&to->prefix, from->prefix);
}

static int copy_file(struct conf_file *to, const struct conf_file *from)
{
	*to = *from;
	to->name = NULL;
	return copy_section(CONF_FILE, to, from) ||
	       copy_text(&to->name, from->name) ? -ENOMEM : 0;
}

static int copy_sections(struct conf *to, const struct conf *from)
{
	to->origins = calloc(from->n_origins + 1, sizeof(*to->origins));
	to->files = calloc(from->n_files + 1, sizeof(*to->files));
	if (!to->origins || !to->files)
		return -ENOMEM;
	while (to->n_origins < from->n_origins) {
		size_t i = to->n_origins++;

		if (copy_origin(&to->origins[i], &from->origins[i]))
			return -ENOMEM;
	}
	while (to->n_files < from->n_files) {
		size_t i = to->n_files++;

		if (copy_file(&to->files[i], &from->files[i]))
			return -ENOMEM;
	}
	return 0;
}

int conf_copy(struct conf *to, const struct conf *from)
{
	struct conf copy = *from;

	copy.origins = NULL;
	copy.files = NULL;
	copy.n_origins = copy.n_files = 0;
	if (copy_section(CONF_GLOBAL, &copy, from) ||
	    copy_sections(&copy, from)) {
		conf_fini(&copy);
		return -ENOMEM;
	}
	*to = copy;
	return 0;
}

/* ---- while the program runs ------------------------------------------------ */

/* What is bound to a listener, to a mount or to the lock of the cache. */
static bool is_bound(const struct conf_key *key)
{
	static const char *const bound[] = {
		"cache_dir", "http", "max_clients", "max_header", "control",
		"passthrough",
	};

	if (key->section != CONF_GLOBAL)
		return false;
	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++)
		if (strcmp(key->name, bound[i]) == 0)
			return true;
	return false;
}

static bool same_files(const struct conf *a, const struct conf *b)
{
	if (a->n_files != b->n_files)
		return false;
	for (size_t i = 0; i < a->n_files; i++)
		if (strcmp(a->files[i].name, b->files[i].name) ||
		    strcmp(a->files[i].url, b->files[i].url))
			return false;
	return true;
}

static void take_files(struct conf *to, struct conf *from)
{
	struct conf_file *files = to->files;
	size_t n = to->n_files;

	to->files = from->files;
	to->n_files = from->n_files;
	from->files = files;
	from->n_files = n;
}

static int keep_all(struct conf *c, struct conf *now, FILE *kept)
{
	const char *comma = "";
	int err = 0;

	for (size_t i = 0; i < TABLE_LENGTH && !err; i++) {
		if (!is_bound(&table[i]) || setting_same(&table[i], c, now))
			continue;
		fprintf(kept, "%s%s", comma, table[i].name);
		comma = ", ";
		setting_free(&table[i], c);
		err = setting_copy(&table[i], c, now);
	}
	if (!err && !same_files(c, now)) {
		fprintf(kept, "%s[file]", comma);
		take_files(c, now);
	}
	return err;
}

int conf_keep(struct conf *c, const struct conf *now, char **kept)
{
	struct conf copy;
	char *names = NULL;
	size_t len = 0;
	FILE *f;
	int err = conf_copy(&copy, now);

	if (err)
		return err;
	f = open_memstream(&names, &len);
	err = f ? keep_all(c, &copy, f) : -ENOMEM;
	if (f && fclose(f))
		err = -ENOMEM;
	conf_fini(&copy);
	if (err || !len) {
		free(names);
		names = NULL;
	}
	if (!err)
		*kept = names;
	return err;
}

char *conf_default_path(void)
{
	char *folder = setting_xdg("XDG_CONFIG_HOME", ".config"), *path;
	int n = folder ? asprintf(&path, "%s/spoolfs.ini", folder) : -1;

	free(folder);
	return n < 0 ? NULL : path;
}

int conf_set_in(struct conf *c, const char *folder, const char *key,
		const char *value, char **error)
{
	const struct conf_key *k = conf_find(CONF_GLOBAL, key);
	char *reason = NULL;
	int err;

	if (!k)
		return -ENOENT;
	*error = NULL;
	if (k->type == CONF_TOKEN)
		return setting_refuse(error, -EINVAL, "-o %s: the list of "
				      "processes would show it; token_file is "
				      "for that", key);
	err = setting_assign(k, c, value, folder, &reason);
	if (reason)
		err = setting_refuse(error, err, "-o %s=%s: %s", key,
				     value ? value : "", reason);
	free(reason);
	return err;
}

int conf_set(struct conf *c, const char *key, const char *value, char **error)
{
	char *folder = getcwd(NULL, 0);	/* gone: "/" is as good as any */
	int err = conf_set_in(c, folder ? folder : "/", key, value, error);

	free(folder);
	return err;
}

/* No section. */
static const struct conf_origin silent = {
	.split_threshold = CONF_SIZE_UNSET, .max_age = CONF_AGE_UNSET,
};

const struct conf_origin *conf_origin(const struct conf *c, const char *key)
{
	const struct conf_origin *best = &silent;
	size_t best_len = 0;

	for (size_t i = 0; i < c->n_origins; i++) {
		const char *prefix = c->origins[i].prefix;
		size_t len = prefix ? strlen(prefix) : 0;

		if (!prefix && best == &silent)
			best = &c->origins[i];
		if (!prefix || len < best_len || !url_key_is_below(key, prefix))
			continue;
		best = &c->origins[i];
		best_len = len;
	}
	return best;
}

/* ---- said of the table ---------------------------------------------------- */

void conf_help(FILE *out)
{
	int width = 0;

	for (size_t i = 0; i < TABLE_LENGTH; i++) {
		int n = strlen(table[i].name) + strlen(table[i].value) + 1;

		if (table[i].section == CONF_GLOBAL && n > width)
			width = n;
	}
	for (size_t i = 0; i < TABLE_LENGTH; i++) {
		const struct conf_key *k = &table[i];
		int n = strlen(k->name) + strlen(k->value) + 1;

		if (k->section != CONF_GLOBAL)
			continue;
		fprintf(out, "  -o %s=%s%*s  %s", k->name, k->value,
			width - n, "", k->help);
		fprintf(out, *k->fallback ? " (%s)\n" : "\n", k->fallback);
	}
}

static void example_section(FILE *out, enum conf_section section)
{
	for (size_t i = 0; i < TABLE_LENGTH; i++) {
		const struct conf_key *k = &table[i];

		if (k->section == section)
			fprintf(out, "# %s\n;%s = %s\n", k->help, k->name,
				*k->fallback ? k->fallback : k->value);
	}
}

void conf_example(FILE *out)
{
	fputs("# Settings of spoolfs; see spoolfs.ini(5). Everything here is\n"
	      "# commented out and shows the default, or what a value looks\n"
	      "# like. Keep the file to yourself (chmod 600) when it holds\n"
	      "# headers.\n"
	      "\n", out);
	example_section(out, CONF_GLOBAL);
	fputs("\n"
	      "# For every URL that begins so; of several the longest counts,\n"
	      "# and [origin \"*\"] for the rest.\n"
	      ";[origin \"https://example.com/\"]\n", out);
	example_section(out, CONF_ORIGIN);
	fputs("\n"
	      "# A name in the root of the mount.\n"
	      ";[file \"film.mp4\"]\n", out);
	example_section(out, CONF_FILE);
}
