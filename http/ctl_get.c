/* get: bring files into the cache, and show how it goes. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_call.h"

/* So many are asked for at a time; the daemon has them wait for their turn, and
 * 64 connections. */
#define WINDOW 8

/* How often progress is said where there is no terminal. */
#define LINE_SECONDS 5

struct get {
	struct ctl *ctl;
	struct ctl_client *client;
	struct ctl_job *jobs;
	char **urls;		/* as sent */
	size_t n, n_done;
	bool terminal, drawn;
	time_t said;
	int status;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* ---- progress ---------------------------------------------------------------------------- */

static struct ctl_job *find_job(struct get *g, const char *url)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->jobs[i].begun && !g->jobs[i].done &&
		    strcmp(g->urls[i], url) == 0)
			return &g->jobs[i];
	return NULL;
}

/* Of those under way. */
struct progress {
	unsigned files;
	uint64_t cached, size, rate;
	bool unsized;		/* the size of one is not known */
};

static void add_view(struct progress *p, const json_t *view)
{
	p->files++;
	p->cached += ctl_number(view, "cached");
	p->size += ctl_number(view, "size");
	p->rate += ctl_number(view, "rate");
	if (!json_is_integer(json_object_get(view, "size")))
		p->unsized = true;
}

static void measure(struct get *g, struct progress *p)
{
	struct ctl_reply reply;
	json_t *view;
	size_t i;

	if (ctl_ask(g->client, "GET", "/entries?state=active", NULL, &reply) < 0)
		return;
	json_array_foreach(reply.body, i, view) {
		const char *url = ctl_text(view, "url");

		if (url && find_job(g, url))
			add_view(p, view);
	}
	ctl_reply_fini(&reply);
}

static void wipe(struct get *g)
{
	if (g->drawn)
		fputs("\r\033[K", stderr);
	g->drawn = false;
}

static unsigned percent(const struct progress *p)
{
	if (p->size == 0 || p->unsized)
		return 0;
	return (unsigned)((double)p->cached * 100 / (double)p->size);
}

static void draw(struct get *g, const struct progress *p)
{
	char bar[31], rate[16], cached[16];
	unsigned part = percent(p);

	memset(bar, ' ', 30);
	memset(bar, '=', part * 30 / 100);
	bar[30] = '\0';
	fprintf(stderr, "\r\033[K[%s] %3u%% %8s %8s/s  %zu/%zu", bar, part,
		ctl_size(p->cached, cached), ctl_size(p->rate, rate),
		g->n_done, g->n);
	fflush(stderr);
	g->drawn = true;
}

static void say_progress(struct get *g, const struct progress *p)
{
	char cached[16], rate[16];

	fprintf(stderr, "%zu of %zu done, %u under way: %u%%, %s, %s/s\n",
		g->n_done, g->n, p->files, percent(p),
		ctl_size(p->cached, cached), ctl_size(p->rate, rate));
}

static bool on_tick(void *ctx)
{
	struct get *g = ctx;
	struct progress p = { 0 };
	time_t now = time(NULL);

	if (interrupted)
		return true;
	if ((g->ctl->flags & CTL_JSON) ||
	    (!g->terminal && now - g->said < LINE_SECONDS))
		return false;
	measure(g, &p);
	if (g->terminal)
		draw(g, &p);
	else if (p.files > 0)
		say_progress(g, &p);
	g->said = now;
	return false;
}

static void on_done(void *ctx, struct ctl_job *job)
{
	struct get *g = ctx;
	const char *url = g->urls[job - g->jobs];
	const char *error = job->rc == -ENOTCONN ? "the spoolfs has ended" :
			    job->rc < 0 ? strerror(-job->rc) :
			    ctl_reply_error(&job->reply);

	wipe(g);
	g->n_done++;
	if (error)
		g->status = ctl_complain("%s: %s", url, error);
	if (g->ctl->flags & CTL_JSON) {
		ctl_put_json(json_pack("{ss ss*}", "url", url, "error", error));
	} else if (!error && !g->ctl->output) {
		ctl_put(url);
		putchar('\n');
	}
	fflush(stdout);
}

/* ---- a copy ------------------------------------------------------------------------------- */

/* -EINTR: a signal has come. */
static int copy(int from, int to, uint64_t size)
{
	static char buf[1 << 16];
	ssize_t n;

	for (uint64_t at = 0; at < size; at += (uint64_t)n) {
		n = pread(from, buf, sizeof(buf), (off_t)at);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		for (ssize_t put = 0, k; put < n; put += k) {
			if (interrupted)
				return -EINTR;
			k = write(to, buf + put, (size_t)(n - put));
			if (k < 0)
				return -errno;
		}
	}
	return 0;
}

/* Beside the file and then in its place, so that there is never half of one; a
 * device or a pipe is written to. */
static int copy_to(int from, const char *path, uint64_t size)
{
	mode_t mask = umask(0);
	struct stat st;
	char *temporary;
	int fd, rc;

	umask(mask);
	if (strcmp(path, "-") == 0)
		return copy(from, STDOUT_FILENO, size);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		rc = fd < 0 ? -errno : copy(from, fd, size);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	rc = fd < 0 ? -errno : copy(from, fd, size);
	if (fd >= 0) {
		if (rc == 0 && fchmod(fd, 0666 & ~mask) < 0)
			rc = -errno;
		if (close(fd) < 0 && rc == 0)
			rc = -errno;
		if (rc == 0 && rename(temporary, path) < 0)
			rc = -errno;
		if (rc < 0)
			unlink(temporary);
	}
	free(temporary);
	return rc;
}

