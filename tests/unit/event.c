/* event: what a receiver may rely on when things go wrong. */
#include "config.h"

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

int main(void)
{
	test_memory();
	return done_testing();
}
