#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "body.h"
#include "forward.h"
#include "headers.h"
#include "multipart.h"
#include "playlist_ahead.h"
#include "range.h"
#include "request.h"

/* ---- responses without a body of the cache ---------------------------------- */

/* Takes response, also NULL (no memory). */
static enum MHD_Result queue(struct request *r, unsigned status,
			     struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	r->status = status;
	r->phase = REQUEST_ANSWERED;
	gate_add(r, response);
	result = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result queue_text(struct request *r, unsigned status,
				  const char *text, const char *header,
				  const char *value)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	if (*text)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					"text/plain; charset=utf-8");
	if (header)
		MHD_add_response_header(response, header, value);
	r->counted = true;
	r->sent = r->head ? 0 : strlen(text);
	return queue(r, status, response);
}

enum MHD_Result answer_text(struct request *r, unsigned status,
			    const char *fmt, ...)
{
	enum MHD_Result result;
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return MHD_NO;
	result = queue_text(r, status, text, NULL, NULL);
	free(text);
	return result;
}

enum MHD_Result answer_page(struct request *r, unsigned status,
			    const char *type, char *text, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, text, MHD_RESPMEM_MUST_FREE);

	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
				"no-store");
	r->counted = true;
	r->sent = r->head ? 0 : len;
	return queue(r, status, response);
}

enum MHD_Result answer_error(struct request *r, int error)
{
	static const struct {
		int error;
		unsigned status;
		const char *text;
	} table[] = {
		{ EINVAL, 400, "This path is not a URL that can be fetched.\n" },
		{ ENAMETOOLONG, 414, "This URL is too long.\n" },
		{ ENOENT, 404, "The origin does not have this resource.\n" },
		{ EACCES, 403, "Access to this resource is refused, by its "
		  "origin or by the settings (allow, deny, "
		  "private_targets).\n" },
		{ ETIMEDOUT, 504, "The origin did not answer in time.\n" },
		{ EHOSTUNREACH, 502, "The origin can't be reached.\n" },
		{ EIO, 502, "The origin's answer can't be used.\n" },
		{ ESTALE, 502, "The resource changes again and again.\n" },
		{ ESHUTDOWN, 503, "spoolfs is shutting down.\n" },
		{ ENOMEM, 503, "Out of memory.\n" },
		{ EMFILE, 503, "Too many open files.\n" },
		{ ENFILE, 503, "Too many open files.\n" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == -error)
			return queue_text(r, table[i].status, table[i].text,
					  NULL, NULL);
	return answer_text(r, MHD_HTTP_BAD_GATEWAY,
			   "The resource can't be had: %s\n", strerror(-error));
}

/* Of what is answered; or CACHE_SIZE_UNKNOWN. */
static uint64_t size_of(const struct request *r)
{
	return r->document.text ? r->document.len : r->info->size;
}

static enum MHD_Result answer_unsatisfiable(struct request *r)
{
	char value[64];

	snprintf(value, sizeof(value), "bytes */%" PRIu64, size_of(r));
	return queue_text(r, MHD_HTTP_RANGE_NOT_SATISFIABLE,
			  "The resource ends before this range.\n",
			  MHD_HTTP_HEADER_CONTENT_RANGE, value);
}

/* ---- headers --------------------------------------------------------------------- */

static const char *media_type(const struct request *r)
{
	return headers_media_type(&r->origin->content_type,
				  r->info->content_type, r->resource->name);
}

/* One of our own: the settings may not say these (response_header). */
static void put(struct MHD_Response *response, const char *name,
		const char *value)
{
	MHD_add_response_header(response, name, value);
}

/* "Name: value", a line of fields.h or of the settings. */
static void put_line(struct MHD_Response *response, const struct field *f)
{
	char line[FIELDS_MAX], *value;

	if (f->name_len + f->value_len + 2 > sizeof(line))
		return;
	value = mempcpy(line, f->name, f->name_len);
	*value++ = '\0';
	*(char *)mempcpy(value, f->value, f->value_len) = '\0';
	MHD_add_response_header(response, line, value);
}

/* What is kept of the origin's answer: what caches have to know always, all if
 * the settings want it. A 304 is about what the client has (15.4.5). */
static void put_kept(const struct request *r, unsigned status,
		     struct MHD_Response *response)
{
	const char *text = r->info->fields;
	bool all = r->origin->copy_headers && status != MHD_HTTP_NOT_MODIFIED;
	struct field f;

	while (fields_next(&text, &f))
		if ((all || field_essential(&f)) &&
		    !headers_replaced(&r->origin->response_header, &f))
			put_line(response, &f);
}

static void put_settings(const struct request *r,
			 struct MHD_Response *response)
{
	const struct conf_list *list = &r->origin->response_header;
	const char *text;
	struct field f;

