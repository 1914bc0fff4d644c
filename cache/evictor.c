#include "config.h"

#include "evictor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "core.h"
#include "evict.h"
#include "log.h"

struct evictor {
	struct cache *cache;
	pthread_t thread;
	bool running;
	bool scanned;			/* thread: files are all files */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct evict *files;		/* until scanned, what is due */
	bool news, urged, stopping;
	bool count;			/* have the folder read, whatever the
					   limits say */
};

static void used_locked(struct evictor *v, const char *name)
{
	if (!evict_use(v->files, name, time(NULL)))
		log_debug(LOG_STORE, "no memory to remember what is used");
}

void evictor_used(struct evictor *v, const char *name)
{
	pthread_mutex_lock(&v->lock);
	used_locked(v, name);
	if (!v->news) {
		v->news = true;
		pthread_cond_signal(&v->changed);
	}
	pthread_mutex_unlock(&v->lock);
}

void evictor_look(struct evictor *v)
{
	pthread_mutex_lock(&v->lock);
	v->news = true;
	pthread_cond_signal(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

void evictor_urge(struct evictor *v)
{
	pthread_mutex_lock(&v->lock);
	v->urged = true;
	pthread_cond_signal(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

bool evictor_totals(struct evictor *v, uint64_t *files, uint64_t *bytes)
{
	bool known;

	pthread_mutex_lock(&v->lock);
	known = v->scanned;
	if (known) {
		*files = evict_count(v->files);
		*bytes = evict_total(v->files);
	} else if (!v->count) {
		v->count = v->news = true;
		pthread_cond_signal(&v->changed);
	}
	pthread_mutex_unlock(&v->lock);
	return known;
}

static bool is_stopping(struct evictor *v)
{
	bool stopping;

	pthread_mutex_lock(&v->lock);
	stopping = v->stopping;
	pthread_mutex_unlock(&v->lock);
	return stopping;
}

/* ---- what is known of the disk --------------------------------------------- */

/* Look at what was used: write that down, measure it. */
static void look_at_due(struct evictor *v)
{
	char **names;
	size_t n;
	bool some;

	pthread_mutex_lock(&v->lock);
	some = evict_due(v->files, &names, &n);
	pthread_mutex_unlock(&v->lock);
	if (!some)
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = 0;
		int err = store_use(v->cache->store, names[i], time(NULL),
				    &bytes);

		pthread_mutex_lock(&v->lock);
		if (err == -ENOENT || !v->scanned)
			evict_forget(v->files, names[i]);
		else if (!err)
			evict_measured(v->files, names[i], bytes);
		pthread_mutex_unlock(&v->lock);
		free(names[i]);
	}
	free(names);
}

struct scanning {
	struct evictor *v;
	struct evict *files;
	time_t now;
};

static int on_file(void *ctx, const char *name, uint64_t bytes, time_t used)
{
	struct scanning *s = ctx;

	if (is_stopping(s->v))
		return 1;
	/* A clock that was wrong once must not keep a file for ever. */
	return evict_add(s->files, name, bytes,
			 used < s->now ? used : s->now) ? 0 : -ENOMEM;
}

/* Read the whole folder: 0, else it may work another time. */
static int scan(struct evictor *v)
{
	struct scanning s = { v, evict_new(), time(NULL) };
	int64_t began = now_ms();
	struct evict *old;
	uint64_t bytes;
	size_t n;
	int r;

	if (!s.files)
		return -ENOMEM;
	r = store_scan(v->cache->store, on_file, &s);
	if (!r && !evict_sort(s.files))
		r = -ENOMEM;
	if (r) {
		evict_free(s.files);
		return r;
	}
	n = evict_count(s.files);
	bytes = evict_total(s.files);
	pthread_mutex_lock(&v->lock);
	old = v->files;
	if (!evict_join(s.files, old))
		log_debug(LOG_STORE, "no memory to remember what is used");
	v->files = s.files;
	v->scanned = true;
	pthread_mutex_unlock(&v->lock);
	evict_free(old);
	log_info(LOG_STORE, "%zu files, %" PRIu64 " MiB in the cache, found in "
		 "%" PRId64 " ms", n, bytes >> 20, now_ms() - began);
	return 0;
}

/* ---- removing --------------------------------------------------------------- */

/* 0: it is gone; -EBUSY: in use; else it stays. */
static int remove_file(struct evictor *v, const char *name)
{
	struct store_record r = { 0 };
	int err = store_peek(v->cache->store, name, &r);

	if (err == -ENOENT)
		return 0;
	if (!err && r.pinned)
		err = -EPERM;
	if (!err)
		err = cache_evict(v->cache, r.url, name);
	store_record_fini(&r);
	return err;
}

static void settle_locked(struct evictor *v, const char *name, int err)
{
	if (!err)
		evict_forget(v->files, name);
	else if (err == -EBUSY)
		used_locked(v, name);
	else
		evict_keep(v->files, name);
}

/* Remove one file if one has to go. False: none has, or none can. */
static bool remove_next(struct evictor *v, const struct evict_limits *l,
			struct evict_room *room, unsigned *removed,
			uint64_t *freed)
{
	const char *next;
	char *name = NULL;
	uint64_t bytes;
	int err;

	pthread_mutex_lock(&v->lock);
	next = v->stopping ? NULL : evict_next(v->files, l, room, &bytes);
	if (next)
		name = strdup(next);
	pthread_mutex_unlock(&v->lock);
	if (!name)
		return false;
	err = remove_file(v, name);
	if (err && err != -EBUSY)
		log_debug(LOG_STORE, "%s stays: %s", name, strerror(-err));
	pthread_mutex_lock(&v->lock);
	settle_locked(v, name, err);
	pthread_mutex_unlock(&v->lock);
	free(name);
	if (!err) {
		room->free += bytes;
		room->wanted -= bytes < room->wanted ? bytes : room->wanted;
		*freed += bytes;
		++*removed;
	}
	return true;
}

static void remove_files(struct evictor *v, const struct evict_limits *l,
			 struct evict_room *room)
{
	uint64_t freed = 0;
	unsigned removed = 0;

	pthread_mutex_lock(&v->lock);
	evict_begin(v->files);
	pthread_mutex_unlock(&v->lock);
	while (remove_next(v, l, room, &removed, &freed))
		;
	if (removed)
		log_info(LOG_STORE, "evicted %u files, %" PRIu64 " MiB",
			 removed, freed >> 20);
}

static void keep_limits(struct evictor *v, bool urged, bool count)
{
	const struct conf *conf = cache_conf(v->cache);
	struct evict_limits l = {
		.size = conf->cache_size,	/* unset: EVICT_NONE */
		.max_age = conf->max_age * INT64_C(86400),
	};
	struct evict_room room = { .now = time(NULL), .free = UINT64_MAX };
	bool asked = l.size != EVICT_NONE || l.max_age;
	struct statvfs st;
	uint64_t total;

	if (store_statvfs(v->cache->store, &st) == 0) {
		total = (uint64_t)st.f_blocks * st.f_frsize;
		room.free = (uint64_t)st.f_bavail * st.f_frsize;
		l.min_free = conf->min_free == CONF_SIZE_UNSET ?
			evict_floor(total) : conf->min_free;
		total /= EVICTOR_URGENT_PART;
		if (urged)
			room.wanted = total < EVICTOR_URGENT ? total :
				EVICTOR_URGENT;
	}
	if (!asked && !count && room.free >= l.min_free && !room.wanted)
		return;
	if (v->scanned || scan(v) == 0)
		remove_files(v, &l, &room);
}

/* ---- the thread -------------------------------------------------------------- */

static void wait_until_locked(struct evictor *v, int64_t until_ms,
			      const bool *awaited)
{
	struct timespec until = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000L,
	};
	int err = 0;

	while (!v->stopping && !v->urged && !(awaited && *awaited) && !err)
		err = pthread_cond_timedwait(&v->changed, &v->lock, &until);
}

static void *evictor_main(void *arg)
{
	struct evictor *v = arg;
	bool urged, count, stopping = false;
	int64_t looked;

	pthread_setname_np(pthread_self(), "evictor");
	while (!stopping) {
		look_at_due(v);
		pthread_mutex_lock(&v->lock);
		urged = v->urged;
		count = v->count;
		v->urged = v->news = false;
		pthread_mutex_unlock(&v->lock);
		keep_limits(v, urged, count);
		looked = now_ms();

		pthread_mutex_lock(&v->lock);
		wait_until_locked(v, looked + EVICTOR_IDLE_MS, &v->news);
		wait_until_locked(v, looked + EVICTOR_INTERVAL_MS, NULL);
		stopping = v->stopping;
		pthread_mutex_unlock(&v->lock);
	}
	return NULL;
}

int evictor_start(struct cache *c, struct evictor **out)
{
	struct evictor *v = calloc(1, sizeof(*v));
	pthread_condattr_t attr;
	int err = ENOMEM;

	if (!v)
		return -ENOMEM;
	v->cache = c;
	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&v->changed, &attr);
	pthread_condattr_destroy(&attr);
	v->files = evict_new();
	if (v->files)
		err = pthread_create(&v->thread, NULL, evictor_main, v);
	v->running = !err;
	if (err) {
		evictor_free(v);
		return -err;
	}
	*out = v;
	return 0;
}

void evictor_stop(struct evictor *v)
{
	if (!v || !v->running)
		return;
	pthread_mutex_lock(&v->lock);
	v->stopping = true;
	pthread_cond_signal(&v->changed);
	pthread_mutex_unlock(&v->lock);
	pthread_join(v->thread, NULL);
	v->running = false;
}

void evictor_free(struct evictor *v)
{
	if (!v)
		return;
	evictor_stop(v);
	if (v->files)
		look_at_due(v);
	evict_free(v->files);
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
