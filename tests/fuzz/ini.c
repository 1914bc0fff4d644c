/* Ini files, and the header files that they name. The input is an ini file;
 * what follows a line "==== headers" in it is the file that relative path 101
 * names (an ini is read from descriptor 100, a header_file from 101). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/conf.h"
#include "cache/url.h"
#include "tests/fuzz/fuzz.h"

#define INI 100
#define HEADERS 101
#define PATH "/proc/self/fd/100"
#define SEPARATOR "==== headers\n"
#define SECRET "hunter2"

/* ---- files without a folder --------------------------------------------- */

static void memory_file(int fd)
{
	int made = memfd_create("fuzz", 0);

	must(made >= 0 && dup2(made, fd) == fd);
	close(made);
}

static void prepare(void)
{
	static bool done;
	int null;

	if (done)
		return;
	done = true;
	/* header_file = 3 must not read from what we have inherited. */
	close_range(STDERR_FILENO + 1, INI - 1, 0);
	memory_file(INI);
	memory_file(HEADERS);
	/* header_file = 0 must not wait for somebody to type. */
	null = open("/dev/null", O_RDONLY);
	must(null >= 0 && dup2(null, 0) == 0);
	if (null != 0)
		close(null);
	setenv("HOME", "/nonexistent", 1);
	unsetenv("XDG_CACHE_HOME");
}

static void put_file(int fd, const char *text, size_t len, mode_t mode)
{
	must(fchmod(fd, mode) == 0 && ftruncate(fd, 0) == 0);
	must(pwrite(fd, text, len, 0) == (ssize_t)len);
}

/* ---- settings as text --------------------------------------------------- */

static void put_pair(FILE *f, const char *key, const char *text)
{
	if (text)
		fprintf(f, "%s = %s\n", key, text);
}

static void put_size(FILE *f, const char *key, uint64_t size)
{
	if (size != CONF_SIZE_UNSET)
		fprintf(f, "%s = %" PRIu64 "\n", key, size);
}

static void put_list(FILE *f, const char *key, const struct conf_list *list,
		     const char *between, const char *none)
{
	if (!list->n && !none)
		return;
	fprintf(f, "%s =%s", key, list->n ? "" : none);
	for (size_t i = 0; i < list->n; i++)
		fprintf(f, "%s%s", i ? between : " ", list->v[i]);
	putc('\n', f);
}

static void put_each(FILE *f, const char *key, const struct conf_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		put_pair(f, key, list->v[i]);
}

static void put_users(FILE *f, const struct conf_users *users)
{
	fprintf(f, "allow_users =%s", users->all ? " all" :
		users->n ? "" : " own");
	for (size_t i = 0; i < users->n; i++)
		fprintf(f, " %u", (unsigned)users->v[i]);
	putc('\n', f);
}

static void put_endpoint(FILE *f, const struct conf *c)
{
	put_list(f, "http", &c->http, " ", " off");
	put_list(f, "http_names", &c->http_names, " ", " none");
	put_list(f, "allow_origin", &c->allow_origin, " ", " none");
	put_users(f, &c->allow_users);
	put_pair(f, "token", c->token);
	put_each(f, "allow", &c->allow);
	put_list(f, "deny", &c->deny, " ", NULL);
	put_pair(f, "private_targets", c->private_targets ? "yes" : "no");
	fprintf(f, "max_clients = %u\nmax_requests = %u\n"
		   "max_header = %" PRIu64 "\n",
		c->max_clients, c->max_requests, c->max_header);
	put_pair(f, "control", c->control ? c->control : "off");
}

static void put_origin(FILE *f, const struct conf_origin *o)
{
	fprintf(f, "[origin \"%s\"]\n", o->prefix ? o->prefix : "*");
	put_each(f, "header", &o->headers);
	put_pair(f, "user_agent", o->user_agent);
	put_pair(f, "proxy", o->proxy);
	put_pair(f, "ca_file", o->ca_file);
	put_each(f, "response_header", &o->response_header);
	put_pair(f, "copy_headers", o->copy_headers ? "yes" : "no");
	put_pair(f, "save_headers",
		 o->save_headers == CONF_SAVE_ALL ? "all" : "essential");
	put_list(f, "forward_headers", &o->forward_headers, " ", " none");
	put_each(f, "content_type", &o->content_type);
	put_list(f, "ignore_query", &o->ignore_query, ",", " none");
	if (o->split_threshold == CONF_SIZE_OFF)
		put_pair(f, "split_threshold", "off");
	else
		put_size(f, "split_threshold", o->split_threshold);
	if (o->max_age != CONF_AGE_UNSET)
		fprintf(f, "max_age = %u\n", o->max_age);
	put_each(f, "no_cache", &o->no_cache);
	put_pair(f, "on_complete", o->on_complete);
}

