/* The engine's contract (cache/cache.h) against the scripted origin. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>

#include "lab.h"

#define FILM_SIZE 3000000
#define LARGE_SIZE 20000000

#define MUST "gen=1000/1 header=\"Cache-Control: max-age=0, " \
	     "must-revalidate\"\n"

static const char script[] =
	"/404 status=404\n"
	"/403 status=403\n"
	"/410 status=410\n"
	"/500 status=501\n"
	"/stall.bin times=1 gen=5000000/3\n"
	"/stall.bin gen=5000000/3 stall=0\n"
	"/stop.bin times=1 gen=5000000/3\n"
	"/stop.bin gen=5000000/3 stall=0\n"
	"/silent.bin stall=before\n"
	"/slow.bin gen=3000000/1 rate=1M\n"
	"/drop.bin gen=3000000/1 drop=300K\n"
	"/wall.bin gen=20000000/3 wall=10M\n"
	"/flaky.bin times=2 status=503\n"
	"/flaky.bin gen=3000000/1\n"
	"/ignore.bin gen=3000000/1 ranges=ignore\n"
	"/off.bin gen=3000000/1 ranges=off drop=1500000 times=1\n"
	"/off.bin gen=3000000/1 ranges=off\n"
	"/chunked.bin gen=3000000/1 length=chunked ranges=off\n"
	"/close.bin gen=3000000/1 length=close ranges=off\n"
	"/shrinks.bin times=1 gen=5000000/1 length=chunked ranges=off "
	"etag=same stall=4000000\n"
	"/shrinks.bin gen=3000000/1 length=chunked ranges=off etag=same\n"
	"/liar.bin gen=3000000/1 ranges=wrong-start\n"
	"/empty.bin gen=0/1\n"
	"/changes.bin times=1 gen=3000000/1 version=1\n"
	"/changes.bin gen=3000000/1 version=2\n"
	"/neither.bin times=1 gen=3000000/1 version=1 etag=none last-modified=none\n"
	"/neither.bin gen=3000000/1 version=2 etag=none last-modified=none\n"
	"/secret.bin gen=3000000/1 header=\"Cache-Control: no-store\"\n"
	"/may.bin times=1 gen=1000/1 header=\"Cache-Control: max-age=0\"\n"
	"/may.bin status=503\n"
	"/must.bin times=1 " MUST
	"/must.bin times=2 status=503\n"
	"/must.bin " MUST
	"/must-not.bin times=1 gen=1000/1 header=\"Cache-Control: no-cache\"\n"
	"/must-not.bin status=501\n"
	"/mute.bin times=1 gen=1000/1 header=\"Cache-Control: no-cache\"\n"
	"/mute.bin times=1 gen=1000/1\n"
	"/mute.bin status=501\n"
	"/expired.bin times=1 gen=1000/1 header=\"Expires: 0\"\n"
	"/expired.bin gen=1000/1\n"
	"/renewed.bin times=1 gen=3000000/1 header=\"Expires: 0\"\n"
	"/renewed.bin times=1 gen=3000000/1 version=2 header=\"Expires: 0\" "
	"drop=1000\n"
	"/renewed.bin gen=3000000/1 version=2\n"
	"/folder redirect=/folder/\n"
	"/moved.bin redirect=/film.bin\n"
	"/loop.bin redirect=/loop.bin\n"
	"/film.bin gen=3000000/1\n"
	"/large.bin gen=20000000/1\n";

static struct cache *cache;

/* ---- the origin ---------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* What /gen of tests/origin has at off. */
static unsigned char byte_at(uint64_t seed, uint64_t version, uint64_t off)
{
	const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t word = mix(mix(seed + version * golden) + off / 8 * golden);

	return (unsigned char)(word >> 8 * (off % 8));
}

static bool is_content(const unsigned char *buf, size_t len, uint64_t off,
		       uint64_t seed, uint64_t version)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != byte_at(seed, version, off + i))
			return false;
	return true;
}

/* ---- waiting like a caller ------------------------------------------------ */

