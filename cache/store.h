/* store: the cache folder. Layout, metadata, locking, recovery.
 *
 *   DIR/https/HOST/PATH         data of a complete file: an ordinary file
 *   DIR/https/HOST/PATH.part    data of an incomplete one, sparse
 *   DIR/https/HOST/PATH.meta    what it is: small text, always the truth
 *   DIR/lock                    one daemon a folder; says who has it
 *
 * PATH is the name of url.h. When PATH is at once a file and a folder, the
 * complete data is kept as PATH%file. Records being written, and data without
 * a place, are called ".%tmp…" for a moment. No name of url.h looks like any
 * of these.
 *
 * Promises
 *   - A record never claims bytes that are not durable: data is synced before
 *     the record that names it replaces the old one (write, fsync, rename).
 *     kill -9 at any moment leaves the old record or the new one; a power cut
 *     may bring back a record that was replaced in its last seconds, whose
 *     claims hold as well.
 *   - A new generation never meets an old record: who removes a record returns
 *     after the removal is durable, and store_create makes the new data file
 *     after that.
 *   - A record is used only when its checksum, its URL and the length of its
 *     data file agree with it; a damaged one is dropped with its data (and
 *     said in the log); one of an unknown format version is left alone. An
 *     error of the disk drops nothing.
 *   - Files are 0600, folders 0700. No symlink below DIR is followed.
 *
 *   - What is removed is whole or gone after a crash; what it leaves otherwise
 *     (data without a record) means nothing and is swept away by store_scan.
 *
 * Refuses: to decide anything about freshness, eviction or versions.
 *
 * Threads: every function may be called from any thread; calls about one name
 * must be serialised by the caller (the entry's lock or its saver). The store
 * has a lock of its own, a leaf, for names that touch each other; it is never
 * held while data is flushed.
 *
 * Names: -EINVAL for one that is none of url.h's, -ENAMETOOLONG for one with
 * more than STORE_DEPTH_MAX components.
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "extent.h"
#include "reply.h"

#define STORE_DEPTH_MAX 256
/* Bytes of a record: 400 000 ranges and more. A longer one is neither written nor
 * believed. */
#define STORE_RECORD_MAX ((size_t)16 << 20)

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
	char *base;		/* where redirects led, without query; NULL:
				   there were none */
	bool ranges;		/* the origin honours ranges */
	bool pinned;
	time_t created;		/* when this generation was first seen */
	time_t fresh_until, validated;
	time_t generated;	/* when the origin made its answer, or last
				   confirmed it: its age is now - this */
	char *fields;		/* kept of that answer (fields.h), or NULL */
	struct extent_set present;
};

void store_record_fini(struct store_record *r);	/* leaves it zeroed */

/* True for a file whose size is known and every byte of which is present. */
bool store_record_complete(const struct store_record *r);

/* Pure: a record as text and back.
 *
 *   spoolfs-meta 2                        the version of the format
 *   kind: file                            or directory
 *   url: https://example.com/film.mp4
 *   key: https://example.com/film.mp4
 *   generation: 00c0ffee00c0ffee          hex
 *   size: 1048576                         bytes; left out: unknown
 *   etag: "abc"                           left out: not said; so the next two
 *   last-modified: Sat, 01 Jan 2022 00:00:00 GMT
 *   type: video/mp4
 *   base: https://cdn.example.com/f.mp4   left out: no redirect
 *   ranges: yes
 *   pinned: no
 *   created: 1500000000                   seconds since the epoch
 *   fresh-until: 1700000000
 *   validated: 1700000000
 *   generated: 1699999990
 *   field: Cache-Control: max-age=60      any number of these; fields.h
 *   present: 0-65536 131072-196608        START-END in bytes, half open; as
 *   present: 262144-1048576               many lines as it takes
 *   checksum: 0123456789abcdef            FNV-1a, 64 bits, of all before it
 *
 * In this order, each line ended by LF. The first and the last line are the
 * same in every version; anything else new needs a new version. Version 1,
 * which is read but not written, had no `generated` (taken to be `validated`)
 * and no fields.
 *
 * store_format: *text malloc'd, NUL-terminated, of *len bytes. 0; -EINVAL: no
 * url, key or generation, ranges past the size, or fields that are not as
 * fields_select makes them; -EFBIG; -ENOMEM. A value with CR or LF in it is
 * left out.
 *
 * store_parse takes any bytes. 0; -EBADMSG: damaged in any way (checksum,
 * syntax, ranges unsorted or past the size); -EPROTO: intact, but of another
 * version; -ENOMEM.
 *
 * store_parse_kind takes the first STORE_KIND_BYTES of a record, or all of a
 * shorter one, and believes them: for listings. 0 or -EBADMSG. */
