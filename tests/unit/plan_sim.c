/* plan, at large: the laws over any snapshot, and whole readings in virtual
 * time (sim.h). What a reading costs in bytes, requests and waiting is a
 * promise here, so that tuning one case can't silently spoil another. */
#include "config.h"

#include "sim.h"
#include "tests/tap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define GIB (1024 * MIB)
#define UNKNOWN PLAN_SIZE_UNKNOWN
#define NOW 1000000

/* ---- any snapshot ---------------------------------------------------------
 */

#define SNAPSHOTS 200000

struct snapshot {
	struct plan_input in;
	struct extent_set present;
	struct plan_flight flights[SIM_FLIGHTS];
	struct plan_wait waits[24];
	struct plan_cursor cursors[8];
};

static uint64_t seed;

static uint64_t any(uint64_t below)
{
	return below ? sim_random(&seed) % below : 0;
}

static bool one_in(uint64_t n)
{
	return any(n) == 0;
}

/* Of every order of magnitude below. */
static uint64_t some(uint64_t below)
{
	return any(below >> any(32));
}

static uint64_t any_size(void)
{
	static const uint64_t odd[] = { 0, 1, 64 * KIB, UINT64_MAX - 1,
					INT64_MAX, UNKNOWN, UNKNOWN };

	return one_in(4) ? odd[any(7)] : 1 + some((uint64_t)1 << 41);
}

/* An offset where something may happen: in the file, at a cursor, or just
 * anywhere. */
static uint64_t any_place(const struct snapshot *s, uint64_t span)
{
	uint64_t near = s->cursors[any(8)].pos;

	if (one_in(16))
		return sim_random(&seed) >> any(64);
	return one_in(2) ? near + some(8 * MIB) - some(8 * MIB) : some(span);
}

static void any_present(struct snapshot *s, uint64_t span)
{
	for (uint64_t k = any(20); k-- > 0;) {
		uint64_t start = any_place(s, span);
		uint64_t end = start + some(span);

		if (end < start || end > span)
			end = span;
		if (start < end && extent_add(&s->present, start, end) < 0)
			diag("no memory");
	}
}

static bool overlaps(const struct snapshot *s, const struct plan_flight *f)
{
	for (size_t i = 0; i < s->in.n_flights; i++)
		if (f->pos < s->flights[i].end && s->flights[i].pos < f->end)
			return true;
	return false;
}

/* Flights as an engine would have them; or bringing what is here, from past
 * the end, backwards. */
static void any_flights(struct snapshot *s, uint64_t span, bool legal)
{
	for (uint64_t k = any(8); k-- > 0;) {
		struct plan_flight *f = &s->flights[s->in.n_flights];
		struct extent hole;

		f->pos = any_place(s, span);
		f->end = one_in(16) ? UNKNOWN : f->pos + some(64 * MIB);
		f->stoppable = !one_in(4);
		f->since_ms = NOW - (int64_t)some(20000);
		if (legal) {
			if (!extent_hole(&s->present, f->pos, span, &hole))
				continue;
			f->pos = hole.start;
			if (f->end > hole.end || f->end <= f->pos)
				f->end = hole.end;
		}
		s->in.n_flights += !overlaps(s, f);
	}
}

static void any_readers(struct snapshot *s, uint64_t span)
{
	s->in.n_cursors = any(9);
	for (size_t i = 0; i < s->in.n_cursors; i++)
		s->cursors[i] = (struct plan_cursor){
			.pos = any_place(s, span),
			.run = one_in(8) ? 0 : some(64 * MIB),
			.window = one_in(3) ? 0 : 2 * MIB + some(62 * MIB),
			.used_ms = one_in(4) ? NOW - (int64_t)any(20000) : NOW,
			.left = one_in(8),
			.taste = one_in(2) ? 0 : some(2 * MIB),
			.end = !one_in(4) ? 0 : one_in(2) ? PLAN_END_OPEN :
			       any_place(s, span),
		};
}

