#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/conf.h"
#include "cache/log.h"
#include "control_page.h"
#include "forward.h"
#include "gate.h"
#include "multipart.h"
#include "request.h"

/* A file that changes under our eyes again and again is no file to serve. */
#define REOPEN_MAX 3

#define ADDRESS_MAX (REQUEST_HOST_MAX + sizeof("http:///"))

struct request *request_new(struct serve *s, struct connection *from,
			    const char *text)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->serve = s;
	r->conf = cache_conf(s->cache);
	r->from = from;
	r->prefix = "";
	r->text = strdup(text);
	if (!r->text || gate_target(r) < 0) {
		request_free(r);
		return NULL;
	}
	return r;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	request_unpark(r);
	if (r->from_file)
		watch_body_remove(r->serve->watch, &r->body);
	cache_close(r->file);
	multipart_free(r->parts);
	document_fini(&r->document);
	free(r->token_path);
	free(r->text);
	free(r);
}

/* ---- parking --------------------------------------------------------------- */

static void on_ready(struct cache_waiter *w, int status)
{
	struct request *r = (struct request *)
		((char *)w - offsetof(struct request, waiter));

	r->woken = status;
	MHD_resume_connection(r->connection);	/* r may be gone after this */
}

static void on_gone(struct watch_item *item)
{
	struct request *r = (struct request *)
		((char *)item - offsetof(struct request, watched));

	if (!cache_cancel(&r->waiter))
		return;		/* on_ready has it */
	r->woken = -ECONNABORTED;
	MHD_resume_connection(r->connection);
}

/* Suspended first, published then: the other way round the connection could be
 * resumed before it is suspended, and would sleep for ever. */
void request_park(struct request *r, uint64_t off, size_t min, bool in_body)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	cache_waiter_init(&r->waiter, r->file, off, min, on_ready);
	r->woken = 0;
	r->parked = true;
	MHD_suspend_connection(r->connection);
	if (!cache_await(&r->waiter)) {
		MHD_resume_connection(r->connection);
		return;
	}
	if (!info)
		return;
	/* A resume from the access handler makes the daemon read first, and
	 * end the connection when it reads a FIN; in the body it goes on. */
	r->watched.fd = info->connect_fd;
	r->watched.fin_is_gone = !in_body;
	r->watched.gone = on_gone;
	r->watching = watch_add(r->serve->watch, &r->watched) == 0;
}

int request_unpark(struct request *r)
{
	int woken;

	if (r->watching)
		watch_remove(r->serve->watch, &r->watched);
	r->watching = false;
	r->parked = false;
	woken = r->woken;
	r->woken = 0;
	return woken;
}

/* ---- what is asked for ------------------------------------------------------- */

