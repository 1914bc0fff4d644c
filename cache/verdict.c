#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "engine.h"
#include "fields.h"
#include "latest.h"
#include "log.h"

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 10000
#define RETRY_AFTER_MAX 86400	/* seconds */
/* A host that could not be reached is not asked to validate again so soon. */
#define HOST_DOWN_MS 30000
/* A resource that is unknown, or may not be used without asking, of a host that
 * can't be found or refuses connections is given up after so many tries: a
 * second or two, not a reader's deadline. */
#define PROBE_TRIES 3
/* Where ranges have worked, so many bad ones in a row are one server's bad
 * moment. */
#define RANGE_TRIES 3
/* Bytes of a body that is nobody's, read to keep the connection. */
#define DISCARD_MAX (64 * 1024)

static time_t reply_fresh_until(const struct transfer *t)
{
	struct fresh_headers h = t->reply.fresh;
	const struct entry *e = t->entry;

	if (t->reply.status == 304)
		fresh_keep(&h, t->reply.fields, e->rec.fields,
			   e->rec.version.last_modified, time(NULL));
	h.changing = url_is_playlist(e->url->key, t->reply.content_type ?
				     t->reply.content_type :
				     e->rec.content_type);
	return fresh_until(&h, t->asked_at, time(NULL));
}

/* Headers. */

/* A 200 says nothing of ranges when none was asked for, or when If-Range asked
 * for all in case of a change. Parts that no validator ties together may be of
 * two versions (RFC 9111, 3.4): then one answer has to bring all. */
static enum plan_ranges ranges_of(const struct transfer *t)
{
	if (!t->reply.etag && !t->reply.last_modified)
		return PLAN_RANGES_NO;
	if (t->facts.ranges)
		return PLAN_RANGES_YES;
	if (t->facts.ranges_ignored || t->entry->no_range)
		return PLAN_RANGES_NO;
	return PLAN_RANGES_UNKNOWN;
}

static time_t reply_generated(const struct transfer *t)
{
	return fresh_generated(&t->reply.fresh, t->asked_at, time(NULL));
}

/* What is kept of the answer's other fields: malloc'd or NULL. They are worth
 * less than the answer: without memory there are none. */
static char *reply_fields(const struct transfer *t)
{
	const struct conf_origin *o = conf_origin(cache_conf(t->entry->cache),
						  t->entry->url->key);
	char *fields = NULL;

	fields_select(t->reply.fields, t->reply.connection,
		      o->save_headers == CONF_SAVE_ALL, &fields);
	return fields;
}

static void confirm(struct transfer *t)
{
	char *fields = reply_fields(t);

	entry_confirm(t->entry, reply_fresh_until(t), reply_generated(t),
		      fields);
	free(fields);
}

/* Where redirects have led; NULL: to e's own URL, or no memory. A query may
 * be secret, and nothing is relative to it. Caller frees. */
static char *led_to(const struct transfer *t)
{
	const struct url *u = t->target;

	if (strcmp(u->key, t->entry->url->key) == 0)
		return NULL;
	return strndup(u->sent, strcspn(u->sent, "?"));
}

static int adopt(struct transfer *t)
{
	struct entry *e = t->entry;
	struct reply_version version = {
		.etag = t->reply.etag,
		.last_modified = t->reply.last_modified,
		.size = t->facts.size,
	};
	struct entry_facts facts = {
		.version = &version,
		.content_type = t->reply.content_type,
		.ranges = ranges_of(t),
		.fresh_until = reply_fresh_until(t),
		.generated = reply_generated(t),
		.now = time(NULL),
	};
	char *fields, *base;
	int fd, err;

	/* What must not be stored is kept while it is in use (RFC 9111,
	 * 5.2.2.5). */
	if (t->reply.fresh.no_store) {
		pthread_mutex_lock(&e->lock);
		e->detached = e->no_store = true;
		pthread_mutex_unlock(&e->lock);
	}
	err = cache_create_data(e->cache, e, &fd);
	if (err)
		return err;
	facts.fields = fields = reply_fields(t);
	facts.base = base = led_to(t);
	err = entry_adopt(e, &facts, fd);
	free(fields);
	free(base);
	if (err) {
		close(fd);
		return err;
	}
	fetch_changed(t->fetch, e, true);
	cache_tell(e, CACHE_EVENT_BEGUN, 0);
	if (t->facts.size == REPLY_SIZE_UNKNOWN)
		log_info(LOG_FETCH, "%s: length unknown", e->label);
	else
		log_info(LOG_FETCH, "%s: %" PRIu64 " bytes%s", e->label,
			 t->facts.size, e->ranges == PLAN_RANGES_NO ?
			 ", no ranges" : "");
	return 0;
}