static void any_waits(struct snapshot *s, uint64_t span)
{
	s->in.n_waits = one_in(3) ? 0 : any(25);
	for (size_t i = 0; i < s->in.n_waits; i++) {
		uint64_t start = any_place(s, span);

		s->waits[i] = (struct plan_wait){ start, start + some(MIB) };
		if (i && one_in(3))
			s->waits[i] = s->waits[any(i)];
	}
}

static void any_snapshot(struct snapshot *s, bool legal)
{
	uint64_t size = any_size(), span;

	*s = (struct snapshot){ .in = {
		.size = size,
		.ranges = any(3),
		.probe = one_in(4),
		.max_flights = 1 + any(10),
		.lanes = any(17),
		.crowded = one_in(3),
		.fill = any(3),
		.rate = one_in(4) ? 0 : some(UINT64_MAX),
		.latency_us = one_in(4) ? 0 : some(one_in(9) ? UINT64_MAX : MIB),
		.now_ms = NOW,
	} };
	span = size == UNKNOWN ? (uint64_t)1 << 40 : size;
	any_readers(s, span);
	any_present(s, span);
	any_flights(s, span, legal);
	any_waits(s, span);
	s->in.present = &s->present;
	s->in.flights = s->flights;
	s->in.waits = s->waits;
	s->in.cursors = s->cursors;
}

static bool answers_differ(const struct plan_action *a, size_t n,
			   const struct plan_input *in)
{
	struct plan_action again[PLAN_ACTIONS_MAX];
	int64_t wake;

	if (plan_next(in, again, &wake) != n)
		return true;
	for (size_t i = 0; i < n; i++)
		if (!sim_same(&a[i], &again[i]))
			return true;
	return false;
}

/* A reader that stays within its quiet stretch gives the planner nothing to
 * start. */
static const char *check_quiet(struct snapshot *s)
{
	struct plan_action out[PLAN_ACTIONS_MAX];
	int64_t wake;

	for (size_t i = 0; i < s->in.n_cursors; i++) {
		struct plan_cursor *c = &s->cursors[i], was = *c;
		uint64_t until = plan_quiet_until(&s->in, c);
		uint64_t run = extent_run(&s->present, c->pos), go;

		if (until <= c->pos || !run || !(c->window || c->end))
			continue;
		go = until - c->pos < run ? until - c->pos : run;
		go = one_in(2) ? go : 1 + any(go);
		c->pos += go;
		c->run += go;
		for (size_t n = plan_next(&s->in, out, &wake); n-- > 0;)
			if (out[n].verb == PLAN_START)
				return "a quiet reader caused a request";
		*c = was;
	}
	return NULL;
}

/* Ask until nothing is left to do; then only the world can change. */
static const char *check_snapshot(struct snapshot *s, bool legal)
{
	struct plan_action out[PLAN_ACTIONS_MAX];
	const char *broken;
	int64_t wake;

	for (int round = 0; round < 32; round++) {
		size_t n = plan_next(&s->in, out, &wake);

		broken = sim_broken_law(&s->in, out, n, wake);
		if (broken)
			return broken;
		if (answers_differ(out, n, &s->in))
			return "another answer to the same question";
		if (!n)
			return legal ? check_quiet(s) : NULL;
		s->in.n_flights = sim_carry_out(s->flights, s->in.n_flights,
						out, n);
	}
	return "never content";
}

static void test_laws(bool legal)
{
	const char *broken = NULL;
	uint64_t at = 0, k;

	for (k = 0; k < SNAPSHOTS && !broken; k++) {
		struct snapshot s;

		at = seed = k * 2 + legal;
		any_snapshot(&s, legal);
		broken = check_snapshot(&s, legal);
		extent_fini(&s.present);
	}
	if (!ok(!broken, "the laws hold for %d %s snapshots", SNAPSHOTS,
		legal ? "possible" : "impossible"))
		diag("%s, seed %" PRIu64, broken, at);
}

/* ---- whole readings --------------------------------------------------------
 */

