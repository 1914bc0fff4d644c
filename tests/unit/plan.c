/* plan: tables, of one rule or the other a row. The laws over all snapshots,
 * and whole readings, are in plan_sim.c. */
#include "config.h"

#include "sim.h"
#include "tests/tap.h"

#define GIB (1024 * MIB)
#define UNKNOWN PLAN_SIZE_UNKNOWN
#define NOW 1000000

/* ---- cursors --------------------------------------------------------------
 */

static void test_read(void)
{
	struct plan_cursor c[2] = { { 0 } };
	size_t i, j;

	i = plan_read(c, 2, 5 * MIB, 64 * KIB, true, NOW);
	is_uint(c[i].pos, 5 * MIB + 64 * KIB, "a first read sets the place");
	is_uint(c[i].run, 64 * KIB, "… begins the run");
	is_uint(c[i].window, 0, "… and opens no window");
	is_uint(plan_read(c, 2, 5 * MIB, 64 * KIB, false, NOW), i,
		"the same read again is the same reader");
	is_uint(c[i].run, 64 * KIB, "… and counts once");
	plan_read(c, 2, 5 * MIB + 64 * KIB, 64 * KIB, true, NOW);
	is_uint(c[i].window, PLAN_WINDOW_MIN, "a second read opens it");
	j = plan_read(c, 2, 50 * MIB, 64 * KIB, true, NOW + 1);
	ok(i != j, "a jump is another cursor");
	is_uint(c[j].window, 0, "… which begins anew");
	ok(c[i].left && !c[j].left, "… and leaves the first");
	is_uint(plan_read(c, 2, 5 * MIB + 128 * KIB, 64 * KIB, false, NOW + 2),
		i, "the first one is not forgotten");
	ok(!c[i].left && !c[j].left, "… and none is left for one of old");
	is_uint(plan_read(c, 2, 5 * MIB + 256 * KIB, 64 * KIB, false, NOW + 3),
		i, "a short skip is the same reader");
	is_uint(c[i].run, 256 * KIB, "… but what was skipped was not read");
	is_uint(plan_read(c, 2, 5 * MIB + 192 * KIB, 64 * KIB, false, NOW + 3),
		i, "so is a late neighbour");
	is_uint(c[i].pos, 5 * MIB + 320 * KIB, "… which moves nothing back");
	is_uint(plan_read(c, 2, 90 * MIB, 64 * KIB, true, NOW + 4), j,
		"a third place takes over the one that was read once");
	c[j] = (struct plan_cursor){ .pos = 5 * MIB + 400 * KIB, .run = MIB,
				     .window = MIB };
	is_uint(plan_read(c, 2, 5 * MIB + 390 * KIB, KIB, false, NOW), j,
		"of two near ones the nearer goes on");
	is_uint(plan_read(c, 2, 5 * MIB + 330 * KIB, KIB, false, NOW), i,
		"… whichever that is");
	c[i].pos = 5 * MIB + 320 * KIB;
	i = plan_read(c, 2, 5 * MIB + 320 * KIB, 0, true, NOW + 5);
	is_uint(c[i].pos, 5 * MIB + 320 * KIB, "an empty read is none");
}

static void test_window(void)
{
	struct plan_cursor c = { 0 };
	uint64_t off = 0, step = 128 * KIB, grown = 0, last = 0;
	bool early = false;

	plan_read(&c, 1, 0, step, true, NOW);
	is_uint(c.window, PLAN_WINDOW_MIN,
		"a first read at the head, past the probe, opens the window");
	for (off = step; off < 8 * MIB; off += step)
		plan_read(&c, 1, off, step, false, NOW);
	is_uint(c.window, PLAN_WINDOW_MIN, "reading what is here: no growth");
	last = c.doubled_at;
	for (; off < 300 * MIB; off += step) {
		uint64_t before = c.window;

		plan_read(&c, 1, off, step, true, NOW);
		if (c.window == before)
			continue;
		grown++;
		early |= c.window != 2 * before && c.window != PLAN_WINDOW_MAX;
		early |= c.pos - last < before;
		last = c.pos;
	}
	is_uint(c.window, PLAN_WINDOW_MAX, "starving grows it to its limit");
	ok(!early && grown == 6, "… in doublings, one a window read");
	plan_read(&c, 1, GIB, step, true, NOW);
	is_uint(c.window, 0, "a jump closes it");
	is_uint(c.run, step, "… and begins a new run");
}

/* What is expected at a new place goes by the last two. */
static void test_taste(void)
{
	struct plan_cursor c[4] = { { 0 } };
	size_t i;

	i = plan_read(c, 4, 90 * MIB, 16 * KIB, true, NOW);
	is_uint(c[i].taste, 0, "nothing is expected of a first place");
	i = plan_read(c, 4, 50 * MIB, 16 * KIB, true, NOW + 1);
	is_uint(c[i].taste, PLAN_PROBE, "one short read says nothing yet");
	i = plan_read(c, 4, 10 * MIB, 8 * KIB, true, NOW + 2);
	is_uint(c[i].taste, 16 * KIB, "two do");
	i = plan_read(c, 4, 70 * MIB, 8 * KIB, true, NOW + 3);
	is_uint(c[i].taste, 16 * KIB, "… the longer one");
	plan_read(c, 4, 70 * MIB + 8 * KIB, 16 * KIB, true, NOW + 4);
	is_uint(c[i].taste, PLAN_PROBE, "who goes on gets more");
	for (uint64_t k = 24; k < 256; k += 8)
		plan_read(c, 4, 70 * MIB + k * KIB, 8 * KIB, false, NOW + 5);
	is_uint(c[i].window, PLAN_WINDOW_MIN, "… and a window");
	i = plan_read(c, 4, 30 * MIB, 128 * KIB, true, NOW + 6);
	is_uint(c[i].taste, 256 * KIB, "after a longer run more is expected");
	plan_read(c, 4, 30 * MIB + 128 * KIB, 64 * KIB, false, NOW + 6);
	is_uint(c[i].window, 0, "… and no window before that is read");
	plan_read(c, 4, 30 * MIB + 192 * KIB, 65 * KIB, false, NOW + 6);
	is_uint(c[i].window, PLAN_WINDOW_MIN, "… but past it");
	c[i].run = GIB;
	i = plan_read(c, 4, 0, 4 * KIB, true, NOW + 7);
	is_uint(c[i].taste, PLAN_WINDOW_MIN, "a window at most");
	plan_read(c, 4, 4 * KIB, 64 * KIB, true, NOW + 7);
	is_uint(c[i].window, PLAN_WINDOW_MIN, "… which a player gets at once");
	i = plan_read(c, 4, 80 * MIB, 4 * KIB, true, NOW + 7 + PLAN_IDLE_MS);
	is_uint(c[i].taste, 0, "what was long ago is forgotten");
}

