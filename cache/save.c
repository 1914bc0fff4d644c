#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "cut.h"
#include "log.h"
#include "save.h"

struct saver {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct entry *queue, **tail;
	bool urgent, stopping;
};

static int copy_record_locked(const struct entry *e, struct store_record *out)
{
	const struct store_record *r = &e->rec;
	struct store_record copy = *r;

	copy.url = strdup(r->url);
	copy.key = strdup(r->key);
	copy.content_type = r->content_type ? strdup(r->content_type) : NULL;
	copy.base = r->base ? strdup(r->base) : NULL;
	copy.fields = r->fields ? strdup(r->fields) : NULL;
	copy.version = (struct reply_version){ 0 };
	copy.present = (struct extent_set){ 0 };
	if (!copy.url || !copy.key || (r->content_type && !copy.content_type) ||
	    (r->base && !copy.base) ||
	    (r->fields && !copy.fields) ||
	    reply_version_copy(&copy.version, &r->version) ||
	    extent_copy(&copy.present, &r->present) ||
	    memory_subtract(e->memory, &copy.present)) {
		store_record_fini(&copy);
		return -ENOMEM;
	}
	*out = copy;
	return 0;
}

/* A record that can't be written for good: the data can't be trusted, is not
 * ours any more, or was cut short, which cut.c sees to. */
static bool is_for_good(struct entry *e, int err, int fd)
{
	if (err == -EIO)
		return true;
	return err == -ESTALE && cut_report(e, fd) == -EIO;
}

int save_now(struct store *s, struct entry *e)
{
	struct store_record copy;
	int fd, err = 0;
	bool write, for_good;

	pthread_mutex_lock(&e->save_lock);
	pthread_mutex_lock(&e->lock);
	write = e->dirty && !e->detached && e->rec.generation;
	if (write)
		err = copy_record_locked(e, &copy);
	if (!err)
		e->dirty = false;
	fd = e->fd;
	pthread_mutex_unlock(&e->lock);
	if (write && !err) {
		bool whole = store_record_complete(&copy);
		bool hook = whole && !e->final &&
			hooks_note(e->cache->hooks, e, copy.generation);

		err = store_save(s, e->name, &copy, fd);
		if (hook)
			hooks_settle(e->cache->hooks, copy.generation, !err);
		if (!err)
			e->young = false;
		if (!err && whole)
			e->final = true;
		cache_stored(e, err);
		store_record_fini(&copy);
	}
	pthread_mutex_unlock(&e->save_lock);
	if (!err)
		return 0;
	/* The old record stands. The next change tries again, unless that is
	 * no use. */
	for_good = is_for_good(e, err, fd);
	pthread_mutex_lock(&e->lock);
	e->dirty = true;
	if (for_good)
		e->detached = true;
	pthread_mutex_unlock(&e->lock);
	log_warn(LOG_STORE, "%s: not saved: %s", e->label, strerror(-err));
	return err;
}

/* Wait until something is queued and has rested for the interval. False: the
 * queue is empty and the saver shall end. */
static bool wait_for_work_locked(struct saver *s)
{
	struct timespec until;

	while (!s->queue && !s->stopping)
		pthread_cond_wait(&s->changed, &s->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SAVE_INTERVAL_MS / 1000;
	until.tv_nsec += SAVE_INTERVAL_MS % 1000 * 1000000L;
	while (!s->stopping && !s->urgent)
		if (pthread_cond_timedwait(&s->changed, &s->lock, &until))
			break;
	s->urgent = false;
	return s->queue;
}

static void *saver_main(void *arg)
{
	struct saver *s = arg;
	struct entry *e, *batch;

	pthread_mutex_lock(&s->lock);
	while (wait_for_work_locked(s)) {
		batch = s->queue;
		s->queue = NULL;
		s->tail = &s->queue;
		while ((e = batch)) {
			batch = e->save_next;
			e->save_queued = false;
			pthread_mutex_unlock(&s->lock);
			save_now(s->store, e);
			entry_unref(e);
			pthread_mutex_lock(&s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int saver_start(struct store *store, struct saver **out)
{
	struct saver *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int err;

	if (!s)
		return -ENOMEM;
	s->store = store;
	s->tail = &s->queue;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	err = pthread_create(&s->thread, NULL, saver_main, s);
	if (err) {
		pthread_cond_destroy(&s->changed);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return -err;
	}
	*out = s;
	return 0;
}

void saver_queue(struct saver *s, struct entry *e, bool at_once)
{
	pthread_mutex_lock(&s->lock);
	if (!e->save_queued) {
		e->save_queued = true;
		entry_ref(e);
		e->save_next = NULL;
		*s->tail = e;
		s->tail = &e->save_next;
		pthread_cond_signal(&s->changed);
	}
	if (at_once && !s->urgent) {
		s->urgent = true;
		pthread_cond_signal(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
}

void saver_stop(struct saver *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