/* A good line to a far origin; a usual one; a machine next door. */
static const struct sim_link far = { .latency_us = 80000, .rate = 4 * MIB };
static const struct sim_link wan = { .latency_us = 50000, .rate = 20 * MIB };
static const struct sim_link lan = { .latency_us = 500, .rate = 100 * MIB,
				     .total = 100 * MIB };

static void report(const struct sim *s, const char *what)
{
	int64_t longest = 0;

	for (size_t i = 0; i < s->n_readers; i++)
		if (s->readers[i].longest_us > longest)
			longest = s->readers[i].longest_us;
	diag("%s: %.2f MiB pulled in %.2f s, %d requests, %d connections, "
	     "%d aborts, asked %d, longest wait %.0f ms",
	     what, (double)s->pulled / MIB, s->end_us / 1e6, (int)s->requests,
	     (int)s->connections, (int)s->aborts, (int)s->asked,
	     longest / 1e3);
}

/* Every reader has had all of its bytes, and no law was broken meanwhile. */
static void run(struct sim *s, const char *what)
{
	if (!s->limit_us)
		s->limit_us = 600 * 1000000LL;
	sim_run(s);
	report(s, what);
	if (!ok(!s->broken && !s->stuck, "%s: everybody gets all", what))
		diag("%s", s->broken ? s->broken : "stuck");
}

static double seconds(const struct sim *s)
{
	return s->end_us / 1e6;
}

static struct sim_reader copier(uint64_t from, uint64_t to)
{
	return (struct sim_reader){ .next = sim_copy, .from = from, .to = to,
				    .block = 128 * KIB };
}

static void test_copy(const char *what, const struct sim_link *link,
		      uint64_t size, bool stream)
{
	struct sim s = { .link = *link, .size = size, .n_readers = 1 };
	double ideal = (double)size / link->rate;

	s.readers[0] = copier(0, size);
	s.readers[0].stream = stream;
	run(&s, what);
	is_uint(s.pulled, size, "%s: exactly the file is pulled", what);
	ok(seconds(&s) * 0.9 <= ideal + 5 * link->latency_us / 1e6,
	   "%s: at 0.9 of the link at least (%.2f s, ideal %.2f s)", what,
	   seconds(&s), ideal);
	sim_fini(&s);
}

static void test_copies(void)
{
	struct sim_link shared = { .latency_us = 30000, .rate = 10 * MIB,
				   .total = 10 * MIB };

	test_copy("copy, far", &far, 200 * MIB, false);
	test_copy("copy, wan", &wan, 200 * MIB, false);
	test_copy("copy, lan", &lan, 400 * MIB, false);
	test_copy("copy, shared line", &shared, 200 * MIB, false);
	test_copy("stream, far", &far, 200 * MIB, true);
	test_copy("stream, lan", &lan, 400 * MIB, true);
	test_copy("copy, small", &wan, 100 * KIB, false);
}

static void test_crowd(const char *what, bool apart)
{
	struct sim s = { .link = wan, .size = 100 * MIB, .n_readers = 16 };

	s.link.total = 40 * MIB;
	for (size_t i = 0; i < 16; i++) {
		s.readers[i] = copier(0, s.size);
		s.readers[i].block = (64 + 16 * i) * KIB;
		s.readers[i].begin_us = apart ? 300000 * (int64_t)i : 0;
	}
	run(&s, what);
	is_uint(s.pulled, s.size, "%s: the file is pulled once", what);
	sim_fini(&s);
}

static void test_scan(void)
{
	static const struct sim_step steps[] = {
		{ 0, 64 * KIB, 0 },
		{ 64 * KIB, 64 * KIB, 0 },
		{ 128 * KIB, 128 * KIB, 0 },
		{ 200 * MIB - 256 * KIB, 64 * KIB, 0 },
		{ 200 * MIB - 192 * KIB, 192 * KIB, 0 },
	};
	struct sim s = { .link = far, .size = 200 * MIB, .n_readers = 1,
			 .linger_us = 30 * 1000000 };

	s.readers[0] = (struct sim_reader){ .next = sim_steps, .steps = steps,
					    .n_steps = COUNT(steps) };
	run(&s, "scan of head and tail");
	ok(s.pulled < 3 * MIB, "a scan costs less than 3 MiB");
	sim_fini(&s);
}