/* Remember where redirects led, for the requests to come. */
static int remember_target(struct transfer *t)
{
	struct url *u;
	int err;

	if (!t->redirects)
		return 0;
	err = url_parse(t->target->sent, &u);
	if (err)
		return err;
	url_free(t->entry->target);
	t->entry->target = u;
	return 0;
}

static int take_data(struct transfer *t)
{
	struct entry *e = t->entry;
	const struct reply_version *v = &e->rec.version;
	int err = remember_target(t);

	if (!err && e->state == ENTRY_NEW) {
		err = adopt(t);
	} else if (!err) {
		if (v->size == REPLY_SIZE_UNKNOWN &&
		    t->facts.size != REPLY_SIZE_UNKNOWN)
			err = entry_set_size(e, t->facts.size);
		/* Asked for a range of this very version, it sends all. */
		if (!t->facts.ranges)
			entry_set_ranges(e, PLAN_RANGES_NO);
	}
	if (err) {
		t->error = err;
		return err;
	}
	if (!t->facts.ranges) {
		schedule_abandon(e, t);
		t->end = t->facts.end;
	} else if (t->facts.end < t->end) {
		t->end = t->facts.end;
	}
	/* With nothing but the size to go by, the bytes have to agree. */
	t->compare = (!v->etag && !v->last_modified) ||
		(!t->reply.etag && !t->reply.last_modified);
	t->pos = t->facts.start;
	if (t->pos < t->end)
		t->phase = TRANSFER_BODY;
	return 0;
}

/* The body belongs to another version: it begins a new generation. */
static int take_changed(struct transfer *t)
{
	struct entry *old = t->entry, *e;

	e = cache_supersede(old->cache, old, false);
	if (!e) {
		t->error = -ENOMEM;
		return -ENOMEM;
	}
	log_info(LOG_FETCH, "%s: the origin has another version",
		 old->label);
	schedule_abandon(old, t);
	schedule_move(t, e);
	entry_unref(e);
	t->conditional = false;		/* what it validated is past */
	return take_data(t);
}

/* A body that is nobody's is read to its end when that is near, to keep the
 * connection. Not behind a success that was no use: who breaks rules there may
 * do so about where the body ends. */
static bool is_worth_draining(const struct reply *r)
{
	return r->status == 304 ||
		(r->status >= 300 && r->content_length <= DISCARD_MAX);
}

int verdict_headers(struct transfer *t)
{
	struct entry *e = t->entry;
	const struct reply_version *known = NULL;

	/* Nothing to validate by: what comes is taken as another version. */
	bool blind = t->conditional && !t->asked.validating;

	if (e->state == ENTRY_KNOWN && !blind)
		known = &e->rec.version;
	t->host->down_until_ms = 0;
	t->phase = TRANSFER_DISCARD;
	t->verdict = reply_judge(&t->reply, &t->asked, known, &t->facts);
	log_debug(LOG_FETCH, "%s: %d", e->label, t->reply.status);
	switch (t->verdict) {
	case REPLY_DATA:
		if (blind)
			return take_changed(t);
		if (!t->conditional)
			return take_data(t);
		/* The origin does not do conditional requests, but it is the
		 * version we have. */
		confirm(t);
		t->done = true;
		return -ECANCELED;
	case REPLY_CHANGED:
		return take_changed(t);
	default:
		return is_worth_draining(&t->reply) ? 0 : -ECANCELED;
	}
}

/* The end. */

static void succeeded(struct entry *e)
{
	e->failures = 0;
	e->last_error = 0;
	e->retry_ms = 0;
	e->resolved_again = false;
}

/* When to try again: exponential, with jitter, not before the origin says. */
static int64_t backoff_ms(unsigned failures, int64_t retry_after)
{
	int64_t ms = BACKOFF_MIN_MS;

	while (--failures > 0 && ms < BACKOFF_MAX_MS)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	ms += ms * (random() % 51 - 25) / 100;
	if (retry_after > RETRY_AFTER_MAX)
		retry_after = RETRY_AFTER_MAX;
	if (retry_after * 1000 > ms)
		ms = retry_after * 1000;
	return ms;
}

/* The origin could not be asked. True: the stored answer stands in for it
 * (RFC 9111, 4.2.4; RFC 5861, 4). */
