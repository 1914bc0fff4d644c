#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "cut.h"
#include "fields.h"
#include "io.h"
#include "latest.h"
#include "log.h"
#include "policy.h"
#include "proxy.h"
#include "transfer.h"

/* After an error of the disk it is tried again so late. */
#define DISK_RETRY_MS 10000

struct transfer *transfer_new(struct fetch *f, struct entry *e, uint64_t start,
			      uint64_t end, bool conditional)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fetch = f;
	t->conditional = conditional;
	t->asked.first = e->state == ENTRY_NEW;
	t->asked.ranged = end != PLAN_SIZE_UNKNOWN;
	t->asked.start = t->asked.ranged ? start : 0;
	t->asked.end = end;
	t->pos = t->asked.start;
	t->end = end;
	reply_init(&t->reply);
	t->easy = curl_easy_init();
	if (!t->easy || (e->target ? url_parse(e->target->sent, &t->target) :
				     latest_url(e, &t->target))) {
		t->entry = NULL;
		transfer_free(t);
		return NULL;
	}
	t->entry = e;
	entry_ref(e);
	return t;
}

void transfer_free(struct transfer *t)
{
	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	reply_fini(&t->reply);
	url_free(t->target);
	recent_give_back(t->block);
	if (t->entry)
		entry_unref(t->entry);
	free(t);
}

/* Keep bytes. */

/* The buffered bytes at off that are here already: the entry's origin has no
 * ranges and the download began anew. Returns how many, or -errno. */
static ssize_t flush_present(struct transfer *t, const char *data, size_t len,
			     uint64_t off)
{
	struct entry *e = t->entry;
	uint64_t run = extent_run(&e->rec.present, off);
	char have[4096];
	size_t done, n;
	int err;

	if (run > len)
		run = len;
	for (done = 0; t->compare && done < run; done += n) {
		n = run - done < sizeof(have) ? run - done : sizeof(have);
		pthread_mutex_lock(&e->lock);
		err = entry_copy_locked(e, have, n, off + done);
		pthread_mutex_unlock(&e->lock);
		if (err)
			return err;
		if (memcmp(have, data + done, n) != 0)
			return -ESTALE;
	}
	return (ssize_t)run;
}

/* On disk, or, while that fails, in memory. */
static int keep(struct transfer *t, const char *data, size_t len, uint64_t off)
{
	struct entry *e = t->entry;
	int64_t now = now_ms();
	int err;

	if (now < e->disk_retry_ms)
		return entry_keep_in_memory(e, data, len, off);
	err = io_write(e->fd, data, len, off);
	if (!err && cut_shorter(e->fd, e->length)) {
		cut_report(e, e->fd);	/* seen to before the next */
		err = -ESTALE;
	}
	if (!err) {
		recent_put(&e->cache->recent, t->block,
			   off + len - t->block->start);
		return entry_publish(e, off, off + len, t->end);
	}
	log_error(LOG_STORE, "%s: %s: read on without keeping", e->label,
		  strerror(-err));
	cache_stored(e, err);
	e->disk_retry_ms = now + DISK_RETRY_MS;
	return entry_keep_in_memory(e, data, len, off);
}

int transfer_flush(struct transfer *t)
{
	struct entry *e = t->entry;
	uint64_t off = t->pos - t->buffered, next;
	size_t len = t->buffered, part;
	const char *data = len ? t->block->data + (off - t->block->start) :
				 NULL;
	ssize_t here;
	int err = cut_check(e);

	t->buffered = 0;
	while (len && !err) {
		here = flush_present(t, data, len, off);
		if (here < 0)
			return (int)here;
		data += here;
		off += here;
		len -= here;
		next = extent_next(&e->rec.present, off);
		part = next - off < len ? next - off : len;
		if (part)
			err = keep(t, data, part, off);
		t->new_bytes += part;
		data += part;
		off += part;
		len -= part;
	}
	return err;
}

/* Take as many of the next n bytes as the block has room for. Returns how many;
 * 0: no memory. */