/* What ffprobe reads of a film with its index ahead, and what it costs beside:
 * next door, a first window. */
static void test_probing(void)
{
	static const struct sim_step steps[] = {
		{ 0, 32 * KIB, 0 }, { 32 * KIB, 400 * KIB, 5000 },
	};
	struct sim s = { .link = lan, .size = 200 * MIB, .n_readers = 1,
			 .linger_us = 30 * 1000000 };

	s.readers[0] = (struct sim_reader){
		.next = sim_steps, .steps = steps, .n_steps = COUNT(steps),
	};
	run(&s, "ffprobe");
	ok(s.pulled <= 432 * KIB + PLAN_WINDOW_FIRST,
	   "it costs a small window, next door");
	sim_fini(&s);
}

static void test_sniff(void)
{
	static const struct sim_step steps[] = { { 0, 4 * KIB, 0 } };
	struct sim s = { .link = far, .size = 200 * MIB, .n_readers = 1,
			 .linger_us = 30 * 1000000 };

	s.readers[0] = (struct sim_reader){ .next = sim_steps, .steps = steps,
					    .n_steps = COUNT(steps) };
	run(&s, "look at the head");
	is_uint(s.pulled, PLAN_PROBE, "a look at the head costs the probe");
	sim_fini(&s);
}

static void test_random(uint64_t block, double bound)
{
	struct sim s = { .link = wan, .size = 1024 * MIB, .n_readers = 1,
			 .linger_us = 30 * 1000000 };
	double needed = 50 * block + PLAN_PROBE;

	s.readers[0] = (struct sim_reader){ .next = sim_seek, .from = 0,
					    .to = s.size, .block = block,
					    .n_steps = 50, .seed = 1 };
	run(&s, "50 random reads");
	diag("%d KiB each: pulled %.3f of what was read, mean wait %.1f ms",
	     (int)(block / KIB), s.pulled / needed,
	     s.readers[0].waited_us / 50e3);
	ok(s.pulled <= bound * needed, "random reads of %d KiB pull %.2f x",
	   (int)(block / KIB), bound);
	ok(s.readers[0].waited_us / 50 <= 1.2 * (wan.latency_us +
	   block * 1000000 / wan.rate), "… and take one request each");
	sim_fini(&s);
}

/* Small reads all over, and then in sequence: a round trip or two, not one for
 * each read. */
static void test_settle(void)
{
	static struct sim_step steps[520];
	struct sim s = { .link = wan, .size = 1024 * MIB, .n_readers = 1 };
	size_t n = 0;

	for (uint64_t i = 0; i < 8; i++)
		steps[n++] = (struct sim_step){ (i * 37 % 8 * 100 + 50) * MIB,
						4 * KIB, 0 };
	for (uint64_t i = 0; i < 512; i++)
		steps[n++] = (struct sim_step){ 20 * MIB + i * 4 * KIB, 4 * KIB,
						0 };
	s.readers[0] = (struct sim_reader){ .next = sim_steps, .steps = steps,
					    .n_steps = n };
	run(&s, "small reads, then in sequence");
	ok(s.requests <= 9 + 6, "it is soon seen (%d requests)",
	   (int)s.requests);
	ok(seconds(&s) < 1.2, "… and costs little time");
	sim_fini(&s);
}

/* A closed range costs what it is, in one request. */
static void test_range(uint64_t from, uint64_t len, uint64_t requests)
{
	struct sim s = { .link = wan, .size = 1024 * MIB, .n_readers = 1,
			 .linger_us = 30 * 1000000 };

	s.readers[0] = copier(from, from + len);
	s.readers[0].stream = true;
	s.readers[0].end = from + len;
	run(&s, "a closed range");
	is_uint(s.pulled, len + (from ? PLAN_PROBE : 0),
		"%d KiB cost what they are", (int)(len / KIB));
	ok(s.requests <= requests, "… in %d requests", (int)requests);
	sim_fini(&s);
}

