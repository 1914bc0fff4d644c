/* control_queue: what a slow client of events still gets. */
#include "config.h"

#include "http/control_queue.h"
#include "tests/tap.h"

#include <stdlib.h>

static void put(struct control_queue *q, enum cache_event_kind kind,
		const char *url, uint64_t cached)
{
	const struct cache_event ev = { .kind = kind, .url = url,
					.generation = 1, .cached = cached };

	control_queue_put(q, &ev);
}

/* So many of one kind, of as many files. */
static void put_many(struct control_queue *q, enum cache_event_kind kind,
		     size_t n)
{
	char url[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(url, sizeof(url), "http://h/%zu", i);
		put(q, kind, url, i);
	}
}

static size_t count(struct control_queue *q, enum cache_event_kind kind)
{
	struct control_item *item;
	size_t n = 0;

	while ((item = control_queue_take(q))) {
		n += item->ev.kind == kind;
		control_item_free(item);
	}
	return n;
}

static void test_order(void)
{
	static const struct {
		enum cache_event_kind kind;
		const char *url;
		uint64_t cached;
	} want[] = {
		{ CACHE_EVENT_BEGUN, "a", 0 },
		{ CACHE_EVENT_PROGRESS, "a", 30 },
		{ CACHE_EVENT_PROGRESS, "b", 5 },
		{ CACHE_EVENT_COMPLETE, "a", 40 },
		{ CACHE_EVENT_LOST, NULL, 0 },
	};
	struct control_queue q;
	struct control_item *item;

	control_queue_init(&q);
	put(&q, CACHE_EVENT_BEGUN, "a", 0);
	put(&q, CACHE_EVENT_PROGRESS, "a", 10);
	put(&q, CACHE_EVENT_PROGRESS, "b", 5);
	put(&q, CACHE_EVENT_PROGRESS, "a", 30);
	put(&q, CACHE_EVENT_COMPLETE, "a", 40);
	put(&q, CACHE_EVENT_LOST, NULL, 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		item = control_queue_take(&q);
		if (!ok(item, "item %zu", i))
			break;
		is_int(item->ev.kind, want[i].kind, "... its kind");
		is_str(item->ev.url, want[i].url, "... its URL");
		is_uint(item->ev.cached, want[i].cached, "... the latest");
		control_item_free(item);
	}
	ok(!control_queue_take(&q), "and no more");
	control_queue_fini(&q);
}

static void test_too_much(void)
{
	struct control_queue q;

	control_queue_init(&q);
	put_many(&q, CACHE_EVENT_PROGRESS, CONTROL_QUEUE_MAX + 9);
	is_uint(q.n, CONTROL_QUEUE_MAX, "progress without end");
	ok(!q.cut, "... does not cut");
	put_many(&q, CACHE_EVENT_COMPLETE, CONTROL_QUEUE_MAX);
	is_uint(q.n, CONTROL_QUEUE_MAX, "completion pushes it out");
	ok(!q.cut, "... and does not cut");
	put(&q, CACHE_EVENT_PROGRESS, "http://h/x", 1);
	ok(!q.cut, "more progress has no room, which is nothing");
	put(&q, CACHE_EVENT_FAILED, "http://h/x", 1);
	ok(q.cut, "more than that cuts");
	is_uint(count(&q, CACHE_EVENT_COMPLETE), CONTROL_QUEUE_MAX,
		"behind what is in it");
	put(&q, CACHE_EVENT_COMPLETE, "http://h/y", 1);
	is_uint(q.n, 0, "and for good");
	control_queue_fini(&q);
}

/* What is pushed out may be the last, behind which the next one goes. */
static void test_last_pushed_out(void)
{
	struct control_queue q;

	control_queue_init(&q);
	put_many(&q, CACHE_EVENT_COMPLETE, CONTROL_QUEUE_MAX - 1);
	put(&q, CACHE_EVENT_PROGRESS, "http://h/x", 1);
	put(&q, CACHE_EVENT_FAILED, "http://h/y", 1);
	ok(!q.cut, "there was room");
	is_uint(q.n, CONTROL_QUEUE_MAX, "... for one");
	is_uint(count(&q, CACHE_EVENT_FAILED), 1, "which is in it");
	put(&q, CACHE_EVENT_COMPLETE, "http://h/z", 1);
	is_uint(count(&q, CACHE_EVENT_COMPLETE), 1, "an empty one goes on");
	control_queue_fini(&q);
}

int main(void)
{
	test_order();
	test_too_much();
	test_last_pushed_out();
	return done_testing();
}