/* A read of what is here, at a new place, is news only if more is wanted. */
static void test_begun(void)
{
	struct plan_cursor c[2] = { { 0 } };
	size_t i = plan_read(c, 2, 90 * MIB, 16 * KIB, false, NOW);

	ok(!plan_begun(&c[i], PLAN_FILL_PLAYING), "one read somewhere: none");
	ok(!plan_begun(&c[i], PLAN_FILL_NONE), "… nor where nothing is filled");
	ok(plan_begun(&c[i], PLAN_FILL_ALL), "… but where all is");
	c[i].end = PLAN_END_OPEN;
	ok(plan_begun(&c[i], PLAN_FILL_NONE), "… or it says that it reads on");
	i = plan_read(c, 2, 0, 128 * KIB, false, NOW + 1);
	ok(plan_begun(&c[i], PLAN_FILL_NONE), "so does who begins at the head");
}

static void test_edges(void)
{
	struct plan_cursor c[3] = { { 0 } };
	struct plan_cursor d[2] = { { .pos = 50 * MIB, .run = 10 * MIB,
				      .window = MIB, .used_ms = NOW } };

	is_uint(plan_read(d, 2, 48 * MIB, KIB, false, NOW), 1,
		"far back in its own run is another place");
	d[0].run = KIB;
	is_uint(plan_read(d, 2, 50 * MIB - 2 * KIB, KIB, false, NOW), 1,
		"so is before its first byte");

	plan_read(c, 3, UINT64_MAX - 5, UINT64_MAX, true, INT64_MAX);
	is_uint(c[0].pos, UINT64_MAX, "a read at the end of all offsets");
	plan_read(c, 3, UINT64_MAX, UINT64_MAX, true, INT64_MAX);
	plan_read(c, 3, 0, UINT64_MAX, true, INT64_MIN);
	ok(c[1].pos == UINT64_MAX || c[0].pos == UINT64_MAX,
	   "no overflow from there");
}

/* ---- one snapshot, one answer ---------------------------------------------
 */

#define BOUND(p, r, e) \
	{ .pos = (p), .run = (r), .end = (e), .used_ms = NOW }
#define WINDOW(p, r, w) \
	{ .pos = (p), .run = (r), .window = (w), .used_ms = NOW }