static void test_play(void)
{
	struct sim s = { .link = far, .size = 300 * MIB, .n_readers = 1,
			 .fill = PLAN_FILL_NONE };

	s.readers[0] = (struct sim_reader){ .next = sim_play, .from = 0,
					    .to = 60 * MIB, .block = 128 * KIB,
					    .bitrate = 2500000,
					    .begin_us = 0 };
	run(&s, "play, no fill");
	ok(s.pulled <= 62 * MIB + PLAN_WINDOW_MAX / 16,
	   "a player is a few windows ahead at most");
	ok(s.readers[0].longest_us < 500000, "… and never waits long");
	ok(s.requests < 120, "… on requests of some size");
	sim_fini(&s);
}

static void test_fill(void)
{
	struct sim s = { .link = far, .size = 100 * MIB, .n_readers = 1 };

	s.readers[0] = (struct sim_reader){ .next = sim_play, .from = 0,
					    .to = 60 * MIB, .block = 128 * KIB,
					    .bitrate = 2000000 };
	run(&s, "play and fill");
	is_uint(s.present.total, s.size, "a playback fills the file");
	is_uint(s.pulled, s.size, "… pulling it once");
	ok(s.requests < 20, "… in few requests");
	sim_fini(&s);
}

static void test_left(void)
{
	struct sim s = { .link = far, .size = 1024 * MIB, .n_readers = 1,
			 .linger_us = 60 * 1000000 };

	s.readers[0] = (struct sim_reader){ .next = sim_play, .from = 0,
					    .to = 8 * MIB, .block = 128 * KIB,
					    .bitrate = 2000000 };
	run(&s, "play, then pause");
	ok(s.pulled > 30 * MIB && s.pulled < 75 * MIB,
	   "the fill stops 10 s after its reader does");
	sim_fini(&s);
}

/* A player that looks at head and tail, plays, seeks, plays. */
static void test_player(void)
{
	static struct sim_step steps[1000];
	size_t n = 0;
	uint64_t places[] = { 48 * KIB, 160 * MIB, 40 * MIB, 110 * MIB };
	struct sim s = { .link = far, .size = 200 * MIB, .n_readers = 1 };
	uint64_t off = 199 * MIB;

	steps[n++] = (struct sim_step){ 0, 64 * KIB, 0 };
	for (; off < 200 * MIB; off += 64 * KIB)
		steps[n++] = (struct sim_step){ off, 64 * KIB, 0 };
	for (size_t k = 0; k < COUNT(places); k++) {
		off = places[k];
		/* The demuxer's buffer fills at once, then at bitrate. */
		for (int i = 0; i < 100; i++, off += 128 * KIB)
			steps[n++] = (struct sim_step){ off, 128 * KIB,
							i < 16 ? 0 : 52000 };
	}
	s.readers[0] = (struct sim_reader){ .next = sim_steps, .steps = steps,
					    .n_steps = n };
	run(&s, "start and three seeks");
	ok(s.readers[0].longest_us < 600000, "a seek waits for a request");
	sim_fini(&s);
}

static void test_pair(void)
{
	struct sim s = { .link = wan, .size = 300 * MIB, .n_readers = 1,
			 .fill = PLAN_FILL_NONE };
	static struct sim_step steps[512];
	size_t n = 0;

	/* Video and audio at two places of one file, by one handle. */
	for (uint64_t i = 0; i < 400; i++) {
		steps[n++] = (struct sim_step){ i * 128 * KIB, 128 * KIB,
						20000 };
		if (i % 4 == 0)
			steps[n++] = (struct sim_step){
				200 * MIB + i / 4 * 64 * KIB, 64 * KIB, 0
			};
	}
	s.readers[0] = (struct sim_reader){ .next = sim_steps, .steps = steps,
					    .n_steps = n };
	run(&s, "two tracks");
	ok(s.pulled < 65 * MIB, "two tracks cost two windows");
	ok(s.readers[0].misses < 12, "… and rarely starve");
	sim_fini(&s);
}