static size_t gather(struct transfer *t, const char *data, size_t n)
{
	struct entry *e = t->entry;
	size_t room = TRANSFER_BUFFER - t->pos % TRANSFER_BUFFER;

	if (t->block && room == TRANSFER_BUFFER) {
		recent_give_back(t->block);
		t->block = NULL;
	}
	if (!t->block)
		t->block = recent_begin(&e->cache->recent, e->rec.generation,
					t->pos);
	if (!t->block)
		return 0;
	if (n > room)
		n = room;
	memcpy(t->block->data + (t->pos - t->block->start), data, n);
	t->buffered += n;
	t->pos += n;
	return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n, part;

	t->progress_ms = now_ms();
	if (t->abandoned)
		return 0;
	if (t->phase == TRANSFER_DISCARD)
		return len;
	if (t->phase == TRANSFER_HEADERS) {
		t->error = -EIO;	/* a body without a header block */
		return 0;
	}
	if (!t->body_ms)
		t->body_ms = t->progress_ms;
	t->body_bytes += len;
	count_more(&t->entry->cache->counts.fetched, len);
	n = len;
	while (n && t->pos < t->end) {
		part = t->end - t->pos < n ? t->end - t->pos : n;
		part = gather(t, data, part);
		data += part;
		n -= part;
		if (!part)
			t->error = -ENOMEM;
		else if (t->pos % TRANSFER_BUFFER == 0 || t->pos == t->end)
			t->error = transfer_flush(t);
		if (t->error)
			return 0;
	}
	if (t->pos < t->end)
		return len;
	/* All that was wanted is here. What the origin has beyond it, because
	 * somebody else fetches from there or because it lies about lengths,
	 * is not taken. */
	if (n || t->end < t->facts.end) {
		t->done = true;
		return 0;
	}
	return len;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	t->progress_ms = now_ms();
	if (t->abandoned)
		return 0;
	if (t->phase != TRANSFER_HEADERS)
		return len;	/* a trailer */
	t->error = reply_line(&t->reply, data, len, time(NULL));
	if (t->error)
		return 0;
	if (len > 2 || (data[0] != '\r' && data[0] != '\n'))
		return len;
	if (t->reply.status < 200)
		return len;
	return verdict_headers(t) ? 0 : len;
}

/* curl with OpenSSL (7.88) takes a connection that was cut for one that was
 * ended; all it has to say about the difference is this. */
static int on_debug(CURL *c, curl_infotype type, char *data, size_t len,
		    void *arg)
{
	static const char in[] = "(IN)", end[] = "alert, close notify";
	struct transfer *t = arg;

	(void)c;
	if (type == CURLINFO_TEXT && memmem(data, len, in, strlen(in)) &&
	    memmem(data, len, end, strlen(end)))
		t->notified = true;
	return 0;
}

bool transfer_saw_end(const struct transfer *t)
{
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
	long http = 0;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &http);
	/* Other libraries tell curl, which then fails. */
	return !t->target->https || t->reply.transfer_coded ||
		http > CURL_HTTP_VERSION_1_1 || t->notified ||
		!tls || strncmp(tls, "OpenSSL", 7) != 0;
}

/* The request. */