static const struct rule {
	const char *what;
	uint64_t size;
	enum plan_ranges ranges;
	bool probe;
	enum plan_fill fill;
	unsigned max;		/* 0: 6 */
	unsigned lanes;
	struct extent present[4];
	struct plan_flight flights[4];
	struct plan_wait waits[4];
	struct plan_cursor cursors[3];
	uint64_t rate, latency_us, split;
	bool crowded;
	struct plan_action want[4];	/* compared: verb, flight, start, end */
	int n_want;
} rules[] = {
	/* probe */
	{ "facts wanted: probe", UNKNOWN, PLAN_RANGES_UNKNOWN, true,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 0, PLAN_PROBE } },
	  .n_want = 1 },
	{ "nothing wanted: nothing", UNKNOWN, PLAN_RANGES_UNKNOWN, false,
	  .n_want = 0 },
	{ "one probe is enough", UNKNOWN, PLAN_RANGES_UNKNOWN, true,
	  .flights = { { 0, PLAN_PROBE, false } }, .n_want = 0 },
	{ "a probe reaches as far as the reader at the head", UNKNOWN,
	  PLAN_RANGES_UNKNOWN, true, .waits = { { 0, 128 * KIB } },
	  .cursors = { WINDOW(128 * KIB, 128 * KIB, PLAN_WINDOW_MIN) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 0,
		      128 * KIB + PLAN_WINDOW_MIN } }, .n_want = 1 },
	{ "facts first, wherever one reads", UNKNOWN, PLAN_RANGES_UNKNOWN, true,
	  .waits = { { GIB, GIB + 4096 } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 0, PLAN_PROBE } },
	  .n_want = 1 },

	/* urgent */
	{ "a first read gets a little more", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 4096 } },
	  .cursors = { WINDOW(100 * MIB + 4096, 4096, 0) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + PLAN_PROBE } }, .n_want = 1 },
	{ "a larger one what it needs", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 101 * MIB } },
	  .cursors = { WINDOW(101 * MIB, MIB, 0) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB, 101 * MIB } },
	  .n_want = 1 },
	{ "a reader in sequence the window", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 4096 } },
	  .cursors = { WINDOW(100 * MIB + 4096, MIB, 2 * MIB) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      102 * MIB + 4096 } }, .n_want = 1 },
	{ "… not all of it yet where answers come soon", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 4096 } },
	  .cursors = { WINDOW(100 * MIB + 4096, MIB, 2 * MIB) },
	  .rate = 100 * MIB, .latency_us = 1000,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + 4096 + PLAN_WINDOW_FIRST } }, .n_want = 1 },
	{ "… but when he has read some", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 4096 } },
	  .cursors = { WINDOW(100 * MIB + 4096, PLAN_WINDOW_MIN, 2 * MIB) },
	  .rate = 100 * MIB, .latency_us = 1000,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      102 * MIB + 4096 } }, .n_want = 1 },
	{ "only what is missing", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 100 * MIB + 512 } ,
		       { 100 * MIB + 8192, GIB } },
	  .waits = { { 100 * MIB, 101 * MIB } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB + 512,
		      100 * MIB + 8192 } }, .n_want = 1 },
	{ "up to the next flight", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 51 * MIB, true } },
	  .waits = { { 49 * MIB, 49 * MIB + 1 }, { 50 * MIB, 50 * MIB + 1 } },
	  .cursors = { WINDOW(49 * MIB + 1, MIB, 8 * MIB) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 49 * MIB, 50 * MIB } },
	  .n_want = 1 },
	{ "near the end: to the end", GIB, PLAN_RANGES_YES,
	  .waits = { { GIB - 300 * KIB, GIB - 299 * KIB } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, GIB - 300 * KIB, GIB } },
	  .n_want = 1 },
	{ "what comes soon is not asked for", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 20 * MIB, true } },
	  .waits = { { 10 * MIB + 200 * KIB, 11 * MIB } }, .n_want = 0 },
	{ "soon is measured: 1.5 round trips", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 40 * MIB, true } },
	  .waits = { { 12 * MIB, 13 * MIB } },
	  .rate = 20 * MIB, .latency_us = 100000, .n_want = 0 },
	{ "… and 4 MiB are too far then", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 14 * MIB + 100 * KIB, true } },
	  .waits = { { 14 * MIB, 14 * MIB + 50 * KIB } },
	  .rate = 20 * MIB, .latency_us = 100000,
	  .want = { { PLAN_CUT, 0, 0, 0, 14 * MIB },
		    { PLAN_START, PLAN_URGENT, 0, 14 * MIB,
		      14 * MIB + 64 * KIB } }, .n_want = 2 },
	{ "soon is what the settings say: nearer", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 12 * MIB + 100 * KIB, true } },
	  .waits = { { 12 * MIB, 12 * MIB + 50 * KIB } },
	  .rate = 20 * MIB, .latency_us = 100000, .split = MIB,
	  .want = { { PLAN_CUT, 0, 0, 0, 12 * MIB },
		    { PLAN_START, PLAN_URGENT, 0, 12 * MIB,
		      12 * MIB + 64 * KIB } }, .n_want = 2 },
	{ "… or further", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 40 * MIB, true } },
	  .waits = { { 30 * MIB, 31 * MIB } },
	  .rate = 20 * MIB, .latency_us = 100000, .split = 20 * MIB,
	  .n_want = 0 },
	{ "a far wait inside a flight splits it", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 60 * MIB, true } },
	  .waits = { { 50 * MIB, 50 * MIB + 64 * KIB } },
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 64 * MIB) },
	  .want = { { PLAN_CUT, 0, 0, 0, 50 * MIB },
		    { PLAN_START, PLAN_URGENT, 0, 50 * MIB, 74 * MIB } },
	  .n_want = 2 },
	{ "not before its headers are in", GIB, PLAN_RANGES_YES,
	  .flights = { { 10 * MIB, 60 * MIB, false } },
	  .waits = { { 50 * MIB, 50 * MIB + 64 * KIB } }, .n_want = 0 },
	{ "waits side by side share a request", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB + 128 * KIB, 100 * MIB + 256 * KIB },
		     { 100 * MIB, 100 * MIB + 128 * KIB },
		     { 100 * MIB + 256 * KIB, 100 * MIB + 384 * KIB } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + 384 * KIB } }, .n_want = 1 },
	{ "waits far apart don't", GIB, PLAN_RANGES_YES,
	  .waits = { { 200 * MIB, 200 * MIB + 1 },
		     { 100 * MIB, 100 * MIB + 1 } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 200 * MIB,
		      200 * MIB + PLAN_PROBE },
		    { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + PLAN_PROBE } }, .n_want = 2 },
	{ "a wait past the size is nothing", MIB, PLAN_RANGES_YES,
	  .waits = { { MIB, 2 * MIB }, { UINT64_MAX - 1, UINT64_MAX } },
	  .n_want = 0 },
	{ "an empty file is nothing", 0, PLAN_RANGES_YES,
	  .waits = { { 0, MIB } }, .cursors = { WINDOW(MIB, MIB, MIB) },
	  .fill = PLAN_FILL_ALL, .n_want = 0 },

	{ "a little more is what is expected here", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 4096 } },
	  .cursors = { { .pos = 100 * MIB + 4096, .run = 4096,
			 .taste = 16 * KIB, .used_ms = NOW } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + 16 * KIB } }, .n_want = 1 },
	{ "… of this reader", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 4096 } },
	  .cursors = { { .pos = 101 * MIB, .run = 4096,
			 .taste = 16 * KIB, .used_ms = NOW } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + PLAN_PROBE } }, .n_want = 1 },
	{ "a range with an end is fetched up to there", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 1 } },
	  .cursors = { BOUND(100 * MIB + 1, 1, 103 * MIB) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB, 103 * MIB } },
	  .n_want = 1 },
	{ "… be it a small one", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 1 } },
	  .cursors = { BOUND(100 * MIB + 1, 1, 100 * MIB + 9) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB, 100 * MIB + 9 } },
	  .n_want = 1 },
	{ "… or near the end of the file", GIB, PLAN_RANGES_YES,
	  .waits = { { GIB - 300 * KIB, GIB - 299 * KIB } },
	  .cursors = { BOUND(GIB - 299 * KIB, KIB, GIB - 200 * KIB) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, GIB - 300 * KIB,
		      GIB - 200 * KIB } }, .n_want = 1 },
	{ "… a large one in parts", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 1 } },
	  .cursors = { BOUND(100 * MIB, 1, 200 * MIB) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + PLAN_BOUNDED } }, .n_want = 1 },
	{ "one without an end opens a window at once", GIB, PLAN_RANGES_YES,
	  .waits = { { 100 * MIB, 100 * MIB + 1 } },
	  .cursors = { BOUND(100 * MIB + 1, 1, PLAN_END_OPEN) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 100 * MIB,
		      100 * MIB + PLAN_WINDOW_MIN + 1 } }, .n_want = 1 },

	/* read-ahead */
	{ "up to the end of a range and no further", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 104 * MIB } }, .fill = PLAN_FILL_NONE,
	  .cursors = { BOUND(103 * MIB, 4 * MIB, 105 * MIB) },
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 104 * MIB, 105 * MIB } },
	  .n_want = 1 },
	{ "… which is no playback", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 105 * MIB } },
	  .cursors = { BOUND(103 * MIB, 80 * MIB, 105 * MIB) }, .n_want = 0 },
	{ "half a window consumed: the next piece", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 12 * MIB } }, .fill = PLAN_FILL_NONE,
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 4 * MIB) },
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 12 * MIB, 14 * MIB } },
	  .n_want = 1 },
	{ "less than half: not yet", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 12 * MIB } }, .fill = PLAN_FILL_NONE,
	  .cursors = { WINDOW(10 * MIB - 1, 10 * MIB, 4 * MIB) }, .n_want = 0 },
	{ "unless it closes a hole", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 12 * MIB }, { 13 * MIB, 20 * MIB } },
	  .cursors = { WINDOW(9 * MIB, 3 * MIB, 4 * MIB) },
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 12 * MIB, 13 * MIB } },
	  .n_want = 1 },
	{ "a flight with much left is enough", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE,
	  .flights = { { 10 * MIB, 14 * MIB, true } },
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 8 * MIB) },
	  .rate = 4 * MIB, .latency_us = 50000, .n_want = 0 },
	{ "before it ends the next one is asked for", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 13 * MIB + 700 * KIB } }, .fill = PLAN_FILL_NONE,
	  .flights = { { 13 * MIB + 700 * KIB, 14 * MIB, true } },
	  .cursors = { WINDOW(13 * MIB + 700 * KIB, 10 * MIB, 8 * MIB) },
	  .rate = 4 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 14 * MIB,
		      21 * MIB + 700 * KIB } }, .n_want = 1 },
	{ "the last free place is kept for who jumps", GIB, PLAN_RANGES_YES,
	  .max = 3, .fill = PLAN_FILL_NONE, .present = { { 10 * MIB, 11 * MIB } },
	  .flights = { { 50 * MIB, 54 * MIB, true },
		       { 90 * MIB, 94 * MIB, true } },
	  .cursors = { WINDOW(50 * MIB, MIB, 4 * MIB),
		       WINDOW(90 * MIB, MIB, 4 * MIB),
		       WINDOW(11 * MIB, MIB, 4 * MIB) }, .n_want = 0 },
	{ "… where there are more than two", GIB, PLAN_RANGES_YES,
	  .max = 2, .fill = PLAN_FILL_NONE, .present = { { 10 * MIB, 11 * MIB } },
	  .flights = { { 90 * MIB, 94 * MIB, true } },
	  .cursors = { WINDOW(90 * MIB, MIB, 4 * MIB),
		       WINDOW(11 * MIB, MIB, 4 * MIB) },
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 11 * MIB, 15 * MIB } },
	  .n_want = 1 },
	{ "but fill makes way for read-ahead", GIB, PLAN_RANGES_YES,
	  .max = 1, .present = { { 10 * MIB, 11 * MIB } },
	  .flights = { { 90 * MIB, 94 * MIB, true } },
	  .cursors = { WINDOW(11 * MIB, 8 * MIB, 4 * MIB) },
	  .want = { { PLAN_STOP, 0, 0, 0, 0 },
		    { PLAN_START, PLAN_AHEAD, 0, 11 * MIB, 15 * MIB } },
	  .n_want = 2 },
	{ "who read once looks no further", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 11 * MIB } },
	  .cursors = { WINDOW(11 * MIB, MIB, 0) }, .n_want = 0 },
	{ "who rests neither", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 11 * MIB } },
	  .cursors = { { .pos = 11 * MIB, .run = MIB, .window = 4 * MIB,
			 .used_ms = NOW - PLAN_IDLE_MS } }, .n_want = 0 },

	{ "several lanes: a piece for each", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE, .lanes = 3,
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 32 * MIB) },
	  .rate = 20 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 10 * MIB, 14 * MIB },
		    { PLAN_START, PLAN_AHEAD, 0, 14 * MIB, 18 * MIB },
		    { PLAN_START, PLAN_AHEAD, 0, 18 * MIB, 22 * MIB } },
	  .n_want = 3 },
	{ "… the first for who waits", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE, .lanes = 2,
	  .waits = { { 10 * MIB, 10 * MIB + 1 } },
	  .cursors = { WINDOW(10 * MIB + 1, 10 * MIB, 32 * MIB) },
	  .rate = 20 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 10 * MIB, 14 * MIB },
		    { PLAN_START, PLAN_AHEAD, 0, 14 * MIB, 18 * MIB } },
	  .n_want = 2 },
	{ "… and the last free place for who jumps", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE, .lanes = 3,
	  .max = 3, .cursors = { WINDOW(10 * MIB, 10 * MIB, 32 * MIB) },
	  .rate = 20 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 10 * MIB, 14 * MIB },
		    { PLAN_START, PLAN_AHEAD, 0, 14 * MIB, 18 * MIB } },
	  .n_want = 2 },
	{ "a flight near its end is no lane any more", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE, .lanes = 2,
	  .flights = { { 10 * MIB, 11 * MIB, true },
		       { 11 * MIB, 15 * MIB, true } },
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 32 * MIB) },
	  .rate = 20 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 15 * MIB, 19 * MIB } },
	  .n_want = 1 },
	{ "lanes are not for a small window", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE, .lanes = 8,
	  .cursors = { WINDOW(10 * MIB, 8 * MIB, 2 * MIB) },
	  .rate = 20 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 10 * MIB, 12 * MIB } },
	  .n_want = 1 },
	{ "nor for who has not read much", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 10 * MIB } }, .fill = PLAN_FILL_NONE, .lanes = 8,
	  .cursors = { WINDOW(10 * MIB, 7 * MIB, 16 * MIB) },
	  .rate = 20 * MIB, .latency_us = 50000,
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 10 * MIB, 14 * MIB } },
	  .n_want = 1 },

	/* fill */
	{ "a playback fills the file, from here on", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB } },
	  .cursors = { WINDOW(15 * MIB, PLAN_SEQUENTIAL, 2 * MIB) },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 20 * MIB, 52 * MIB } },
	  .n_want = 1 },
	{ "after the reader who read last", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB }, { 90 * MIB, 95 * MIB } },
	  .cursors = { { .pos = 15 * MIB, .run = PLAN_SEQUENTIAL,
			 .window = 2 * MIB, .used_ms = NOW - 50 },
		       WINDOW(91 * MIB, MIB, 2 * MIB),
		       { .pos = 16 * MIB, .run = PLAN_SEQUENTIAL,
			 .window = 2 * MIB, .used_ms = NOW - 20 } },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 95 * MIB, 127 * MIB } },
	  .n_want = 1 },
	{ "… in sequence", GIB, PLAN_RANGES_YES, .fill = PLAN_FILL_ALL,
	  .present = { { 10 * MIB, 20 * MIB }, { 90 * MIB, 95 * MIB } },
	  .cursors = { { .pos = 15 * MIB, .run = PLAN_SEQUENTIAL,
			 .window = 2 * MIB, .used_ms = NOW - 50 },
		       WINDOW(91 * MIB, MIB, 0) },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 20 * MIB, 52 * MIB } },
	  .n_want = 1 },
	{ "then from its start", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, GIB } },
	  .cursors = { WINDOW(15 * MIB, PLAN_SEQUENTIAL, 2 * MIB) },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 0, 10 * MIB } },
	  .n_want = 1 },
	{ "one at a time", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB } },
	  .flights = { { 21 * MIB, 52 * MIB, true } },
	  .cursors = { WINDOW(15 * MIB, PLAN_SEQUENTIAL, 2 * MIB) },
	  .n_want = 0 },
	{ "the next one before the last one ends", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 52 * MIB - 100 * KIB } },
	  .flights = { { 52 * MIB - 100 * KIB, 52 * MIB, true } },
	  .cursors = { WINDOW(15 * MIB, PLAN_SEQUENTIAL, 2 * MIB) },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 52 * MIB, 84 * MIB } },
	  .n_want = 1 },
	{ "a scan does not", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 4 * MIB }, { GIB - MIB, GIB } },
	  .cursors = { WINDOW(MIB, MIB, PLAN_WINDOW_MIN),
		       WINDOW(GIB, MIB, PLAN_WINDOW_MIN) }, .n_want = 0 },
	{ "fill = all: any use does", GIB, PLAN_RANGES_YES,
	  .fill = PLAN_FILL_ALL, .present = { { 0, 64 * KIB } },
	  .cursors = { WINDOW(4096, 4096, 0) },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 64 * KIB,
		      32 * MIB + 64 * KIB } }, .n_want = 1 },
	{ "fill = none: nothing does", GIB, PLAN_RANGES_YES,
	  .fill = PLAN_FILL_NONE, .present = { { 0, 64 * MIB } },
	  .cursors = { WINDOW(32 * MIB, 32 * MIB, 4 * MIB) }, .n_want = 0 },
	{ "it rests with its reader", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB } },
	  .cursors = { { .pos = 15 * MIB, .run = 32 * MIB,
			 .window = 2 * MIB, .used_ms = NOW - PLAN_IDLE_MS } },
	  .n_want = 0 },
	{ "and waits for who had to wait", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB } },
	  .cursors = { { .pos = 15 * MIB, .run = PLAN_SEQUENTIAL,
			 .window = 2 * MIB, .used_ms = NOW,
			 .missed_ms = NOW - 999 } }, .n_want = 0 },
	{ "… a moment ago", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB } },
	  .cursors = { { .pos = 15 * MIB, .run = PLAN_SEQUENTIAL,
			 .window = 2 * MIB, .used_ms = NOW,
			 .missed_ms = NOW - 1000 } },
	  .want = { { PLAN_START, PLAN_BACKGROUND, 0, 20 * MIB, 52 * MIB } },
	  .n_want = 1 },
	{ "and waits for who looks around", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 20 * MIB } },
	  .cursors = { WINDOW(15 * MIB, PLAN_SEQUENTIAL, 2 * MIB),
		       WINDOW(11 * MIB, 4096, 0) }, .n_want = 0 },

	/* stop */
	{ "a flight for nobody is stopped", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 60 * MIB, true } },
	  .cursors = { WINDOW(4096, 4096, 0) },
	  .want = { { PLAN_STOP, 0, 0, 0, 0 } }, .n_want = 1 },
	{ "so are two", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 60 * MIB, true },
		       { 70 * MIB, 80 * MIB, true } },
	  .want = { { PLAN_STOP, 0, 0, 0, 0 }, { PLAN_STOP, 0, 1, 0, 0 } },
	  .n_want = 2 },
	{ "one that its reader just skipped is not", GIB, PLAN_RANGES_YES,
	  .flights = { { 46 * MIB, 48 * MIB, true } },
	  .cursors = { WINDOW(49 * MIB, MIB, 0) }, .n_want = 0 },
	{ "so is one whose reader has gone elsewhere", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 60 * MIB, true } },
	  .waits = { { 900 * MIB, 900 * MIB + 1 } },
	  .cursors = { { .pos = 49 * MIB, .run = 20 * MIB, .window = 8 * MIB,
			 .used_ms = NOW, .left = true } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 900 * MIB,
		      900 * MIB + PLAN_PROBE },
		    { PLAN_STOP, 0, 0, 0, 0 } }, .n_want = 2 },
	{ "not for so little", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 50 * MIB + 256 * KIB, true } },
	  .rate = MIB, .latency_us = 10000, .n_want = 0 },
	{ "… which depends on the link", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 51 * MIB, true } },
	  .rate = 20 * MIB, .latency_us = 50000, .n_want = 0 },
	{ "not while its headers are out", GIB, PLAN_RANGES_YES,
	  .flights = { { 50 * MIB, 60 * MIB, false } }, .n_want = 0 },
	{ "not while a reader comes there", GIB, PLAN_RANGES_YES,
	  .present = { { 10 * MIB, 50 * MIB } }, .fill = PLAN_FILL_NONE,
	  .flights = { { 50 * MIB, 60 * MIB, true } },
	  .cursors = { WINDOW(48 * MIB, MIB, 4 * MIB) }, .n_want = 0 },
	{ "fill makes way for who waits", GIB, PLAN_RANGES_YES,
	  .present = { { 0, 50 * MIB } },
	  .flights = { { 50 * MIB, 80 * MIB, true } },
	  .waits = { { 900 * MIB, 900 * MIB + 1 } },
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 4 * MIB) },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 900 * MIB,
		      900 * MIB + PLAN_PROBE },
		    { PLAN_STOP, 0, 0, 0, 0 } }, .n_want = 2 },
	{ "… first, when there is no other place", GIB, PLAN_RANGES_YES,
	  .max = 1, .present = { { 0, 50 * MIB } },
	  .flights = { { 50 * MIB, 50 * MIB + 100 * KIB, true } },
	  .waits = { { 900 * MIB, 900 * MIB + 1 } },
	  .cursors = { WINDOW(10 * MIB, 10 * MIB, 4 * MIB) },
	  .want = { { PLAN_STOP, 0, 0, 0, 0 },
		    { PLAN_START, PLAN_URGENT, 0, 900 * MIB,
		      900 * MIB + PLAN_PROBE } }, .n_want = 2 },
	{ "no place: the longest flight shall end soon", GIB, PLAN_RANGES_YES,
	  .max = 1, .flights = { { 50 * MIB, 80 * MIB, true } },
	  .waits = { { 50 * MIB, 51 * MIB }, { 900 * MIB, 900 * MIB + 1 } },
	  .rate = MIB, .latency_us = 10000,
	  .want = { { PLAN_CUT, 0, 0, 0, 50 * MIB + PLAN_WINDOW_MIN } },
	  .n_want = 1 },
	{ "… unless one will anyway", GIB, PLAN_RANGES_YES, .max = 2,
	  .flights = { { 50 * MIB, 80 * MIB, true },
		       { 20 * MIB, 21 * MIB, true } },
	  .waits = { { 50 * MIB, 51 * MIB }, { 20 * MIB, 20 * MIB + 1 },
		     { 900 * MIB, 900 * MIB + 1 } },
	  .rate = MIB, .latency_us = 10000, .n_want = 0 },
	{ "more readers than places: short turns", GIB, PLAN_RANGES_YES,
	  .max = 2, .waits = { { 50 * MIB, 51 * MIB } },
	  .cursors = { WINDOW(51 * MIB, 32 * MIB, 32 * MIB),
		       WINDOW(300 * MIB, 32 * MIB, 2 * MIB),
		       WINDOW(600 * MIB, 32 * MIB, 2 * MIB) },
	  .present = { { 299 * MIB, 400 * MIB }, { 599 * MIB, 700 * MIB } },
	  .rate = MIB, .latency_us = 10000,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 50 * MIB,
		      50 * MIB + 2 * PLAN_WINDOW_MIN } }, .n_want = 1 },

	/* other resources' readers wait for a connection */
	{ "crowded: short turns", GIB, PLAN_RANGES_YES, .crowded = true,
	  .waits = { { 50 * MIB, 51 * MIB } },
	  .cursors = { WINDOW(51 * MIB, 32 * MIB, 32 * MIB) },
	  .rate = MIB, .latency_us = 10000,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 50 * MIB,
		      50 * MIB + PLAN_WINDOW_MIN } }, .n_want = 1 },
	{ "… also for those who have one", GIB, PLAN_RANGES_YES,
	  .crowded = true,
	  .flights = { { 50 * MIB, 80 * MIB, true },
		       { 80 * MIB, 99 * MIB, false },
		       { 300 * MIB, 300 * MIB + 2 * PLAN_WINDOW_MIN, true } },
	  .waits = { { 50 * MIB, 51 * MIB }, { 300 * MIB, 301 * MIB } },
	  .cursors = { WINDOW(51 * MIB, 32 * MIB, 49 * MIB),
		       WINDOW(301 * MIB, 2 * MIB, 2 * MIB) },
	  .rate = MIB, .latency_us = 10000,
	  .want = { { PLAN_CUT, 0, 0, 0, 50 * MIB + PLAN_WINDOW_MIN } },
	  .n_want = 1 },
	{ "… as long as several trips take", GIB, PLAN_RANGES_YES,
	  .crowded = true, .waits = { { 50 * MIB, 51 * MIB } },
	  .cursors = { WINDOW(51 * MIB, 32 * MIB, 32 * MIB) },
	  .rate = 100 * MIB, .latency_us = 20000,
	  .want = { { PLAN_START, PLAN_URGENT, 0, 50 * MIB, 56 * MIB } },
	  .n_want = 1 },

	/* all or nothing */
	{ "no ranges: the whole body", GIB, PLAN_RANGES_NO,
	  .waits = { { 500 * MIB, 501 * MIB } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 0, UNKNOWN } }, .n_want = 1 },
	{ "once", GIB, PLAN_RANGES_NO, .flights = { { 0, UNKNOWN, true } },
	  .waits = { { 500 * MIB, 501 * MIB } }, .n_want = 0 },
	{ "anew, though a part is here", GIB, PLAN_RANGES_NO,
	  .present = { { 0, 100 * MIB } },
	  .waits = { { 500 * MIB, 501 * MIB } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 0, UNKNOWN } }, .n_want = 1 },
	{ "unless that is enough", GIB, PLAN_RANGES_NO,
	  .present = { { 0, 100 * MIB } }, .waits = { { MIB, 2 * MIB } },
	  .cursors = { WINDOW(2 * MIB, 2 * MIB, 2 * MIB) }, .n_want = 0 },
	{ "a reader who gets near its end begins it", GIB, PLAN_RANGES_NO,
	  .present = { { 0, 100 * MIB } },
	  .cursors = { WINDOW(99 * MIB, 2 * MIB, 2 * MIB) },
	  .want = { { PLAN_START, PLAN_AHEAD, 0, 0, UNKNOWN } }, .n_want = 1 },
	{ "length not said: the whole body", UNKNOWN, PLAN_RANGES_YES,
	  .waits = { { 5, 6 } },
	  .want = { { PLAN_START, PLAN_URGENT, 0, 0, UNKNOWN } }, .n_want = 1 },
	{ "nobody reads: stopped", GIB, PLAN_RANGES_NO,
	  .flights = { { MIB, GIB, true } },
	  .want = { { PLAN_STOP, 0, 0, 0, 0 } }, .n_want = 1 },
	{ "… but not until one who asked what it is could read", GIB,
	  PLAN_RANGES_NO, .latency_us = 80000,
	  .flights = { { MIB, GIB, true, NOW - 84 } }, .n_want = 0 },
	{ "… and then it is", GIB, PLAN_RANGES_NO, .latency_us = 80000,
	  .flights = { { MIB, GIB, true, NOW - 85 } },
	  .want = { { PLAN_STOP, 0, 0, 0, 0 } }, .n_want = 1 },
	{ "somebody reads: kept", GIB, PLAN_RANGES_NO,
	  .flights = { { 99 * MIB, GIB, true } },
	  .cursors = { WINDOW(MIB, MIB, 0) }, .n_want = 0 },
};