/* More places than connections. */
static void test_scarce(void)
{
	struct sim s = { .link = far, .size = 2048 * MIB, .n_readers = 8,
			 .max_flights = 3 };

	for (size_t i = 0; i < 8; i++)
		s.readers[i] = copier(i * 200 * MIB, i * 200 * MIB + 20 * MIB);
	run(&s, "8 readers on 3 connections");
	for (size_t i = 0; i < 8; i++)
		ok(s.readers[i].longest_us < 15000000,
		   "reader %zu of 8 gets its turn (%.1f s)", i,
		   s.readers[i].longest_us / 1e6);
	sim_fini(&s);
}

static void test_losses(void)
{
	struct sim s = { .link = wan, .size = 200 * MIB, .n_readers = 3 };

	s.link.loss = 200;
	s.random = 7;
	s.readers[0] = copier(0, s.size);
	s.readers[1] = copier(50 * MIB, s.size);
	s.readers[2] = (struct sim_reader){ .next = sim_seek, .from = 0,
					    .to = s.size, .block = 64 * KIB,
					    .n_steps = 50, .seed = 3 };
	run(&s, "losses");
	ok(s.aborts > 10, "connections did break");
	sim_fini(&s);
}

static void test_whole(bool no_length)
{
	struct sim s = { .link = wan, .size = 50 * MIB, .n_readers = 3 };

	s.link.no_ranges = true;
	s.link.no_length = no_length;
	s.readers[0] = copier(0, s.size);
	s.readers[1] = copier(40 * MIB, s.size);
	s.readers[2] = copier(10 * MIB, 20 * MIB);
	run(&s, no_length ? "no ranges, no length" : "no ranges");
	is_uint(s.pulled, s.size, "one request gives it to all");
	sim_fini(&s);
}

/* Who has been told what it is, and then reads, gets what is on its way. */
static void test_soon(int64_t later_us, uint64_t requests)
{
	struct sim s = { .link = far, .size = 50 * MIB, .n_readers = 1 };

	s.link.no_ranges = true;
	s.readers[0] = copier(0, s.size);
	s.readers[0].begin_us = 2 * (int64_t)s.link.latency_us + later_us;
	run(&s, "no ranges, read after a look");
	is_uint(s.requests, requests, "… %d ms later takes %d requests",
		(int)(later_us / 1000), (int)requests);
	sim_fini(&s);
}

/* ---- several connections for one reader ------------------------------------
 */

#define MB 1000000

static const struct sim_link slow_each = { .latency_us = 50000,
					   .rate = 20 * MB };

static struct sim lanes_sim(const struct sim_link *link, uint64_t size)
{
	struct sim s = { .link = *link, .size = size, .n_readers = 1,
			 .max_flights = 16 };

	s.readers[0] = copier(0, size);
	return s;
}

/* What a copier has had after so long. */
static uint64_t copied(const struct sim_link *link, int64_t us)
{
	struct sim s = lanes_sim(link, 4 * GIB);
	uint64_t got;

	s.limit_us = us;
	sim_run(&s);
	got = s.readers[0].got;
	ok(!s.broken, "the laws hold meanwhile");
	sim_fini(&s);
	return got;
}

static void test_lanes(void)
{
	uint64_t one = copied(&slow_each, 1000000);
	uint64_t two = copied(&slow_each, 2000000);
	uint64_t four = copied(&slow_each, 4000000);

	diag("MB after 1, 2, 4 s: %d, %d, %d", (int)(one / MB),
	     (int)(two / MB), (int)(four / MB));
	ok(two - one >= 160 * MB, "160 MB/s in the second second");
	ok(four - two >= 2 * 200 * MB, "200 MB/s from then on");
}

