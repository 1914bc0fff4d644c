/* cache: the engine. Remote resources as local bytes.
 *
 * Both fronts, fs/ and http/, know this header and nothing below it.
 *
 * LIFE OF AN ENTRY
 *
 * An entry is one generation of one resource: a URL key bound to one version
 * of the remote file. Its states:
 *
 *     NEW ---probe---> KNOWN ----every byte here----> COMPLETE
 *      |                 |                               |
 *      +--404, 403…-->FAILED     origin has another version
 *      |              (forgotten         |               |
 *      |               in a while)       v               v
 *      +--"it is a folder"--> DIRECTORY      SUPERSEDED
 *
 *  - NEW: nothing known. The first waiter makes the engine probe: a small
 *    ranged GET whose bytes are kept.
 *  - KNOWN: version, size (or "unknown") and present ranges are known; holes
 *    are fetched on demand.
 *  - SUPERSEDED: the origin has a newer version. The entry has left the table;
 *    open handles read on what is present and get -ESTALE for holes; the next
 *    cache_open finds the new generation. Versions never mix.
 *  - An entry that nobody holds is written to the store and freed; the store
 *    remembers it.
 *
 * THREADS
 *
 *  - the engine thread (fetch.c) alone touches curl; it writes data, publishes
 *    it and settles waiters;
 *  - the saver thread makes data and records durable, so that a slow disk
 *    flush delays neither readers nor transfers;
 *  - the evictor's thread keeps the cache within its limits and writes down
 *    what was used when;
 *  - the messenger's thread tells who has subscribed or watches what has
 *    happened (command.h);
 *  - callers' threads: every function here returns without waiting for the
 *    network. They may touch the disk (pread, loading a record).
 *
 * LOCKS, in order: entry's save lock -> entry -> saver's queue, engine's inbox,
 * the line of orders -> cache (the table and the reference counts), evictor,
 * recent bytes, messenger: leaves.
 * No lock is held across a curl call, a callback or a wait; only the save lock
 * across a disk flush, and that of an entry that nobody has while it is loaded
 * or evicted. Data is written before it is published under the entry's lock, so
 * a reader that saw an extent may pread it without the lock.
 *
 * WHO ANSWERS A WAITING READER: the engine. A published waiter is settled by
 * the bytes, by end of file, by a permanent error, by its deadline
 * (conf.read_timeout; whatever the origin, the clock or the link does) or by
 * cache_stop, whichever is first.
 */
#ifndef SPOOL_CACHE_H
#define SPOOL_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "conf.h"

struct cache;
struct cache_file;
struct recent_block;
struct statvfs;

#define CACHE_SIZE_UNKNOWN UINT64_MAX

/* Start engine and store. conf must outlive the cache. 0; -EBUSY when another
 * daemon has the cache folder; -errno. Call after fork, with the signals the
 * program handles blocked: threads inherit the mask. */
int cache_start(const struct conf *conf, struct cache **out);

/* The settings in force. They stay valid until cache_free, also when others
 * have replaced them; what they say counts for one request, so take them
 * afresh for the next. Any thread, also after cache_stop. */
const struct conf *cache_conf(struct cache *c);

/* How cache_reload comes to settings: load fills *out as conf_init and conf_read
 * do, 0, or -errno with *error as conf_read has it. It runs in the thread that
 * calls cache_reload, one at a time. */
void cache_on_reload(struct cache *c,
		     int (*load)(void *ctx, struct conf *out, char **error),
		     void *ctx);

/* Read the settings anew and put them in force for all that begins from now on.
 * 0; *said is NULL, or what has changed in them and stays as it was until the
 * next start: names of keys, "cache_dir, http" (malloc'd). Else nothing has
 * changed: -errno, and why in *said (malloc'd, one line, no secret; NULL for
 * lack of memory or without cache_on_reload, -ENOSYS). Touches the disk; not
 * from ready(). */
int cache_reload(struct cache *c, char **said);

/* End all waiting: every published waiter is settled with -ESHUTDOWN before
 * this returns, later cache_await calls return false and later cache_read
 * calls that would need the network -ESHUTDOWN. Cached bytes can still be
 * read. Transfers end, records are saved. Idempotent. */
void cache_stop(struct cache *c);

/* Whether the engine is alive: have it go round once and wait for that, at most
 * timeout_ms. False: it did not, or cache_stop has ended it. For a watchdog:
 * any thread that can wait, so not from ready(), and before cache_free. */
