#include "config.h"

#include <stdbool.h>
#include <stddef.h>

#include "lanes.h"

/* One measurement takes so long … */
#define SPAN_MS 100
/* … or, where little comes, until it is so much, but not for ever. */
#define SPAN_BYTES ((uint64_t)256 << 10)
#define SPAN_MAX_MS 1000
/* Nobody has counted for so long: it says nothing. */
#define GAP_MS 200
/* A new connection may begin slowly: not the first sample is the judge. */
#define SAMPLES 3

static void begin(struct lanes *l, int64_t now_ms)
{
	l->since_ms = l->last_ms = now_ms;
	l->bytes = l->busy_ms = 0;
}

/* The level that so many connections on the average, in hundredths, stand for;
 * LANES_LEVELS: none, for the reader wants less than one brings. */
static size_t level_of(uint64_t busy)
{
	size_t i = 0;

	if (busy < 90)
		return LANES_LEVELS;
	/* The geometric mean of one level and the next parts them. */
	while (i + 1 < LANES_LEVELS && busy > ((uint64_t)141 << i))
		i++;
	return i;
}

static void sample(struct lanes *l, size_t i, uint64_t rate, int64_t now_ms)
{
	uint64_t each = l->bytes * 1000 / l->busy_ms;
	struct lanes_level *v = &l->level[i];

	l->each = l->each ? (l->each + each) / 2 : each;
	if (v->samples && now_ms - v->at_ms < LANES_RETRY_MS) {
		v->rate = v->samples < SAMPLES ? (v->rate + rate) / 2 :
			v->rate / 4 * 3 + rate / 4;
		v->samples++;
	} else {
		v->rate = rate;
		v->samples = 1;
	}
	v->at_ms = now_ms;
}

void lanes_count(struct lanes *l, unsigned allowed, unsigned busy,
		 uint64_t bytes, int64_t now_ms)
{
	uint64_t span;
	size_t i;

	if (!l->last_ms || now_ms - l->last_ms > GAP_MS) {
		begin(l, now_ms);
		return;
	}
	l->bytes += bytes;
	l->busy_ms += busy * (uint64_t)(now_ms - l->last_ms);
	l->last_ms = now_ms;
	span = now_ms - l->since_ms;
	if (span < SPAN_MS || (l->bytes < SPAN_BYTES && span < SPAN_MAX_MS))
		return;
	i = level_of(l->busy_ms * 100 / span);
	/* Far fewer than could be, for a moment: they tell of what was in the
	 * pipe. */
	if (i < LANES_LEVELS && 4u << i > allowed)
		sample(l, i, l->bytes * 1000 / span, now_ms);
	begin(l, now_ms);
}

void lanes_refused(struct lanes *l, unsigned served, int64_t now_ms)
{
	/* Those that were under way together are refused together. */
	if (now_ms < l->calm_until_ms) {
		if (served && (!l->served || served < l->served))
			l->served = served;
		return;
	}
	l->calm_ms = l->calm_ms && now_ms - l->calm_until_ms < LANES_CALM_MAX_MS
		? 2 * l->calm_ms : LANES_CALM_MS;
	if (l->calm_ms > LANES_CALM_MAX_MS)
		l->calm_ms = LANES_CALM_MAX_MS;
	l->calm_until_ms = now_ms + l->calm_ms;
	l->served = served;
}

/* Whether the step from a level to the next pays; and whether that is known. */
static bool pays(const struct lanes_level *v)
{
	return v[1].rate / 5 >= v[0].rate / 4;
}

static bool known(const struct lanes_level *v, int64_t now_ms)
{
	return v[1].samples && (pays(v) ||
		(v[1].samples >= SAMPLES &&
		 now_ms - v[1].at_ms < LANES_RETRY_MS));
}

unsigned lanes_allowed(const struct lanes *l, unsigned max, int64_t now_ms)
{
	size_t i = 0;

	if (now_ms < l->calm_until_ms)
		return 1;
	/* The first one is measured while the reader's window still grows. */
	if (l->level[0].samples < 2)
		return 1;
	while (i + 1 < LANES_LEVELS && 1u << i < max && l->level[i].samples) {
		if (!known(&l->level[i], now_ms)) {
			i++;	/* try it */
			break;
		}
		if (!pays(&l->level[i]))
			break;
		i++;
	}
	return 1u << i < max ? 1u << i : max;
}

unsigned lanes_cap(const struct lanes *l, unsigned max, int64_t now_ms)
{
	if (now_ms >= l->calm_until_ms || !l->served)
		return max;
	return l->served < max ? l->served : max;
}