struct sync {
	struct cache_waiter w;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int calls, status;
};

static void sync_ready(struct cache_waiter *w, int status)
{
	struct sync *s = (struct sync *)w;	/* first member */

	pthread_mutex_lock(&s->lock);
	s->calls++;
	s->status = status;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

static void sync_init(struct sync *s, struct cache_file *f, uint64_t off,
		      size_t min)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	s->calls = s->status = 0;
	cache_waiter_init(&s->w, f, off, min, sync_ready);
}

static int sync_wait(struct sync *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->calls)
		pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return s->status;
}

static int wait_for(struct cache_file *f, uint64_t off, size_t min)
{
	struct sync s;

	sync_init(&s, f, off, min);
	return cache_await(&s.w) ? sync_wait(&s) : 0;
}

static int stat_wait(struct cache_file *f, struct cache_info *info)
{
	int r;

	while ((r = cache_stat(f, info)) == -EAGAIN)
		if ((r = wait_for(f, 0, 0)) < 0)
			break;
	return r;
}

static ssize_t read_wait(struct cache_file *f, void *buf, size_t len,
			 uint64_t off, size_t min)
{
	ssize_t n;

	while ((n = cache_read(f, buf, len, off, min)) == -EAGAIN)
		if ((n = wait_for(f, off, min)) < 0)
			break;
	return n;
}

static struct cache_file *open_path(const char *path)
{
	struct cache_file *f = NULL;

	if (cache_open(cache, lab_url(path), &f))
		return NULL;
	return f;
}

/* Open and learn the facts: 0 with *f, or the error (nothing is open). */
static int open_stat(const char *path, struct cache_file **f,
		     struct cache_info *info)
{
	int r;

	*f = open_path(path);
	if (!*f)
		return -ENOMEM;
	r = stat_wait(*f, info);
	if (r < 0) {
		cache_close(*f);
		*f = NULL;
	}
	return r;
}

static int open_error(const char *path)
{
	struct cache_info info;
	struct cache_file *f;
	int r = open_stat(path, &f, &info);

	if (r == 0) {
		cache_info_fini(&info);
		cache_close(f);
	}
	return r;
}

/* Read all of f front to back in pieces of a FUSE read. The length, or an
 * error, or -EILSEQ for a wrong byte. */
static int64_t read_all(struct cache_file *f, uint64_t version)
{
	static unsigned char buf[128 * 1024];
	uint64_t off = 0;
	ssize_t n;

	while ((n = read_wait(f, buf, sizeof(buf), off, sizeof(buf))) > 0) {
		if (!is_content(buf, n, off, 1, version))
			return -EILSEQ;
		off += n;
	}
	return n < 0 ? n : (int64_t)off;
}

static void check_whole(const char *path, uint64_t version, const char *what)
{
	struct cache_info info;
	struct cache_file *f;

	if (!is_int(open_stat(path, &f, &info), 0, "%s: found", what))
		return;
	cache_info_fini(&info);
	is_int(read_all(f, version), FILM_SIZE, "%s: every byte", what);
	is_int(cache_stat(f, &info), 0, "%s: facts", what);
	ok(info.complete && info.size == FILM_SIZE &&
	   info.cached == FILM_SIZE, "%s: complete", what);
	cache_info_fini(&info);
	cache_close(f);
}

/* A name server that is silent: getaddrinfo, which libcurl calls in threads of
 * its own, comes back from this one name only when the test is over. */

#define SILENT_HOST "silent.example"

static pthread_mutex_t silence = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t silence_ends = PTHREAD_COND_INITIALIZER;
static bool silent = true;

int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **out)
{
	int (*next)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **);
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	struct timespec until;
	int err = 0;

	if (!node || strcmp(node, SILENT_HOST) != 0) {
		memcpy(&next, &symbol, sizeof(next));
		return next(node, service, hints, out);
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;		/* so that a failure has an end */
	pthread_mutex_lock(&silence);
	while (silent && !err)
		err = pthread_cond_timedwait(&silence_ends, &silence, &until);
	pthread_mutex_unlock(&silence);
	return EAI_AGAIN;
}