bool cache_alive(struct cache *c, int timeout_ms);

/* Free it. After cache_stop, with all files closed. */
void cache_free(struct cache *c);

/* What is known of a resource. Strings live as long as the struct: release
 * with cache_info_fini. */
struct cache_info {
	uint64_t generation;	/* 0: not known yet. Stable across restarts;
				   another version has another one */
	bool directory;		/* decided: a folder of the origin */
	bool complete;		/* every byte is here: read never waits */
	bool pinned;
	uint64_t size;		/* bytes, or CACHE_SIZE_UNKNOWN */
	uint64_t cached;	/* bytes present */
	time_t modified;	/* Last-Modified, else when first seen */
	time_t generated;	/* when the origin made its answer, or last
				   confirmed it: its age is now - this */
	int unconfirmed;	/* 0; else why the origin could not say whether
				   what is no longer fresh still holds, for
				   which it is used all the same: -errno */
	uint64_t revision;	/* private */
	char *url;		/* as sent to the origin */
	char *base;		/* where redirects led, without query; NULL:
				   there were none */
	char *etag, *last_modified, *content_type;	/* as sent, or NULL */
	char *fields;		/* others that were kept: fields.h, or NULL */
};
void cache_info_fini(struct cache_info *info);

/* Begin to use the resource of a URL. No network, nothing promised about its
 * existence. 0; -EINVAL, -ENAMETOOLONG (not a URL we take); -EACCES: it may not
 * be asked for (policy.h); -ENOMEM; -errno of the disk. Reference counted;
 * cache_close gives it back (any thread, at any time except with a waiter of
 * this file published). */
int cache_open(struct cache *c, const char *url, struct cache_file **out);
void cache_close(struct cache_file *f);
/* Another file of the resource of f, as cache_open of its URL would give it,
 * but cheaper. If f is not bound it lets go of a generation that is over. */
int cache_open_again(struct cache_file *f, struct cache_file **out);

/* What the store or memory knows of a URL, stale or not; never starts
 * anything. 0; -ENOENT nothing known; -EINVAL …; -errno. */
int cache_peek(struct cache *c, const char *url, struct cache_info *out);

/* The facts of an open file, validated when they have to be (RFC 9111):
 * 0: *out filled in; from now on this file is bound to that generation.
 * -EAGAIN: they have to come from the origin: await (with min 0).
 * -ENOENT, -EACCES, -ETIMEDOUT, -EHOSTUNREACH, -EIO, -ESHUTDOWN: the answer.
 * A file bound to a generation keeps answering for that one. Until it is bound
 * a file belongs to one thread at a time; afterwards any number may use it. */
int cache_stat(struct cache_file *f, struct cache_info *out);
/* As cache_stat, with what an earlier one said of the same resource, perhaps by
 * another file, in *info (or zeros): that is left as it is while it holds, and
 * released when it is replaced. Cheaper for a complete file. */
int cache_stat_again(struct cache_file *f, struct cache_info *info);

/* How much of [start, end) is here of the version that was known when f was
 * opened: nothing, when f (bound) is of a newer one or none was known then. What
 * has come since f was opened counts. An empty range: all, or nothing known. */
enum cache_found { CACHE_FOUND_NOTHING, CACHE_FOUND_SOME, CACHE_FOUND_ALL };
enum cache_found cache_found(struct cache_file *f, uint64_t start,
			     uint64_t end);

/* Read up to len bytes at off into buf without waiting.
 * >= min(min, bytes up to the end of the file): so many bytes, 0 at or past
 * the end of the file. min is clamped to len and is at least 1.
 * -EAGAIN: fewer than that are here: await them, with the same off and min.
 * -ESTALE: another version has taken over and these bytes are not here.
 * -EINVAL: this file has not been bound to a generation by a cache_stat.
 * Other errors as cache_stat. */
ssize_t cache_read(struct cache_file *f, void *buf, size_t len, uint64_t off,
		   size_t min);

/* As cache_read, but bytes that came a moment ago may be lent instead of copied
 * to buf: loan->data says where they are, until cache_return. */
struct cache_loan {
	const void *data;
	struct recent_block *block;	/* private */
};
ssize_t cache_lend(struct cache_file *f, void *buf, size_t len, uint64_t off,
		   size_t min, struct cache_loan *loan);
void cache_return(struct cache_loan *loan);	/* whatever it said */