static bool use_stale(struct transfer *t, int error)
{
	struct entry *e = t->entry;
	/* It was reached, if it has said anything at all. */
	int why = t->reply.status ? -EIO : error;

	if (entry_is_strict(e)) {
		order_end_check(e, why);
		return false;
	}
	log_info(LOG_FETCH, "%s: not validated (%s): using what is here",
		 e->label, strerror(-error));
	entry_unconfirmed(e, why);
	return true;
}

static void failed(struct transfer *t, int error, int64_t now)
{
	struct entry *e = t->entry;

	if (error == -EHOSTUNREACH || error == -ETIMEDOUT)
		t->host->down_until_ms = now + HOST_DOWN_MS;
	if (t->conditional && e->state == ENTRY_KNOWN && use_stale(t, error))
		return;
	e->last_error = error;
	/* Requests that were under way together fail together: once. */
	if (e->failures && t->started_ms <= e->failed_ms)
		return;
	if (t->new_bytes)
		e->failures = 0;
	e->failures++;
	count_one(&e->cache->counts.retries);
	e->failed_ms = e->retry_ms = now;
	/* A connection that brought something is worth going on at once. */
	if (t->new_bytes < TRANSFER_BUFFER)
		e->retry_ms += backoff_ms(e->failures, t->facts.retry_after);
	log_line(e->failures == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, LOG_FETCH,
		 "%s: %s at %" PRIu64 ", again in %" PRId64 " ms",
		 e->label, strerror(-error), t->pos,
		 e->retry_ms - now);
	if ((e->state == ENTRY_NEW || t->conditional) &&
	    error == -EHOSTUNREACH && e->failures >= PROBE_TRIES) {
		e->failures = 0;
		if (e->state == ENTRY_NEW)
			entry_refuse(e, error);
		else
			entry_unconfirmed(e, error);
	}
}

/* A range that can't be had or not be trusted: from now on the whole is asked
 * for, which is dear. Not so a validation, which may have to bring the whole
 * in any case. */
static void range_failed(struct transfer *t, int64_t now)
{
	struct entry *e = t->entry;

	if (e->ranges == PLAN_RANGES_YES && !t->conditional &&
	    e->failures < RANGE_TRIES) {
		failed(t, -EIO, now);
		return;
	}
	if (!e->no_range)
		log_info(LOG_FETCH, "%s: ranges can't be trusted (%d): asking "
			 "for all of it", e->label, t->reply.status);
	e->no_range = true;
	entry_set_ranges(e, PLAN_RANGES_NO);
}

/* A target that redirects once led to, a signed one perhaps, is refused: true
 * when the original URL is to be asked again. Several requests may have been
 * under way to it; the first that is refused sees to that. */
static bool target_expired(struct transfer *t)
{
	struct entry *e = t->entry;
	const struct url *current = e->target ? e->target : e->url;

	if (t->redirects)
		return false;
	if (strcmp(t->target->key, current->key) != 0)
		return true;
	if (!e->target && latest_is_newer(e, t->target->sent))
		return true;
	if (!e->target || e->resolved_again)
		return false;
	url_free(e->target);
	e->target = NULL;
	e->resolved_again = true;
	return true;
}

static void refused(struct transfer *t, int error, int64_t now)
{
	struct entry *e = t->entry;

	if ((error == -EACCES || error == -ENOENT) && target_expired(t))
		return;
	if (t->conditional && error == -EIO && use_stale(t, error))
		return;
	log_info(LOG_FETCH, "%s: %s (%d)", e->label, strerror(-error),
		 t->reply.status);
	e->retry_ms = now + ENTRY_REFUSAL_MS;
	entry_refuse(e, error);
}

void verdict_forbidden(struct transfer *t, int64_t now)
{
	struct entry *e = t->entry;

	log_warn(LOG_FETCH, "%s: not asked: allow, deny and private_targets "
		 "don't let it", e->label);
	e->retry_ms = now + ENTRY_REFUSAL_MS;
	entry_refuse(e, -EACCES);
	fetch_changed(t->fetch, e, false);
}

static void transport_failed(struct transfer *t, CURLcode result, int64_t now)
{
	curl_off_t answered = 0;
	long connects = 0;

	if (t->forbidden && !t->sockets) {
		verdict_forbidden(t, now);
		return;
	}
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &answered);
	/* What is no HTTP may be the rest of an earlier answer: a connection
	 * that was not used before will tell. */
	if ((result == CURLE_UNSUPPORTED_PROTOCOL && connects == 0) ||
	    (result == CURLE_WEIRD_SERVER_REPLY &&
	     (connects == 0 || t->phase != TRANSFER_HEADERS))) {
		result = CURLE_RECV_ERROR;
		t->entry->afresh = true;
	}
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		failed(t, -EHOSTUNREACH, now);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		failed(t, -ETIMEDOUT, now);
		break;
	case CURLE_OUT_OF_MEMORY:
		/* curl says the same of a header that is too large for it. */
		failed(t, answered ? -EIO : -ENOMEM, now);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_URL_MALFORMAT:
	case CURLE_LOGIN_DENIED:
		log_warn(LOG_FETCH, "%s: %s", t->host->origin,
			 curl_easy_strerror(result));
		refused(t, -EIO, now);
		break;
	default:
		failed(t, -EIO, now);
	}
}

