#include "config.h"

#include "conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setting.h"


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
	  "serve it there, or off",
	  CONF_LISTEN, offsetof(struct conf, http), 0, 0 },
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

int conf_init(struct conf *c)
{
	struct conf fresh = { 0 };
	int err = 0;

	for (size_t i = 0; i < TABLE_LENGTH && !err; i++)
		if (table[i].section == CONF_GLOBAL)
			err = setting_default(&table[i], &fresh);
	if (err) {
		conf_fini(&fresh);
		return -ENOMEM;
	}
	*c = fresh;
	return 0;
}

static void fini_origin(struct conf_origin *o)
{
	for (size_t i = 0; i < o->n_headers; i++)
		free(o->headers[i]);
	free(o->headers);
	free(o->prefix);
	free(o->user_agent);
	free(o->proxy);
	free(o->ca_file);
}

void conf_fini(struct conf *c)
{
	for (size_t i = 0; i < c->n_origins; i++)
		fini_origin(&c->origins[i]);
	for (size_t i = 0; i < c->n_files; i++) {
		free(c->files[i].name);
		free(c->files[i].url);
	}
	free(c->origins);
	free(c->files);
	free(c->cache_dir);
	free(c->http);
	memset(c, 0, sizeof(*c));
}

/* *to = a copy of text, which may be NULL. */
static int copy_text(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static int copy_origin(struct conf_origin *to, const struct conf_origin *from)
{
	if (copy_text(&to->prefix, from->prefix) ||
	    copy_text(&to->user_agent, from->user_agent) ||
	    copy_text(&to->proxy, from->proxy) ||
	    copy_text(&to->ca_file, from->ca_file))
		return -ENOMEM;
	to->headers = calloc(from->n_headers, sizeof(*to->headers));
	if (from->n_headers && !to->headers)
		return -ENOMEM;
	for (; to->n_headers < from->n_headers; to->n_headers++)
		if (copy_text(&to->headers[to->n_headers],
			      from->headers[to->n_headers]))
			return -ENOMEM;
	return 0;
}

static int copy_sections(struct conf *to, const struct conf *from)
{
	to->origins = calloc(from->n_origins, sizeof(*to->origins));
	to->files = calloc(from->n_files, sizeof(*to->files));
	if ((from->n_origins && !to->origins) || (from->n_files && !to->files))
		return -ENOMEM;
	while (to->n_origins < from->n_origins) {
		size_t i = to->n_origins++;

		if (copy_origin(&to->origins[i], &from->origins[i]))
			return -ENOMEM;
	}
	while (to->n_files < from->n_files) {
		size_t i = to->n_files++;

		if (copy_text(&to->files[i].name, from->files[i].name) ||
		    copy_text(&to->files[i].url, from->files[i].url))
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
	copy.http = NULL;
	if (copy_text(&copy.cache_dir, from->cache_dir) ||
	    copy_text(&copy.http, from->http) || copy_sections(&copy, from)) {
		conf_fini(&copy);
		return -ENOMEM;
	}
	*to = copy;
	return 0;
}

char *conf_default_path(void)
{
	char *folder = setting_xdg("XDG_CONFIG_HOME", ".config"), *path;
	int n = folder ? asprintf(&path, "%s/spoolfs.ini", folder) : -1;

	free(folder);
	return n < 0 ? NULL : path;
}

int conf_set(struct conf *c, const char *key, const char *value, char **error)
{
	const struct conf_key *k = conf_find(CONF_GLOBAL, key);
	char *folder, *reason = NULL;
	int err;

	if (!k)
		return -ENOENT;
	*error = NULL;
	folder = getcwd(NULL, 0);	/* gone: "/" is as good as any */
	err = setting_assign(k, c, value, folder ? folder : "/", &reason);
	if (reason)
		err = setting_refuse(error, err, "-o %s=%s: %s", key,
				     value ? value : "", reason);
	free(reason);
	free(folder);
	return err;
}

const struct conf_origin *conf_origin(const struct conf *c, const char *key)
{
	const struct conf_origin *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < c->n_origins; i++) {
		const char *prefix = c->origins[i].prefix;
		size_t len = strlen(prefix);

		if (len < best_len || strncmp(prefix, key, len) != 0)
			continue;
		if (prefix[len - 1] != '/' && !strchr("/?", key[len]))
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
		fprintf(out, "  -o %s=%s%*s  %s (%s)\n", k->name, k->value,
			width - n, "", k->help, k->fallback);
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
	      "# For every URL that begins so; of several the longest counts.\n"
	      ";[origin \"https://example.com/\"]\n", out);
	example_section(out, CONF_ORIGIN);
	fputs("\n"
	      "# A name in the root of the mount.\n"
	      ";[file \"film.mp4\"]\n", out);
	example_section(out, CONF_FILE);
}