	for (size_t i = 0; i < list->n; i++) {
		text = list->v[i];
		if (fields_next(&text, &f))
			put_line(response, &f);
	}
}

/* How old it is, where it has come from (RFC 9111, 5.1; RFC 9110, 7.6.3). An
 * origin without a clock gets our Date (6.6.1). */
static void put_history(const struct request *r,
			struct MHD_Response *response)
{
	const struct cache_info *info = r->info;
	char date[HEADERS_DATE_SIZE], age[24];
	struct field f;

	snprintf(age, sizeof(age), "%llu",
		 headers_age(info->generated, time(NULL)));
	put(response, MHD_HTTP_HEADER_AGE, age);
	if (!fields_find(info->fields, MHD_HTTP_HEADER_DATE, &f)) {
		headers_date(info->generated, date);
		if (date[0])
			put(response, MHD_HTTP_HEADER_DATE, date);
	}
	put(response, MHD_HTTP_HEADER_VIA, "1.1 spoolfs");
	put(response, "X-Cache", headers_x_cache(r->found, info->unconfirmed));
}

static void put_content(const struct request *r, unsigned status,
			struct MHD_Response *response)
{
	char value[96];

	if (r->parts) {
		snprintf(value, sizeof(value),
			 "multipart/byteranges; boundary=%s", r->boundary);
		put(response, MHD_HTTP_HEADER_CONTENT_TYPE, value);
		return;
	}
	if (status != MHD_HTTP_NOT_MODIFIED)
		put(response, MHD_HTTP_HEADER_CONTENT_TYPE, media_type(r));
	if (status == MHD_HTTP_PARTIAL_CONTENT) {
		snprintf(value, sizeof(value),
			 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->start,
			 r->end - 1, size_of(r));
		put(response, MHD_HTTP_HEADER_CONTENT_RANGE, value);
	}
}

/* Of a document the text is ours: the origin's date says little of that. */
static struct range_validators validators(const struct request *r)
{
	if (r->document.text)
		return (struct range_validators){ r->document.etag, NULL };
	return (struct range_validators){ r->info->etag,
					  r->info->last_modified };
}

static void add_headers(struct request *r, unsigned status,
			struct MHD_Response *response)
{
	const struct range_validators ours = validators(r);

	if (ours.etag)
		put(response, MHD_HTTP_HEADER_ETAG, ours.etag);
	if (ours.last_modified)
		put(response, MHD_HTTP_HEADER_LAST_MODIFIED,
		    ours.last_modified);
	if (size_of(r) != CACHE_SIZE_UNKNOWN)
		put(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	put_content(r, status, response);
	put_kept(r, status, response);
	put_history(r, response);
	put_settings(r, response);
}

/* ---- the answer ------------------------------------------------------------------ */

static const char *field(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
					   name);
}

/* Several ranges: their body instead of the file's. 206, or 0 without memory. */
static unsigned take_parts(struct request *r, const struct range_set *set)
{
	uint64_t random[2];

	if (r->parts)		/* we are here again after a wait */
		return MHD_HTTP_PARTIAL_CONTENT;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return 0;
	snprintf(r->boundary, sizeof(r->boundary), "%016" PRIx64 "%016" PRIx64,
		 random[0], random[1]);
	r->parts = multipart_new(set, r->info->size, media_type(r),
				 r->boundary);
	return r->parts ? MHD_HTTP_PARTIAL_CONTENT : 0;
}

/* Status and part of the file by the request's header (RFC 9110, 13.2.2). */
static unsigned decide(struct request *r)
{
	const struct range_validators ours = validators(r);
	const struct range_conditions asked = {
		field(r, MHD_HTTP_HEADER_IF_MATCH),
		field(r, MHD_HTTP_HEADER_IF_UNMODIFIED_SINCE),
		field(r, MHD_HTTP_HEADER_IF_NONE_MATCH),
		field(r, MHD_HTTP_HEADER_IF_MODIFIED_SINCE),
	};
	time_t now = time(NULL);
	struct range_set set;

	r->start = 0;
	r->end = size_of(r);
	switch (range_precondition(&asked, &ours, now)) {
	case RANGE_NOT_MODIFIED:
		return MHD_HTTP_NOT_MODIFIED;
	case RANGE_FAILED:
		return MHD_HTTP_PRECONDITION_FAILED;
	case RANGE_PROCEED:
		break;
	}
	/* Range is for GET only (14.2); without a size there is no end to
	 * tell. */
	if (r->head || size_of(r) == CACHE_SIZE_UNKNOWN ||
	    !range_if_range(field(r, MHD_HTTP_HEADER_IF_RANGE), &ours, now))
		return MHD_HTTP_OK;
	switch (range_parse(field(r, MHD_HTTP_HEADER_RANGE), size_of(r),
			    &set)) {
	case RANGE_NONE:
		return MHD_HTTP_OK;
	case RANGE_UNSATISFIABLE:
		return MHD_HTTP_RANGE_NOT_SATISFIABLE;
	case RANGE_SATISFIABLE:
		break;
	}
	if (set.n > 1 && r->document.text)
		return MHD_HTTP_OK;	/* as 14.2 allows */
	if (set.n > 1)
		return take_parts(r, &set);
	r->start = set.v[0].start;
	r->end = set.v[0].end;
	return MHD_HTTP_PARTIAL_CONTENT;
}

/* How much of what is to be sent was here when the request came. */
static enum cache_found look(const struct request *r, unsigned status)
{
	enum cache_found found;
	const struct multipart_part *part;

