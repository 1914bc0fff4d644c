/* The commands of the engine (cache/command.h) against the scripted origin. */
#include "config.h"

#include <errno.h>
#include <sys/stat.h>

#include "lab.h"

#define FILM 3000000
#define LARGE 20000000

static const char script[] =
	"/404 status=404\n"
	"/folder redirect=/folder/\n"
	"/secret.bin gen=3000000/1 header=\"Cache-Control: no-store\"\n"
	"/flaky.bin times=2 status=503\n"
	"/flaky.bin gen=3000000/1\n"
	"/chunked.bin gen=3000000/1 length=chunked ranges=off\n"
	"/slow*.bin gen=20000000/1 rate=2M\n"
	"/stall.bin gen=3000000/1 stall=1M\n"
	"/silent.bin stall=before\n"
	"/bare.bin gen=3000000/1 etag=none last-modified=none\n"
	"/gone.bin times=3 gen=3000000/1\n"
	"/gone.bin status=404\n"
	"/many/* gen=100000/1\n"
	"/large.bin gen=20000000/1\n"
	"/* gen=3000000/1\n";

static struct cache *cache;

/* ---- waiting ---------------------------------------------------------------- */

struct told {
	struct cache_watch w;	/* first */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int calls, status;
};

static void on_done(struct cache_watch *w, int status)
{
	struct told *t = (struct told *)w;

	pthread_mutex_lock(&t->lock);
	t->calls++;
	t->status = status;
	pthread_cond_broadcast(&t->cond);
	pthread_mutex_unlock(&t->lock);
}

static void told_init(struct told *t)
{
	*t = (struct told){ .w.done = on_done };
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->cond, NULL);
}

static int told_wait(struct told *t)
{
	pthread_mutex_lock(&t->lock);
	while (!t->calls)
		pthread_cond_wait(&t->cond, &t->lock);
	pthread_mutex_unlock(&t->lock);
	return t->status;
}

static int fetch(const char *path, uint64_t start, uint64_t end)
{
	struct told t;
	int err;

	told_init(&t);
	err = cache_fetch_watched(cache, lab_url(path), start, end, &t.w);
	return err ? err : told_wait(&t);
}

static int fetch_all(const char *path)
{
	return fetch(path, 0, CACHE_SIZE_UNKNOWN);
}

static int validate(const char *path)
{
	struct told t;
	int err;

	told_init(&t);
	err = cache_validate(cache, lab_url(path), &t.w);
	return err ? err : told_wait(&t);
}

/* Events of one URL. */
struct ear {
	struct cache_sink s;	/* first */
	const char *url;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned n[CACHE_EVENT_LOST + 1];
	int error;
	uint64_t cached;
	bool backwards;
};

static void on_event(struct cache_sink *s, const struct cache_event *ev)
{
	struct ear *ear = (struct ear *)s;

	if (ev->kind != CACHE_EVENT_LOST && strcmp(ev->url, ear->url) != 0)
		return;
	pthread_mutex_lock(&ear->lock);
	ear->n[ev->kind]++;
	if (ev->kind == CACHE_EVENT_FAILED)
		ear->error = ev->error;
	if (ev->kind == CACHE_EVENT_PROGRESS) {
		ear->backwards |= ev->cached < ear->cached;
		ear->cached = ev->cached;
	}
	pthread_cond_broadcast(&ear->cond);
	pthread_mutex_unlock(&ear->lock);
}

static void ear_open(struct ear *ear, const char *path)
{
	*ear = (struct ear){ .s.event = on_event };
	ear->url = strdup(lab_url(path));
	pthread_mutex_init(&ear->lock, NULL);
	pthread_cond_init(&ear->cond, NULL);
	cache_subscribe(cache, &ear->s);
}

static void ear_wait(struct ear *ear, enum cache_event_kind kind)
{
	pthread_mutex_lock(&ear->lock);
	while (!ear->n[kind])
		pthread_cond_wait(&ear->cond, &ear->lock);
	pthread_mutex_unlock(&ear->lock);
}

static void ear_close(struct ear *ear)
{
	cache_unsubscribe(cache, &ear->s);
	free((char *)ear->url);
}

