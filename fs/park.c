#include "config.h"

#include "park.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum phase { HELD, PARKED, INTERRUPTED };

static void park_unref(struct park *p)
{
	if (atomic_fetch_sub(&p->refs, 1) > 1)
		return;
	p->release(p);
	free(p);
}

/* The end of a request whose answer said r. By its holder. */
static void finish(struct park *p, int r)
{
	if (r < 0)
		fuse_reply_err(p->req, -r);
	park_unref(p);
}

/* libfuse holds a lock of the request, nobody one of the engine's. */
static void interrupted(fuse_req_t req, void *data)
{
	struct park *p = data;
	int phase = HELD;

	(void)req;
	if (atomic_compare_exchange_strong(&p->phase, &phase, INTERRUPTED))
		return;
	if (phase == PARKED && cache_cancel(&p->waiter))
		finish(p, -EINTR);
}

static void ready(struct cache_waiter *w, int status);

/* After -EAGAIN. True: the request is in other hands (p may be gone). False:
 * still held; *r is 0 (ask again) or -EINTR. */
static bool publish(struct park *p, int *r)
{
	int64_t deadline_ms = p->waiter.deadline_ms;	/* of an earlier round */
	int phase = HELD;

	atomic_store(&p->phase, HELD);
	cache_waiter_init(&p->waiter, p->file, p->off, p->min, ready);
	p->waiter.deadline_ms = deadline_ms;
	fuse_req_interrupt_func(p->req, interrupted, p);
	atomic_fetch_add(&p->refs, 1);
	if (!atomic_compare_exchange_strong(&p->phase, &phase, PARKED)) {
		*r = -EINTR;
	} else if (cache_await(&p->waiter) || !cache_cancel(&p->waiter)) {
		park_unref(p);
		return true;
	} else {
		*r = 0;
	}
	fuse_req_interrupt_func(p->req, NULL, NULL);
	park_unref(p);
	return false;
}

static void park(struct park *p)
{
	int r = -EAGAIN;

	while (r == -EAGAIN) {
		if (publish(p, &r))
			return;
		if (r == 0)
			r = p->answer(p);
	}
	finish(p, r);
}

static void ready(struct cache_waiter *w, int status)
{
	struct park *p = (struct park *)((char *)w -
					 offsetof(struct park, waiter));
	int r;

	fuse_req_interrupt_func(p->req, NULL, NULL);
	p->status = p->min ? status : 0;
	r = status < 0 && !p->min ? status : p->answer(p);
	if (r == -EAGAIN)
		park(p);
	else
		finish(p, r);
}

void park_run(const struct park *request)
{
	struct park now = *request, *p;
	int r = now.answer(&now);

	if (r == -EAGAIN) {
		p = malloc(sizeof(*p));
		if (p) {
			*p = now;
			atomic_init(&p->refs, 1);
			park(p);
			return;
		}
		r = -ENOMEM;
	}
	if (r < 0)
		fuse_reply_err(now.req, -r);
	now.release(&now);
}