static void put_settings(FILE *f, const struct conf *c)
{
	static const char *const fills[] = {
		[PLAN_FILL_PLAYING] = "playing", [PLAN_FILL_ALL] = "all",
		[PLAN_FILL_NONE] = "none",
	};
	static const char *const levels[] = {
		[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
	};

	put_pair(f, "cache_dir", c->cache_dir);
	put_size(f, "cache_size", c->cache_size);
	put_size(f, "min_free", c->min_free);
	fprintf(f, "max_age = %u\n", c->max_age);
	put_endpoint(f, c);
	fprintf(f, "connect_timeout = %u\nstall_timeout = %u\n"
		   "read_timeout = %u\nmax_connections = %u\n",
		c->connect_timeout, c->stall_timeout, c->read_timeout,
		c->max_connections);
	put_pair(f, "fill", fills[c->fill]);
	put_pair(f, "passthrough", c->passthrough ? "auto" : "no");
	put_pair(f, "log_level", levels[c->log_level]);
}

/* An ini file that means c. Caller frees. */
static char *as_ini(const struct conf *c, size_t *len)
{
	char *text;
	FILE *f = open_memstream(&text, len);

	must(f);
	put_settings(f, c);
	for (size_t i = 0; i < c->n_origins; i++)
		put_origin(f, &c->origins[i]);
	for (size_t i = 0; i < c->n_files; i++) {
		fprintf(f, "[file \"%s\"]\n", c->files[i].name);
		put_pair(f, "url", c->files[i].url);
	}
	must(fclose(f) == 0);
	return text;
}

/* What came out of a header_file need not fit into a line of an ini. */
static bool fits_ini(const char *text)
{
	const char *line = text;

	for (const char *s = text; *s; s++) {
		if (*s == '\n')
			line = s + 1;
		if (s - line > URL_MAX ||
		    (*s == ';' && s > line && (s[-1] == ' ' || s[-1] == '\t')))
			return false;
	}
	return true;
}

/* ---- what is promised --------------------------------------------------- */

static void check_headers(const struct conf_list *headers)
{
	for (size_t i = 0; i < headers->n; i++) {
		must(strstr(headers->v[i], ": "));
		must(!strpbrk(headers->v[i], "\r\n"));
	}
}

static void check_origin(const struct conf *c, const struct conf_origin *o)
{
	struct url *u;

	if (o->prefix) {
		must(url_parse(o->prefix, &u) == 0);
		must(!strcmp(u->key, o->prefix) && !strchr(o->prefix, '?'));
		must(conf_origin(c, o->prefix) == o);
		url_free(u);
	}
	check_headers(&o->headers);
	check_headers(&o->response_header);
	for (size_t i = 0; i < o->forward_headers.n; i++)
		must(!strpbrk(o->forward_headers.v[i], " :\r\n"));
	must(o->max_age == CONF_AGE_UNSET || o->max_age <= 315360000);
}

static void check_conf(const struct conf *c)
{
	struct url *u;

	must(c->cache_dir && c->cache_dir[0] == '/');
	for (size_t i = 0; i < c->http.n; i++)
		must(strchr(c->http.v[i], ':'));
	must(!c->allow_users.all || !c->allow_users.n);
	must(!c->token || (strlen(c->token) >= 8 && !strchr(c->token, '/')));
	must(c->max_header >= 4096 && c->max_header <= 1 << 20);
	must(c->connect_timeout >= 1 && c->connect_timeout <= 3600);
	must(c->stall_timeout >= 1 && c->stall_timeout <= 3600);
	must(c->read_timeout >= 1 && c->read_timeout <= 3600);
	must(c->max_connections >= 1 && c->max_connections <= 64);
	must(c->cache_size <= INT64_MAX || c->cache_size == CONF_SIZE_UNSET);
	must(c->min_free <= INT64_MAX || c->min_free == CONF_SIZE_UNSET);
	must(c->max_age <= 36500);
	for (size_t i = 0; i < c->n_origins; i++)
		check_origin(c, &c->origins[i]);
	for (size_t i = 0; i < c->n_files; i++) {
		must(c->files[i].name && *c->files[i].name);
		must(!strchr(c->files[i].name, '/'));
		must(c->files[i].url != NULL);
		must(url_parse(c->files[i].url, &u) == 0);
		url_free(u);
	}
}

/* A line of an ini: true when the secret in it stands where secrets are
 * expected: in the value of a header, in a proxy, in the URL of a file. */
static bool hides_secret(const char *line, const char *secret)
{
	line += strspn(line, " \t");
	if (!strncmp(line, "header =", 8) ||
	    !strncmp(line, "response_header =", 17))
		return memchr(line, ':', secret - line);
	return !strncmp(line, "proxy =", 7) || !strncmp(line, "token =", 7) || !strncmp(line, "url =", 5);
}

/* True when the secret stands nowhere else. In a header file that is behind a
 * name, too. */
static bool is_hidden(const char *text, size_t len, bool is_ini)
{
	struct fuzz_input in = { text, text + len };
	const char *line, *at;
	size_t n;

	while (fuzz_line(&in, &line, &n)) {
		at = memmem(line, n, SECRET, strlen(SECRET));
		if (at && (is_ini ? !hides_secret(line, at) :
				    !memchr(line, ':', at - line)))
			return false;
	}
	return true;
}

static void check_error(int err, const char *error, bool hidden)
{
	must(err < 0 && error);
	must(!strncmp(error, PATH ":", sizeof(PATH)));
	must(!strpbrk(error, "\r\n"));
	must(!hidden || !strstr(error, SECRET));
}

/* Settings written as an ini file are these settings. */
static void check_round_trip(const struct conf *c)
{
	struct conf again;
	char *text, *second, *error = NULL;
	size_t len, second_len;
	int err;

	text = as_ini(c, &len);
	if (fits_ini(text)) {
		must(conf_init(&again) == 0);
		put_file(INI, text, len, 0600);
		err = conf_read(&again, PATH, true, &error);
		if (err)
			fprintf(stderr, "%s\n%s", error, text);
		must(err == 0);
		second = as_ini(&again, &second_len);
		must(!strcmp(text, second));
		free(second);
		conf_fini(&again);
	}
	free(text);
}

/* Read text as an ini of that mode over the defaults. hidden: no secret in it
 * or in its header file stands where a reason may repeat it. */
static int read_once(const char *text, size_t len, mode_t mode, bool hidden)
{
	struct conf c;
	char *before, *after, *error = NULL;
	size_t n;
	int err;

	must(conf_init(&c) == 0);
	before = as_ini(&c, &n);
	put_file(INI, text, len, mode);
	err = conf_read(&c, PATH, true, &error);
	if (err) {
		check_error(err, error, hidden);
		after = as_ini(&c, &n);
		must(!strcmp(before, after));
		free(after);
	} else {
		check_conf(&c);
		if (mode == 0600)
			check_round_trip(&c);
	}
	free(before);
	free(error);
	conf_fini(&c);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *headers;
	size_t len = size, rest = 0;
	int mine, shared;
	bool hidden;

	prepare();
	headers = size ? memmem(data, size, SEPARATOR, strlen(SEPARATOR)) :
			 NULL;
	if (headers) {
		len = headers - text;
		headers += strlen(SEPARATOR);
		rest = size - (headers - text);
	}
	put_file(HEADERS, headers ? headers : "", rest, 0600);
	hidden = is_hidden(text, len, true) &&
		 (!headers || is_hidden(headers, rest, false));
	mine = read_once(text, len, 0600, hidden);
	shared = read_once(text, len, 0644, hidden);
	must(shared == 0 ? mine == 0 : shared == mine || mine == 0);
	return 0;
}
