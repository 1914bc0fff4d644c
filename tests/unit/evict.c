/* evict: who goes, in which order, and how many; against tables and against a
 * slow and simple other self. */
#include "config.h"

#include "cache/evict.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define NOW 1000

/* Names, what they take, when they were used. */
static const struct disk_file {
	const char *name;
	uint64_t bytes;
	time_t used;
} disk[] = {
	{ "https/h/c", 30, 300 }, { "https/h/a", 10, 100 },
	{ "https/h/e", 50, 500 }, { "https/h/b", 20, 200 },
	{ "https/h/d", 40, 400 },
};

static struct evict *disk_index(void)
{
	struct evict *v = evict_new();

	for (size_t i = 0; i < COUNT(disk); i++)
		evict_add(v, disk[i].name, disk[i].bytes, disk[i].used);
	evict_sort(v);
	return v;
}

/* Carry out what is decided: files in `busy` are in use, those in `kept` can't
 * be removed. The last letters of those that went. */
static const char *carry_out(struct evict *v, const struct evict_limits *l,
			     struct evict_room room, const char *busy,
			     const char *kept)
{
	static char gone[64];
	const char *name;
	uint64_t bytes;
	size_t n = 0;

	evict_begin(v);
	for (int turns = 0; turns < 60; turns++) {
		char last;

		name = evict_next(v, l, &room, &bytes);
		if (!name)
			break;
		last = name[strlen(name) - 1];
		if (strchr(busy, last)) {
			evict_use(v, name, NOW);
		} else if (strchr(kept, last)) {
			evict_keep(v, name);
		} else {
			evict_forget(v, name);
			room.free += bytes;
			room.wanted -= bytes < room.wanted ? bytes :
							     room.wanted;
			gone[n++] = last;
		}
	}
	gone[n] = '\0';
	return gone;
}

static const struct {
	const char *what;
	struct evict_limits limits;
	struct evict_room room;
	const char *busy, *kept, *gone;
} choices[] = {
	{ "no limit", { EVICT_NONE, 0, 0 }, { 0, 0, NOW }, "", "", "" },
	{ "exactly full", { 150, 0, 0 }, { 0, 0, NOW }, "", "", "" },
	{ "a byte too many", { 149, 0, 0 }, { 0, 0, NOW }, "", "", "a" },
	{ "the oldest do not do", { 119, 0, 0 }, { 0, 0, NOW }, "", "", "abc" },
	{ "nothing may stay", { 0, 0, 0 }, { 0, 0, NOW }, "", "", "abcde" },
	{ "files in use stay", { 60, 0, 0 }, { 0, 0, NOW }, "ad", "", "bce" },
	{ "all in use", { 0, 0, 0 }, { 0, 0, NOW }, "abcde", "", "" },
	{ "what can't go stays", { 60, 0, 0 }, { 0, 0, NOW }, "", "bc", "ade" },
	{ "nothing can go", { 0, 0, 0 }, { 0, 0, NOW }, "", "abcde", "" },
	{ "room to spare", { EVICT_NONE, 100, 0 }, { 100, 0, NOW }, "", "", "" },
	{ "a byte short", { EVICT_NONE, 100, 0 }, { 99, 0, NOW }, "", "", "a" },
	{ "30 short", { EVICT_NONE, 100, 0 }, { 70, 0, NOW }, "", "", "ab" },
	{ "31 short", { EVICT_NONE, 100, 0 }, { 69, 0, NOW }, "", "", "abc" },
	{ "the disk is others'", { EVICT_NONE, 1000, 0 }, { 0, 0, NOW }, "",
	  "", "abcde" },
	{ "wanted", { EVICT_NONE, 0, 0 }, { 500, 1, NOW }, "", "", "a" },
	{ "more wanted", { EVICT_NONE, 0, 0 }, { 500, 31, NOW }, "a", "",
	  "bc" },
	{ "old enough", { EVICT_NONE, 0, 699 }, { 0, 0, NOW }, "", "", "abc" },
	{ "just not", { EVICT_NONE, 0, 700 }, { 0, 0, NOW }, "", "", "ab" },
	{ "old, in use", { EVICT_NONE, 0, 600 }, { 0, 0, NOW }, "b", "c", "a" },
	{ "the future", { EVICT_NONE, 0, 600 }, { 0, 0, 50 }, "", "", "" },
	{ "the strictest counts", { 139, 100, 700 }, { 50, 0, NOW }, "", "",
	  "abc" },
};

static void test_choices(void)
{
	for (size_t i = 0; i < COUNT(choices); i++) {
		struct evict *v = disk_index();

		is_str(carry_out(v, &choices[i].limits, choices[i].room,
				 choices[i].busy, choices[i].kept),
		       choices[i].gone, "%s", choices[i].what);
		evict_free(v);
	}
}

