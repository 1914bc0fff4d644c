#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/url.h"
#include "control_call.h"
#include "control_json.h"
#include "control_page.h"
#include "where.h"

/* ---- errors ---------------------------------------------------------------------- */

static unsigned status_of(int error)
{
	static const struct {
		int error;
		unsigned status;
	} table[] = {
		{ EINVAL, MHD_HTTP_BAD_REQUEST },
		{ ENAMETOOLONG, MHD_HTTP_BAD_REQUEST },
		{ ENOENT, MHD_HTTP_NOT_FOUND },
		{ EEXIST, MHD_HTTP_CONFLICT },
		{ EPERM, MHD_HTTP_CONFLICT },
		{ EISDIR, MHD_HTTP_CONFLICT },
		{ ENODATA, MHD_HTTP_CONFLICT },
		{ ECANCELED, MHD_HTTP_CONFLICT },
		{ EACCES, MHD_HTTP_BAD_GATEWAY },
		{ EIO, MHD_HTTP_BAD_GATEWAY },
		{ EHOSTUNREACH, MHD_HTTP_BAD_GATEWAY },
		{ ETIMEDOUT, MHD_HTTP_GATEWAY_TIMEOUT },
		{ EBUSY, MHD_HTTP_SERVICE_UNAVAILABLE },
		{ ESHUTDOWN, MHD_HTTP_SERVICE_UNAVAILABLE },
		{ ENOSPC, MHD_HTTP_INSUFFICIENT_STORAGE },
		{ ENOSYS, MHD_HTTP_NOT_IMPLEMENTED },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == -error)
			return table[i].status;
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

enum MHD_Result call_fail(struct call *call, int error, const char *text)
{
	return call_error(call, status_of(error), error, text);
}

/* {"url": …} with the URL as the cache has it. */
static json_t *about(const char *url)
{
	json_t *object = NULL;
	struct url *u;

	if (url_parse(url, &u) < 0)
		return NULL;
	object = json_pack("{ss}", "url", u->sent);
	url_free(u);
	return object;
}

/* What a command came to that is done at once. */
static enum MHD_Result outcome(struct call *call, const struct ask *a, int rc,
			       const char *not_found)
{
	if (rc < 0)
		return call_fail(call, rc, rc == -ENOENT ? not_found : NULL);
	return call_json(call, MHD_HTTP_OK, about(a->url));
}

/* ---- waiting for the cache ---------------------------------------------------------- */

struct wait {
	struct cache_watch watch;
	int fd;			/* readable once done */
	int status;
};

static void on_done(struct cache_watch *watch, int status)
{
	struct wait *w = (struct wait *)
		((char *)watch - offsetof(struct wait, watch));
	const uint64_t one = 1;

	w->status = status;
	if (write(w->fd, &one, sizeof(one)) < 0)
		w->status = -errno;	/* can't be: it is empty */
}

static int wait_init(struct wait *w)
{
	*w = (struct wait){ .watch.done = on_done };
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd < 0 ? -errno : 0;
}

/* rc is what the cache said to the watch: 0, and its outcome is waited for. The
 * outcome; or -ECONNABORTED: the client has gone. */
static int wait_end(struct wait *w, struct call *call, int rc)
{
	if (rc == 0) {
		rc = call_wait(call, w->fd, -1, false);
		/* Too late to be taken back, it has been told. */
		if (rc == 1 || !cache_watch_cancel(&w->watch))
			rc = w->status;
	}
	close(w->fd);
	return rc;
}

static enum MHD_Result do_fetch(struct call *call, const struct ask *a)
{
	struct cache *c = call->control->cache;
	struct wait w;
	int rc;

	if (!a->wait) {
		rc = cache_fetch(c, a->url, a->start, a->end);
		return rc < 0 ? call_fail(call, rc, NULL)
			      : call_json(call, MHD_HTTP_ACCEPTED,
					  about(a->url));
	}
	rc = wait_init(&w);
	if (rc == 0) {
		rc = cache_fetch_watched(c, a->url, a->start, a->end, &w.watch);
		rc = wait_end(&w, call, rc);
	}
	if (rc == -ECONNABORTED)
		return MHD_NO;
	return outcome(call, a, rc, NULL);
}

/* What has become of the version that is cached is no error of the question. */
static enum MHD_Result do_validate(struct call *call, const struct ask *a)
{
	const char *result = "holds";
	struct wait w;
	json_t *object;
	int rc = wait_init(&w);

	if (rc < 0)
		return call_fail(call, rc, NULL);
	rc = cache_validate(call->control->cache, a->url, &w.watch);
	if (rc < 0) {
		close(w.fd);
		return call_fail(call, rc, rc == -ENOENT ? "not in the cache"
							 : NULL);
	}
	rc = wait_end(&w, call, 0);
	if (rc == -ECONNABORTED)
		return MHD_NO;
	if (rc == -ESTALE)
		result = "changed";
	else if (rc == -ENOENT)
		result = "gone";
	else if (rc < 0)
		return call_fail(call, rc, NULL);
	object = about(a->url);
	if (object)
		json_object_set_new(object, "result", json_string(result));
	return call_json(call, MHD_HTTP_OK, object);
}

/* ---- commands ------------------------------------------------------------------------ */

static enum MHD_Result do_stop(struct call *call, const struct ask *a)
{
	return outcome(call, a, cache_fetch_stop(call->control->cache, a->url),
		       "not being fetched");
}

static enum MHD_Result do_pin(struct call *call, const struct ask *a)
{
	return outcome(call, a, cache_pin(call->control->cache, a->url,
					  a->what == ASK_PIN),
		       "not in the cache");
}

static enum MHD_Result do_reset(struct call *call, const struct ask *a)
{
	return outcome(call, a, cache_reset(call->control->cache, a->url, NULL),
		       NULL);
}

static enum MHD_Result do_drop(struct call *call, const struct ask *a)
{
	return outcome(call, a, cache_drop(call->control->cache, a->url), NULL);
}

static enum MHD_Result do_name_add(struct call *call, const struct ask *a)
{
	int rc = cache_name_add(call->control->cache, a->name, a->url);

	if (rc < 0)
		return call_fail(call, rc, rc == -EEXIST ?
				 "the name is another URL's" : rc == -EINVAL ?
				 "no name, or no URL that can be fetched" :
				 NULL);
	return call_json(call, MHD_HTTP_OK, json_pack("{ss ss}", "name",
						      a->name, "url", a->url));
}

static enum MHD_Result do_name_remove(struct call *call, const struct ask *a)
{
	int rc = cache_name_remove(call->control->cache, a->name);

	if (rc < 0)
		return call_fail(call, rc, rc == -ENOENT ? "no such name" :
				 rc == -EPERM ? "the name is in the settings"
					      : NULL);
	return call_json(call, MHD_HTTP_OK,
			 json_pack("{ss}", "name", a->name));
}

static enum MHD_Result do_reload(struct call *call, const struct ask *a)
{
	enum MHD_Result result;
	char *said = NULL;
	int rc = cache_reload(call->control->cache, &said);

	(void)a;
	if (rc < 0)
		result = call_fail(call, rc, said);
	else
		result = call_json(call, MHD_HTTP_OK, json_pack(
			"{ss*}", "at_next_start", said));
	free(said);
	return result;
}

static enum MHD_Result do_log_level(struct call *call, const struct ask *a)
{
	log_set_level(a->level);
	return call_json(call, MHD_HTTP_OK, json_object());
}

/* ---- looking ------------------------------------------------------------------------- */

static enum MHD_Result do_page(struct call *call, const struct ask *a)
{
	struct MHD_Response *response;
	struct control_page page;

	(void)a;
	if (control_page(call->control->cache, "metrics", true, true, &page) < 0)
		return MHD_NO;
	response = MHD_create_response_from_buffer(page.len, page.text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(page.text);
	return call_respond(call, page.status, response, page.type);
}

static enum MHD_Result do_status(struct call *call, const struct ask *a)
{
	const struct control_setup *s = &call->control->setup;
	json_t *object = control_page_status(call->control->cache);

	(void)a;
	if (object && json_object_update_new(object, json_pack(
			"{so* so* so* so* so*}",
			"cache_dir", json_string(s->cache_dir),
			"http", json_string(s->http),
			"mount", json_string(s->mount),
			"base", json_string(s->base), "control",
			json_string(control_path(call->control)))) < 0) {
		json_decref(object);
		object = NULL;
	}
	return call_json(call, MHD_HTTP_OK, object);
}

/* One entry a line: so many may be there that they are not held in memory, nor
 * need they be by who reads them. */
struct listing {
	FILE *out;
	enum ask_state state;
	bool any;
};

static int list_one(void *ctx, const struct cache_view *v)
{
	struct listing *l = ctx;
	json_t *object;
	int rc = 0;

	if (!control_json_is_wanted(v, l->state))
		return 0;
	object = control_json_view(v);
	if (!object)
		return -ENOMEM;
	fputs(l->any ? ",\n" : "\n", l->out);
	if (json_dumpf(object, l->out, JSON_COMPACT) < 0)
		rc = -EIO;
	l->any = true;
	json_decref(object);
	return rc;
}

static int list_url(struct cache *c, const char *url, struct listing *l)
{
	struct cache_view v;
	int rc = cache_view(c, url, &v);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = list_one(l, &v);
	cache_view_fini(&v);
	return rc;
}

/* Into fd. 0 with *size; -EIO: it does not take them; other -errno. */
static int write_entries(struct cache *c, const struct ask *a, int fd,
			 off_t *size)
{
	struct listing l = { .state = a->state };
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), rc;

	l.out = own < 0 ? NULL : fdopen(own, "w");
	if (!l.out) {
		rc = -errno;
		if (own >= 0)
			close(own);
		return rc;
	}
	putc('[', l.out);
	if (a->url)
		rc = list_url(c, a->url, &l);
	else
		rc = cache_each(c, a->state == ASK_ACTIVE ||
				a->state == ASK_LOADED, list_one, &l);
	fputs("\n]\n", l.out);
	*size = ftello(l.out);
	if (rc == 0 && (fflush(l.out) != 0 || ferror(l.out)))
		rc = -EIO;
	fclose(l.out);
	return rc;
}

/* In a file without a name; in memory when the disk is full or fails. */
static enum MHD_Result do_entries(struct call *call, const struct ask *a)
{
	struct control *c = call->control;
	int fd = open(c->setup.cache_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct MHD_Response *response;
	off_t size;
	int rc = fd < 0 ? -EIO : write_entries(c->cache, a, fd, &size);

	if (rc == -EIO) {
		if (fd >= 0)
			close(fd);
		fd = memfd_create("entries", MFD_CLOEXEC);
		rc = fd < 0 ? -errno : write_entries(c->cache, a, fd, &size);
	}
	response = rc < 0 ? NULL :
		   MHD_create_response_from_fd64((uint64_t)size, fd);
	if (!response && fd >= 0)
		close(fd);
	return rc < 0 ? call_fail(call, rc, NULL) :
	       call_respond(call, MHD_HTTP_OK, response, "application/json");
}

/* A name that is no UTF-8 can't be said. */
static int add_name(void *ctx, const char *name, const char *url)
{
	struct url *u;
	int rc = url_parse(url, &u);

	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	json_object_set_new(ctx, name, json_string(u->sent));
	url_free(u);
	return 0;
}

static enum MHD_Result do_names(struct call *call, const struct ask *a)
{
	json_t *object = json_object();

	(void)a;
	if (object && cache_names(call->control->cache, add_name, object) < 0) {
		json_decref(object);
		object = NULL;
	}
	return call_json(call, MHD_HTTP_OK, object);
}

/* null for what is not to be had, or no UTF-8. */
static void set_text(json_t *object, const char *name, char *text)
{
	json_t *value = text ? json_string(text) : NULL;

	json_object_set_new(object, name, value ? value : json_null());
	free(text);
}

static enum MHD_Result do_where(struct call *call, const struct ask *a)
{
	const struct control_setup *s = &call->control->setup;
	struct cache *c = call->control->cache;
	char *path = NULL, *file = NULL;
	struct cache_info info;
	bool known = false;
	json_t *object;
	struct url *u;
	int rc = url_parse(a->url, &u);

	if (rc < 0)
		return call_fail(call, rc, NULL);
	if (cache_peek(c, a->url, &info) == 0) {
		known = true;
		cache_info_fini(&info);
	}
	object = json_pack("{ss}", "url", u->sent);
	if (s->mount && where_path(s->mount, s->base, u, !known, &path) < 0)
		path = NULL;
	if (cache_path(c, a->url, &file) < 0)
		file = NULL;
	set_text(object, "http", s->http ?
		 where_address(s->http, cache_conf(c)->token, u) : NULL);
	set_text(object, "path", path);
	set_text(object, "file", file);
	url_free(u);
	return call_json(call, MHD_HTTP_OK, object);
}

/* ---- which of them -------------------------------------------------------------------- */

static enum MHD_Result (*const handlers[ASK_COUNT])(struct call *,
						    const struct ask *) = {
	[ASK_STATUS] = do_status,
	[ASK_METRICS] = do_page,
	[ASK_ENTRIES] = do_entries,
	[ASK_EVENTS] = call_events,
	[ASK_WHERE] = do_where,
	[ASK_NAMES] = do_names,
	[ASK_FETCH] = do_fetch,
	[ASK_STOP] = do_stop,
	[ASK_PIN] = do_pin,
	[ASK_UNPIN] = do_pin,
	[ASK_VALIDATE] = do_validate,
	[ASK_RESET] = do_reset,
	[ASK_DROP] = do_drop,
	[ASK_NAME_ADD] = do_name_add,
	[ASK_NAME_REMOVE] = do_name_remove,
	[ASK_RELOAD] = do_reload,
	[ASK_LOG_LEVEL] = do_log_level,
};

enum MHD_Result call_do(struct call *call, const struct ask *a)
{
	return handlers[a->what](call, a);
}