	/* The version that was here then is none any more. */
	if (r->reopened)
		return CACHE_FOUND_NOTHING;
	if (r->head || status == MHD_HTTP_NOT_MODIFIED)
		return cache_found(r->file, 0, 0);
	if (!r->parts)
		return cache_found(r->file, r->start, r->end);
	part = r->parts->v;
	found = cache_found(r->file, part->start, part->end);
	for (part++; part->end; part++)
		found = headers_join(found, cache_found(r->file, part->start,
							part->end));
	return found;
}

static void go_ahead(struct request *r)
{
	char *fields = NULL;

	if (forward_select(r->connection, &r->origin->forward_headers,
			   r->conf->token, &fields) == 0)
		ahead_asked(r->serve->ahead, r->resource->key, r->start, fields);
	free(fields);
}

/* The first look at what is asked for. What is not to be kept is not fetched
 * ahead either. */
static void begin(struct request *r, unsigned status)
{
	r->found = look(r, status);
	r->looked = true;
	if (!r->head && status != MHD_HTTP_NOT_MODIFIED &&
	    headers_may_be_kept(r->info->fields))
		go_ahead(r);
}

/* What comes of an error before anything is sent: perhaps another try, with a
 * newer version. */
static enum MHD_Result stale_or_error(struct request *r, int rc)
{
	if (rc == -ESTALE)
		rc = request_reopen(r);
	return rc < 0 ? answer_error(r, rc) : MHD_YES;
}

/* As document_take. What was here has to be looked at before it is read. */
static int take_document(struct request *r, size_t *off, size_t *min)
{
	int rc = document_take(r, media_type(r), off, min);

	if (r->looked || (rc != -EAGAIN && !r->document.text))
		return rc;
	r->found = r->reopened ? CACHE_FOUND_NOTHING :
				 cache_found(r->file, 0, r->info->size);
	r->looked = true;
	return rc;
}

static struct MHD_Response *from_document(struct request *r, unsigned status)
{
	size_t len = (size_t)(r->end - r->start);

	r->counted = true;
	r->sent = r->head || status == MHD_HTTP_NOT_MODIFIED ? 0 : len;
	return MHD_create_response_from_buffer(len,
					       r->document.text + r->start,
					       MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result answer_facts(struct request *r)
{
	struct MHD_Response *response = NULL;
	unsigned status;
	uint64_t off;
	size_t at, min;
	int rc;

	if (r->info->directory)
		return answer_text(r, MHD_HTTP_NOT_FOUND,
				   "This is a folder; folders are not listed "
				   "here.\n");
	rc = take_document(r, &at, &min);
	if (rc == -EAGAIN) {
		request_park(r, at, min, false);
		return MHD_YES;
	}
	if (rc < 0)
		return stale_or_error(r, rc);
	status = decide(r);
	if (!status)
		return answer_error(r, -ENOMEM);
	if (status == MHD_HTTP_PRECONDITION_FAILED)
		return answer_text(r, status, "The resource is another "
				   "version than the one asked for.\n");
	if (status == MHD_HTTP_RANGE_NOT_SATISFIABLE)
		return answer_unsatisfiable(r);
	if (!r->looked)
		begin(r, status);
	if (r->document.text) {
		response = from_document(r, status);
	} else if (r->head || status == MHD_HTTP_NOT_MODIFIED) {
		response = body_untold(r);
	} else {
		rc = body_make(r, &off, &min, &response);
		if (rc == -EAGAIN) {
			request_park(r, off, min, false);
			return MHD_YES;
		}
		if (rc < 0)
			return stale_or_error(r, rc);
	}
	if (response)
		add_headers(r, status, response);
	return queue(r, status, response);
}