static bool view(const char *path, struct cache_view *v)
{
	*v = (struct cache_view){ 0 };
	return cache_view(cache, lab_url(path), v) == 0;
}

static uint64_t cached(const char *path)
{
	struct cache_info info;
	uint64_t n;

	if (cache_peek(cache, lab_url(path), &info))
		return 0;
	n = info.cached;
	cache_info_fini(&info);
	return n;
}

static uint64_t generation(const char *path)
{
	struct cache_info info;
	uint64_t g;

	if (cache_peek(cache, lab_url(path), &info))
		return 0;
	g = info.generation;
	cache_info_fini(&info);
	return g;
}

static bool is_pinned(const char *path)
{
	struct cache_info info;
	bool pinned;

	if (cache_peek(cache, lab_url(path), &info))
		return false;
	pinned = info.pinned;
	cache_info_fini(&info);
	return pinned;
}

/* ---- bringing --------------------------------------------------------------- */

static void test_whole(void)
{
	struct cache_view v;
	struct ear ear;
	char *path;
	struct stat st;

	ear_open(&ear, "/film.bin");
	is_int(fetch_all("/film.bin"), 0, "all of it is fetched");
	ear_wait(&ear, CACHE_EVENT_COMPLETE);
	is_uint(ear.n[CACHE_EVENT_BEGUN], 1, "it has begun once");
	is_uint(ear.n[CACHE_EVENT_COMPLETE], 1, "and was complete once");
	is_uint(ear.n[CACHE_EVENT_FAILED], 0, "nothing failed");
	ear_close(&ear);
	ok(view("/film.bin", &v) && v.info.complete && !v.fetching,
	   "it is complete, and nothing is under way");
	is_uint(v.present.total, FILM, "with every byte");
	is_int(v.error, 0, "and no error");
	cache_view_fini(&v);
	is_int(cache_path(cache, lab_url("/film.bin"), &path), 0, "it has a path");
	ok(stat(path, &st) == 0 && st.st_size == FILM, "where it is");
	free(path);
	is_int(fetch_all("/film.bin"), 0, "once more is nothing to do");
	is_int(cache_path(cache, lab_url("/no.bin"), &path), -ENOENT,
	       "what is not here has no path");
}

static void test_ranges(void)
{
	struct cache_view v;
	struct told a, b;

	is_int(fetch("/large.bin", 5000000, 6000000), 0, "a range is fetched");
	ok(view("/large.bin", &v), "of which there is a view");
	ok(extent_contains(&v.present, 5000000, 6000000), "it is here");
	ok(v.present.total < 2000000, "and not much more: %" PRIu64,
	   v.present.total);
	cache_view_fini(&v);
	is_int(fetch("/large.bin", 5, 5), -EINVAL, "an empty range is none");
	is_int(fetch("/large.bin", LARGE + 5, CACHE_SIZE_UNKNOWN), 0,
	       "past the end there is nothing to do");

	told_init(&a);
	told_init(&b);
	is_int(cache_fetch_watched(cache, lab_url("/slow.bin"), 0, 1000000,
				   &a.w), 0, "a range of a slow one");
	is_int(cache_fetch_watched(cache, lab_url("/slow.bin"), 4000000,
				   4500000, &b.w), 0, "and another");
	is_int(told_wait(&a), 0, "the first is told");
	ok(view("/slow.bin", &v), "when …");
	ok(extent_contains(&v.present, 0, 1000000) &&
	   extent_contains(&v.present, 4000000, 4500000), "both are here");
	cache_view_fini(&v);
	is_int(told_wait(&b), 0, "the second, too");
}