static void show(const char *what, const struct plan_action *a, size_t n)
{
	static const char *const verbs[] = { "START", "CUT", "STOP" };

	for (size_t i = 0; i < n; i++)
		diag("%s: %s priority %d flight %zu [%" PRIu64 ", %" PRIu64 ")",
		     what, verbs[a[i].verb], a[i].priority, a[i].flight,
		     a[i].start, a[i].end);
}

static void test_rule(const struct rule *r)
{
	struct plan_action out[PLAN_ACTIONS_MAX];
	struct extent_set present = { 0 };
	struct plan_input in = {
		.size = r->size, .ranges = r->ranges, .probe = r->probe,
		.present = &present, .flights = r->flights, .waits = r->waits,
		.cursors = r->cursors, .n_cursors = 3,
		.max_flights = r->max ? r->max : 6, .fill = r->fill,
		.lanes = r->lanes, .crowded = r->crowded,
		.split = r->split, .rate = r->rate,
		.latency_us = r->latency_us, .now_ms = NOW,
	};
	size_t want = r->n_want, n;
	const char *broken;
	int64_t wake;
	bool good;

	for (size_t i = 0; i < 4; i++) {
		if (extent_add(&present, r->present[i].start,
			       r->present[i].end) < 0)
			diag("no memory");
		in.n_flights += r->flights[i].end != 0;
		in.n_waits += r->waits[i].end != 0;
	}
	n = plan_next(&in, out, &wake);
	broken = sim_broken_law(&in, out, n, wake);
	good = n == want;
	for (size_t i = 0; i < want && good; i++)
		good = sim_same(&out[i], &r->want[i]);
	if (!ok(good && !broken, "%s", r->what)) {
		diag("law: %s", broken ? broken : "kept");
		show("got", out, n);
		show("want", r->want, want);
	}
	extent_fini(&present);
}