/* A caller who breaks the rule that ready() must not block: the engine is
 * stuck until it is let go. */

struct stuck {
	struct sync s;
	pthread_mutex_t gate;
};

static void stuck_ready(struct cache_waiter *w, int status)
{
	struct stuck *one = (struct stuck *)w;	/* first member */

	sync_ready(w, status);
	pthread_mutex_lock(&one->gate);
	pthread_mutex_unlock(&one->gate);
}

/* ---- tests ----------------------------------------------------------------- */

static void test_errors(void)
{
	struct cache_file *f;

	is_int(open_error("/404"), -ENOENT, "404");
	is_int(open_error("/404"), -ENOENT, "404 again");
	is_int(open_error("/410"), -ENOENT, "410");
	is_int(open_error("/403"), -EACCES, "403");
	is_int(open_error("/500"), -EIO, "501");
	is_int(open_error("/loop.bin"), -EIO, "redirect loop");
	is_int(cache_open(cache, "ftp://h/x", &f), -EINVAL, "another scheme");
	is_int(cache_open(cache, "http://u:p@h/x", &f), -EINVAL, "userinfo");
}

static void test_unreachable(void)
{
	struct cache_info info;
	struct cache_file *f;

	is_int(cache_open(cache, "http://127.0.0.1:1/x", &f), 0,
	       "a file of nobody's port");
	is_int(stat_wait(f, &info), -EHOSTUNREACH, "nobody there");
	cache_close(f);
}

static void test_directory(void)
{
	struct cache_info info;
	struct cache_file *f;
	unsigned char c;

	if (!is_int(open_stat("/folder", &f, &info), 0, "a folder is found"))
		return;
	ok(info.directory, "a redirect to the slash makes a folder");
	is_int(cache_read(f, &c, 1, 0, 1), -EISDIR, "no bytes in a folder");
	cache_info_fini(&info);
	cache_close(f);
}

static void test_whole(void)
{
	check_whole("/film.bin", 1, "plain");
	check_whole("/drop.bin", 1, "drops every 300 KiB");
	check_whole("/flaky.bin", 1, "two 503 first");
	check_whole("/ignore.bin", 1, "ignores Range");
	check_whole("/off.bin", 1, "no ranges, dropped half way");
	check_whole("/chunked.bin", 1, "no length, chunked");
	check_whole("/close.bin", 1, "no length, close");
	check_whole("/moved.bin", 1, "redirected");
}

static void test_empty(void)
{
	struct cache_info info;
	struct cache_file *f;
	unsigned char c;

	if (!is_int(open_stat("/empty.bin", &f, &info), 0, "empty file"))
		return;
	ok(info.size == 0 && info.complete, "empty and complete");
	is_int(read_wait(f, &c, 1, 0, 1), 0, "end of file at 0");
	cache_info_fini(&info);
	cache_close(f);
}

static void test_edges(void)
{
	unsigned char buf[100];
	struct cache_info info;
	struct cache_file *f = open_path("/film.bin");

	is_int(cache_read(f, buf, 1, 0, 1), -EINVAL, "not bound, no bytes");
	is_int(stat_wait(f, &info), 0, "bound");
	is_int(read_wait(f, buf, 100, FILM_SIZE - 10, 100), 10,
	       "short at the end");
	ok(is_content(buf, 10, FILM_SIZE - 10, 1, 1), "the last bytes");
	is_int(read_wait(f, buf, 100, FILM_SIZE, 100), 0, "end of file");
	is_int(read_wait(f, buf, 100, UINT64_MAX - 5, 100), 0, "far past it");
	is_int(read_wait(f, buf, 0, 5, 0), 0, "nothing wanted");
	cache_info_fini(&info);
	cache_close(f);
}

