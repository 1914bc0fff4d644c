/* entry: one generation of one resource. What is present, who waits, who
 * reads, which version. cache.h draws its life.
 *
 * The entry itself decides nothing and fetches nothing: the engine (fetch.c)
 * changes it, readers look at it, the saver (save.c) writes it down.
 *
 * Locks: cache->lock guards refs and the table; entry->lock guards what is
 * marked (L); (E) belongs to the engine thread alone. What is marked (LE) is
 * written by the engine thread under the lock, so that the engine may read it
 * without. The order of locks is in cache.h.
 */
#ifndef SPOOL_ENTRY_H
#define SPOOL_ENTRY_H

#include <pthread.h>

#include "cache.h"
#include "claim.h"
#include "command.h"
#include "memory.h"
#include "plan.h"
#include "store.h"
#include "url.h"
#include "wait.h"

/* A reader's handle follows so many places at once (audio and video of one
 * film, its head and its index). */
#define FILE_CURSORS 4

/* What a running transfer brings next, so many bytes of it, comes as soon as it
 * can: the planner has nothing to do for who waits for it. Not more than
 * PLAN_NEAR_MIN. */
#define ENTRY_SOON ((uint64_t)256 << 10)

/* How long a refusal (404, 403 …) is repeated without asking again. */
#define ENTRY_REFUSAL_MS 2000

enum entry_state { ENTRY_NEW, ENTRY_KNOWN, ENTRY_DIRECTORY };

struct transfer;

struct entry {
	/* immutable */
	struct cache *cache;
	struct url *url;
	char *name;		/* in the store */
	char label[160];	/* the URL, redacted: for logs */

	/* cache->lock */
	unsigned refs;
	struct entry *table_next, *all_prev, *all_next;
	bool in_table;

	/* Held while the store is changed under this entry's name, so that no
	 * record of an older generation lands after a newer one has begun. */
	pthread_mutex_t save_lock;

	pthread_mutex_t lock;
	enum entry_state state;		/* LE */
	bool superseded;		/* LE: a newer generation has the name */
	bool heir;			/* L: of one whose place in the store it
					   takes as soon as it is known */
	bool detached;			/* L: has no place in the store, … */
	bool no_store;			/* L: … because its origin forbids that */
	int error;			/* L: a refusal, repeated until … */
	int64_t error_until_ms;		/* L */
	struct store_record rec;	/* LE; the saver copies it */
	enum plan_ranges ranges;	/* LE */
	int64_t checked_ms;		/* LE: when the origin last confirmed
					   this version, or could not be asked */
	int unconfirmed;		/* L: why it could not; 0: it could */
	uint64_t checks;		/* L: how often it has been asked */
	uint64_t revision;		/* L: counts changes of what is said of
					   it, even when it is complete */
	int fd;				/* LE: set before KNOWN, -1 before; once
					   more when the file was cut (cut.h) */
	int cut_fd;			/* LE: then that one, else -1 */
	uint64_t length;		/* LE: what fd's file can't be shorter
					   than, unless it was cut */
	_Atomic bool cut;		/* it was, the engine has to see to it;
					   set under the lock */
	struct memory *memory;		/* LE: bytes not on disk, or NULL */
	_Atomic bool complete;		/* set once, after the last extent */
	struct cache_waiter *waiters, *last_waiter;	/* L: by deadline */
	struct wait_tree waits;		/* L: those for bytes, by the first that
					   is missing */
	_Atomic size_t n_waiters;	/* L; read without */
	struct extent soon;		/* L: what the transfer that published
					   last will bring next; unset by every
					   plan */
	_Atomic bool held;		/* it has brought some of that already,
					   not yet published */
	_Atomic(const struct conf *) allowed_by;	/* with these settings in
					   force it may be asked for */
	char *latest;			/* L: latest.h; in memory alone */
	char *forward;			/* L: cache_forward; in memory alone */
	struct cache_file *files;	/* L: in whose favour a plan was last
					   made, or wanted, first */
	bool dirty;			/* L: differs from the stored record */
	_Atomic bool young;		/* known, but not to the store yet */
	_Atomic bool opened;		/* not only peeked at */
	struct order *order, *check;	/* L: order.h */
	_Atomic bool ordered;		/* there is one of them */
	bool final;			/* save_lock: its record says complete */