/* A crowd at one spot, or all over the file, costs what it must. */
static void test_crowd(void)
{
	static struct plan_wait waits[6000];
	struct plan_action out[PLAN_ACTIONS_MAX];
	struct extent_set present = { 0 };
	struct plan_input in = {
		.size = GIB, .ranges = PLAN_RANGES_YES, .present = &present,
		.waits = waits, .n_waits = 6000, .max_flights = 6,
		.now_ms = NOW,
	};
	int64_t wake;

	for (size_t i = 0; i < 6000; i++)
		waits[i] = (struct plan_wait){ 5 * MIB, 5 * MIB + 64 * KIB };
	is_uint(plan_next(&in, out, &wake), 1,
		"6000 waits at one spot are one request");
	is_uint(out[0].end, 5 * MIB + 64 * KIB, "… of the size of one");
	for (size_t i = 0; i < 6000; i++)
		waits[i].start = i * GIB / 6000 / 4096 * 4096,
		waits[i].end = waits[i].start + 4096;
	is_uint(plan_next(&in, out, &wake), 6,
		"6000 waits all over are as many as may be");
}

/* Who is given up when there are more places than cursors. */
static void test_takeover(void)
{
	struct plan_cursor c[2] = {
		WINDOW(10 * MIB, MIB, MIB), WINDOW(50 * MIB, MIB, MIB),
	};

	c[0].used_ms = NOW - 1;
	is_uint(plan_read(c, 2, 90 * MIB, 1, true, NOW), 0,
		"of two readers the one longer unused is given up");
	for (size_t k = 0; k < 2; k++) {
		c[k] = (struct plan_cursor)WINDOW(10 * MIB, MIB, MIB);
		c[!k] = (struct plan_cursor)WINDOW(50 * MIB, 1, 0);
		is_uint(plan_read(c, 2, 90 * MIB, 1, true, NOW + 1), !k,
			"of a reader and a single read the read (%zu)", k);
		c[!k] = (struct plan_cursor)WINDOW(50 * MIB, 1, 0);
		c[k].used_ms = NOW - PLAN_IDLE_MS;
		is_uint(plan_read(c, 2, 90 * MIB, 1, true, NOW), k,
			"unless the reader rests (%zu)", k);
		c[k] = (struct plan_cursor)WINDOW(10 * MIB, 1, 0);
		c[!k] = (struct plan_cursor)WINDOW(50 * MIB, MIB, MIB);
		c[!k].used_ms = NOW - 1;
		is_uint(plan_read(c, 2, 90 * MIB, 1, true, NOW), k,
			"though the reader be older (%zu)", k);
	}
}