static void test_random_reads(void)
{
	static unsigned char buf[70000];
	struct cache_info info;
	struct cache_file *f;
	unsigned bad = 0;
	uint64_t off;
	ssize_t n;

	srandom(1);
	if (!is_int(open_stat("/large.bin", &f, &info), 0, "large file"))
		return;
	for (int i = 0; i < 200; i++) {
		off = random() % (LARGE_SIZE - sizeof(buf));
		n = read_wait(f, buf, sizeof(buf), off, sizeof(buf));
		bad += n != sizeof(buf) || !is_content(buf, n, off, 1, 1);
	}
	is_int(bad, 0, "200 random reads");
	cache_info_fini(&info);
	cache_close(f);
}

/* The generation a file opened by another one belongs to; 0: none. */
static uint64_t generation_again(struct cache_file *f)
{
	struct cache_info info = { 0 };
	struct cache_file *g;
	uint64_t generation;

	if (cache_open_again(f, &g))
		return 0;
	stat_wait(g, &info);
	generation = info.generation;
	cache_info_fini(&info);
	cache_close(g);
	return generation;
}

static void test_versions(void)
{
	static unsigned char buf[1000];
	struct cache_info info, newer;
	struct cache_file *f, *g, *kept = open_path("/changes.bin");

	if (!is_int(open_stat("/changes.bin", &f, &info), 0, "version 1"))
		return;
	ok(generation_again(kept) == info.generation, "opened again, too");
	is_int(read_wait(f, buf, sizeof(buf), 0, sizeof(buf)), sizeof(buf),
	       "its first bytes");
	ok(is_content(buf, sizeof(buf), 0, 1, 1), "are version 1");
	is_int(read_wait(f, buf, sizeof(buf), 2000000, sizeof(buf)), -ESTALE,
	       "a hole after the change");
	is_int(read_wait(f, buf, sizeof(buf), 0, sizeof(buf)), sizeof(buf),
	       "what was here can be read on");
	ok(is_content(buf, sizeof(buf), 0, 1, 1), "and is version 1");
	if (is_int(open_stat("/changes.bin", &g, &newer), 0, "version 2")) {
		ok(newer.generation != info.generation, "a new generation");
		ok(generation_again(f) == newer.generation,
		   "to whom opens the old one again");
		ok(generation_again(kept) == newer.generation,
		   "and one that is not bound");
		cache_info_fini(&info);
		is_int(cache_stat(kept, &info), 0, "which has moved to it");
		ok(info.generation == newer.generation, "by itself");
		is_int(read_all(g, 2), FILM_SIZE, "every byte is version 2");
		cache_info_fini(&newer);
		cache_close(g);
	}
	cache_info_fini(&info);
	cache_close(kept);
	cache_close(f);
}

/* Nothing names the version: two answers are never one file. */
static void test_no_validators(void)
{
	static unsigned char buf[1000];
	struct cache_info info;
	struct cache_file *f;
	ssize_t n;

	if (!is_int(open_stat("/neither.bin", &f, &info), 0, "no validators"))
		return;
	n = read_wait(f, buf, sizeof(buf), 2000000, sizeof(buf));
	is_int(n, -ESTALE, "the next answer has other bytes: no mixture");
	is_int(read_wait(f, buf, sizeof(buf), 0, sizeof(buf)), sizeof(buf),
	       "what was here can be read on");
	ok(is_content(buf, sizeof(buf), 0, 1, 1), "and is version 1");
	cache_info_fini(&info);
	cache_close(f);
	check_whole("/neither.bin", 2, "no validators, version 2");
}

/* Of unknown length: it ends before what is here of it, whatever its ETag. */
static void test_shrinks(void)
{
	static unsigned char buf[1000];
	struct cache_info info;
	struct cache_file *f;
	char record[256];

	if (!is_int(open_stat("/shrinks.bin", &f, &info), 0, "no length"))
		return;
	cache_info_fini(&info);
	is_int(read_wait(f, buf, sizeof(buf), 3500000, sizeof(buf)),
	       sizeof(buf), "what is sent of it can be read");
	snprintf(record, sizeof(record), "%s/http/127.0.0.1:%u/shrinks.bin.meta",
		 lab_conf.cache_dir, lab_port);
	for (int i = 0; i < 150 && access(record, F_OK); i++)
		usleep(10000);
	is_int(read_wait(f, buf, sizeof(buf), 4500000, sizeof(buf)), -ESTALE,
	       "it is shorter than what is here: another version");
	is_int(read_wait(f, buf, sizeof(buf), 3500000, sizeof(buf)),
	       sizeof(buf), "what was here can be read on");
	ok(is_content(buf, sizeof(buf), 3500000, 1, 1), "as it was");
	cache_close(f);
	check_whole("/shrinks.bin", 1, "the shorter one");
}