	/* for those who look at it: */
	_Atomic uint64_t rate;		/* bytes/s, of late */
	_Atomic unsigned connections;
	_Atomic int trouble;		/* last_error */

	/* saver's queue, its lock */
	struct entry *save_next;
	bool save_queued;

	/* engine's inbox, its lock */
	struct entry *kick_next;
	bool kicked;

	/* E */
	struct entry *hot_prev, *hot_next;
	bool hot;
	struct transfer *transfers;
	struct url *target;		/* where redirects led, or NULL */
	int64_t disk_retry_ms;		/* the disk is not asked before */
	unsigned failures;		/* in a row */
	int64_t failed_ms;		/* the last of them */
	int last_error;			/* of them */
	int64_t retry_ms;		/* not before */
	int64_t planned_ms, wake_ms;
	uint64_t looked_at;		/* of a crowd of waiters, up to here */
	bool plan_due;
	struct claim claim;		/* to a connection; and how many it
					   has */
	uint64_t came, metered;		/* bytes; by metered_ms */
	int64_t metered_ms;
	bool told;			/* that it is complete */
	bool resolved_again;		/* after an expired target */
	bool no_range;			/* not to be trusted: ask without Range */
	bool afresh;			/* ask next on a connection of its own */
};

struct cache_file {
	struct entry *entry;		/* changes only while not bound */
	bool bound;
	uint64_t found;		/* the generation when it was opened, or 0 */
	int64_t opened_ms;
	uint64_t checks;	/* of the entry, when it became this file's */
	struct plan_cursor cursors[FILE_CURSORS];	/* entry->lock */
	uint64_t end;	/* entry->lock: of the cursors, see plan.h */
	uint64_t quiet[FILE_CURSORS];	/* entry->lock: reads below it need not
					   wake the engine */
	struct cache_file *prev, *next;	/* entry->lock */
};

int64_t now_ms(void);		/* monotonic */

/* A new entry with one reference, in no table. Takes url (also on failure:
 * frees it). NULL: no memory. */
struct entry *entry_new(struct cache *c, struct url *url, char *name);
/* A new one for another generation of old's resource: NULL, no memory. */
struct entry *entry_like(struct entry *old);
/* Frees an entry nobody refers to. */
void entry_destroy(struct entry *e);

void entry_ref(struct entry *e);	/* in cache.c: cache->lock */
void entry_unref(struct entry *e);

/* Publish [start, end), already written to e->fd, and settle the waiters it
 * satisfies; until: what brought it goes on to there. Engine thread. 0 or
 * -ENOMEM (then nothing is published). */
int entry_publish(struct entry *e, uint64_t start, uint64_t end,
		  uint64_t until);

/* The same for bytes that the disk would not take: kept in memory for a while
 * and published. 0 or -errno. */
int entry_keep_in_memory(struct entry *e, const void *data, size_t len,
			 uint64_t off);

/* Adopt the facts of a first accepted reply: NEW -> KNOWN. Takes fd. Engine
 * thread; nobody else has seen the generation yet. */
struct entry_facts {
	const struct reply_version *version;
	const char *content_type;
	const char *base;	/* store_record.base */
	const char *fields;		/* that are kept, or NULL */
	enum plan_ranges ranges;
	time_t fresh_until, generated, now;
};
int entry_adopt(struct entry *e, const struct entry_facts *facts, int fd);

/* Go on with another file, after the old one was cut (cut.h), of which nothing
 * but `present`, all in memory, is left. Takes fd and present's ranges. Engine
 * thread. */
