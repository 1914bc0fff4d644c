/* status, watch: what the daemon does. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_call.h"

#define LOOK_MS 1000

/* ---- status ---------------------------------------------------------------------------- */

static void put_number(const char *label, const json_t *status,
		       const char *name)
{
	const json_t *n = json_object_get(status, name);

	if (json_is_integer(n))
		printf("%-15s%" JSON_INTEGER_FORMAT "\n", label,
		       json_integer_value(n));
	else
		ctl_put_line(label, "-");
}

static void put_bytes(const char *label, const json_t *status, const char *name)
{
	char buf[16];

	ctl_put_line(label, json_is_integer(json_object_get(status, name)) ?
		     ctl_size(ctl_number(status, name), buf) : NULL);
}

static void put_started(const json_t *status)
{
	time_t t = (time_t)ctl_number(status, "started");

	if (t)
		ctl_put_time("started", t);
	else
		ctl_put_line("started", NULL);
}

static void put_status(const json_t *s)
{
	ctl_put_line("version", ctl_text(s, "version"));
	put_number("pid", s, "pid");
	put_started(s);
	put_bytes("memory", s, "resident");
	ctl_put_line("cache", ctl_text(s, "cache_dir"));
	ctl_put_line("endpoint", ctl_text(s, "http"));
	ctl_put_line("mount", ctl_text(s, "mount"));
	ctl_put_line("control", ctl_text(s, "control"));
	ctl_put_line("offline", json_is_true(json_object_get(s, "offline")) ?
				"yes" : "no");
	put_number("files", s, "files");
	put_bytes("on disk", s, "bytes");
	put_number("in use", s, "entries");
	put_number("transfers", s, "transfers");
	put_number("fetching", s, "fetching");
	put_number("waiting", s, "waiting");
	put_number("reads", s, "reads");
	put_number("had to wait", s, "waits");
	put_bytes("read", s, "bytes_read");
	put_bytes("fetched", s, "bytes_fetched");
	put_number("requests", s, "requests");
	put_number("retries", s, "retries");
	put_number("refusals", s, "errors");
	put_number("completed", s, "completed");
	put_number("superseded", s, "superseded");
	put_number("evicted", s, "evicted");
}

static int failed(int rc)
{
	if (rc == -ENOTCONN)
		return ctl_complain("the spoolfs has ended");
	return ctl_complain("%s", rc == -EBADMSG ? "refused" : strerror(-rc));
}

/* EXIT_SUCCESS with *body, a new reference; or what comes of a complaint. */
static int ask(struct ctl_client *client, const char *path, json_t **body)
{
	struct ctl_reply reply;
	int rc = ctl_ask(client, "GET", path, NULL, &reply);
	const char *error = rc == 0 ? ctl_reply_error(&reply) : NULL;
	int status = rc < 0 ? failed(rc) : EXIT_SUCCESS;

	if (rc < 0)
		return status;
	if (error)
		status = ctl_complain("%s", error);
	else
		*body = json_incref(reply.body);
	ctl_reply_fini(&reply);
	return status;
}

int ctl_status(struct ctl *ctl)
{
	struct ctl_client *client = ctl_client_need(ctl->conf.cache_dir);
	json_t *body;
	int status;

	if (!client)
		return EXIT_FAILURE;
	status = ask(client, "/status", &body);
	if (status == EXIT_SUCCESS) {
		if (ctl->flags & CTL_JSON)
			status = ctl_put_json(json_incref(body));
		else
			put_status(body);
		json_decref(body);
	}
	ctl_client_close(client);
	return status;
}

/* ---- events, a line each -------------------------------------------------------------------- */

struct events {
	const struct ctl *ctl;
	char name[32];		/* of the event whose data follows */
};

static void put_event(const char *name, const json_t *data)
{
	const char *url = ctl_text(data, "url"), *error;
	char buf[8], rate[16];

	printf("%-10s %5s ", name, ctl_percent(data, buf));
	if (strcmp(name, "progress") == 0)
		printf("%8s/s ", ctl_size(ctl_number(data, "rate"), rate));
	ctl_put(url ? url : "");
	error = ctl_text(data, "error");
	printf(error ? ": %s\n" : "\n", error);
}

/* Server-sent events: "event: NAME", "data: JSON", an empty line; ":" begins a
 * comment. */