/* ---- marks and alarms -----------------------------------------------------
 */

static uint64_t quiet(uint64_t here, uint64_t size, enum plan_fill how,
		      enum plan_ranges ranges, struct plan_cursor c)
{
	struct extent_set present = { 0 };
	struct plan_input in = { .size = size, .ranges = ranges,
				 .present = &present, .fill = how,
				 .max_flights = 6, .now_ms = NOW };
	uint64_t until;

	if (extent_add(&present, 0, here) < 0)
		diag("no memory");
	until = plan_quiet_until(&in, &c);
	extent_fini(&present);
	return until;
}

static void test_quiet(void)
{
	struct plan_cursor c = WINDOW(2 * MIB, 2 * MIB, 4 * MIB);

	is_uint(quiet(20 * MIB, GIB, PLAN_FILL_NONE, PLAN_RANGES_YES, c),
		18 * MIB - 1, "quiet until half a window is to be fetched");
	is_uint(quiet(20 * MIB, 21 * MIB, PLAN_FILL_NONE, PLAN_RANGES_YES, c),
		17 * MIB - 1, "… or the window shows the end");
	is_uint(quiet(20 * MIB, GIB, PLAN_FILL_PLAYING, PLAN_RANGES_YES, c),
		4 * MIB - 1, "… or a playback is proved");
	c.run = PLAN_SEQUENTIAL;
	is_uint(quiet(20 * MIB, GIB, PLAN_FILL_PLAYING, PLAN_RANGES_YES, c),
		18 * MIB - 1, "… once");
	is_uint(quiet(20 * MIB, GIB, PLAN_FILL_NONE, PLAN_RANGES_NO, c),
		16 * MIB, "without ranges as long as the window is here");
	is_uint(quiet(GIB, GIB, PLAN_FILL_PLAYING, PLAN_RANGES_YES, c),
		UINT64_MAX, "for ever when all is here");
	c.window = 0;
	is_uint(quiet(20 * MIB, GIB, PLAN_FILL_NONE, PLAN_RANGES_YES, c),
		2 * MIB, "not at all when the next read opens the window");
	c.used_ms = NOW - PLAN_IDLE_MS;
	is_uint(quiet(20 * MIB, GIB, PLAN_FILL_NONE, PLAN_RANGES_YES, c), 0,
		"nor for one that has rested");
}

