/* event: what a receiver may rely on when things go wrong. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/event.h"
#include "tests/tap.h"

/* In place of libc's. */
static _Atomic bool no_memory;

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = no_memory ? NULL : malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

struct ear {
	struct cache_sink s;	/* first */
	_Atomic unsigned n[CACHE_EVENT_LOST + 1];
};

static void on_event(struct cache_sink *s, const struct cache_event *ev)
{
	((struct ear *)s)->n[ev->kind]++;
}

static void test_memory(void)
{
	const struct cache_event ev = { .kind = CACHE_EVENT_BEGUN,
					.url = "http://h/x" };
	struct ear ear = { .s.event = on_event };
	struct messenger *m;

	if (!is_int(messenger_start(&m), 0, "started"))
		return;
	messenger_subscribe(m, &ear.s);
	messenger_post(m, &ev);
	no_memory = true;
	messenger_post(m, &ev);
	no_memory = false;
	for (int i = 0; i < 500 && !ear.n[CACHE_EVENT_LOST]; i++)
		usleep(10000);
	is_uint(ear.n[CACHE_EVENT_BEGUN], 1, "one had no memory");
	is_uint(ear.n[CACHE_EVENT_LOST], 1, "and is said to be lost");
	messenger_unsubscribe(m, &ear.s);
	messenger_free(m);
}

struct told {
	struct cache_watch w;	/* first */
	_Atomic unsigned calls;
	int status;
};

static void on_done(struct cache_watch *w, int status)
{
	struct told *t = (struct told *)w;

	t->status = status;
	t->calls++;
}

static void *stop(void *arg)
{
	messenger_stop(arg);
	return NULL;
}

/* Who ends a matter may be late. */
static void test_stop(void)
{
	struct told t = { .w.done = on_done }, u = { .w.done = on_done };
	struct watch_list l = { NULL };
	struct messenger *m;
	pthread_t thread;

	if (!is_int(messenger_start(&m), 0, "started"))
		return;
	messenger_watch(m, &l, &t.w);
	messenger_watch(m, &l, &u.w);
	if (pthread_create(&thread, NULL, stop, m))
		exit(99);
	usleep(100000);
	ok(messenger_cancel(m, &u.w), "one takes it back");
	messenger_settle(m, &l, -5);
	pthread_join(thread, NULL);
	is_uint(t.calls, 1, "the other is told before the end");
	is_int(t.status, -5, "how it ended");
	is_uint(u.calls, 0, "it alone");
	messenger_free(m);
}

int main(void)
{
	test_memory();
	test_stop();
	return done_testing();
}
