/* store: the cache folder. Layout, metadata, locking, recovery.
 *
 *   DIR/https/HOST/PATH         data of a complete file: an ordinary file
 *   DIR/https/HOST/PATH.part    data of an incomplete one, sparse
 *   DIR/https/HOST/PATH.meta    what it is: small text, always the truth
 *   DIR/lock                    one daemon a folder; says who has it
 *
 * PATH is the name of url.h. When PATH is at once a file and a folder, the
 * complete data is kept as PATH%file.
 *
 * Promises
 *   - A record never claims bytes that are not durable: data is synced before
 *     the record that names it replaces the old one (write, fsync, rename).
 *     kill -9 at any moment leaves the old record or the new one.
 *   - A new generation never meets an old record: store_create takes the old
 *     record away, durably, before it makes the new data file.
 *   - A record is used only when its checksum, its URL and the length of its
 *     data file agree with it; a damaged one is dropped with its data (and
 *     said in the log); one of an unknown format version is left alone.
 *   - Files are 0600, folders 0700. No symlink below DIR is followed.
 *
 * Refuses: to decide anything about freshness, eviction or versions.
 * Threads: every function may be called from any thread; calls about one name
 * must be serialised by the caller (the entry's lock or its saver).
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "extent.h"
#include "reply.h"

struct store;

enum store_kind { STORE_FILE, STORE_DIRECTORY };

struct store_record {
	enum store_kind kind;
	char *url;		/* url.sent */
	char *key;		/* url.key: compared on load */
	uint64_t generation;	/* random, never 0: this version of this
				   resource, also across restarts */
	struct reply_version version;
	char *content_type;	/* NULL: not said */
	bool ranges;		/* the origin honours ranges */
	bool pinned;
	time_t fresh_until, validated;
	struct extent_set present;
};

void store_record_fini(struct store_record *r);	/* leaves it zeroed */

/* True when size is known and every byte is present. */
bool store_record_complete(const struct store_record *r);

/* Pure: a record as text and back. store_format: malloc'd, NUL-terminated,
 * *len bytes, or NULL (no memory). store_parse: 0, -EBADMSG (damaged in any
 * way: checksum, syntax, ranges unsorted or past the size), -EPROTO (intact
 * first line of another format version), -ENOMEM. */
char *store_format(const struct store_record *r, size_t *len);
int store_parse(const char *text, size_t len, struct store_record *out);

/* Open DIR, making it (and its parents) when missing, and lock it. The lock
 * file is then `pid=N\n`. 0; -EBUSY when another process has it; -errno. */
int store_open(const char *dir, struct store **out);
/* Add "KEY=VALUE\n" to the lock file: where the mount and the endpoint are.
 * For people and spoolctl. */
int store_announce(struct store *s, const char *key, const char *value);
void store_close(struct store *s);

/* The record of a name. 0; -ENOENT none (or damaged, now gone); -EPROTO
 * unknown format version; -EEXIST the name belongs to another key; -errno.
 * key may be NULL: whatever is there (listings, shortened names).
 * Finishes what a crash cut short (data renamed or not, stray .part). */
int store_load(struct store *s, const char *name, const char *key,
	       struct store_record *out);

/* Open the data of a loaded record, read-write. >= 0: fd (caller closes);
 * -errno. */
int store_data(struct store *s, const char *name, bool complete);

/* Begin a new generation: take the old record and data away, durably, make
 * folders and an empty .part. >= 0: fd (caller closes); -errno.
 * -EEXIST: a file of an unknown format version or key is in the way. */
int store_create(struct store *s, const char *name);

/* Make what fd holds durable, then replace the record; when the record is
 * complete, give the data its final name (idempotent). fd -1 for a directory
 * record. 0 or -errno, then the old record still stands. */
int store_save(struct store *s, const char *name, const struct store_record *r,
	       int fd);

/* Remove record and data. Open descriptors live on. Empty folders above go
 * too. 0 or -errno; nothing there is 0. */
int store_drop(struct store *s, const char *name);

/* What is below a folder name ("" is DIR). fn gets each component once, in no
 * order; non-zero from fn stops and is returned. file and folder of the same
 * name are two calls. 0, -ENOENT, -errno. */
int store_list(struct store *s, const char *name,
	       int (*fn)(void *ctx, const char *component, bool is_folder),
	       void *ctx);
/* True when DIR/name is a folder. */
bool store_is_folder(struct store *s, const char *name);

/* Bytes for statfs of the file system DIR is on: like fstatvfs. */
struct statvfs;
int store_statvfs(struct store *s, struct statvfs *out);

#endif