static int take_line(void *ctx, const char *line)
{
	struct events *e = ctx;
	json_t *data;

	if (strncmp(line, "event: ", 7) == 0) {
		snprintf(e->name, sizeof(e->name), "%s", line + 7);
		return 0;
	}
	if (strncmp(line, "data: ", 6) != 0)
		return 0;
	data = json_loads(line + 6, 0, NULL);
	if (!data)
		return 0;
	if (e->ctl->flags & CTL_JSON) {
		json_object_set_new(data, "event", json_string(e->name));
		ctl_put_json(data);
	} else {
		put_event(e->name, data);
		json_decref(data);
	}
	/* Nobody reads on: not an error of ours. */
	return fflush(stdout) == 0 ? 0 : -EPIPE;
}

static int watch_events(const struct ctl *ctl, struct ctl_client *client)
{
	struct events e = { .ctl = ctl };
	int rc = ctl_stream(client, "/events", take_line, &e);

	return rc == 0 || rc == -ENOTCONN ? failed(-ENOTCONN) : failed(rc);
}

/* ---- a live view ------------------------------------------------------------------------------ */

static void put_row(const json_t *view, int columns)
{
	char buf[8], size[16], rate[16], *url = NULL;
	const char *state = ctl_true(view, "queued") ? "queued" :
			    ctl_true(view, "fetching") ? "fetching" :
			    ctl_true(view, "validating") ? "checking" :
			    ctl_number(view, "readers") ? "reading" : "filling";
	const char *text = ctl_text(view, "url");
	int room = columns - 46;

	url = strndup(text ? text : "", room > 0 ? (size_t)room : 0);
	printf("%5s %8s %8s/s %3" PRIu64 " %3" PRIu64 " %-8s ",
	       ctl_percent(view, buf),
	       ctl_size(ctl_number(view, "cached"), size),
	       ctl_size(ctl_number(view, "rate"), rate),
	       ctl_number(view, "readers"), ctl_number(view, "waiting"), state);
	ctl_put(url ? url : "");
	puts("\033[K");
	free(url);
}

static void put_view(const json_t *status, const json_t *views)
{
	struct winsize window = { 0 };
	size_t rows, i, n = json_array_size(views);
	char fetched[16], read[16];
	json_t *view;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
	if (window.ws_col == 0 || window.ws_row == 0) {	/* it can't be told */
		window.ws_col = 80;
		window.ws_row = 24;
	}
	rows = window.ws_row > 6 ? window.ws_row - 4u : 2;
	printf("\033[Hspoolfs %s: %" PRIu64 " transfers, %" PRIu64
	       " waiting; fetched %s, read %s\033[K\n\033[K\n"
	       "%5s %8s %10s %3s %3s %-8s %s\033[K\n",
	       ctl_text(status, "version"), ctl_number(status, "transfers"),
	       ctl_number(status, "waiting"),
	       ctl_size(ctl_number(status, "bytes_fetched"), fetched),
	       ctl_size(ctl_number(status, "bytes_read"), read),
	       "here", "bytes", "rate", "rd", "wt", "state", "url");
	for (i = 0; i < n && i < rows; i++) {
		view = json_array_get(views, i);
		put_row(view, window.ws_col);
	}
	if (n > rows)
		printf("... and %zu more\033[K", n - rows);
	fputs("\033[J", stdout);
	fflush(stdout);
}

static int watch_live(struct ctl_client *client)
{
	json_t *status, *views;
	int rc;

	fputs("\033[2J", stdout);
	for (;;) {
		rc = ask(client, "/status", &status);
		if (rc != EXIT_SUCCESS)
			return rc;
		rc = ask(client, "/entries?state=active", &views);
		if (rc == EXIT_SUCCESS) {
			put_view(status, views);
			json_decref(views);
		}
		json_decref(status);
		if (rc != EXIT_SUCCESS)
			return rc;
		poll(NULL, 0, LOOK_MS);
	}
}

int ctl_watch(struct ctl *ctl)
{
	struct ctl_client *client = ctl_client_need(ctl->conf.cache_dir);
	int status;

	if (!client)
		return EXIT_FAILURE;
	if (isatty(STDOUT_FILENO) && !(ctl->flags & CTL_JSON))
		status = watch_live(client);
	else
		status = watch_events(ctl, client);
	ctl_client_close(client);
	return status;
}
