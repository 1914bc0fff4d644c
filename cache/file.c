#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "cut.h"
#include "evictor.h"
#include "fetch.h"
#include "io.h"
#include "policy.h"
#include "proxy.h"

static void link_locked(struct cache_file *f, struct entry *e)
{
	f->prev = NULL;
	f->next = e->files;
	if (e->files)
		e->files->prev = f;
	e->files = f;
}

static void unlink_locked(struct cache_file *f, struct entry *e)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		e->files = f->next;
	if (f->next)
		f->next->prev = f->prev;
}

static void file_attach(struct cache_file *f, struct entry *e)
{
	pthread_mutex_lock(&e->lock);
	if (!f->entry)
		f->found = e->rec.generation;
	f->entry = e;
	f->checks = e->checks;
	link_locked(f, e);
	e->opened = true;
	pthread_mutex_unlock(&e->lock);
	evictor_used(e->cache->evictor, e->name);
}

static void file_detach(struct cache_file *f)
{
	struct entry *e = f->entry;

	pthread_mutex_lock(&e->lock);
	unlink_locked(f, e);
	pthread_mutex_unlock(&e->lock);
	if (!e->complete)
		fetch_kick(e->cache->fetch, e);
	entry_unref(e);
}

/* A file of e, whose reference is the file's, also on failure. */
static int file_new(struct entry *e, struct cache_file **out)
{
	struct cache_file *f = calloc(1, sizeof(*f));

	if (!f) {
		entry_unref(e);
		return -ENOMEM;
	}
	f->opened_ms = now_ms();
	file_attach(f, e);
	*out = f;
	return 0;
}

/* What may not be asked for is not served either. */
static int may_open(struct entry *e)
{
	const struct conf *conf = cache_conf(e->cache);
	const struct conf_origin *o;

	if (atomic_load(&e->allowed_by) == conf)
		return 0;
	o = conf_origin(conf, e->url->key);
	if (!policy_url(conf, e->url, proxy_of(o, e->url, getenv)))
		return -EACCES;
	atomic_store(&e->allowed_by, conf);
	return 0;
}

/* Takes a reference to e. */
static int file_of(struct entry *e, struct cache_file **out)
{
	int err = may_open(e);

	if (err) {
		entry_unref(e);
		return err;
	}
	return file_new(e, out);
}

int cache_open(struct cache *c, const char *url, struct cache_file **out)
{
	struct entry *e;
	int err = cache_entry(c, url, &e);

	return err ? err : file_of(e, out);
}

int cache_open_again(struct cache_file *f, struct cache_file **out)
{
	struct entry *e;
	int err = cache_entry_again(f->entry, &e);

	if (err)
		return err;
	if (e != f->entry && !f->bound) {
		entry_ref(e);
		file_detach(f);
		file_attach(f, e);
	}
	return file_of(e, out);
}

void cache_close(struct cache_file *f)
{
	if (!f)
		return;
	file_detach(f);
	free(f);
}

/* An unbound file of an entry that is passed moves to its successor. */
static int file_follow(struct cache_file *f)
{
	struct entry *e;
	int err = cache_entry_again(f->entry, &e);

	if (err)
		return err;
	file_detach(f);
	file_attach(f, e);
	return 0;
}

/* 0: the facts stand; -EAGAIN: the origin has to be asked; -errno. */
static int facts_locked(struct entry *e, struct cache_file *f)
{
	int err;

	if (f->bound || e->state == ENTRY_DIRECTORY)
		return 0;
	err = entry_refusal_locked(e);
	if (err)
		return err;
	if (e->state == ENTRY_KNOWN && entry_fresh_locked(e, f))
		return 0;
	return e->cache->stopping ? -ESHUTDOWN : -EAGAIN;
}

/* The current entry of f, unless it is bound, with its lock. 0 or -errno. */
static int current_locked(struct cache_file *f, struct entry **out)
{
	struct entry *e;
	bool cut;
	int err;

	for (;;) {
		e = f->entry;
		cut = !f->bound && cut_complete(e);
		if (cut)
			cut_forget(e);
		pthread_mutex_lock(&e->lock);
		if (f->bound || !(e->superseded || cut))
			break;
		pthread_mutex_unlock(&e->lock);
		err = file_follow(f);
		if (err)
			return err;
	}
	*out = e;
	return 0;
}

/* known: what was said before, or NULL. 1: it holds; else as cache_stat. */
static int file_stat(struct cache_file *f, const struct cache_info *known,
		     struct cache_info *out)
{
	struct entry *e;
	int err = current_locked(f, &e);

	if (err)
		return err;
	err = facts_locked(e, f);
	if (!err)
		f->bound = true;
	if (!err && known && known->complete &&
	    e->rec.generation == known->generation &&
	    e->revision == known->revision)
		err = 1;
	if (!err)
		err = entry_info_locked(e, out);
	pthread_mutex_unlock(&e->lock);
	return err;
}

