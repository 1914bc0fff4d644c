/* command: what is asked of the cache besides reading: to bring files without
 * a reader, to keep them, to ask whether they still hold; and what there is to
 * see of it: each entry, sums, events. For the control socket and what else
 * works in the background; cache.h is the readers' face.
 *
 * Any thread, no lock held. No function waits for the network; they may touch
 * the disk. Errors everywhere: -EINVAL, -ENAMETOOLONG (not a URL we take);
 * -ENOMEM; -ESHUTDOWN after cache_stop.
 */
#ifndef SPOOL_COMMAND_H
#define SPOOL_COMMAND_H

#include "cache.h"
#include "extent.h"

/* ---- being told how it ended ------------------------------------------------
 *
 * A watch is in the caller's memory. done(w, status) runs exactly once, on the
 * cache's messenger thread, without locks, or cache_watch_cancel returns true.
 * It must not block; w may be freed in it. cache_stop ends what is under way
 * with -ESHUTDOWN and has called every done() when it returns. */
struct cache_watch {
	void (*done)(struct cache_watch *w, int status);

	/* private */
	struct messenger *messenger;
	struct watch_list *list;
	int state, status;
	struct cache_watch *prev, *next;
};

/* True: done() will not run. False: it has run (this waits for its end, unless
 * it is called in a done() itself). Only for a watch that was accepted. */
bool cache_watch_cancel(struct cache_watch *w);

/* ---- bringing files ---------------------------------------------------------
 *
 * Bring [start, end) of a URL (CACHE_SIZE_UNKNOWN: to the end), reader or not:
 * behind readers that wait and their read-ahead, as many at once as the hosts'
 * connections allow, the others in turn. Stale facts are validated first, as
 * for a reader. What fails in passing is tried again for as long as it takes;
 * it ends
 *
 *   0            all of it is here
 *   -ECANCELED   by cache_fetch_stop, cache_drop, cache_reset
 *   -ENOENT, -EACCES, -EIO    the origin has refused for good
 *   -EHOSTUNREACH, -ETIMEDOUT  nothing is known of it yet, and its host can't be
 *                reached, or has been silent for conf.read_timeout
 *   -EISDIR      it is a folder
 *   -EPERM       the origin forbids to keep it (no-store)
 *   -ENOSPC      the disk does not take it
 *   -ESHUTDOWN   the daemon ends; nothing is taken up again by the next one
 *
 * A new version is brought instead of an old one. Asked for again while it is
 * under way, the ranges are joined, and all watches told at the end of all.
 * w: told of the end, unless NULL. 0: begun, or already done; -EBUSY: too many
 * are under way; else nothing has begun and w is not used. */
int cache_fetch(struct cache *c, const char *url, uint64_t start, uint64_t end);
int cache_fetch_watched(struct cache *c, const char *url, uint64_t start,
			uint64_t end, struct cache_watch *w);
/* 0; -ENOENT: nothing was being brought. What is here stays. */
int cache_fetch_stop(struct cache *c, const char *url);

/* ---- keeping, asking, dropping ---------------------------------------------- */

/* A pinned file is never evicted, whatever the limits say; its newer versions
 * neither. Kept with the file: from then on it survives restarts (a moment
 * later, kill -9). 0; -ENOENT: nothing of it is cached. */
int cache_pin(struct cache *c, const char *url, bool pinned);

/* Ask the origin whether the cached version still holds, fresh or not, and tell
 * w:
 *
 *   0            it does
 *   -ESTALE      there is another version, which has taken its place
 *   -ENOENT      it is gone (404, 410); what is cached stays
 *   -EACCES      it is refused
 *   -EHOSTUNREACH, -ETIMEDOUT, -EIO  it can't be asked now
 *   -ENODATA     there is nothing to tell versions by
 *   -ECANCELED   dropped meanwhile; -ESHUTDOWN
 *
 * 0: asked, w will be told; -ENOENT: nothing of it is cached, and others: w is
 * not used. */
int cache_validate(struct cache *c, const char *url, struct cache_watch *w);

/* Drop what is cached and bring all of it anew: as cache_drop, then
 * cache_fetch_watched. A pin stays. */
int cache_reset(struct cache *c, const char *url, struct cache_watch *w);

/* ---- looking ---------------------------------------------------------------- */

struct cache_view {
	struct cache_info info;		/* info.generation 0: nothing known yet */
	struct extent_set present;	/* on disk */
	bool loaded;			/* in use: what follows is 0 if it is not */
	bool fetching;			/* by cache_fetch; if so … */
	bool queued;			/* … has not had its turn yet */
	bool validating;		/* by cache_validate */
	uint64_t rate;			/* bytes/s from the origin, of late */
	unsigned readers;		/* open files */
	unsigned waiting;		/* reads that wait for bytes or facts */
	unsigned connections;
	int error;			/* last, -errno; 0: none since it worked */
	time_t used;			/* when it was last; 0: now */
};
void cache_view_fini(struct cache_view *v);

