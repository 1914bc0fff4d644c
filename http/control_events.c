/* GET /events: server-sent events (the HTML standard, 9.2), as they happen. A
 * client that is too slow for its queue (control_queue.h) is sent what is in
 * it, and the stream ends. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cache/url.h"
#include "control_call.h"
#include "control_json.h"
#include "control_queue.h"

#define HEARTBEAT_MS 15000

struct stream {
	struct cache *cache;
	struct cache_sink sink;
	struct call *call;
	struct url *only;	/* events of this one, unless NULL */
	int fd;			/* readable when something was queued */

	pthread_mutex_t lock;	/* a leaf, for the queue */
	struct control_queue queue;

	char *text;		/* on its way to the client */
	size_t len, sent;
};

/* ---- queueing, on the cache's messenger thread -------------------------------------- */

static bool is_wanted(const struct stream *s, const struct cache_event *ev)
{
	struct url *u;
	bool same;

	if (!s->only || !ev->url)
		return true;
	if (url_parse(ev->url, &u) < 0)
		return false;
	same = strcmp(u->key, s->only->key) == 0;
	url_free(u);
	return same;
}

static void on_event(struct cache_sink *sink, const struct cache_event *ev)
{
	struct stream *s = (struct stream *)
		((char *)sink - offsetof(struct stream, sink));
	const uint64_t one = 1;

	if (!is_wanted(s, ev))
		return;
	pthread_mutex_lock(&s->lock);
	control_queue_put(&s->queue, ev);
	pthread_mutex_unlock(&s->lock);
	if (write(s->fd, &one, sizeof(one)) < 0)
		return;		/* it is full, and so readable */
}

/* ---- sending, on the connection's thread --------------------------------------------- */

static char *format(const struct cache_event *ev)
{
	json_t *object = control_json_event(ev);
	char *data = object ? json_dumps(object, JSON_COMPACT) : NULL;
	char *text = NULL;

	json_decref(object);
	if (data && asprintf(&text, "event: %s\ndata: %s\n\n",
			     control_json_event_name(ev->kind), data) < 0)
		text = NULL;
	free(data);
	return text;
}

/* 1: text is the next thing to send; 0: nothing is queued; -ENOBUFS: nothing
 * more will be; -ENOMEM. */
static int take_next(struct stream *s)
{
	struct control_item *item;
	bool cut;

	pthread_mutex_lock(&s->lock);
	item = control_queue_take(&s->queue);
	cut = s->queue.cut;
	pthread_mutex_unlock(&s->lock);
	if (!item)
		return cut ? -ENOBUFS : 0;
	s->text = format(&item->ev);
	control_item_free(item);
	return s->text ? 1 : -ENOMEM;
}

/* Until there is text. */
static int fill(struct stream *s)
{
	int rc;

	s->sent = 0;
	while ((rc = take_next(s)) == 0) {
		rc = call_wait(s->call, s->fd, HEARTBEAT_MS, true);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			s->text = strdup(":\n\n");
			return s->text ? 1 : -ENOMEM;
		}
	}
	return rc;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = cls;
	size_t n;

	(void)pos;
	if (!s->text) {
		int rc = fill(s);

		if (rc < 0)
			return rc == -ECONNABORTED || rc == -ENOMEM ?
			       MHD_CONTENT_READER_END_WITH_ERROR :
			       MHD_CONTENT_READER_END_OF_STREAM;
		s->len = strlen(s->text);
	}
	n = s->len - s->sent < max ? s->len - s->sent : max;
	memcpy(buf, s->text + s->sent, n);
	s->sent += n;
	if (s->sent == s->len) {
		free(s->text);
		s->text = NULL;
	}
	return (ssize_t)n;
}

/* ---- life ------------------------------------------------------------------------------ */

static void stream_free(void *cls)
{
	struct stream *s = cls;

	cache_unsubscribe(s->cache, &s->sink);
	control_queue_fini(&s->queue);
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	url_free(s->only);
	free(s->text);
	free(s);
}

/* The greeting says to the client that from now on nothing is missed. */
static int stream_new(struct call *call, const char *url, struct stream **out)
{
	struct stream *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->cache = call->control->cache;
	s->call = call;
	control_queue_init(&s->queue);
	s->sink.event = on_event;
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0)
		rc = -errno;
	if (rc == 0 && url)
		rc = url_parse(url, &s->only);
	if (rc == 0 && !(s->text = strdup(": listening\n\n")))
		rc = -ENOMEM;
	if (rc < 0) {
		if (s->fd >= 0)
			close(s->fd);
		url_free(s->only);
		free(s);
		return rc;
	}
	s->len = strlen(s->text);
	pthread_mutex_init(&s->lock, NULL);
	cache_subscribe(s->cache, &s->sink);
	*out = s;
	return 0;
}

enum MHD_Result call_events(struct call *call, const struct ask *a)
{
	struct MHD_Response *response;
	struct stream *s;
	int rc = stream_new(call, a->url, &s);

	if (rc < 0)
		return call_fail(call, rc, NULL);
	response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 4096, read_stream, s, stream_free);
	if (!response)
		stream_free(s);
	return call_respond(call, MHD_HTTP_OK, response, "text/event-stream");
}