static void test_stop_and_go_on(void)
{
	struct told t;
	struct ear ear;
	struct cache_view v;
	uint64_t had;

	told_init(&t);
	ear_open(&ear, "/slow2.bin");
	is_int(cache_fetch_watched(cache, lab_url("/slow2.bin"), 0,
				   CACHE_SIZE_UNKNOWN, &t.w), 0, "a slow one");
	ear_wait(&ear, CACHE_EVENT_PROGRESS);
	ok(view("/slow2.bin", &v) && v.fetching && v.connections > 0 &&
	   v.readers == 0, "it shows while it is fetched");
	ok(v.rate > 0, "and how fast: %" PRIu64, v.rate);
	cache_view_fini(&v);
	is_int(cache_fetch_stop(cache, lab_url("/slow2.bin")), 0, "stopped");
	is_int(told_wait(&t), -ECANCELED, "who watched is told");
	ear_close(&ear);
	ok(!ear.backwards, "progress goes forwards");
	had = cached("/slow2.bin");
	ok(had > 0 && had < LARGE, "what had come is kept: %" PRIu64, had);
	is_int(cache_fetch_stop(cache, lab_url("/slow2.bin")), -ENOENT,
	       "nothing more to be stopped");

	told_init(&t);
	cache_fetch_watched(cache, lab_url("/slow2.bin"), 0,
			    CACHE_SIZE_UNKNOWN, &t.w);
	ok(cache_watch_cancel(&t.w), "one who does not want to know");
	is_int(cache_drop(cache, lab_url("/slow2.bin")), 0, "dropped");
	is_int(t.calls, 0, "is not told");
	ok(!view("/slow2.bin", &v), "and it is gone");
}

static void test_failures(void)
{
	struct ear ear;

	ear_open(&ear, "/404");
	is_int(fetch_all("/404"), -ENOENT, "404");
	ear_wait(&ear, CACHE_EVENT_FAILED);
	is_int(ear.error, -ENOENT, "is an event");
	ear_close(&ear);
	is_int(fetch_all("/folder"), -EISDIR, "a folder");
	is_int(fetch_all("/secret.bin"), -EPERM, "what must not be kept");
	is_int(fetch_all("/flaky.bin"), 0, "what fails in passing");
	is_int(fetch_all("/chunked.bin"), 0, "of unknown length");
	is_uint(cached("/chunked.bin"), FILM, "all of it");
	is_int(fetch_all("/silent.bin"), -ETIMEDOUT, "nobody answers");
	is_int(cache_fetch(cache, "http://127.0.0.1:1/x", 0, 1), 0, "nobody there");
	struct told t;

	told_init(&t);
	is_int(cache_fetch_watched(cache, "http://127.0.0.1:1/y", 0, 5, &t.w),
	       0, "is asked");
	is_int(told_wait(&t), -EHOSTUNREACH, "and not found");
	is_int(cache_fetch(cache, "ftp://h/x", 0, 1), -EINVAL, "no URL of ours");
}

static void test_another_version(void)
{
	struct ear ear;
	unsigned char have[8];
	struct cache_file *f;
	struct cache_info info;
	uint64_t old;

	is_int(fetch("/new.bin", 0, 500000), 0, "some of one version");
	old = generation("/new.bin");
	ear_open(&ear, "/new.bin");
	lab_post("/-/version", "/new.bin 2");
	is_int(fetch_all("/new.bin"), 0, "then there is another");
	ok(generation("/new.bin") != old && cached("/new.bin") == FILM,
	   "all of that is here");
	ear_wait(&ear, CACHE_EVENT_COMPLETE);
	is_uint(ear.n[CACHE_EVENT_SUPERSEDED], 1, "as the events say");
	ear_close(&ear);
	is_int(cache_open(cache, lab_url("/new.bin"), &f), 0, "opened");
	is_int(cache_stat(f, &info), 0, "at once");
	is_int(cache_read(f, have, 8, 0, 8), 8, "read");
	cache_info_fini(&info);
	cache_close(f);
}

/* More than have their turn at once. */
static void test_many(void)
{
	enum { N = 400 };
	static struct told t[N];
	struct cache_totals totals;
	unsigned good = 0;
	char path[32];

	for (int i = 0; i < N; i++) {
		told_init(&t[i]);
		snprintf(path, sizeof(path), "/many/%d", i);
		good += !cache_fetch_watched(cache, lab_url(path), 0,
					     CACHE_SIZE_UNKNOWN, &t[i].w);
	}
	is_uint(good, N, "%d files at once", N);
	cache_totals(cache, &totals);
	ok(totals.transfers <= 16, "%u transfers", totals.transfers);
	good = 0;
	for (int i = 0; i < N; i++)
		good += !told_wait(&t[i]);
	is_uint(good, N, "all come");
	cache_totals(cache, &totals);
	is_uint(totals.fetching, 0, "nothing is left over");
}