int cache_stat(struct cache_file *f, struct cache_info *out)
{
	return file_stat(f, NULL, out);
}

int cache_stat_again(struct cache_file *f, struct cache_info *info)
{
	struct cache_info fresh;
	int err = file_stat(f, info, &fresh);

	if (err)
		return err > 0 ? 0 : err;
	cache_info_fini(info);
	*info = fresh;
	return 0;
}

enum cache_found cache_found(struct cache_file *f, uint64_t start,
			     uint64_t end)
{
	struct entry *e = f->entry;
	enum cache_found found = CACHE_FOUND_NOTHING;

	/* Nothing of this changes any more: not worth queueing for. */
	if (atomic_load_explicit(&e->complete, memory_order_acquire))
		return f->found == e->rec.generation ? CACHE_FOUND_ALL : found;
	pthread_mutex_lock(&e->lock);
	if (f->found && f->found == e->rec.generation) {
		if (extent_contains(&e->rec.present, start, end))
			found = CACHE_FOUND_ALL;
		else if (extent_next(&e->rec.present, start) < end)
			found = CACHE_FOUND_SOME;
	}
	pthread_mutex_unlock(&e->lock);
	return found;
}

void cache_expect(struct cache_file *f, uint64_t end)
{
	struct entry *e = f->entry;

	if (e->complete)
		return;
	pthread_mutex_lock(&e->lock);
	f->end = end == CACHE_SIZE_UNKNOWN ? PLAN_END_OPEN : end;
	pthread_mutex_unlock(&e->lock);
}

/* Account for a read in the file's cursors; true when the engine should look
 * at the entry again. */
static bool file_read_locked(struct cache_file *f, uint64_t off, uint64_t len,
			     bool missed)
{
	int64_t now = now_ms();
	struct plan_cursor *c;
	bool due;
	size_t i;

	for (i = 0; i < FILE_CURSORS && !missed; i++)
		if (f->cursors[i].pos == off + len && f->cursors[i].run) {
			/* The read that was waited for, now served. */
			f->cursors[i].used_ms = now;
			return false;
		}
	i = plan_read(f->cursors, FILE_CURSORS, off, len, missed, now);
	c = &f->cursors[i];
	c->end = f->end;
	if (c->run == len) {
		f->quiet[i] = 0;
		if (!missed && !plan_begun(c, cache_conf(f->entry->cache)->fill))
			return false;
	}
	due = c->pos > f->quiet[i];
	if (due || missed) {
		unlink_locked(f, f->entry);
		link_locked(f, f->entry);
	}
	if (due)
		f->quiet[i] = UINT64_MAX;	/* once, until planned anew */
	return due;
}

/* Where the bytes are that a read may have: in *fd, to be taken without the
 * lock; in buf already; or in no file and no buf was given. */
enum where { WHOLE, ON_DISK, COPIED, IN_MEMORY };

/* How many bytes, at most len, may be had at off. */
static ssize_t readable(struct cache_file *f, void *buf, size_t len,
			uint64_t off, size_t min, enum where *where, int *fd)
{
	struct entry *e = f->entry;
	uint64_t size, run;
	ssize_t n;
	bool kick = false;
	int err;

	*where = WHOLE;
	if (!f->bound)
		return -EINVAL;
	if (atomic_load_explicit(&e->complete, memory_order_acquire)) {
		*fd = e->fd;
		size = e->rec.version.size;
		if (off >= size)
			return 0;
		return size - off < len ? (ssize_t)(size - off) : (ssize_t)len;
	}
	if (e->state == ENTRY_DIRECTORY)
		return -EISDIR;
	if (min < 1)
		min = 1;
	if (min > len)
		min = len;
	pthread_mutex_lock(&e->lock);
	size = e->rec.version.size;
	run = e->cut ? 0 : extent_run(&e->rec.present, off);
	*where = ON_DISK;
	*fd = e->fd;
	if (off >= size || len == 0) {
		n = 0;
	} else if (run >= min || run >= size - off) {
		n = run < len ? (ssize_t)run : (ssize_t)len;
		kick = file_read_locked(f, off, n, false);
		/* It may be gone as soon as the lock is. */
		if (e->memory) {
			*where = buf ? COPIED : IN_MEMORY;
			err = buf ? entry_copy_locked(e, buf, n, off) : 0;
			if (!err && cut_shorter(e->fd, e->length))
				err = -ENODATA;
			n = err ? err : n;
		}
	} else if (e->superseded) {
		n = -ESTALE;
	} else if (e->cache->stopping) {
		n = -ESHUTDOWN;
	} else {
		n = entry_refusal_locked(e);
		if (n == 0)
			n = -EAGAIN;
	}
	pthread_mutex_unlock(&e->lock);
	if (kick)
		fetch_kick(e->cache->fetch, e);
	return n;
}

/* Whether the bytes up to end that fd has, or had a moment ago, are the entry's:
 * what was cut off of an incomplete file may have become a hole since. */