static int find_secret(const char *path, const struct stat *st, int flag,
		       struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return strstr(path, "secret") != NULL;
}

static void test_no_store(void)
{
	const char *url = lab_url("/secret.bin");
	struct cache_info info;
	int tries;

	check_whole("/secret.bin", 1, "no-store");
	is_int(nftw(lab_conf.cache_dir, find_secret, 16, FTW_PHYS), 0,
	       "no-store: nothing of it in the cache folder");
	/* The engine's threads may have it in hand for a moment. */
	for (tries = 0; tries < 2000; tries++) {
		if (cache_peek(cache, url, &info))
			break;
		cache_info_fini(&info);
		usleep(10000);
	}
	ok(tries < 2000, "no-store: forgotten once it is closed");
}

/* 0, or why what is used is not confirmed; or the error. */
static int open_unconfirmed(const char *path)
{
	struct cache_info info;
	struct cache_file *f;
	int r = open_stat(path, &f, &info);

	if (r < 0)
		return r;
	r = info.unconfirmed;
	cache_info_fini(&info);
	cache_close(f);
	return r;
}

/* RFC 9111, 4.2.4. */
static void test_strict(void)
{
	is_int(open_unconfirmed("/may.bin"), 0, "what may be used stale");
	is_int(open_unconfirmed("/may.bin"), -EIO, "is, at once");
	is_int(open_unconfirmed("/must.bin"), 0, "what must be confirmed");
	is_int(open_unconfirmed("/must.bin"), 0, "is, after two more tries");
	is_int(open_unconfirmed("/must-not.bin"), 0, "or its origin refuses");
	is_int(open_error("/must-not.bin"), -EIO, "and it is not used");
	is_int(open_unconfirmed("/mute.bin"), 0, "that is so …");
	is_int(open_unconfirmed("/mute.bin"), 0, "confirmed without a word,");
	is_int(open_error("/mute.bin"), -EIO, "… still");
	for (int i = 1; i < 4; i++) {
		is_int(open_unconfirmed("/expired.bin"), 0, "expired");
		is_uint(lab_requests("/expired.bin"), i, "asked about again");
	}
}

/* The new version that a validation has brought fails like any other. */
static void test_renewed(void)
{
	static unsigned char buf[2000];
	struct cache_info info;
	struct cache_file *f;

	is_int(open_unconfirmed("/renewed.bin"), 0, "version 1");
	if (!is_int(open_stat("/renewed.bin", &f, &info), 0, "version 2"))
		return;
	cache_info_fini(&info);
	is_int(read_wait(f, buf, sizeof(buf), 0, sizeof(buf)), sizeof(buf),
	       "dropped and resumed");
	ok(is_content(buf, sizeof(buf), 0, 1, 2), "its bytes");
	is_int(cache_stat(f, &info), 0, "its facts");
	is_int(info.unconfirmed, 0, "it is what the origin has");
	cache_info_fini(&info);
	cache_close(f);
}

static void test_liar(void)
{
	check_whole("/liar.bin", 1, "206 from the wrong place");
}