/* ---- keeping, asking -------------------------------------------------------- */

static void restart(void)
{
	cache_stop(cache);
	cache_free(cache);
	cache = NULL;
	if (cache_start(&lab_conf, &cache))
		exit(99);
}

static void test_pin(void)
{
	is_int(cache_pin(cache, lab_url("/pin.bin"), true), -ENOENT,
	       "what is not here can't be pinned");
	is_int(fetch("/pin.bin", 0, 100000), 0, "some of it is");
	is_int(cache_pin(cache, lab_url("/pin.bin"), true), 0, "pinned");
	ok(is_pinned("/pin.bin"), "it says so");
	restart();
	ok(is_pinned("/pin.bin"), "also after a restart");
	lab_post("/-/version", "/pin.bin 2");
	is_int(fetch_all("/pin.bin"), 0, "another version");
	ok(is_pinned("/pin.bin"), "is pinned as well");
	is_int(cache_pin(cache, lab_url("/pin.bin"), false), 0, "unpinned");
	restart();
	ok(!is_pinned("/pin.bin"), "it says so");
}

static _Atomic bool renewed;
static unsigned missed, pins;

static void *keeper(void *arg)
{
	const char *url = lab_url("/renewed.bin");

	(void)arg;
	while (!renewed) {
		missed += cache_pin(cache, url, pins % 2) == -ENOENT;
		pins++;
	}
	return NULL;
}

/* While one version takes the other's place. */
static void test_pin_race(void)
{
	pthread_t thread;
	char text[64];

	is_int(fetch("/renewed.bin", 0, 100), 0, "a file");
	if (pthread_create(&thread, NULL, keeper, NULL))
		exit(1);
	for (int i = 2; i < 50; i++) {
		snprintf(text, sizeof(text), "/renewed.bin %d", i);
		lab_post("/-/version", text);
		validate("/renewed.bin");
	}
	renewed = true;
	pthread_join(thread, NULL);
	diag("%u pins", pins);
	is_uint(missed, 0, "each of them can be pinned");
}

static void test_validate(void)
{
	uint64_t had;
	unsigned asked;

	is_int(validate("/never.bin"), -ENOENT, "what is not here");
	is_int(fetch_all("/valid.bin"), 0, "what is");
	asked = lab_requests("/valid.bin");
	is_int(validate("/valid.bin"), 0, "still holds");
	is_uint(lab_requests("/valid.bin"), asked + 1, "the origin was asked");
	had = generation("/valid.bin");
	lab_post("/-/version", "/valid.bin 2");
	is_int(validate("/valid.bin"), -ESTALE, "then there is another");
	ok(generation("/valid.bin") != had, "which has taken its place");

	is_int(fetch("/gone.bin", 0, 50000), 0, "some of what is there");
	had = cached("/gone.bin");
	for (int i = 0; i < 3; i++)	/* until its rule is used up */
		validate("/gone.bin");
	is_int(validate("/gone.bin"), -ENOENT, "it is there no more");
	is_uint(cached("/gone.bin"), had, "what is cached stays");

	is_int(fetch_all("/bare.bin"), 0, "what has no version");
	is_int(validate("/bare.bin"), -ENODATA, "can't be told");
	is_uint(cached("/bare.bin"), FILM, "and stays");
}

static void test_reset(void)
{
	uint64_t had;
	struct told t;

	is_int(fetch_all("/again.bin"), 0, "a file");
	cache_pin(cache, lab_url("/again.bin"), true);
	had = generation("/again.bin");
	told_init(&t);
	is_int(cache_reset(cache, lab_url("/again.bin"), &t.w), 0, "once more");
	is_int(told_wait(&t), 0, "from the start");
	ok(generation("/again.bin") != had && cached("/again.bin") == FILM,
	   "is another generation, all of it");
	ok(is_pinned("/again.bin"), "pinned as the old one was");
}