static int add_header(struct transfer *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int add_header(struct transfer *t, const char *fmt, ...)
{
	struct curl_slist *list;
	va_list args;
	char *line;
	int n;

	va_start(args, fmt);
	n = vasprintf(&line, fmt, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;
	list = curl_slist_append(t->headers, line);
	free(line);
	if (!list)
		return -ENOMEM;
	t->headers = list;
	return 0;
}

static bool is_forwarded(const struct conf_origin *o, const struct field *f)
{
	size_t i;

	for (i = 0; i < o->forward_headers.n; i++)
		if (field_is(f, o->forward_headers.v[i]))
			return true;
	return false;
}

/* Those of the settings, and what a client wants the origin to be told: sent to
 * the URL it has asked for alone, and first in place of the settings'. */
static int add_others(struct transfer *t, const struct conf_origin *o)
{
	char *forward = NULL;
	const char *rest, *own;
	struct field f;
	size_t i;
	int err = 0;

	if (o->forward_headers.n && !t->redirects && !t->entry->target)
		forward = entry_forward(t->entry);
	for (i = 0; i < o->headers.n && !err; i++) {
		own = o->headers.v[i];
		if (fields_next(&own, &f) && is_forwarded(o, &f) &&
		    fields_has(forward, &f))
			continue;
		err = add_header(t, "%s", o->headers.v[i]);
	}
	for (rest = forward; !err && fields_next(&rest, &f);)
		if (is_forwarded(o, &f))
			err = add_header(t, "%.*s: %.*s", (int)f.name_len,
					 f.name, (int)f.value_len, f.value);
	free(forward);
	return err;
}

static int add_headers(struct transfer *t, const struct conf_origin *o)
{
	const struct reply_version *v = &t->entry->rec.version;
	const char *cond;
	int err = add_header(t, "Accept-Encoding: identity");

	if (!err)
		err = add_others(t, o);
	if (!err && t->asked.ranged)
		err = add_header(t, "Range: bytes=%" PRIu64 "-%" PRIu64,
				 t->asked.start, t->asked.end - 1);
	t->asked.validating = false;
	if (err || t->entry->state != ENTRY_KNOWN)
		return err;
	if (t->conditional) {
		t->asked.validating = v->etag || v->last_modified;
		if (v->etag)
			return add_header(t, "If-None-Match: %s", v->etag);
		if (v->last_modified)
			return add_header(t, "If-Modified-Since: %s",
					  v->last_modified);
		return 0;
	}
	cond = reply_if_range(v);
	if (cond && t->asked.ranged)
		err = add_header(t, "If-Range: %s", cond);
	return err;
}

/* ---- which addresses ------------------------------------------------------ */

/* Opens a socket for a connection, if it may be opened to there. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose,
			       struct curl_sockaddr *to)
{
	struct transfer *t = ctx;

	(void)purpose;
	if (!t->proxied && !policy_address(t->conf, t->target, &to->addr)) {
		t->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	t->sockets++;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* A connection is about to be used: an older one may be to where it may not go
 * any more. */
static int on_connection(void *ctx, char *address, char *own, int port,
			 int own_port)
{
	struct transfer *t = ctx;

	(void)own;
	(void)port;
	(void)own_port;
	if (t->proxied || policy_address_text(t->conf, t->target, address))
		return CURL_PREREQFUNC_OK;
	t->forbidden = true;
	t->sockets = 0;
	return CURL_PREREQFUNC_ABORT;
}

/* Proxy and address, which depend on each other. 0, -EACCES, -ENOMEM. */
static int prepare_way(struct transfer *t, const struct conf_origin *o)
{
	const char *proxy = proxy_of(o, t->target, getenv);
	CURL *c = t->easy;

	t->proxied = proxy;
	t->forbidden = false;
	t->sockets = 0;
	if (!policy_url(t->conf, t->target, proxy))
		return -EACCES;
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connection);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, t);
	return curl_easy_setopt(c, CURLOPT_PROXY, proxy ? proxy : "") ||
	       curl_easy_setopt(c, CURLOPT_NOPROXY, "") ? -ENOMEM : 0;
}

int transfer_prepare(struct transfer *t, const struct conf *conf)
{
	/* The section of the URL that is asked, not of the one that led here:
	 * what was configured for one origin never goes to another. */
	const struct conf_origin *o = conf_origin(conf, t->target->key);
	CURL *c = t->easy;
	int err;

	t->conf = conf;
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	reply_fini(&t->reply);
	reply_init(&t->reply);
	recent_give_back(t->block);
	t->block = NULL;
	t->buffered = 0;
	t->phase = TRANSFER_HEADERS;
	t->asked_at = time(NULL);
	t->started_ms = t->progress_ms = now_ms();
	if (add_headers(t, o))
		return -ENOMEM;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_PRIVATE, t);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* Give a name lookup up without waiting for its end: a name server that
	 * is silent would hold the whole engine. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, t->target->https ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
			 conf->connect_timeout * 1000L);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, t->entry->afresh ? 1L : 0L);
	t->entry->afresh = false;
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 512L * 1024);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_VERBOSE, t->target->https ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(c, CURLOPT_DEBUGDATA, t);
	err = prepare_way(t, o);
	if (err)
		return err;
	if (curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers) ||
	    curl_easy_setopt(c, CURLOPT_URL, t->target->sent) ||
	    curl_easy_setopt(c, CURLOPT_USERAGENT, o->user_agent ?
			     o->user_agent : "spoolfs/" PACKAGE_VERSION) ||
	    (o->ca_file &&
	     (curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file) ||
	      curl_easy_setopt(c, CURLOPT_CAPATH, NULL))))
		return -ENOMEM;
	return 0;
}