static void test_deadline(void)
{
	unsigned char buf[1000];
	struct cache_info info;
	struct cache_file *f;

	is_int(open_error("/silent.bin"), -ETIMEDOUT,
	       "an origin that says nothing");
	if (!is_int(open_stat("/stall.bin", &f, &info), 0, "one that stalls"))
		return;
	is_int(read_wait(f, buf, sizeof(buf), 1000000, sizeof(buf)),
	       -ETIMEDOUT, "a hole of it");
	is_int(read_wait(f, buf, sizeof(buf), 0, sizeof(buf)), sizeof(buf),
	       "what came can be read");
	struct sync late, early;

	sync_init(&late, f, 2000000, 10);
	sync_init(&early, f, 2000000, 10);
	early.w.deadline_ms = 1;	/* long ago */
	ok(cache_await(&late.w) && cache_await(&early.w), "two wait");
	is_int(sync_wait(&early), -ETIMEDOUT, "a deadline carried over");
	ok(cache_cancel(&late.w), "is no other's");
	cache_info_fini(&info);
	cache_close(f);
}

static void test_cancel(void)
{
	struct cache_info info;
	struct cache_file *f;
	struct sync s;

	if (!is_int(open_stat("/stall.bin", &f, &info), 0, "to be cancelled"))
		return;
	sync_init(&s, f, 2000000, 10);
	ok(cache_cancel(&s.w), "cancelled before it is published");
	ok(!cache_cancel(&s.w), "only once");
	ok(cache_await(&s.w), "then publishing leaves it alone");
	sync_init(&s, f, 2000000, 10);
	ok(cache_await(&s.w), "published");
	ok(cache_cancel(&s.w), "cancelled after");
	ok(!cache_cancel(&s.w), "only once");
	is_int(s.calls, 0, "ready has not run");
	cache_info_fini(&info);
	cache_close(f);
}

/* Each of many waiters on arriving bytes, cancelled by another thread at the
 * same time: either cancel or ready has it, never both, never neither. */

#define RACERS 2000

struct racer {
	struct sync s;
	_Atomic int cancelled, published;
};

static void *cancel_all(void *arg)
{
	struct racer *r = arg;
	unsigned seed = 7;

	for (int i = 0; i < RACERS; i++) {
		struct racer *one = &r[i];

		if (rand_r(&seed) % 2)
			while (!atomic_load(&one->published))
				;
		if (rand_r(&seed) % 3)
			usleep(rand_r(&seed) % 700);
		atomic_fetch_add(&one->cancelled, cache_cancel(&one->s.w));
	}
	return NULL;
}

static void test_cancel_race(void)
{
	struct racer *r = calloc(RACERS, sizeof(*r));
	unsigned wrong = 0, cancelled = 0, ready = 0, refused = 0;
	struct cache_info info;
	struct cache_file *f;
	pthread_t thread;

	if (!is_int(open_stat("/slow.bin", &f, &info), 0, "a slow file"))
		return;
	for (int i = 0; i < RACERS; i++)
		sync_init(&r[i].s, f, (uint64_t)i * (FILM_SIZE / RACERS), 1);
	pthread_create(&thread, NULL, cancel_all, r);
	for (int i = 0; i < RACERS; i++) {
		if (!cache_await(&r[i].s.w)) {
			/* Not published: who wants it must win it. */
			atomic_fetch_add(&r[i].cancelled,
					 cache_cancel(&r[i].s.w));
			refused++;
		}
		atomic_store(&r[i].published, 1);
	}
	pthread_join(thread, NULL);
	for (int i = 0; i < RACERS; i++) {
		int c = atomic_load(&r[i].cancelled);

		if (!c)
			sync_wait(&r[i].s);
		wrong += c + r[i].s.calls != 1;
		cancelled += c;
		ready += r[i].s.calls;
	}
	is_int(wrong, 0, "each waiter settled exactly once");
	diag("%u cancelled, %u ready, %u not published", cancelled, ready,
	     refused);
	cache_info_fini(&info);
	cache_close(f);
	free(r);
}

/* Of thousands of waiters none is overlooked: not one elsewhere beside a crowd
 * at one spot, and nobody of a crowd that is everywhere. */

#define CROWD 3000

