#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl_call.h"
#include "ctl_view.h"

/* ---- in use ------------------------------------------------------------------------ */

/* An array of views, as an object by their keys. */
static json_t *by_key(const json_t *views)
{
	json_t *object = json_object(), *view;
	struct url *u;
	size_t i;

	json_array_foreach(views, i, view) {
		const char *url = ctl_text(view, "url");

		if (!object || !url || url_parse(url, &u) < 0)
			continue;
		json_object_set(object, u->key, view);
		url_free(u);
	}
	return object;
}

json_t *ctl_live(const struct ctl *ctl)
{
	struct ctl_client *client;
	struct ctl_reply reply;
	json_t *live = NULL;

	if (ctl_client_open(ctl->conf.cache_dir, &client) < 0)
		return json_object();
	if (ctl_ask(client, "GET", "/entries?state=loaded", NULL, &reply) == 0) {
		live = by_key(reply.body);
		ctl_reply_fini(&reply);
	} else {
		live = json_object();
	}
	ctl_client_close(client);
	return live;
}

/* ---- one file ------------------------------------------------------------------------ */

static void put_number(const char *label, uint64_t n)
{
	printf("%-15s%" PRIu64 "\n", label, n);
}

/* Inclusive, as in HTTP. */
static void put_ranges(const json_t *ranges)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(ranges, i, pair) {
		uint64_t start = (uint64_t)json_integer_value(
			json_array_get(pair, 0));
		uint64_t end = (uint64_t)json_integer_value(
			json_array_get(pair, 1));

		printf("%-15s%" PRIu64 "-%" PRIu64 "\n",
		       i == 0 ? "present" : "", start, end - 1);
	}
}

static void put_file(const json_t *view)
{
	const json_t *size = json_object_get(view, "size");
	char buf[8];

	if (json_is_integer(size))
		put_number("size", ctl_number(view, "size"));
	else
		ctl_put_line("size", "unknown");
	printf("%-15s%" PRIu64 " (%s)\n", "cached", ctl_number(view, "cached"),
	       ctl_percent(view, buf));
	ctl_put_line("type", ctl_text(view, "content_type"));
	ctl_put_line("etag", ctl_text(view, "etag"));
	ctl_put_line("last-modified", ctl_text(view, "last_modified"));
	ctl_put_line("pinned", ctl_true(view, "pinned") ? "yes" : "no");
	ctl_put_line("generation", ctl_text(view, "generation"));
}

/* What it does now; nothing of a file that is not in use. */
static void put_activity(const json_t *view)
{
	const char *error = ctl_text(view, "error");

	ctl_put_line("state", !ctl_true(view, "active") ? "inactive" :
		     ctl_true(view, "queued") ? "queued" :
		     ctl_true(view, "fetching") ? "fetching" :
		     ctl_true(view, "validating") ? "validating" : "in use");
	if (!ctl_true(view, "active"))
		return;
	put_number("readers", ctl_number(view, "readers"));
	put_number("waiting", ctl_number(view, "waiting"));
	put_number("connections", ctl_number(view, "connections"));
	put_number("rate", ctl_number(view, "rate"));
	if (error)
		ctl_put_line("error", error);
}

static void put_record(const struct store_record *r)
{
	if (r->kind == STORE_FILE)
		ctl_put_line("ranges", r->ranges ? "yes" : "no");
	ctl_put_time("created", r->created);
	ctl_put_time("validated", r->validated);
	ctl_put_time("fresh-until", r->fresh_until);
}

static int put_json(json_t *view, const struct store_record *r)
{
	if (r && json_object_update_new(view, json_pack(
			"{sb sI sI sI}", "accepts_ranges", r->ranges,
			"created", (json_int_t)r->created,
			"validated", (json_int_t)r->validated,
			"fresh_until", (json_int_t)r->fresh_until)) < 0)
		return ctl_complain("%s", strerror(ENOMEM));
	return ctl_put_json(json_incref(view));
}

int ctl_put_info(const struct ctl *ctl, const struct store_record *r,
		 json_t *live, const char *path)
{
	struct stat st;
	json_t *view = live ? json_incref(live) :
		       ctl_record_json(r, stat(path, &st) == 0 ? st.st_mtime
							       : 0);
	int status = EXIT_SUCCESS;

	if (!view)
		return ctl_complain("%s", strerror(ENOMEM));
	if (ctl->flags & CTL_JSON) {
		status = put_json(view, r);
	} else {
		ctl_put_line("url", ctl_text(view, "url"));
		ctl_put_line("kind", ctl_true(view, "directory") ? "folder"
								 : "file");
		if (!ctl_true(view, "directory"))
			put_file(view);
		put_activity(view);
		if (r)
			put_record(r);
		put_ranges(json_object_get(view, "ranges"));
	}
	json_decref(view);
	return status;
}
