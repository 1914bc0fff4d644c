/* spoolctl: looks at a cache folder from outside.
 *
 * Reads the records and the lock file of a cache folder; talks to no daemon,
 * takes no lock and changes nothing, so it works beside a running spoolfs and
 * without one. What it prints of a running download is what has been saved.
 */
#include "config.h"

#include <errno.h>
#include <fts.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/conf.h"
#include "cache/store.h"
#include "cache/url.h"
#include "look.h"

#define EXIT_USAGE 2
#define META ".meta"

static int complain(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* One line on stderr; the value is the exit status. */
static int complain(const char *fmt, ...)
{
	va_list args;

	fputs("spoolctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

/* Header values come from outside and must not drive a terminal. */
static void put_safe(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		putchar(c < 0x20 || c >= 0x7f ? '?' : c);
	}
}

/* ---- names ---------------------------------------------------------------- */

static const struct conf_file *find_name(const struct conf *conf,
					 const char *name)
{
	for (size_t i = 0; i < conf->n_files; i++)
		if (strcmp(name, conf->files[i].name) == 0)
			return &conf->files[i];
	return NULL;
}

/* A URL as given, or the URL of a name of the settings; NULL after a
 * complaint. */
static struct url *resolve(const struct conf *conf, const char *arg)
{
	const struct conf_file *file = find_name(conf, arg);
	struct url *u;
	int rc = url_parse(file ? file->url : arg, &u);

	if (rc == 0)
		return u;
	complain("%s: %s", arg, rc == -EINVAL ? "not a URL that can be fetched"
					      : strerror(-rc));
	return NULL;
}

/* Where the record of a URL would be; malloc'd, or NULL after a complaint. */
static char *meta_path(const struct conf *conf, const struct url *u)
{
	char *name, *path = NULL;
	int rc = url_name(u, &name);

	if (rc < 0) {
		complain("%s: %s", u->sent, strerror(-rc));
		return NULL;
	}
	if (asprintf(&path, "%s/%s" META, conf->cache_dir, name) < 0) {
		path = NULL;
		complain("%s", strerror(ENOMEM));
	}
	free(name);
	return path;
}

/* The record of a URL. 0; -ENOENT nothing is cached; -errno. */
static int find_record(const char *path, const struct url *u,
		       struct store_record *out)
{
	struct store_record r;
	int rc = look_record(path, &r);

	if (rc == -ENOTDIR || rc == -ENAMETOOLONG)
		return -ENOENT;
	if (rc < 0)
		return rc;
	if (strcmp(r.key, u->key) != 0) {
		store_record_fini(&r);
		return -ENOENT;
	}
	*out = r;
	return 0;
}

/* ---- commands ----------------------------------------------------------------------- */

/* Where the endpoint would be if it ran, by the settings; malloc'd, or NULL:
 * that can't be said. */
static char *usual_address(const struct conf *conf)
{
	const char *http = conf->http.n ? conf->http.v[0] : NULL;
	const char *port = http ? strrchr(http, ':') : NULL;
	char *at;
	int n;

	if (!port || strcmp(port, ":0") == 0 || !strncmp(http, "unix:", 5))
		return NULL;
	if (strncmp(http, "0.0.0.0:", 8) == 0)
		n = asprintf(&at, "http://127.0.0.1%s", port);
	else if (strncmp(http, "[::]:", 5) == 0)
		n = asprintf(&at, "http://[::1]%s", port);
	else
		n = asprintf(&at, "http://%s", http);
	return n < 0 ? NULL : at;
}

static int run_url(const struct conf *conf, char **args)
{
	struct url *u = resolve(conf, args[0]);
	const char *rest;
	size_t len;
	char *at;

	if (!u)
		return EXIT_FAILURE;
	at = look_daemon(conf->cache_dir, "http");
	if (!at)
		at = usual_address(conf);
	if (!at) {
		url_free(u);
		return complain("no endpoint is running for %s",
				conf->cache_dir);
	}
	len = strlen(at);
	if (len > 0 && at[len - 1] == '/')
		at[len - 1] = '\0';
	rest = strstr(u->sent, "://") + 3;
	len = strlen(rest);
	/* ".." at the end is a mark of names; doubled it means itself. */
	printf("%s/%s/%s%s\n", at, u->https ? "https" : "http", rest,
	       len > 2 && strcmp(rest + len - 2, "..") == 0 ? ".." : "");
	free(at);
	url_free(u);
	return EXIT_SUCCESS;
}

/* A name that does not look like a file is taken for a folder until it is
 * known better: then it needs the mark. */
static bool needs_mark(const struct conf *conf, const struct url *u,
		       const char *name)
{
	struct store_record r;
	char *path;
	int rc;

	if (strchr(name, '?') || url_name_is_file(name))
		return false;
	path = meta_path(conf, u);
	rc = path ? find_record(path, u, &r) : -ENOENT;
	free(path);
	if (rc < 0)
		return true;
	store_record_fini(&r);
	return false;
}

/* The part of name below the folder of a base URL; NULL: it is not below. */
static const char *below(const char *name, const char *base)
{
	const char *rest = NULL;
	struct url *u = NULL;
	char *folder = NULL;
	size_t len;

	/* "x" names its folder's file: that folder is what counts. */
	if (asprintf(&folder, "%s%sx", base,
		     base[0] && base[strlen(base) - 1] == '/' ? "" : "/") < 0)
		return NULL;
	if (url_parse(folder, &u) < 0)
		goto out;
	free(folder);
	folder = NULL;
	if (url_name(u, &folder) < 0)
		goto out;
	len = strlen(folder) - 1;
	if (strncmp(name, folder, len) == 0)
		rest = name + len;
out:
	url_free(u);
	free(folder);
	return rest;
}

static int print_path(const struct conf *conf, const struct url *u,
		      const char *mount)
{
	char *base = look_daemon(conf->cache_dir, "base"), *name;
	int status = EXIT_SUCCESS, rc = url_name(u, &name);
	const char *rest;

	if (rc < 0) {
		free(base);
		return complain("%s: %s", u->sent, strerror(-rc));
	}
	rest = base ? below(name, base) : name;
	if (rest)
		printf("%s/%s%s\n", strcmp(mount, "/") == 0 ? "" : mount, rest,
		       needs_mark(conf, u, name) ? ".." : "");
	else
		status = complain("%s is not below %s, which is mounted",
				  u->sent, base);
	free(name);
	free(base);
	return status;
}

static int run_path(const struct conf *conf, char **args)
{
	struct url *u = resolve(conf, args[0]);
	int status = EXIT_SUCCESS;
	char *mount;

	if (!u)
		return EXIT_FAILURE;
	mount = look_daemon(conf->cache_dir, "mount");
	if (!mount)
		status = complain("nothing is mounted from %s",
				  conf->cache_dir);
	else if (find_name(conf, args[0]))
		printf("%s/%s\n", strcmp(mount, "/") == 0 ? "" : mount,
		       args[0]);
	else
		status = print_path(conf, u, mount);
	free(mount);
	url_free(u);
	return status;
}

/* Whole percent, 100 only when all is here; "-" when that can't be said. */
static const char *percent(const struct store_record *r, char buf[8])
{
	uint64_t size = r->version.size, got = r->present.total;
	unsigned n;

	if (size == REPLY_SIZE_UNKNOWN)
		return "-";
	if (got >= size)
		return "100";
	n = (unsigned)((double)got * 100 / (double)size);
	snprintf(buf, 8, "%u", n < 99 ? n : 99);
	return buf;
}

static void list_record(const struct store_record *r)
{
	char size[24] = "-", buf[8];

	if (r->version.size != REPLY_SIZE_UNKNOWN)
		snprintf(size, sizeof(size), "%" PRIu64, r->version.size);
	printf("%15s %15" PRIu64 " %4s%%  ", size, r->present.total,
	       percent(r, buf));
	put_safe(r->url);
	putchar('\n');
}

/* One file met below the cache folder. Exit status. */
static int list_file(const FTSENT *e)
{
	struct store_record r;
	int rc;

	if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
		return e->fts_errno == ENOENT ? EXIT_SUCCESS :
		       complain("%s: %s", e->fts_path, strerror(e->fts_errno));
	if (e->fts_info != FTS_F || e->fts_namelen <= strlen(META) ||
	    strcmp(e->fts_name + e->fts_namelen - strlen(META), META) != 0)
		return EXIT_SUCCESS;
	rc = look_record(e->fts_path, &r);
	if (rc == -ENOENT)	/* went meanwhile */
		return EXIT_SUCCESS;
	if (rc < 0)
		return complain("%s: %s", e->fts_path, look_record_error(rc));
	if (r.kind == STORE_FILE)
		list_record(&r);
	store_record_fini(&r);
	return EXIT_SUCCESS;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int run_ls(const struct conf *conf, char **args)
{
	char *roots[3] = { NULL };
	int status = EXIT_SUCCESS;
	FTS *fts = NULL;
	FTSENT *e;

	(void)args;
	if (asprintf(&roots[0], "%s/http", conf->cache_dir) < 0 ||
	    asprintf(&roots[1], "%s/https", conf->cache_dir) < 0 ||
	    !(fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name))) {
		status = complain("%s: %s", conf->cache_dir, strerror(errno));
		goto out;
	}
	while (errno = 0, (e = fts_read(fts)))
		if (!(e->fts_info == FTS_NS && e->fts_errno == ENOENT) &&
		    list_file(e) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	if (errno)
		status = complain("%s: %s", conf->cache_dir, strerror(errno));
out:
	if (fts)
		fts_close(fts);
	free(roots[0]);
	free(roots[1]);
	return status;
}

static void print_text(const char *label, const char *value)
{
	printf("%-15s", label);
	put_safe(value ? value : "-");
	putchar('\n');
}

static void print_time(const char *label, time_t t)
{
	char text[32];
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, sizeof(text), "%jd", (intmax_t)t);
	print_text(label, text);
}

/* Inclusive, as in HTTP. */
static void print_ranges(const struct extent_set *present)
{
	for (size_t i = 0; i < present->n; i++)
		printf("%-15s%" PRIu64 "-%" PRIu64 "\n",
		       i == 0 ? "present" : "", present->v[i].start,
		       present->v[i].end - 1);
}

static void print_record(const struct store_record *r)
{
	char buf[8];

	print_text("url", r->url);
	print_text("kind", r->kind == STORE_FILE ? "file" : "folder");
	if (r->kind == STORE_FILE) {
		if (r->version.size == REPLY_SIZE_UNKNOWN)
			print_text("size", "unknown");
		else
			printf("%-15s%" PRIu64 "\n", "size", r->version.size);
		printf("%-15s%" PRIu64 " (%s%%)\n", "cached",
		       r->present.total, percent(r, buf));
		print_text("type", r->content_type);
		print_text("etag", r->version.etag);
		print_text("last-modified", r->version.last_modified);
		print_text("ranges", r->ranges ? "yes" : "no");
		print_text("pinned", r->pinned ? "yes" : "no");
		printf("%-15s%016" PRIx64 "\n", "generation", r->generation);
	}
	print_time("created", r->created);
	print_time("validated", r->validated);
	print_time("fresh-until", r->fresh_until);
	print_ranges(&r->present);
}

static int run_info(const struct conf *conf, char **args)
{
	struct url *u = resolve(conf, args[0]);
	int status = EXIT_FAILURE, rc;
	struct store_record r;
	char *path;

	if (!u)
		return EXIT_FAILURE;
	path = meta_path(conf, u);
	if (!path)
		goto out;
	rc = find_record(path, u, &r);
	if (rc == -ENOENT) {
		complain("%s: not in the cache", u->sent);
	} else if (rc < 0) {
		complain("%s: %s", path, look_record_error(rc));
	} else {
		print_record(&r);
		store_record_fini(&r);
		status = EXIT_SUCCESS;
	}
	free(path);
out:
	url_free(u);
	return status;
}

/* ---- the command line ------------------------------------------------------------------ */

static const struct command {
	const char *name, *args;
	int n_args;
	int (*run)(const struct conf *conf, char **args);	/* exit status */
	const char *help;
} commands[] = {
	{ "url", "URL|NAME", 1, run_url, "its address at the HTTP endpoint" },
	{ "path", "URL|NAME", 1, run_path, "its path in the mount" },
	{ "ls", "", 0, run_ls,
	  "what is cached: size, cached bytes, percent, URL" },
	{ "info", "URL|NAME", 1, run_info, "all that is stored about it" },
};

static void print_help(void)
{
	puts("usage: spoolctl [-c FILE] [-o KEY=VALUE] COMMAND [ARGUMENT]\n"
	     "\ncommands:");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-5s %-10s %s\n", commands[i].name, commands[i].args,
		       commands[i].help);
	puts("\noptions:\n"
	     "  -c FILE        settings from FILE, not from the usual place\n"
	     "  -o KEY=VALUE   one setting, as for spoolfs\n"
	     "  --help         this text\n"
	     "  --version      the version");
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "spoolctl: %s%s; see spoolctl --help\n", why, what);
	return EXIT_USAGE;
}