static bool is_sound(struct entry *e, enum where where, int fd, uint64_t end)
{
	bool sound;

	if (where != ON_DISK)
		return where != WHOLE || !cut_shorter(fd, end);
	pthread_mutex_lock(&e->lock);
	sound = e->fd == fd && !cut_shorter(fd, e->length);
	pthread_mutex_unlock(&e->lock);
	return sound;
}

static ssize_t counted(struct entry *e, ssize_t n)
{
	if (n >= 0)
		count_read(&e->cache->counts, (size_t)n);
	return n;
}

ssize_t cache_read_fd(struct cache_file *f, int *fd, size_t len, uint64_t off,
		      size_t min)
{
	struct entry *e = f->entry;
	enum where where;
	ssize_t n;
	int data, err = 0;

	while (!err) {
		n = readable(f, NULL, len, off, min, &where, &data);
		if (n < 0)
			return n;
		if (n > 0 && !is_sound(e, where, data, off + n)) {
			err = cut_report(e, data);
			continue;
		}
		*fd = where == IN_MEMORY ? -1 : data;
		return n;
	}
	return err;
}

void cache_taken(struct cache_file *f, size_t len)
{
	count_read(&f->entry->cache->counts, len);
}

/* Whether these bytes, which are present, are in memory still. */
static bool borrow(struct entry *e, uint64_t off, size_t len,
		   struct cache_loan *loan)
{
	struct recent_block *b = recent_find(&e->cache->recent,
					     e->rec.generation, off, len);

	if (!b)
		return false;
	loan->block = b;
	loan->data = b->data + (off - b->start);
	return true;
}

ssize_t cache_lend(struct cache_file *f, void *buf, size_t len, uint64_t off,
		   size_t min, struct cache_loan *loan)
{
	struct entry *e = f->entry;
	enum where where;
	int fd, err = 0;
	ssize_t n;

	*loan = (struct cache_loan){ .data = buf };
	while (!err) {
		n = readable(f, buf, len, off, min, &where, &fd);
		if (n > 0 && where == ON_DISK && borrow(e, off, n, loan))
			return counted(e, n);
		if (n > 0 && where != COPIED)
			err = io_read(fd, buf, n, off);
		if (n > 0 && !err && where == ON_DISK &&
		    !is_sound(e, where, fd, 0))
			err = -ENODATA;
		if (n == -ENODATA || err == -ENODATA)
			err = cut_report(e, fd);
		else
			return err ? err : counted(e, n);
	}
	return err;
}

void cache_return(struct cache_loan *loan)
{
	recent_give_back(loan->block);
}

ssize_t cache_read(struct cache_file *f, void *buf, size_t len, uint64_t off,
		   size_t min)
{
	struct cache_loan loan;
	ssize_t n = cache_lend(f, buf, len, off, min, &loan);

	if (n > 0 && loan.data != buf)
		memcpy(buf, loan.data, n);
	cache_return(&loan);
	return n;
}

static bool settled_already_locked(struct entry *e, struct cache_waiter *w)
{
	uint64_t size = e->rec.version.size;

	if (e->superseded || e->cache->stopping)
		return true;
	if (w->min == 0)
		return facts_locked(e, w->file) != -EAGAIN;
	if (w->off >= size || entry_refusal_locked(e))
		return true;
	return !e->cut && extent_run(&e->rec.present, w->off) >=
		(w->min < size - w->off ? w->min : size - w->off);
}

enum urgency { SETTLED_SOON, HELD_BACK, TO_BE_PLANNED };

/* What the engine has to do for w, which is parked: nothing, write what it
 * has, or plan. */
static enum urgency urgency_locked(const struct entry *e,
				   const struct cache_waiter *w)
{
	if (!w->min || w->missing < e->soon.start ||
	    w->off + w->min > e->soon.end)
		return TO_BE_PLANNED;
	return atomic_load(&e->held) ? HELD_BACK : SETTLED_SOON;
}

bool cache_await(struct cache_waiter *w)
{
	enum urgency urgency = TO_BE_PLANNED;
	struct entry *e = w->file->entry;
	struct fetch *fetch = e->cache->fetch;

	entry_ref(e);	/* w and its file may be gone after publishing */
	pthread_mutex_lock(&e->lock);
	if (settled_already_locked(e, w)) {
		pthread_mutex_unlock(&e->lock);
		entry_unref(e);
		return false;
	}
	if (!w->deadline_ms)
		w->deadline_ms = now_ms() +
			cache_conf(e->cache)->read_timeout * INT64_C(1000);
	if (w->min)
		file_read_locked(w->file, w->off, w->min, true);
	if (entry_park_locked(e, w)) {
		urgency = urgency_locked(e, w);
		if (w->min)
			count_one(&e->cache->counts.waits);
	}
	pthread_mutex_unlock(&e->lock);
	if (urgency == TO_BE_PLANNED)
		fetch_kick(fetch, e);
	else if (urgency == HELD_BACK)
		fetch_wake(fetch);
	entry_unref(e);
	return true;
}
