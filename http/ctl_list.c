/* ls, info, rm: what is in the cache folder, with what the daemon has in
 * memory. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_call.h"
#include "ctl_view.h"
#include "look.h"

/* ---- which files ------------------------------------------------------------------ */

struct selection {
	const struct ctl *ctl;
	struct url **below;	/* n of them; 0: everything */
	size_t n;
	json_t *live;		/* views of what is in memory, by their key */
	time_t now;
	/* view has a URL. */
	int (*fn)(void *ctx, const char *key, json_t *view);
	void *ctx;
	int status;
};

/* Of what is not known nothing is cached: it may have been asked for in vain. */
static bool is_something(const json_t *view)
{
	return ctl_text(view, "generation") || ctl_true(view, "active");
}

/* key is that of a URL below u, or its own. */
static bool is_below(const struct url *u, const char *key)
{
	size_t len = strlen(u->key);

	return strncmp(key, u->key, len) == 0 &&
	       (key[len] == '\0' || key[len] == '/' || key[len] == '?' ||
		u->key[len - 1] == '/');
}

static bool is_selected(const struct selection *s, const char *key,
			const json_t *view)
{
	unsigned flags = s->ctl->flags;
	bool active = ctl_true(view, "active"), below = s->n == 0;
	const json_t *used = json_object_get(view, "used");

	for (size_t i = 0; i < s->n && !below; i++)
		below = is_below(s->below[i], key);
	if (!below || ctl_true(view, "directory"))
		return false;
	if (((flags & CTL_ACTIVE) && !active) ||
	    ((flags & CTL_INACTIVE) && active) ||
	    ((flags & CTL_PARTIAL) && ctl_true(view, "complete")))
		return false;
	return !(flags & CTL_OLDER) ||
	       (json_is_integer(used) &&
		s->now - json_integer_value(used) >= s->ctl->older);
}

static int select_record(void *ctx, const char *path,
			 const struct store_record *r, time_t used, int error)
{
	struct selection *s = ctx;
	json_t *view = NULL;
	int rc = 0;

	if (r) {
		view = json_incref(json_object_get(s->live, r->key));
		if (view)
			json_object_del(s->live, r->key);
		else
			view = ctl_record_json(r, used);
		if (!view)
			return -ENOMEM;
		/* Made by hand: a URL is ASCII. */
		error = ctl_text(view, "url") ? 0 : -EBADMSG;
	}
	if (error)
		s->status = ctl_complain("%s: %s", path,
					 look_record_error(error));
	else if (is_selected(s, r->key, view))
		rc = s->fn(s->ctx, r->key, view);
	json_decref(view);
	return rc;
}

/* What is in memory and not in the folder, or not yet. */
static int select_rest(struct selection *s)
{
	const char *key;
	json_t *view;
	int rc;

	json_object_foreach(s->live, key, view) {
		if (!is_selected(s, key, view) || !is_something(view))
			continue;
		rc = s->fn(s->ctx, key, view);
		if (rc)
			return rc;
	}
	return 0;
}

/* Call fn for the files that the command line asks for. Exit status. */
static int select_files(const struct ctl *ctl,
			int (*fn)(void *ctx, const char *key, json_t *view),
			void *ctx)
{
	struct selection s = { .ctl = ctl, .fn = fn, .ctx = ctx,
			       .now = time(NULL) };
	int rc = -EINVAL;

	s.below = calloc((size_t)ctl->n_args + 1, sizeof(*s.below));
	s.live = ctl_live(ctl);
	if (!s.below || !s.live) {
		rc = -ENOMEM;
		goto out;
	}
	for (; (int)s.n < ctl->n_args; s.n++)
		if (!(s.below[s.n] = ctl_resolve(ctl, ctl->args[s.n])))
			goto out;
	rc = look_each(ctl->conf.cache_dir, select_record, &s);
	if (rc == 0)
		rc = select_rest(&s);
out:
	if (rc < 0 && rc != -EINVAL)	/* of which has been spoken */
		ctl_complain("%s: %s", ctl->conf.cache_dir, strerror(-rc));
	if (rc)
		s.status = EXIT_FAILURE;
	for (size_t i = 0; i < s.n; i++)
		url_free(s.below[i]);
	free(s.below);
	json_decref(s.live);
	return s.status;
}

/* ---- ls ------------------------------------------------------------------------------ */

static int list(void *ctx, const char *key, json_t *view)
{
	const struct ctl *ctl = ctx;
	const json_t *size = json_object_get(view, "size");
	char buf[8], text[24] = "-";

	(void)key;
	if (ctl->flags & CTL_JSON)
		return ctl_put_json(json_incref(view));
	if (json_is_integer(size))
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(size));
	printf("%15s %15" PRIu64 " %5s %c%c ", text,
	       ctl_number(view, "cached"), ctl_percent(view, buf),
	       ctl_true(view, "active") ? '*' : ' ',
	       ctl_true(view, "pinned") ? 'p' : ' ');
	ctl_put(ctl_text(view, "url"));
	putchar('\n');
	return 0;
}

int ctl_ls(struct ctl *ctl)
{
	return select_files(ctl, list, ctl);
}