/* The bytes, or how many there are, turned out to be of another version, and not
 * the new ones' first: begin anew with nothing. */
static void restart_generation(struct transfer *t)
{
	struct entry *old = t->entry;
	struct entry *e = cache_supersede(old->cache, old, true);

	if (!e)
		return;
	log_info(LOG_FETCH, "%s: the origin has another version",
		 old->label);
	schedule_abandon(old, t);
	entry_unref(e);
}

static void body_done(struct transfer *t, CURLcode result, int64_t now)
{
	struct entry *e = t->entry;

	if (t->error == -ESTALE) {
		restart_generation(t);
	} else if (t->error) {
		log_error(LOG_FETCH, "%s: cache: %s", e->label,
			  strerror(-t->error));
		e->retry_ms = now + ENTRY_REFUSAL_MS;
		entry_refuse(e, t->error);
	} else if (t->done || result == CURLE_OK) {
		if (t->end == PLAN_SIZE_UNKNOWN ? !transfer_saw_end(t) :
						  t->pos < t->end)
			failed(t, -EIO, now);
		else if (t->end == PLAN_SIZE_UNKNOWN &&
			 entry_set_size(e, t->pos))
			restart_generation(t);
		else
			succeeded(e);
	} else {
		transport_failed(t, result, now);
	}
	if (e->complete)
		log_info(LOG_FETCH, "%s: complete", e->label);
	fetch_changed(t->fetch, e, e->complete);
}

/* True when next is where a server sends who forgot a folder's slash. */
static bool is_own_folder(const struct url *u, const struct url *next)
{
	size_t n = strlen(u->key);

	return !strchr(u->key, '?') && strncmp(next->key, u->key, n) == 0 &&
		strcmp(next->key + n, "/") == 0;
}

static bool redirect(struct transfer *t, const struct conf *conf, int64_t now)
{
	struct entry *e = t->entry;
	struct url *next;
	int err;

	err = ++t->redirects > TRANSFER_REDIRECTS ? -ELOOP :
		url_resolve(t->target, t->reply.location, &next);
	if (err) {
		log_warn(LOG_FETCH, "%s: redirect not followed: %s",
			 e->label, strerror(-err));
		refused(t, -EIO, now);
		return false;
	}
	if (e->state == ENTRY_NEW && is_own_folder(e->url, next)) {
		url_free(next);
		entry_set_directory(e);
		fetch_changed(t->fetch, e, true);
		return false;
	}
	url_free(t->target);
	t->target = next;
	err = transfer_prepare(t, conf);
	if (err == -EACCES)
		verdict_forbidden(t, now);
	else if (err)
		failed(t, err, now);
	return !err;
}

bool verdict_done(struct transfer *t, CURLcode result, const struct conf *conf,
		  int64_t now)
{
	struct entry *e = t->entry;

	if (t->phase == TRANSFER_BODY) {
		if (!t->error)
			t->error = transfer_flush(t);
		body_done(t, result, now);
		return false;
	}
	if (t->phase == TRANSFER_HEADERS) {
		if (t->error == -ENOMEM)
			failed(t, t->error, now);
		else if (t->error)	/* a header block we do not take */
			refused(t, -EIO, now);
		else
			transport_failed(t, result, now);
		return false;
	}
	switch (t->verdict) {
	case REPLY_DATA:
	case REPLY_CHANGED:
		if (t->error)
			body_done(t, result, now);
		else
			succeeded(e);
		break;
	case REPLY_NOT_MODIFIED:
		confirm(t);
		succeeded(e);
		break;
	case REPLY_REDIRECT:
		return redirect(t, conf, now);
	case REPLY_NO_RANGE:
		range_failed(t, now);
		break;
	case REPLY_CHANGED_ELSEWHERE:
		restart_generation(t);
		break;
	case REPLY_RETRY:
		failed(t, t->facts.error, now);
		break;
	case REPLY_FAIL:
		refused(t, t->facts.error, now);
		break;
	}
	fetch_changed(t->fetch, e, false);
	return false;
}