static void test_alarm(void)
{
	struct extent_set present = { 0 };
	struct plan_flight f = { 10 * MIB, 20 * MIB, true, NOW };
	struct plan_cursor c = WINDOW(10 * MIB, 8 * MIB, 10 * MIB);
	struct plan_action out[PLAN_ACTIONS_MAX];
	struct plan_input in = {
		.size = GIB, .ranges = PLAN_RANGES_YES, .present = &present,
		.flights = &f, .n_flights = 1, .cursors = &c, .n_cursors = 1,
		.max_flights = 6, .rate = 2 * MIB, .latency_us = 497500,
		.now_ms = NOW,
	};
	int64_t wake;

	is_uint(plan_next(&in, out, &wake), 0, "a flight is on its way");
	is_int(wake, NOW + 4005, "the alarm rings when the next one is due");
	in.rate = 1;
	plan_next(&in, out, &wake);
	is_int(wake, NOW + PLAN_IDLE_MS, "… or its reader has rested enough");
	in.n_flights = in.n_cursors = 0;
	plan_next(&in, out, &wake);
	is_int(wake, INT64_MAX, "nothing under way, nothing to wake for");
}

int main(void)
{
	test_read();
	test_window();
	test_taste();
	test_begun();
	test_edges();
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		test_rule(&rules[i]);
	test_takeover();
	test_quiet();
	test_alarm();
	test_crowd();
	return done_testing();
}