/* Settings said on the command line win over the file, wherever they stand:
 * two passes over argv. */
struct options {
	const char *file;
	const char **settings;	/* room for argc of them */
	size_t n_settings;
};

static int load_settings(const struct options *o, struct conf *conf)
{
	char *usual = o->file ? NULL : conf_default_path();
	const char *file = o->file ? o->file : usual;
	char *error = NULL;
	int rc = file ? conf_read(conf, file, o->file != NULL, &error) : 0;

	free(usual);
	for (size_t i = 0; rc == 0 && i < o->n_settings; i++) {
		char *key = strdup(o->settings[i]), *value;

		value = key ? strchr(key, '=') : NULL;
		if (!key) {
			rc = -ENOMEM;
		} else if (!value) {
			rc = -ENOENT;
		} else {
			*value++ = '\0';
			rc = conf_set(conf, key, value, &error);
		}
		free(key);
		if (rc == -ENOENT && !error)
			complain("-o %s: no such setting", o->settings[i]);
		else if (rc < 0 && !error)
			complain("%s", strerror(-rc));
	}
	if (error)
		complain("%s", error);
	free(error);
	return rc;
}

static int run_command(const struct options *o, int argc, char **argv)
{
	const struct command *cmd = commands;
	const struct command *end = cmd + sizeof(commands) / sizeof(*cmd);
	struct conf conf;
	int status;

	if (argc == 0)
		return usage("no command", "");
	while (cmd < end && strcmp(cmd->name, argv[0]) != 0)
		cmd++;
	if (cmd == end)
		return usage("no such command: ", argv[0]);
	if (argc - 1 != cmd->n_args)
		return usage("wrong number of arguments for ", argv[0]);
	if (conf_init(&conf) < 0)
		return complain("%s", strerror(ENOMEM));
	status = load_settings(o, &conf) < 0 ? EXIT_FAILURE
					     : cmd->run(&conf, argv + 1);
	conf_fini(&conf);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = complain("standard output: %s", strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .settings = calloc((size_t)argc + 1,
						sizeof(*o.settings)) };
	int opt, status;

	if (!o.settings)
		return complain("%s", strerror(ENOMEM));
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+c:o:hV", longs, NULL)) >= 0) {
		if (opt == 'c') {
			o.file = optarg;
		} else if (opt == 'o') {
			o.settings[o.n_settings++] = optarg;
		} else if (opt == 'h') {
			print_help();
			goto done;
		} else if (opt == 'V') {
			puts("spoolctl " PACKAGE_VERSION);
			goto done;
		} else {
			status = usage("bad option: ", argv[optind - 1]);
			goto out;
		}
	}
	status = run_command(&o, argc - optind, argv + optind);
	goto out;
done:
	status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
out:
	free(o.settings);
	return status;
}
