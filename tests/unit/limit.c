/* limit: how often somebody may ask, in a time of our own. */
#include "config.h"

#include "http/limit.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)

static struct limit_key key_of(unsigned n)
{
	struct limit_key key = { { 1 } };

	memcpy(&key.bytes[8], &n, sizeof(n));
	return key;
}

/* How many of `asked` requests at once are let through. */
static unsigned take(struct limit *l, unsigned who, unsigned rate,
		     int64_t now_us, unsigned asked)
{
	struct limit_key key = key_of(who);
	unsigned n = 0;

	while (asked-- > 0)
		n += limit_take(l, &key, rate, now_us) == 0;
	return n;
}

static void test_bursts(struct limit *l)
{
	static const unsigned rates[] = { 1, 2, 3, 7, 10, 100, 999, 5000 };
	int64_t now = 1000 * SECOND;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		unsigned rate = rates[i], who = (unsigned)i;
		unsigned slow = 0;

		is_uint(take(l, who, rate, now, 3 * rate), rate,
			"%u a second: as many at once", rate);
		is_uint(take(l, who, rate, now + SECOND, 3 * rate), rate,
			"... and a second later again");
		is_uint(take(l, who, rate, now + SECOND + SECOND / 2,
			     3 * rate), rate / 2, "... half as many in half");
		/* Another, who asks as often as is allowed. */
		for (unsigned n = 0; n < rate; n++)
			slow += take(l, who + 100, rate,
				     now + n * SECOND / rate, 1);
		is_uint(slow, rate, "... one after the other: all");
		now += 100 * SECOND;
	}
}

static void test_wait(struct limit *l)
{
	struct limit_key key = key_of(1000);
	int64_t now = 5000 * SECOND, wait;

	is_uint(take(l, 1000, 4, now, 4), 4, "four");
	wait = limit_take(l, &key, 4, now);
	is_int(wait, SECOND / 4, "the fifth is told to wait a quarter");
	is_int(limit_take(l, &key, 4, now), wait, "asking does not add to it");
	ok(limit_take(l, &key, 4, now + wait - 1) > 0, "a µs less is too soon");
	is_int(limit_take(l, &key, 4, now + wait), 0, "then it may");
	ok(limit_take(l, &key, 4, now + wait) > 0, "once");
}

static void test_crowd(struct limit *l)
{
	int64_t now = 9000 * SECOND;
	unsigned through = 0;

	is_uint(take(l, 2000, 1, now, 5), 1, "one of many");
	for (unsigned who = 0; who < 300; who++)
		through += take(l, 10000 + who, 1, now, 1);
	is_uint(through, 300, "others are not held up by it");
	is_uint(take(l, 2000, 1, now, 5), 0, "... and it is not forgotten");
	for (unsigned who = 0; who < 100000; who++)
		through += take(l, 20000 + who, 1, now, 1);
	is_uint(through, 100300, "nor are a hundred thousand");
}

int main(void)
{
	struct limit *l = calloc(1, sizeof(*l));

	if (!l)
		return 1;
	test_bursts(l);
	test_wait(l);
	test_crowd(l);
	free(l);
	return done_testing();
}
