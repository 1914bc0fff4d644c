/* parts: the files that one resource has in its folder. Below store.c only.
 *
 * Everything happens by name in a folder that the caller has opened; nothing
 * is followed and nothing but a regular file is taken for data. leaf is the
 * last component of a checked name. What renames or removes wants the store's
 * lock (it ends in _locked), for the files of one name stand in the way of
 * the folder of another.
 */
#ifndef SPOOL_PARTS_H
#define SPOOL_PARTS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "store.h"

/* In the order in which they are removed: what is left when that is cut short
 * is data without a record, which means nothing. */
enum part {
	PART_META,
	PART_PART,		/* incomplete data */
	PART_FINAL,		/* complete data */
	PART_ASIDE,		/* the same where PART_FINAL is a folder */
	PART_TEMP,		/* a record being written */
	PART_END,
};

/* Neither flag hurts a regular file; a FIFO put in its place can't stop us. */
#define PART_OPEN (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

struct part_name {
	char s[NAME_MAX + 1];
};

struct part_name part_name(const char *leaf, enum part part);

/* True for a component as url.h makes them: none is taken for a file of
 * ours. */
bool part_component_ok(const char *c, size_t len);

/* Cut the name of a record's file to the leaf. False: it is none. */
bool part_cut_meta(char *name);

/* 1 and *st: a regular file; 0: there is none; -errno. */
int part_stat(int dir, const char *leaf, enum part part, struct stat *st);
/* fd, -errno; -EBADMSG: no regular file. */
int part_open(int dir, const char *leaf, enum part part, int flags);
/* 1: removed; 0: there was none; -errno. */
int part_remove_locked(int dir, const char *leaf, enum part part);
/* All of them: how many were there, or -errno. */
int parts_remove_locked(int dir, const char *leaf);
/* 0, -errno. Replaces `to`. */
int part_rename_locked(int dir, const char *leaf, enum part from,
		       enum part to);

/* 0; -ENOENT; -EBADMSG, -EPROTO as store_parse; -errno. */
int parts_read_record(int dir, const char *leaf, struct store_record *out);
/* Whether these files are ours to change: 0; -EEXIST: the record is of an
 * unknown version; -errno. */
int parts_check_ours(int dir, const char *leaf);

/* A folder needs the final name of a file: 0, -EEXIST as above, -ENOTDIR: it
 * is no regular file; -errno. */
int parts_give_way_locked(int dir, const char *leaf);

/* Where the file behind a descriptor is: a part, -ESTALE or -errno. */
int parts_find_fd(int dir, const char *leaf, int fd);
/* Where data is, when no record can be asked. A part, -ENOENT or -errno. */
int parts_find_any(int dir, const char *leaf, bool complete);
/* Give data its proper name. The part which it now is, or -errno. */
int parts_place_locked(int dir, const char *leaf, enum part from,
		       bool complete);
/* Bring the names in line with a record that was read; what is not part of it
 * goes. 0; -EBADMSG: no data is long enough for it; -errno. */
int parts_settle_locked(int dir, const char *leaf,
			const struct store_record *r);

#endif