/* ---- info ---------------------------------------------------------------------------- */

int ctl_info(struct ctl *ctl)
{
	struct url *u = ctl_resolve(ctl, ctl->args[0]);
	int status = EXIT_FAILURE, rc;
	struct store_record r;
	json_t *live, *view;
	char *path;

	if (!u)
		return EXIT_FAILURE;
	path = ctl_record_path(&ctl->conf, u);
	live = path ? ctl_live(ctl) : NULL;
	if (!live)
		goto out;
	view = json_object_get(live, u->key);
	rc = ctl_find_record(path, u, &r);
	if (rc == 0) {
		status = ctl_put_info(ctl, &r, view, path);
		store_record_fini(&r);
	} else if (rc == -ENOENT && view && is_something(view)) {
		status = ctl_put_info(ctl, NULL, view, path);
	} else if (rc == -ENOENT) {
		ctl_complain("%s: not in the cache", u->sent);
	} else {
		ctl_complain("%s: %s", path, look_record_error(rc));
	}
out:
	json_decref(live);
	free(path);
	url_free(u);
	return status;
}

/* ---- rm ------------------------------------------------------------------------------ */

/* How files are dropped: by the daemon, or from a folder that nobody has. */
struct remover {
	struct ctl_client *client;
	struct store *store;
	const struct ctl *ctl;
	int status;
};

static int open_remover(const struct ctl *ctl, struct remover *r)
{
	const char *dir = ctl->conf.cache_dir;
	int rc = ctl_client_open(dir, &r->client);

	*r = (struct remover){ .client = rc == 0 ? r->client : NULL,
			       .ctl = ctl };
	if (rc == -ESRCH)
		rc = store_open(dir, &r->store);
	if (rc == -ENOTSUP)
		ctl_complain("the spoolfs that has %s has no control socket",
			     dir);
	else if (rc < 0)
		ctl_complain("%s: %s", dir, strerror(-rc));
	return rc;
}

static void close_remover(struct remover *r)
{
	ctl_client_close(r->client);
	if (r->store)
		store_close(r->store);
}

/* A name may be another URL's (a shortened one). */
static int drop_stored(struct remover *r, const struct url *u)
{
	struct store_record record;
	char *name;
	int rc = url_name(u, &name);

	if (rc < 0)
		return rc;
	rc = store_load(r->store, name, u->key, &record);
	if (rc == 0) {
		store_record_fini(&record);
		rc = store_drop(r->store, name);
	}
	free(name);
	return rc == -ENOENT ? 0 : rc;
}

static void drop(struct remover *r, const char *url)
{
	const char *error = NULL;
	struct ctl_reply reply = { 0 };
	json_t *body = json_pack("{ss}", "url", url);
	struct url *u = NULL;
	int rc;

	if (r->client) {
		rc = body ? ctl_ask(r->client, "POST", "/drop", body, &reply)
			  : -ENOMEM;
		error = rc == 0 ? ctl_reply_error(&reply) : NULL;
	} else {
		rc = url_parse(url, &u);
		if (rc == 0)
			rc = drop_stored(r, u);
	}
	if (rc < 0)
		error = strerror(-rc);
	if (error)
		r->status = ctl_complain("%s: %s", url, error);
	else if (r->ctl->flags & CTL_JSON)
		r->status |= ctl_put_json(json_incref(body));
	ctl_reply_fini(&reply);
	json_decref(body);
	url_free(u);
}

/* What is pinned goes when it is named, not with others. */
static int collect(void *ctx, const char *key, json_t *view)
{
	(void)key;
	if (ctl_true(view, "pinned"))
		return 0;
	return json_array_append(ctx, json_object_get(view, "url")) < 0 ?
	       -ENOMEM : 0;
}

static int collect_named(const struct ctl *ctl, json_t *urls)
{
	for (int i = 0; i < ctl->n_args; i++) {
		struct url *u = ctl_resolve(ctl, ctl->args[i]);

		if (!u)
			return EXIT_FAILURE;
		json_array_append_new(urls, json_string(u->sent));
		url_free(u);
	}
	return EXIT_SUCCESS;
}

int ctl_rm(struct ctl *ctl)
{
	const unsigned which = CTL_ALL | CTL_ACTIVE | CTL_INACTIVE |
			       CTL_PARTIAL | CTL_OLDER;
	json_t *urls = json_array(), *url;
	struct remover r;
	int status;
	size_t i;

	if (!(ctl->flags & which) && ctl->n_args == 0) {
		json_decref(urls);
		ctl_complain("rm needs URLs, --all, --partial, --inactive or "
			     "--older; see spoolctl --help");
		return EXIT_USAGE;
	}
	status = ctl->flags & which ? select_files(ctl, collect, urls)
				    : collect_named(ctl, urls);
	if (status != EXIT_SUCCESS || open_remover(ctl, &r) < 0) {
		json_decref(urls);
		return EXIT_FAILURE;
	}
	json_array_foreach(urls, i, url)
		drop(&r, json_string_value(url));
	close_remover(&r);
	json_decref(urls);
	return r.status;
}