/* One URL. 0; -ENOENT: nothing is known and nothing under way. */
int cache_view(struct cache *c, const char *url, struct cache_view *out);

/* Every file of the cache, each current generation once, in no order; with
 * `loaded`, only those in use, which touches no disk. What changes meanwhile may
 * be missed. Reads a record each, without a lock: 50 µs or so. fn may call the
 * cache; it must not keep *v. Non-zero from fn stops and is returned. 0 or
 * -errno. */
int cache_each(struct cache *c, bool loaded,
	       int (*fn)(void *ctx, const struct cache_view *v), void *ctx);

/* Where the data is: absolute, changes when the file becomes complete and while
 * it is dropped. Caller frees. 0; -ENOENT: nothing of it is on disk. */
int cache_path(struct cache *c, const char *url, char **path);

/* Sums since the start, and how things are now. Cheap; members are read one
 * after the other. */
struct cache_totals {
	uint64_t reads;		/* answered to both fronts; not what the kernel
				   reads itself (passthrough, page cache) */
	uint64_t waits;		/* of them had to wait: misses */
	uint64_t bytes_read;	/* by them */
	uint64_t bytes_fetched;	/* bodies, from origins */
	uint64_t requests;	/* to origins, redirects included */
	uint64_t retries;	/* of them failed in passing */
	uint64_t errors;	/* refusals for good */
	uint64_t completed;	/* files */
	uint64_t superseded;	/* generations */
	uint64_t evicted;	/* files */
	unsigned transfers;	/* under way */
	unsigned fetching;	/* by cache_fetch, waiting for their turn too */
	unsigned entries;	/* in use */
	unsigned waiting;	/* reads */
	bool counted;		/* the next two are known. Asking has the cache
				   folder counted, in the background */
	uint64_t files, bytes;	/* in the cache folder */
};
void cache_totals(struct cache *c, struct cache_totals *out);

/* ---- events ----------------------------------------------------------------- */

enum cache_event_kind {
	CACHE_EVENT_BEGUN,	/* a generation has become known: size, version */
	CACHE_EVENT_PROGRESS,	/* twice a second at most */
	CACHE_EVENT_COMPLETE,
	CACHE_EVENT_FAILED,	/* refused for good, or brought no further */
	CACHE_EVENT_SUPERSEDED,	/* by another version, whose BEGUN follows */
	CACHE_EVENT_DROPPED,	/* by a command, or found damaged */
	CACHE_EVENT_EVICTED,
	CACHE_EVENT_LOST,	/* some that you should have had: url NULL */
};

struct cache_event {
	enum cache_event_kind kind;
	const char *url;	/* as sent; with its query, which may be secret */
	uint64_t generation;	/* 0: none */
	uint64_t size;		/* or CACHE_SIZE_UNKNOWN */
	uint64_t cached, rate;	/* bytes; bytes/s */
	int error;		/* FAILED: -errno */
};

/* event() runs on the messenger thread, without locks, one at a time, in the
 * order in which things happened. It must not block: while it runs, events pile
 * up, and what is too much is lost (LOST). */
struct cache_sink {
	void (*event)(struct cache_sink *s, const struct cache_event *ev);

	/* private */
	struct cache_sink *next;
};
void cache_subscribe(struct cache *c, struct cache_sink *s);
/* No event() runs when this returns, unless it is called in one. Also after
 * cache_stop, which ends all events. */
void cache_unsubscribe(struct cache *c, struct cache_sink *s);

/* ---- names ------------------------------------------------------------------
 *
 * Names given to URLs, in the root of the mount and of the endpoint: the [file]
 * sections of the settings in force, and beside them those added at run time,
 * which are kept in the cache folder ("names", text). A section wins. */

/* One component, 1 to 255 bytes of UTF-8 without '/' and controls; not "-", "."
 * or "..", nor http and https with or without ':'. 0, also when it has this URL
 * already; -EINVAL; -EEXIST: it has another, or is a section's; -EPROTO: the
 * file is of another version or damaged, and left alone; -errno of the disk, and
 * nothing has changed. */
int cache_name_add(struct cache *c, const char *name, const char *url);
/* Another name for it. 0; -ENOENT; -EEXIST, -EINVAL, … as above; -EPERM: a
 * section's. */
int cache_name_move(struct cache *c, const char *from, const char *to);
/* 0; -ENOENT; -EPERM: it is a section's; -errno of the disk. What is cached
 * stays. */
int cache_name_remove(struct cache *c, const char *name);
/* The URL of a name. Caller frees. 0; -ENOENT; -ENOMEM. */
int cache_name_url(struct cache *c, const char *name, char **url);
/* Each name once, sections first. fn must not change names. Non-zero stops and
 * is returned. */
int cache_names(struct cache *c,
		int (*fn)(void *ctx, const char *name, const char *url),
		void *ctx);

#endif