static void test_use(void)
{
	const struct evict_limits none = { 0, 0, 0 };
	const struct evict_room room = { 0, 0, NOW };
	struct evict *v = disk_index();
	char **names;
	size_t n;

	ok(evict_due(v, &names, &n) && n == 0, "what was found is not due");
	free(names);
	is_uint(evict_total(v), 150, "the sum of all");
	is_uint(evict_count(v), 5, "five files");
	evict_use(v, "https/h/b", NOW);
	evict_use(v, "https/h/new", NOW);
	evict_use(v, "https/h/b", NOW);
	ok(evict_due(v, &names, &n) && n == 2, "two were used");
	ok(n == 2 && !strcmp(names[0], "https/h/b") &&
	   !strcmp(names[1], "https/h/new"), "and are due");
	while (n)
		free(names[--n]);
	free(names);
	ok(evict_due(v, &names, &n) && n == 0, "once");
	free(names);
	evict_measured(v, "https/h/new", 7);
	evict_measured(v, "https/h/b", 15);
	evict_measured(v, "https/h/unknown", 1000);
	is_uint(evict_total(v), 152, "measured");
	is_str(carry_out(v, &none, room, "", ""), "acdewb",
	       "what was used goes last");
	is_uint(evict_total(v), 0, "nothing is left");
	is_uint(evict_count(v), 0, "no file");
	evict_forget(v, "https/h/b");
	evict_free(v);

	v = disk_index();
	carry_out(v, &none, room, "", "abcde");
	is_uint(evict_total(v), 150, "what can't go still counts");
	is_str(carry_out(v, &none, room, "", ""), "", "but is not asked again");
	evict_use(v, "https/h/c", NOW);
	is_str(carry_out(v, &none, room, "", ""), "c", "until it is used");
	evict_forget(v, "https/h/a");
	is_uint(evict_total(v), 110, "it can be forgotten");
	evict_free(v);
	evict_free(NULL);
}

static void test_join(void)
{
	struct evict *old = evict_new(), *v = disk_index();
	const struct evict_limits none = { 0, 0, 0 };
	const struct evict_room room = { 0, 0, NOW };
	char **names;
	size_t n;

	evict_use(old, "https/h/a", 900);
	evict_use(old, "https/h/x", 901);
	ok(evict_join(v, old), "what was used during the scan");
	evict_free(old);
	is_uint(evict_count(v), 6, "is not there twice");
	is_uint(evict_total(v), 150, "and has kept its size");
	ok(evict_due(v, &names, &n) && n == 2, "all of it is due");
	while (n)
		free(names[--n]);
	free(names);
	evict_measured(v, "https/h/x", 1);
	is_str(carry_out(v, &none, room, "", ""), "bcdeax", "and last in line");
	evict_free(v);
}

static void test_floor(void)
{
	is_uint(evict_floor(UINT64_C(8) << 20), 512 << 10, "of 8 MiB");
	is_uint(evict_floor(UINT64_C(1) << 32), 256 << 20, "of 4 GiB");
	is_uint(evict_floor(UINT64_C(1) << 42), 256 << 20, "of 4 TiB");
	is_uint(evict_floor(0), 0, "of a disk that does not say");
}

/* ---- many files, and a simple list beside them ----------------------------- */

#define MANY 500

static struct {
	uint64_t bytes;
	unsigned long used;	/* 0: there is none */
} simple[MANY];

static unsigned long random_state = 88172645463325252UL;

static unsigned long dice(unsigned long n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

static int simple_oldest(void)
{
	int best = -1;

	for (int i = 0; i < MANY; i++)
		if (simple[i].used &&
		    (best < 0 || simple[i].used < simple[best].used))
			best = i;
	return best;
}

static void test_many(void)
{
	struct evict *v = evict_new();
	const struct evict_limits l = { 20000, 0, 0 };
	struct evict_room room = { 0, 0, 1 };
	unsigned long clock = 1;
	uint64_t sum = 0, bytes;
	unsigned wrong = 0;
	char name[32], want[32];
	const char *next;

	for (int step = 0; step < 200000; step++) {
		int i = dice(MANY);

		snprintf(name, sizeof(name), "http/h/%d", i);
		if (dice(10)) {
			evict_use(v, name, 1);
			sum -= simple[i].bytes;
			simple[i].used = ++clock;
			simple[i].bytes = dice(100);
			evict_measured(v, name, simple[i].bytes);
			sum += simple[i].bytes;
		} else {
			evict_forget(v, name);
			sum -= simple[i].bytes;
			simple[i].used = simple[i].bytes = 0;
		}
		evict_begin(v);
		while ((next = evict_next(v, &l, &room, &bytes))) {
			i = simple_oldest();
			snprintf(want, sizeof(want), "http/h/%d", i);
			wrong += strcmp(next, want) != 0 ||
				 bytes != simple[i].bytes;
			evict_forget(v, next);
			sum -= bytes;
			simple[i].used = simple[i].bytes = 0;
		}
		wrong += sum > l.size || sum != evict_total(v);
	}
	is_uint(wrong, 0, "as a simple list would have it");
	evict_free(v);
}

int main(void)
{
	test_choices();
	test_use();
	test_join();
	test_floor();
	test_many();
	return done_testing();
}