static void test_crowd(void)
{
	struct sync *s = calloc(2 * CROWD, sizeof(*s));
	struct cache_info info;
	struct cache_file *f;
	unsigned wrong = 0;

	if (!is_int(open_stat("/wall.bin", &f, &info), 0, "a wall in a file"))
		return;
	for (int i = 0; i < CROWD; i++) {
		sync_init(&s[i], f, 15000000, 10);
		wrong += !cache_await(&s[i].w);
	}
	is_int(wrong, 0, "a crowd waits behind it");
	is_int(wait_for(f, 5000000, 10), 0, "somebody before it does not");
	for (int i = 0; i < CROWD; i++) {
		sync_init(&s[CROWD + i], f, (uint64_t)i * (10000000 / CROWD), 1);
		if (!cache_await(&s[CROWD + i].w))
			s[CROWD + i].calls = 1;		/* is here */
	}
	for (int i = CROWD; i < 2 * CROWD; i++)
		wrong += sync_wait(&s[i]) != 0;
	is_int(wrong, 0, "nor does anybody of a crowd before it");
	for (int i = 0; i < CROWD; i++)
		wrong += !cache_cancel(&s[i].w);
	is_int(wrong, 0, "the others have waited all the time");
	cache_info_fini(&info);
	cache_close(f);
	free(s);
}

static void *reader(void *arg)
{
	struct cache_info info;
	struct cache_file *f;
	int64_t *result = arg;

	*result = open_stat("/film.bin?readers", &f, &info);
	if (*result == 0) {
		unsigned char *buf = malloc(64 * 1024);
		uint64_t off = 0;
		ssize_t n;

		while ((n = read_wait(f, buf, 64 * 1024, off, 1)) > 0 &&
		       is_content(buf, n, off, 1, 1))
			off += n;
		*result = n < 0 ? n : (int64_t)off;
		free(buf);
		cache_info_fini(&info);
		cache_close(f);
	}
	return NULL;
}

static void test_readers(void)
{
	pthread_t threads[16];
	int64_t results[16];
	unsigned good = 0;

	for (int i = 0; i < 16; i++)
		pthread_create(&threads[i], NULL, reader, &results[i]);
	for (int i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
		good += results[i] == FILM_SIZE;
	}
	is_int(good, 16, "16 readers at once, every byte");
}

static void test_drop(void)
{
	struct cache_info info;
	struct cache_file *f;
	unsigned char buf[1000];
	const char *url = lab_url("/film.bin?drop");

	is_int(cache_peek(cache, url, &info), -ENOENT, "nothing known");
	if (!is_int(open_stat("/film.bin?drop", &f, &info), 0, "to be dropped"))
		return;
	cache_info_fini(&info);
	is_int(cache_peek(cache, url, &info), 0, "known");
	cache_info_fini(&info);
	is_int(cache_drop(cache, url), 0, "dropped");
	is_int(cache_peek(cache, url, &info), -ENOENT, "nothing known again");
	is_int(read_wait(f, buf, sizeof(buf), 2500000, sizeof(buf)),
	       sizeof(buf), "who has it open reads on");
	ok(is_content(buf, sizeof(buf), 2500000, 1, 1), "the right bytes");
	is_int(cache_drop(cache, url), 0, "nothing there to drop");
	cache_close(f);
}

static void test_silent_name_server(void)
{
	struct timespec begin, end;
	struct cache_info info;
	struct cache_file *f;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (!is_int(cache_open(cache, "http://" SILENT_HOST "/a.bin", &f), 0,
		    "a name that is not resolved"))
		return;
	is_int(stat_wait(f, &info), -ETIMEDOUT, "its reader gives up");
	cache_close(f);
	ok(cache_alive(cache, 5000), "the engine goes on");
	clock_gettime(CLOCK_MONOTONIC, &end);
	ok(end.tv_sec - begin.tv_sec < 20, "long before the name server does");
	pthread_mutex_lock(&silence);
	silent = false;
	pthread_cond_broadcast(&silence_ends);
	pthread_mutex_unlock(&silence);
}

