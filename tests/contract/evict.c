/* A file that goes while others come for it: readers get all of it or find
 * nothing known, and it goes only when nobody has it. Without an origin: the
 * files are put into the folder by hand, and are fresh. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/core.h"
#include "tests/tap.h"

#define SIZE 100000
#define N_READERS 2
#define READS 3
#define ROUNDS 500
#define NAME "https/h/film.mp4"
#define URL "https://h/film.mp4"

static char folder[] = "/tmp/spool-evict-XXXXXX";
static struct conf conf;
static struct cache *cache;
static pthread_barrier_t turn;	/* begins, and ends */
static _Atomic unsigned right, wrong, unknown, pulled, came;
static unsigned char content[SIZE];

static const char *path_of(const char *suffix)
{
	static _Thread_local char path[128];

	snprintf(path, sizeof(path), "%s/" NAME "%s", folder, suffix);
	return path;
}

static bool put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");
	bool good = f && fwrite(data, 1, len, f) == len;

	return f && fclose(f) == 0 && good;
}

/* The data, then the record, as a copy from elsewhere would come. */
static bool put_film(void)
{
	struct store_record r = {
		.url = strdup(URL), .key = strdup(URL), .generation = 7,
		.version.size = SIZE, .fresh_until = INT32_MAX,
	};
	char dir[128], temp[128], *text = NULL;
	size_t len;
	bool good;

	snprintf(dir, sizeof(dir), "%s/https", folder);
	mkdir(dir, 0700);
	snprintf(dir, sizeof(dir), "%s/https/h", folder);
	mkdir(dir, 0700);
	snprintf(temp, sizeof(temp), "%s/new", folder);
	good = !extent_add(&r.present, 0, SIZE) &&
	       !store_format(&r, &text, &len) &&
	       put(path_of(""), content, SIZE) && put(temp, text, len) &&
	       rename(temp, path_of(".meta")) == 0;
	free(text);
	store_record_fini(&r);
	return good;
}

static bool is_whole(void)
{
	struct stat data, meta;

	return stat(path_of(""), &data) == 0 && data.st_size == SIZE &&
	       stat(path_of(".meta"), &meta) == 0;
}

static void read_once(void)
{
	static _Thread_local unsigned char buf[SIZE + 1];
	struct cache_info info;
	struct cache_file *f;
	int err;

	came++;
	err = cache_open(cache, URL, &f);
	if (err) {
		wrong++;
		return;
	}
	err = cache_stat(f, &info);
	if (err == -EAGAIN) {
		unknown++;
	} else if (err) {
		wrong++;
	} else {
		cache_info_fini(&info);
		if (cache_read(f, buf, sizeof(buf), 0, SIZE) == SIZE &&
		    !memcmp(buf, content, SIZE))
			right++;
		else
			wrong++;
		pulled += !is_whole();
	}
	cache_close(f);
}

static void *reader(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&turn);
		for (int k = 0; k < READS; k++)
			read_once();
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

static bool is_gone(void)
{
	struct stat st;

	return stat(path_of(""), &st) < 0 && stat(path_of(".part"), &st) < 0 &&
	       stat(path_of(".meta"), &st) < 0;
}

static void test_in_use(void)
{
	struct cache_info info = { 0 };
	struct cache_file *f = NULL;

	ok(put_film(), "a film");
	is_int(cache_open(cache, URL, &f), 0, "open");
	is_int(cache_stat(f, &info), 0, "it is known");
	cache_info_fini(&info);
	is_int(cache_evict(cache, URL, NAME), -EBUSY, "somebody has it");
	ok(is_whole(), "so it stays");
	cache_close(f);
	is_int(cache_evict(cache, URL, "https/h/other"), -EEXIST,
	       "not the name of this URL");
	is_int(cache_evict(cache, "film", NAME), -EINVAL, "no URL");
	ok(is_whole(), "still there");
	is_int(cache_evict(cache, URL, NAME), 0, "nobody has it");
	ok(is_gone(), "so it goes");
	is_int(cache_peek(cache, URL, &info), -ENOENT, "and is not known");
	is_int(cache_evict(cache, URL, NAME), 0, "nothing to do");
}

static void test_race(void)
{
	unsigned first = 0, busy = 0, other = 0, half = 0;
	pthread_t threads[N_READERS];

	pthread_barrier_init(&turn, NULL, N_READERS + 1);
	for (size_t i = 0; i < N_READERS; i++)
		if (pthread_create(&threads[i], NULL, reader, NULL))
			exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		int err;

		unsigned before = i % (N_READERS * READS + 1);

		other += !put_film();
		came = 0;
		pthread_barrier_wait(&turn);
		while (came < before)	/* they come, whatever we do */
			sched_yield();
		err = cache_evict(cache, URL, NAME);
		first += !err;
		busy += err == -EBUSY;
		other += err && err != -EBUSY;
		half += err ? !is_whole() : !is_gone();
		pthread_barrier_wait(&turn);
		/* The engine still has to be told that nobody waits. */
		while ((err = cache_evict(cache, URL, NAME)) == -EBUSY)
			other += !cache_alive(cache, 10000);
		other += err != 0;
		half += !is_gone();
	}
	for (size_t i = 0; i < N_READERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&turn);
	diag("%u went at once, %u were in use; %u reads right, %u unknown",
	     first, busy, right, unknown);
	is_uint(first + busy, ROUNDS, "it went, or somebody had it");
	is_uint(other, 0, "and at rest it always goes");
	is_uint(half, 0, "all of it or nothing of it");
	is_uint(right + unknown, ROUNDS * N_READERS * READS,
		"a reader gets what it is, or finds nothing known");
	is_uint(wrong, 0, "and nothing else");
	is_uint(pulled, 0, "and what it has is not taken away");
	ok(right, "some came before");
}

int main(void)
{
	int err;

	for (size_t i = 0; i < SIZE; i++)
		content[i] = i * 31 + (i >> 8) * 7;
	if (!mkdtemp(folder))
		return skip_all("no folder for temporary files");
	conf_init(&conf);
	free(conf.cache_dir);
	conf.cache_dir = strdup(folder);
	log_open(LOG_LEVEL_ERROR, false);
	err = cache_start(&conf, &cache);
	if (!ok(!err, "the cache starts"))
		return done_testing();
	test_in_use();
	test_race();
	cache_stop(cache);
	cache_free(cache);
	conf_fini(&conf);
	unlink(path_of(""));
	unlink(path_of(".meta"));
	for (const char *const *s = (const char *const[]){ "https/h", "https",
	     "lock", NULL }; *s; s++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", folder, *s);
		remove(path);
	}
	is_int(rmdir(folder), 0, "nothing else is left");
	return done_testing();
}