/* What the daemon answers to a GET about the first URL; NULL: nothing good. */
static json_t *ask_about(struct get *g, const char *path)
{
	char *query = ctl_query(path, "url", g->urls[0]);
	struct ctl_reply reply;
	json_t *body = NULL;

	if (query && ctl_ask(g->client, "GET", query, NULL, &reply) == 0) {
		if (!ctl_reply_error(&reply))
			body = json_incref(reply.body);
		ctl_reply_fini(&reply);
	}
	free(query);
	return body;
}

/* All of it has to be in the file: what a full disk has not taken is not. */
static bool is_on_disk(struct get *g, uint64_t *size)
{
	json_t *views = ask_about(g, "/entries");
	const json_t *view = json_array_get(views, 0);
	const json_t *ranges = json_object_get(view, "ranges");
	const json_t *first = json_array_get(ranges, 0);
	bool whole;

	*size = ctl_number(view, "size");
	whole = ctl_true(view, "complete") &&
		(*size == 0 || (json_array_size(ranges) == 1 &&
		 json_integer_value(json_array_get(first, 0)) == 0 &&
		 (uint64_t)json_integer_value(json_array_get(first, 1)) ==
		 *size));
	json_decref(views);
	return whole;
}

/* A complete file gets its final name a moment after it is complete. -1: it is
 * not there. */
static int open_data(struct get *g)
{
	int fd = -1;

	for (int tries = 2; fd < 0 && tries > 0; tries--) {
		json_t *where = ask_about(g, "/where");
		const char *file = ctl_text(where, "file");

		if (file)
			fd = open(file, O_RDONLY | O_CLOEXEC);
		json_decref(where);
	}
	return fd;
}

/* The descriptor outlives the file's being dropped; what is read of it is looked
 * at first, for a version that comes later has another file. */
static int output(struct get *g)
{
	const char *to = g->ctl->output;
	int fd = open_data(g), rc;
	uint64_t size;

	if (fd < 0 || !is_on_disk(g, &size))
		rc = ctl_complain("%s: not kept on the disk", g->urls[0]);
	else if ((rc = copy_to(fd, to, size)) < 0)
		rc = interrupted ? 128 + interrupted :
		     ctl_complain("%s: %s", to, strerror(-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- the command ---------------------------------------------------------------------------- */

/* What came stays. */
static int stop_all(struct get *g)
{
	struct ctl_reply reply;

	wipe(g);
	for (size_t i = 0; i < g->n; i++) {
		json_t *body;

		if (!g->jobs[i].begun || g->jobs[i].done)
			continue;
		body = json_pack("{ss}", "url", g->urls[i]);
		if (body && ctl_ask(g->client, "POST", "/stop", body,
				    &reply) == 0)
			ctl_reply_fini(&reply);
		json_decref(body);
	}
	return 128 + interrupted;
}

static int run(struct get *g)
{
	struct sigaction action = { .sa_handler = on_signal };
	int rc;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	g->terminal = isatty(STDERR_FILENO);
	g->said = time(NULL);
	rc = ctl_ask_all(g->client, "/fetch", g->jobs, g->n, WINDOW, on_tick,
			 on_done, g);
	if (rc < 0)
		return ctl_complain("%s", strerror(-rc));
	if (interrupted)
		return stop_all(g);
	wipe(g);
	return g->status == EXIT_SUCCESS && g->ctl->output ? output(g)
							   : g->status;
}

/* All of them, or none: a URL that is none is a slip. */
static int prepare(struct get *g)
{
	bool wait = !(g->ctl->flags & CTL_BACKGROUND);

	for (; g->n < (size_t)g->ctl->n_args; g->n++) {
		struct url *u = ctl_resolve(g->ctl, g->ctl->args[g->n]);

		if (!u)
			return EXIT_FAILURE;
		g->urls[g->n] = strdup(u->sent);
		g->jobs[g->n].body = json_pack("{ss sb}", "url", u->sent,
					       "wait", wait);
		url_free(u);
		if (!g->urls[g->n] || !g->jobs[g->n].body)
			return ctl_complain("%s", strerror(ENOMEM));
	}
	return EXIT_SUCCESS;
}

int ctl_get(struct ctl *ctl)
{
	struct get g = { .ctl = ctl };
	int status = EXIT_FAILURE;

	if (ctl->output && (ctl->n_args != 1 || (ctl->flags & CTL_BACKGROUND))) {
		ctl_complain("-o goes with one URL, and not with --background");
		return EXIT_USAGE;
	}
	if (ctl->output && strcmp(ctl->output, "-") == 0 &&
	    (ctl->flags & CTL_JSON)) {
		ctl_complain("-o - and --json both write to standard output");
		return EXIT_USAGE;
	}
	g.client = ctl_client_need(ctl->conf.cache_dir);
	g.jobs = calloc((size_t)ctl->n_args, sizeof(*g.jobs));
	g.urls = calloc((size_t)ctl->n_args, sizeof(*g.urls));
	if (g.client && g.jobs && g.urls) {
		status = prepare(&g);
		if (status == EXIT_SUCCESS)
			status = run(&g);
	}
	for (int i = 0; g.jobs && g.urls && i < ctl->n_args; i++) {
		json_decref(g.jobs[i].body);
		ctl_reply_fini(&g.jobs[i].reply);
		free(g.urls[i]);
	}
	free(g.jobs);
	free(g.urls);
	ctl_client_close(g.client);
	return status;
}