void request_host(const struct request *r, char buf[REQUEST_HOST_MAX])
{
	const char *host = MHD_lookup_connection_value(
		r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	const char *at = r->serve->address + strlen("http://");

	if (r->target.authority)
		snprintf(buf, REQUEST_HOST_MAX, "%.*s",
			 (int)r->target.authority_len, r->target.authority);
	else if (host && *host)
		snprintf(buf, REQUEST_HOST_MAX, "%s", host);
	else
		snprintf(buf, REQUEST_HOST_MAX, "%.*s", (int)strcspn(at, "/"),
			 at);
}

/* Our address for this client: "http://HOST:PORT/". */
static void address_of(const struct request *r, char *buf, size_t size)
{
	char host[REQUEST_HOST_MAX];

	request_host(r, host);
	if (r->from->peer.by_path)
		snprintf(buf, size, "%s", r->serve->address);
	else
		snprintf(buf, size, "http://%s/", host);
}

static enum MHD_Result front_page(struct request *r)
{
	const char *token = r->prefix + (*r->prefix == '/');
	const char *slash = *token ? "/" : "";
	char at[ADDRESS_MAX];

	address_of(r, at, sizeof(at));
	return answer_text(r, MHD_HTTP_OK,
		"spoolfs " PACKAGE_VERSION "\n\n"
		"Remote files, cached and seekable, at this address. Put a URL "
		"behind it, with '/' for '://':\n\n"
		"    %s%s%shttps/example.com/film.mp4\n\n"
		"is https://example.com/film.mp4; "
		"%s%s%shttps://example.com/film.mp4 works too.\n",
		at, token, slash, at, token, slash);
}

static enum MHD_Result no_such_name(struct request *r)
{
	char at[ADDRESS_MAX];

	address_of(r, at, sizeof(at));
	return answer_text(r, MHD_HTTP_NOT_FOUND, "No such name. A URL is "
			   "written %shttps/HOST/PATH\n", at);
}

/* What this client says counts from now on, also when it says nothing. */
static int forward(struct request *r)
{
	char *fields = NULL;
	int rc;

	if (!r->origin->forward_headers.n)
		return 0;
	rc = forward_select(r->connection, &r->origin->forward_headers,
			    r->conf->token, &fields);
	if (rc == 0)
		rc = cache_forward(r->file, fields);
	free(fields);
	return rc;
}

/* "/-/NAME": about ourselves. */
static enum MHD_Result own_page(struct request *r, const char *name)
{
	struct control_page page;

	if (control_page(r->serve->cache, name, r->conf->token, r->token,
			 &page) < 0)
		return MHD_NO;
	return answer_page(r, page.status, page.type, page.text, page.len);
}

static enum MHD_Result step_new(struct request *r)
{
	const struct target *target = &r->target;
	enum MHD_Result result;
	int rc;

	MHD_set_connection_option(r->connection,
				  MHD_CONNECTION_OPTION_TIMEOUT, 0U);
	if (gate_answers(r, &result))
		return result;
	if (strcmp(r->method, "GET") != 0 && !r->head)
		return answer_text(r, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "Only GET and HEAD are served here.\n");
	if (!target->name)
		return answer_text(r, MHD_HTTP_BAD_REQUEST,
				   "This request target names no path.\n");
	if (target->name[0] == '\0')
		return front_page(r);
	if (strncmp(target->name, "-/", 2) == 0)
		return own_page(r, target->name + 2);
	rc = resource_open(&r->from->last, r->serve->cache, r->conf, r->text,
			   target->name, &r->file);
	if (rc == -ENOENT)
		return no_such_name(r);
	if (rc < 0)
		return answer_error(r, rc);
	r->resource = &r->from->last;
	r->origin = conf_origin(r->conf, r->resource->key);
	if (forward(r) < 0)
		return answer_error(r, -ENOMEM);
	r->phase = REQUEST_FACTS;
	return MHD_YES;
}

static enum MHD_Result step_facts(struct request *r)
{
	int rc = cache_stat_again(r->file, &r->resource->info);

	if (rc == -EAGAIN) {
		request_park(r, 0, 0, false);
		return MHD_YES;
	}
	if (rc < 0)
		return answer_error(r, rc);
	r->info = &r->resource->info;
	r->phase = REQUEST_BYTES;
	return MHD_YES;
}

int request_reopen(struct request *r)
{
	if (r->reopened++ == REOPEN_MAX)
		return -ESTALE;
	cache_close(r->file);
	r->file = NULL;
	r->phase = REQUEST_FACTS;
	r->looked = false;
	multipart_free(r->parts);	/* the new one may have another size */
	r->parts = NULL;
	document_fini(&r->document);
	return cache_open_again(r->resource->file, &r->file);
}

enum MHD_Result request_step(struct request *r)
{
	enum MHD_Result result = MHD_YES;
	int woken = request_unpark(r);

	if (woken == -ECONNABORTED)
		return MHD_NO;
	if (woken == -ESTALE)
		woken = request_reopen(r);
	if (woken < 0)
		return answer_error(r, woken);
	while (result == MHD_YES && !r->parked &&
	       r->phase != REQUEST_ANSWERED) {
		if (r->phase == REQUEST_NEW)
			result = step_new(r);
		else if (r->phase == REQUEST_FACTS)
			result = step_facts(r);
		else
			result = answer_facts(r);
	}
	return result;
}