int store_format(const struct store_record *r, char **text, size_t *len);
int store_parse(const char *text, size_t len, struct store_record *out);
#define STORE_KIND_BYTES 32
int store_parse_kind(const char *text, size_t len, enum store_kind *out);

/* Open DIR, making it (and its parents) when missing, and lock it. The lock
 * file is then `pid=N\n`. 0; -EBUSY when it is in use, be it by this process;
 * -errno. */
int store_open(const char *dir, struct store **out);
/* Add "KEY=VALUE\n" to the lock file: where the mount and the endpoint are.
 * For people and spoolctl. 0; -EINVAL: not one line; -errno. */
int store_announce(struct store *s, const char *key, const char *value);
/* Empties the lock file. With nothing else of the store in use. */
void store_close(struct store *s);

/* The record of a name. 0; -ENOENT none (or damaged, now gone); -EPROTO
 * unknown format version; -EEXIST the name belongs to another key; -errno.
 * key may be NULL: whatever is there (listings, shortened names).
 * Finishes what a crash cut short (data renamed or not, stray data). */
int store_load(struct store *s, const char *name, const char *key,
	       struct store_record *out);

/* Open the data of a loaded record, read-write. >= 0: fd (caller closes);
 * -errno. */
int store_data(struct store *s, const char *name, bool complete);

/* Begin a new generation: take the old record and data away, durably, make
 * folders and an empty .part. >= 0: fd (caller closes); -errno.
 * -EEXIST: a record of an unknown format version is in the way, of this name
 * or of a file where a folder has to be. Flushes the folder (and so may take a
 * while) only when there was something to take away. */
int store_create(struct store *s, const char *name);

/* A data file without a name, for what can't or must not be kept; its bytes
 * are gone with the descriptor. >= 0: fd (caller closes); -errno. */
int store_scratch(struct store *s);

/* Make what fd holds durable, then replace the record. The data gets its final
 * name when the record is complete, .part when it is not (idempotent). fd: the
 * data of this name; -1 for a directory record.
 * 0; otherwise the old record still stands, and:
 * -ESTALE: fd is not, or no longer, the data of this name, or is shorter than
 *   the record says: somebody has dropped, replaced or cut it. For good.
 * -EIO: perhaps the disk has lost bytes that were written to fd. A later flush
 *   would not say so again: this generation must not be saved any more.
 * -EINVAL, -EFBIG as store_format; -EEXIST: a record of an unknown format
 * version is in the way; -ENOSPC and others: it may work another time. */
int store_save(struct store *s, const char *name, const struct store_record *r,
	       int fd);

/* Remove record and data, durably. Open descriptors live on. Empty folders
 * above go too. 0, nothing there is 0; -EEXIST: a record of an unknown format
 * version, left alone; -errno. */
int store_drop(struct store *s, const char *name);

/* The record of a name as it is, with nothing finished or dropped. As
 * store_load, and -EBADMSG: damaged. */
int store_peek(struct store *s, const char *name, struct store_record *out);

/* A file was used at `now`: the time of its record says so (it says so too
 * after each store_save; atime depends on mount options, and the data is an
 * ordinary file with times of its own). *bytes: what its files take on the
 * disk. 0; -ENOENT: no record, or one without data; -errno. */
int store_use(struct store *s, const char *name, time_t now, uint64_t *bytes);

/* All files that have a record, of whatever version, in no order, with what
 * they take on the disk and when they were last used. Reads folders and
 * inodes only; without the lock, so that what changes meanwhile may be missed
 * or met twice. Sweeps away what a crash has left: data and temporary files
 * of ours without a record, older than this store. Non-zero from fn stops and
 * is returned. 0 or -ENOMEM; what can't be read is passed over. */
int store_scan(struct store *s, int (*fn)(void *ctx, const char *name,
					  uint64_t bytes, time_t used),
	       void *ctx);

/* What is below a folder name ("" is DIR): each component once, in no order.
 * A file is what has a record; a folder is a folder on disk or a directory
 * record. file and folder of the same name are two calls. Non-zero from fn
 * stops and is returned; fn may call the store. 0, -ENOENT, -errno. */
int store_list(struct store *s, const char *name,
	       int (*fn)(void *ctx, const char *component, bool is_folder),
	       void *ctx);
/* True when DIR/name is a folder (a directory record alone is not). */
bool store_is_folder(struct store *s, const char *name);

/* Of the file system DIR is on: as fstatvfs. 0 or -errno. */
struct statvfs;
int store_statvfs(struct store *s, struct statvfs *out);

#endif