/* A line that is full with one: no more than one, but for a try. */
static void test_lanes_shared(uint64_t rate)
{
	struct sim_link link = { .latency_us = 50000, .rate = rate,
				 .total = rate };
	struct sim s = lanes_sim(&link, 10 * rate);

	run(&s, "a full line");
	is_uint(lanes_allowed(&s.lanes, 16, s.now_us / 1000), 1,
		"a full line keeps one connection");
	ok(s.widest <= 4, "… and has had %zu", s.widest);
	is_uint(s.pulled, s.size, "… and nothing is pulled twice");
	ok(seconds(&s) < 10.8, "… nor slower (%.1f s, ideal 10)", seconds(&s));
	sim_fini(&s);
}

/* A line that is full with some: about so many. */
static void test_lanes_some(void)
{
	struct sim_link link = slow_each;
	struct sim s;

	link.total = 80 * MB;
	s = lanes_sim(&link, 800 * (uint64_t)MB);
	run(&s, "a line for four");
	ok(lanes_allowed(&s.lanes, 16, s.now_us / 1000) <= 8,
	   "no more than it takes");
	ok(seconds(&s) < 12, "… is full (%.1f s, ideal 10)", seconds(&s));
	sim_fini(&s);
}

static void test_lanes_refused(void)
{
	struct sim_link link = slow_each;
	struct sim s;

	link.most = 3;
	s = lanes_sim(&link, 400 * (uint64_t)MB);
	run(&s, "429 to the fourth connection");
	is_uint(lanes_allowed(&s.lanes, 16, s.now_us / 1000), 1,
		"after a refusal one connection");
	ok(s.refused && s.refused <= 8, "… for a while (%d refused)",
	   (int)s.refused);
	ok(seconds(&s) < 22, "… which brings what it can (%.1f s)",
	   seconds(&s));
	sim_fini(&s);
}

/* Who is served by one in time needs no second one. */
static void test_lanes_player(void)
{
	struct sim s = { .link = slow_each, .size = 400 * MIB, .n_readers = 1,
			 .max_flights = 16, .fill = PLAN_FILL_NONE };

	s.readers[0] = (struct sim_reader){ .next = sim_play, .from = 0,
					    .to = 60 * MIB, .block = 128 * KIB,
					    .bitrate = 8 * MB };
	run(&s, "a player");
	ok(s.widest <= 3, "a player in time has no lanes (%zu)", s.widest);
	sim_fini(&s);
}

/* ---- the table behind it */

static void measured(struct lanes *l, unsigned busy, uint64_t rate,
		     int64_t *now_ms)
{
	for (int i = 0; i < 40; i++, *now_ms += 10)
		lanes_count(l, lanes_allowed(l, 64, *now_ms), busy, rate / 100,
			    *now_ms);
}

static void test_lanes_table(void)
{
	struct lanes l = { 0 };
	int64_t now = NOW;

	is_uint(lanes_allowed(&l, 16, now), 1, "nothing known: one");
	measured(&l, 1, 20 * MB, &now);
	is_uint(lanes_allowed(&l, 16, now), 2, "one measured: try two");
	measured(&l, 2, 40 * MB, &now);
	is_uint(lanes_allowed(&l, 16, now), 4, "two pay: try four");
	is_uint(lanes_allowed(&l, 3, now), 3, "… or as many as there are");
	measured(&l, 4, 48 * MB, &now);
	is_uint(lanes_allowed(&l, 16, now), 2, "four don't: two");
	measured(&l, 2, 40 * MB, &now);
	now += LANES_RETRY_MS;
	is_uint(lanes_allowed(&l, 16, now), 4, "… and later again four");
	measured(&l, 4, 80 * MB, &now);
	is_uint(lanes_allowed(&l, 16, now), 8, "… which may pay then");
	lanes_refused(&l, 5, now);
	is_uint(lanes_allowed(&l, 16, now), 1, "refused: one");
	is_uint(lanes_cap(&l, 16, now), 5, "… and of all what was served");
	lanes_refused(&l, 2, now + 10);
	is_uint(lanes_cap(&l, 16, now), 2, "… the least of it");
	lanes_refused(&l, 0, now + 10);
	is_uint(lanes_cap(&l, 16, now), 2, "… none says nothing");
	now += LANES_CALM_MS;
	is_uint(lanes_cap(&l, 16, now), 16, "… for a while");
	is_uint(lanes_allowed(&l, 16, now), 8, "then as before");
	lanes_refused(&l, 1, now);
	is_uint(lanes_cap(&l, 16, now + 2 * LANES_CALM_MS - 1), 1,
		"refused again: for longer");
	is_uint(lanes_cap(&l, 16, now + 2 * LANES_CALM_MS), 16,
		"… twice as long");
	l = (struct lanes){ 0 };
	lanes_refused(&l, 0, now);
	is_uint(lanes_allowed(&l, 16, now), 1, "refused alone: one a reader");
	is_uint(lanes_cap(&l, 16, now), 16, "… and all for others");
	lanes_refused(&l, 3, now + 10);
	is_uint(lanes_cap(&l, 16, now), 3, "… until it is one of many");
	l = (struct lanes){ 0 };
	measured(&l, 0, MB, &now);
	is_uint(lanes_allowed(&l, 16, now), 1,
		"a reader who wants less than one brings measures nothing");
	measured(&l, 64, UINT64_MAX / 100000, &now);
	measured(&l, 1, 0, &now);
	is_uint(lanes_allowed(&l, 64, now), 1, "no overflow");
}