static void test_drop(void)
{
	struct ear ear;
	struct told t;

	told_init(&t);
	ear_open(&ear, "/slow3.bin");
	cache_fetch_watched(cache, lab_url("/slow3.bin"), 0,
			    CACHE_SIZE_UNKNOWN, &t.w);
	ear_wait(&ear, CACHE_EVENT_BEGUN);
	is_int(cache_drop(cache, lab_url("/slow3.bin")), 0, "dropped meanwhile");
	is_int(told_wait(&t), -ECANCELED, "ends it");
	ear_wait(&ear, CACHE_EVENT_DROPPED);
	is_uint(ear.n[CACHE_EVENT_DROPPED], 1, "and is an event");
	ear_close(&ear);
}

/* ---- looking ---------------------------------------------------------------- */

struct census {
	unsigned n, complete, loaded, film;
	uint64_t bytes;
};

static int on_view(void *ctx, const struct cache_view *v)
{
	struct census *c = ctx;

	c->n++;
	c->complete += v->info.complete;
	c->loaded += v->loaded;
	c->bytes += v->present.total;
	c->film += strstr(v->info.url, "/film.bin") != NULL;
	return 0;
}

static int on_first(void *ctx, const struct cache_view *v)
{
	(void)v;
	return ++*(unsigned *)ctx == 3 ? 7 : 0;
}

static void test_each(void)
{
	struct census stored = { 0 }, used = { 0 }, mixed = { 0 };
	struct cache_totals totals;
	struct cache_file *f;
	unsigned n = 0;

	restart();
	is_int(cache_each(cache, false, on_view, &stored), 0, "look at all");
	ok(stored.n > 400 && stored.complete > 400, "%u of them, %u complete",
	   stored.n, stored.complete);
	is_uint(stored.film, 1, "the film once");
	is_uint(stored.loaded, 0, "none in use");
	is_int(cache_open(cache, lab_url("/film.bin"), &f), 0, "one is opened");
	is_int(cache_each(cache, true, on_view, &used), 0, "look at those in use");
	is_uint(used.n, 1, "one");
	is_uint(used.bytes, FILM, "with its bytes");
	is_int(cache_each(cache, false, on_view, &mixed), 0, "at all again");
	is_uint(mixed.n, stored.n, "as many");
	is_uint(mixed.loaded, 1, "one in use");
	is_uint(mixed.bytes, stored.bytes, "as many bytes");
	is_int(cache_each(cache, false, on_first, &n), 7, "or until told to stop");
	is_uint(n, 3, "at once");
	cache_totals(cache, &totals);
	is_uint(totals.entries, 1, "one entry in use");
	while (!totals.counted) {
		usleep(10000);
		cache_totals(cache, &totals);
	}
	is_uint(totals.files, stored.n, "the totals count as many files");
	ok(totals.bytes >= stored.bytes, "and no fewer bytes");
	cache_close(f);
}

static void test_totals(void)
{
	struct cache_totals before, after;
	struct cache_info info;
	struct cache_file *f;
	char buf[4096];
	int fd;

	cache_totals(cache, &before);
	is_int(fetch_all("/count.bin"), 0, "one more");
	is_int(cache_open(cache, lab_url("/count.bin"), &f), 0, "to be read");
	is_int(cache_stat(f, &info), 0, "known");
	cache_info_fini(&info);
	for (int i = 0; i < 10; i++)
		cache_read(f, buf, sizeof(buf), i * 4096, sizeof(buf));
	is_int(cache_read_fd(f, &fd, FILM, 0, 1), FILM, "a look, no read");
	cache_totals(cache, &after);
	is_uint(after.reads - before.reads, 10, "ten reads");
	is_uint(after.bytes_read - before.bytes_read, 40960, "of so many bytes");
	cache_taken(f, FILM);
	cache_totals(cache, &after);
	is_uint(after.bytes_read - before.bytes_read, 40960 + FILM,
		"what was taken counts");
	is_uint(after.waits - before.waits, 0, "none waited");
	is_uint(after.completed - before.completed, 1, "one complete file");
	is_uint(after.bytes_fetched - before.bytes_fetched, FILM, "fetched");
	ok(after.requests > before.requests, "with requests");
	is_uint(after.errors, before.errors, "without errors");
	cache_close(f);
}