static void test_alive(void)
{
	struct cache_file *f = open_path("/film.bin?stuck");
	struct stuck one;

	ok(cache_alive(cache, 10000), "an idle engine is alive");
	if (!ok(f, "opened"))
		return;
	pthread_mutex_init(&one.gate, NULL);
	pthread_mutex_lock(&one.gate);
	sync_init(&one.s, f, 0, 0);
	one.s.w.ready = stuck_ready;
	if (ok(cache_await(&one.s.w), "a reader who will block it")) {
		sync_wait(&one.s);
		ok(!cache_alive(cache, 100), "a stuck engine is not");
	}
	pthread_mutex_unlock(&one.gate);
	ok(cache_alive(cache, 10000), "let go, it is");
	cache_close(f);
}

static void test_stop(void)
{
	enum { N = 100 };
	static struct sync s[N];
	struct cache_info info;
	struct cache_file *f;
	unsigned char buf[100];
	unsigned settled = 0;

	if (!is_int(open_stat("/stop.bin", &f, &info), 0, "before stop"))
		return;
	is_int(read_wait(f, buf, sizeof(buf), 0, sizeof(buf)), sizeof(buf),
	       "some bytes");
	for (int i = 0; i < N; i++) {
		sync_init(&s[i], f, 1000000 + i * 10, 10);
		settled += !cache_await(&s[i].w);
	}
	is_int(settled, 0, "100 readers wait");
	cache_stop(cache);
	for (int i = 0; i < N; i++)
		settled += s[i].calls == 1 && s[i].status == -ESHUTDOWN;
	is_int(settled, N, "stop answers all before it returns");
	sync_init(&s[0], f, 1000000, 10);
	ok(!cache_await(&s[0].w), "no more waiting");
	ok(!cache_alive(cache, 100), "nor alive");
	is_int(cache_read(f, buf, 10, 1000000, 10), -ESHUTDOWN, "no more net");
	is_int(cache_read(f, buf, 100, 0, 100), 100, "cached bytes remain");
	cache_info_fini(&info);
	cache_close(f);
	cache_free(cache);
	cache = NULL;
}

/* A new engine on the same folder, with the origin gone. */
static void test_offline(void)
{
	unsigned char buf[1000];
	struct cache_info info;
	struct cache_file *f;

	is_int(cache_start(&lab_conf, &cache), 0, "started again");
	check_whole("/film.bin", 1, "offline");
	check_whole("/chunked.bin", 1, "offline, length learnt");
	is_int(open_unconfirmed("/may.bin"), -EHOSTUNREACH, "offline, stale");
	is_int(open_error("/must.bin"), -EHOSTUNREACH,
	       "offline, what must be confirmed");
	if (is_int(open_stat("/folder", &f, &info), 0, "offline folder")) {
		ok(info.directory, "is one still");
		cache_info_fini(&info);
		cache_close(f);
	}
	if (is_int(open_stat("/stall.bin", &f, &info), 0, "a part, offline")) {
		ok(!info.complete && info.cached > 50000, "is remembered");
		is_int(read_wait(f, buf, 1000, 40000, 1000), 1000, "readable");
		ok(is_content(buf, 1000, 40000, 3, 1), "and right");
		is_int(read_wait(f, buf, 1000, 4000000, 1000), -EHOSTUNREACH,
		       "a hole of it is not");
		cache_info_fini(&info);
		cache_close(f);
	}
	is_int(open_error("/never-seen.bin"), -EHOSTUNREACH, "what is unknown");
	cache_stop(cache);
	cache_free(cache);
}

int main(void)
{
	struct cache *second;

	if (!lab_begin(script) ||
	    !is_int(cache_start(&lab_conf, &cache), 0, "started"))
		return done_testing();
	is_int(cache_start(&lab_conf, &second), -EBUSY, "one daemon a folder");
	test_errors();
	test_unreachable();
	test_directory();
	test_whole();
	test_empty();
	test_edges();
	test_random_reads();
	test_versions();
	test_no_validators();
	test_shrinks();
	test_no_store();
	test_strict();
	test_renewed();
	test_liar();
	test_deadline();
	test_cancel();
	test_cancel_race();
	test_crowd();
	test_readers();
	test_drop();
	test_silent_name_server();
	test_alive();
	test_stop();
	lab_stop_origin();
	test_offline();
	lab_end();
	return done_testing();
}