/* Anything at once, for the laws and for nobody to hang. */
static void test_mixed(int nr)
{
	struct sim s = { .size = 64 * MIB, .max_flights = 1 + nr % 5,
			 .fill = nr % 3 };

	seed = nr;
	s.link = (struct sim_link){
		.latency_us = 1000 + sim_random(&seed) % 100000,
		.rate = (1 + sim_random(&seed) % 30) * MIB,
		.total = (1 + sim_random(&seed) % 60) * MIB,
		.no_ranges = sim_random(&seed) % 8 == 0,
		.no_length = sim_random(&seed) % 2,
	};
	s.link.no_length &= s.link.no_ranges;
	s.link.loss = sim_random(&seed) % (s.link.no_ranges ? 20 : 300);
	s.random = seed;
	s.n_readers = 1 + sim_random(&seed) % 8;
	for (size_t i = 0; i < s.n_readers; i++) {
		struct sim_reader *r = &s.readers[i];
		uint64_t from = sim_random(&seed) % (60 * MIB);

		*r = copier(from, s.size);
		r->begin_us = sim_random(&seed) % 3000000;
		r->seed = sim_random(&seed);
		r->bitrate = 2 * MIB;
		r->stream = sim_random(&seed) % 2;
		r->n_steps = 30;
		r->next = (bool (*[])(struct sim_reader *, struct sim_step *)){
			sim_copy, sim_play, sim_seek
		}[sim_random(&seed) % 3];
	}
	s.limit_us = 3600 * 1000000LL;
	sim_run(&s);
	if (!ok(!s.broken && !s.stuck, "mixed readers %d", nr))
		diag("%s", s.broken ? s.broken : "stuck");
	sim_fini(&s);
}

int main(void)
{
	test_laws(true);
	test_laws(false);
	test_copies();
	test_crowd("16 readers", false);
	test_crowd("16 readers, one after the other", true);
	test_scan();
	test_probing();
	test_sniff();
	test_random(64 * KIB, 1.05);
	test_random(16 * KIB, 1.15);
	test_random(1024 * KIB, 1.05);
	test_settle();
	test_range(500 * MIB, 16 * KIB, 2);
	test_range(500 * MIB, 1024 * KIB, 2);
	test_range(0, 300 * KIB, 2);
	test_range(500 * MIB, 100 * MIB, 30);
	test_play();
	test_fill();
	test_left();
	test_player();
	test_pair();
	test_scarce();
	test_losses();
	test_whole(false);
	test_whole(true);
	test_soon(20000, 1);
	test_soon(500000, 2);
	test_lanes_table();
	test_lanes();
	test_lanes_shared(20 * MB);
	test_lanes_shared(200 * MB);
	test_lanes_some();
	test_lanes_refused();
	test_lanes_player();
	for (int i = 0; i < 40; i++)
		test_mixed(i);
	return done_testing();
}