/* ---- all at once, and the end ----------------------------------------------- */

#define N_THREADS 4
#define ROUNDS 120

static _Atomic unsigned asked, told, taken, full;

static void on_told(struct cache_watch *w, int status)
{
	told++;
	full += status == -ENOSPC;
	free(w);
}

static int nothing(void *ctx, const struct cache_view *v)
{
	(void)ctx;
	(void)v;
	return 0;
}

static void ask(unsigned what, const char *url)
{
	struct cache_watch *w = calloc(1, sizeof(*w));
	int err;

	w->done = on_told;
	err = what == 0 ? cache_validate(cache, url, w) :
	      what == 1 ? cache_reset(cache, url, w) :
		cache_fetch_watched(cache, url, 1000 * what,
				    20000 * what + 100000, w);
	if (err)
		free(w);
	else
		asked++;
}

static void *user(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct cache_view v;
	struct told own;
	char path[32];

	for (int i = 0; i < ROUNDS; i++) {
		unsigned what = (unsigned)rand_r(&seed) % 12;

		snprintf(path, sizeof(path), "/many/%d", rand_r(&seed) % 3);
		if (what < 6) {
			ask(what, lab_url(path));
		} else if (what == 6) {
			cache_fetch_stop(cache, lab_url(path));
		} else if (what == 7) {
			cache_drop(cache, lab_url(path));
		} else if (what == 8) {
			cache_pin(cache, lab_url(path), i % 2);
		} else if (what == 9) {
			if (view(path, &v))
				cache_view_fini(&v);
		} else if (what == 10) {
			cache_each(cache, true, nothing, NULL);
		} else {
			told_init(&own);
			if (cache_fetch_watched(cache, lab_url(path), 0, 50000,
						&own.w))
				continue;
			asked++;
			if (cache_watch_cancel(&own.w))
				taken++;
			else
				told += own.calls == 1;
		}
	}
	return NULL;
}

static void test_race(void)
{
	pthread_t threads[N_THREADS];
	struct ear ear;

	ear_open(&ear, "/many/1");
	for (uintptr_t i = 0; i < N_THREADS; i++)
		if (pthread_create(&threads[i], NULL, user, (void *)(i + 1)))
			exit(1);
	for (size_t i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	ear_close(&ear);
	cache_stop(cache);
	diag("%u asked, %u told, %u taken back", asked, told, taken);
	is_uint(told + taken, asked, "who asked is told exactly once");
	is_uint(full, 0, "nobody that the disk is full, for what was dropped");
	cache_free(cache);
	cache = NULL;
}

static void test_end(void)
{
	struct told t, u;

	is_int(cache_start(&lab_conf, &cache), 0, "started again");
	told_init(&t);
	told_init(&u);
	cache_fetch_watched(cache, lab_url("/stall.bin"), 0,
			    CACHE_SIZE_UNKNOWN, &t.w);
	is_int(fetch_all("/end.bin"), 0, "a file");
	lab_stop_origin();
	is_int(validate("/end.bin"), -EHOSTUNREACH, "its origin is gone");
	is_uint(cached("/end.bin"), FILM, "it stays");
	cache_stop(cache);
	is_int(t.calls, 1, "the end of the cache is told of");
	is_int(t.status, -ESHUTDOWN, "as what it is");
	is_int(cache_fetch_watched(cache, lab_url("/x.bin"), 0, 5, &u.w),
	       -ESHUTDOWN, "nothing begins any more");
	cache_free(cache);
}

int main(void)
{
	if (!lab_begin(script) ||
	    !is_int(cache_start(&lab_conf, &cache), 0, "started"))
		return 99;
	test_whole();
	test_ranges();
	test_stop_and_go_on();
	test_failures();
	test_another_version();
	test_many();
	test_pin();
	test_pin_race();
	test_validate();
	test_reset();
	test_drop();
	test_each();
	test_totals();
	test_race();
	test_end();
	lab_end();
	return done_testing();
}