/* As cache_read, but instead of copying says where the bytes are: a
 * descriptor of the data file (owned by f, valid until cache_close) and how
 * many bytes from off on may be taken from it (at most len). A descriptor of -1
 * says that they are in no file (the disk would not take them): cache_read. To
 * the totals of command.h a read is what is taken then, as cache_taken is told. */
ssize_t cache_read_fd(struct cache_file *f, int *fd, size_t len, uint64_t off,
		      size_t min);
void cache_taken(struct cache_file *f, size_t len);

/* Say beforehand how far f, once bound, will be read in sequence: up to end,
 * and no further (a closed range of HTTP), so that this is fetched as a whole
 * and nothing behind it; CACHE_SIZE_UNKNOWN: on and on. A hint. */
void cache_expect(struct cache_file *f, uint64_t end);

/* What a client of ours says that the origin is to be told whenever something
 * of f's resource is asked for from now on: "Name: value\n" lines (fields.h), or
 * NULL for nothing, in place of what was said before. Only what the settings of
 * that very URL name (forward_headers) is sent, in place of a configured header
 * of its name, and never to where a redirect leads. Kept in memory alone. 0 or
 * -ENOMEM. */
int cache_forward(struct cache_file *f, const char *fields);

/* A parked reader. Embedded in the caller's own struct. */
struct cache_waiter {
	/* When it is settled at the latest (monotonic). 0: the first cache_await
	 * sets it, conf.read_timeout from then. A reader that has to wait again
	 * for the same call carries it over to its next waiter. */
	int64_t deadline_ms;

	/* private */
	_Atomic int state;
	struct cache_file *file;
	struct entry *entry;	/* it was published with; its lock rules */
	uint64_t off;
	size_t min;
	int status;
	struct cache_waiter *prev, *next;
	uint64_t missing;
	struct cache_waiter *left, *right;	/* by it */
	void (*ready)(struct cache_waiter *w, int status);
};

/* min 0 waits for facts (cache_stat), else for [off, off + min), clipped to
 * the end of the file. */
void cache_waiter_init(struct cache_waiter *w, struct cache_file *f,
		       uint64_t off, size_t min,
		       void (*ready)(struct cache_waiter *w, int status));

/* Publish a waiter after -EAGAIN.
 *
 * true:  it is in other hands: ready(w, status) will run exactly once, on the
 *        engine thread, without locks held (perhaps before this returns), or
 *        cache_cancel has already taken it (before the call, or since). w may
 *        be gone: don't touch it.
 * false: nothing to wait for: ask again. w was not published.
 *
 * status: 0 ask again, it is likely there now (call cache_read/cache_stat; it
 * may say -EAGAIN once more); negative errno: the answer to the reader.
 * ready may call cache_read, cache_await (with a newly initialised waiter) and
 * cache_close; it must not block. */
bool cache_await(struct cache_waiter *w);

/* Take a waiter back, published or not yet. Exactly one of these happens in
 * the life of an initialised waiter: one cache_cancel returns true, or ready
 * runs, or (cache_await returned false) neither. Any thread. w must be valid
 * memory; the caller that gets true owns the reply. */
bool cache_cancel(struct cache_waiter *w);

/* Drop a resource from the cache (not from the origin). Open files keep what
 * they have and go on as a generation without a place in the store. 0 also
 * when nothing was there. */
int cache_drop(struct cache *c, const char *url);

/* The present ranges of a URL as text, "0-65535 131072-262143", inclusive as in
 * HTTP. Caller frees. 0, -ENOENT nothing known, -errno. */
int cache_ranges(struct cache *c, const char *url, char **text);

/* Names, the same in the mount, in the cache folder and (after a '/') in the
 * endpoint: see url.h. fn gets each component below a folder name once; a file
 * and a folder of one name are two calls. Non-zero from fn stops and is
 * returned. 0, -ENOENT, -errno. */
int cache_list(struct cache *c, const char *name,
	       int (*fn)(void *ctx, const char *component, bool is_folder),
	       void *ctx);
/* True when something is cached below this folder name. */
bool cache_is_folder(struct cache *c, const char *name);
/* The URL cached under a name that url_from_name can't turn back (a shortened
 * one). Caller frees. 0 or -ENOENT. */
int cache_url_of_name(struct cache *c, const char *name, char **url);

/* Say in the lock file where we can be found ("mount", "http"). */
void cache_announce(struct cache *c, const char *key, const char *value);

/* Of the file system the cache is on. 0 or -errno. */
int cache_statvfs(struct cache *c, struct statvfs *out);

#endif