void entry_renew(struct entry *e, int fd, struct extent_set *present);

/* The origin confirmed the version (304): facts waiters are settled. fields:
 * those its answer brought that are kept, or NULL. */
void entry_confirm(struct entry *e, time_t fresh_until, time_t generated,
		   const char *fields);
/* The origin could not say whether the version holds. What is here is used all
 * the same: likewise; but if it is strict, facts waiters get the error. */
void entry_unconfirmed(struct entry *e, int error);
/* Whether the origin forbids to use this version, once it is no longer fresh,
 * without having it confirmed (RFC 9111, 4.2.4). Not while we are offline by
 * the user's choice. Engine thread. */
bool entry_is_strict(const struct entry *e);

/* The length of a resource of unknown length turned out. Engine thread. 0;
 * -ESTALE: more than that is here, of another version then. */
int entry_set_size(struct entry *e, uint64_t size);

/* Whether the origin honours ranges turned out. Engine thread. */
void entry_set_ranges(struct entry *e, enum plan_ranges ranges);

/* A folder of the origin: NEW -> DIRECTORY. */
void entry_set_directory(struct entry *e);

/* A permanent answer: every waiter gets it, and who asks within
 * ENTRY_REFUSAL_MS, too. */
void entry_refuse(struct entry *e, int error);

/* Settle the waiters whose deadline has passed (all: every one) with error.
 * Returns the next deadline (monotonic ms) or INT64_MAX. Engine thread. */
int64_t entry_expire(struct entry *e, int64_t now, int error);
void entry_settle_all(struct entry *e, int error);

/* A copy of what cache_forward last said: malloc'd or NULL. forward.c. */
char *entry_forward(struct entry *e);

/* Another generation has taken over: facts waiters ask again, waiters for
 * bytes get -ESTALE. */
void entry_supersede(struct entry *e);

/* Under entry->lock. */
/* Copy published bytes from wherever they are. 0 or -errno. */
int entry_copy_locked(const struct entry *e, void *buf, size_t len,
		      uint64_t off);
/* Publish a waiter: false when cache_cancel had it before. */
bool entry_park_locked(struct entry *e, struct cache_waiter *w);
bool entry_fresh_locked(const struct entry *e, const struct cache_file *f);
/* Until when it need not be asked, as the settings have it, else the origin. */
time_t entry_fresh_until_locked(const struct entry *e);
int entry_refusal_locked(struct entry *e);	/* 0: none in force */

/* What a record says, of this URL; what an entry does. 0 or -ENOMEM. */
int record_info(const struct store_record *r, const char *url,
		struct cache_info *out);
int entry_info_locked(const struct entry *e, struct cache_info *out);

/* What the engine asks of the table (cache.c).
 *
 * Put the file of a new entry in place: 0 or -errno, *fd is the caller's. An
 * entry whose place in the store can't be had (full disk, a file of another
 * format in the way) gets an unnamed file instead. */
int cache_create_data(struct cache *c, struct entry *e, int *fd);
/* Another generation of old's resource: a NEW entry (one reference, the
 * caller's) that takes over the table and the store's name. Old is superseded.
 * What the store has of it goes with the new one's first bytes; or now (forget),
 * when there are none: it would come back with the next open.
 * NULL: no memory, nothing changed. */
struct entry *cache_supersede(struct cache *c, struct entry *old, bool forget);

/* Something has happened that others may want to know: see command.h. Any lock
 * but the entry's may be held. */
void cache_tell(struct entry *e, enum cache_event_kind kind, int error);
/* The origin has refused e for good: so nobody who has ordered it waits any
 * longer. No lock held. */
void cache_refused(struct entry *e, int error);

/* What came of an attempt to write under e's name: 0, or -errno. Any lock but
 * the evictor's may be held. */
void cache_stored(struct entry *e, int err);

#endif
