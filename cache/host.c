#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"

/* Bytes are counted so often. */
#define COUNT_MS 10

static struct host *remove_next(struct host **at)
{
	struct host *h = *at;

	*at = h->next;
	return h;
}

static void host_free(struct host *h)
{
	free(h->origin);
	free(h);
}

/* The host of this origin, in no list. NULL: no memory. */
static struct host *take_or_make(struct fetch *f, const char *origin)
{
	struct host **at, *h;

	for (at = &f->hosts; *at; at = &(*at)->next)
		if (strcmp((*at)->origin, origin) == 0)
			return remove_next(at);
	h = calloc(1, sizeof(*h));
	if (h && !(h->origin = strdup(origin))) {
		free(h);
		return NULL;
	}
	return h;
}

struct host *host_get(struct fetch *f, const char *origin)
{
	struct host *h = take_or_make(f, origin);

	if (h) {
		h->next = f->hosts;
		f->hosts = h;
	}
	return h;
}

void host_forget(struct fetch *f)
{
	struct host **at = &f->hosts;

	for (unsigned n = 0; *at; n++)
		if (n < HOSTS_KEPT || (*at)->active || (*at)->claims.first)
			at = &(*at)->next;
		else
			host_free(remove_next(at));
}

struct host *host_of(struct fetch *f, struct entry *e)
{
	return host_get(f, (e->target ? e->target : e->url)->origin);
}

void host_free_all(struct fetch *f)
{
	while (f->hosts)
		host_free(remove_next(&f->hosts));
}

unsigned host_cap(const struct fetch *f, const struct host *h, int64_t now)
{
	return lanes_cap(&h->lanes, live_now(f->live)->max_connections, now);
}

bool host_has_room(struct fetch *f, struct entry *e)
{
	struct host *h = host_of(f, e);

	return h && h->active < host_cap(f, h, now_ms());
}

void host_offer(struct fetch *f, struct host *h)
{
	struct claim *c = claim_next(&h->claims);

	if (c && h->active < host_cap(f, h, now_ms()))
		c->entry->plan_due = true;
}

static void smooth(uint64_t *average, uint64_t sample)
{
	*average = *average ? (*average * 7 + sample) / 8 : sample;
}

void host_measure(struct transfer *t, int64_t now)
{
	curl_off_t first = 0, sent = 0;

	if (t->phase != TRANSFER_BODY || !t->body_ms)
		return;
	curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
	if (first > sent)
		smooth(&t->host->latency_us, first - sent);
	if (now - t->body_ms >= 20 && t->body_bytes >= 64 * 1024)
		smooth(&t->host->rate,
		       t->body_bytes * 1000 / (uint64_t)(now - t->body_ms));
}

/* What came from h since it was counted last. */
static void count(struct fetch *f, struct host *h, int64_t now)
{
	uint64_t came = h->came;
	struct transfer *t;
	unsigned busy = 0;

	if (now - h->lanes.last_ms < COUNT_MS)
		return;
	for (t = f->transfers; t; t = t->all_next) {
		if (t->host != h)
			continue;
		busy += t->phase == TRANSFER_BODY;
		came += t->body_bytes - t->counted_bytes;
		t->counted_bytes = t->body_bytes;
	}
	h->came = 0;
	lanes_count(&h->lanes, lanes_allowed(&h->lanes,
					     live_now(f->live)->max_connections, now),
		    busy, came, now);
}

void host_refused(struct fetch *f, struct host *h, int64_t now)
{
	struct transfer *t;
	unsigned served = 0;

	for (t = f->transfers; t; t = t->all_next)
		served += t->host == h && t->phase == TRANSFER_BODY;
	lanes_refused(&h->lanes, served, now);
	log_debug(LOG_PLAN, "%s: asks for less: %u connections", h->origin,
		  host_cap(f, h, now));
}

/* How many connections to h one reader of e may have: shared with the other
 * entries that use some. */
static unsigned shared_lanes(struct fetch *f, const struct host *h,
			     const struct entry *e, int64_t now)
{
	unsigned n = lanes_allowed(&h->lanes, live_now(f->live)->max_connections, now);
	const struct transfer *t;
	unsigned entries = 1;

	for (t = f->transfers; t; t = t->all_next)
		entries += t->host == h && t->entry != e &&
			t->entry->transfers == t;
	return n > entries ? n / entries : 1;
}

void host_facts(struct fetch *f, struct host *h, const struct entry *e,
		struct plan_input *in)
{
	count(f, h, in->now_ms);
	in->max_flights = host_cap(f, h, in->now_ms);
	in->crowded = claim_others(&h->claims, &e->claim);
	in->lanes = in->crowded ? 1 : shared_lanes(f, h, e, in->now_ms);
	in->rate = h->lanes.each ? h->lanes.each : h->rate;
	in->latency_us = h->latency_us;
}
