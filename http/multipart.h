/* multipart: several ranges of a resource as one body (RFC 9110, 14.6).
 *
 * Its length is known beforehand, and any place of it is either text of our own
 * or bytes of the resource, so that it can be sent piece by piece.
 *
 * Pure.
 */
#ifndef SPOOL_MULTIPART_H
#define SPOOL_MULTIPART_H

#include "range.h"

struct multipart {
	uint64_t length;	/* of the body, bytes */
	size_t n;		/* of v: the ranges, and the closing line */
	struct multipart_part {
		char *head;	/* what comes before its bytes */
		size_t head_len;
		uint64_t start, end;	/* of the resource; of the last: none */
	} v[RANGE_MAX + 1];
};

/* The body of these ranges of a resource of size bytes and of this media type.
 * boundary: nothing that could be in the resource by chance. NULL: no memory. */
struct multipart *multipart_new(const struct range_set *set, uint64_t size,
				const char *type, const char *boundary);
void multipart_free(struct multipart *m);

/* What is at pos of the body, and how much in one piece. */
struct multipart_piece {
	const char *text;	/* of m; NULL: bytes of the resource */
	uint64_t off;		/* then: from here on */
	uint64_t len;		/* 0: the body has ended */
	bool first;		/* the first bytes of a range */
};
struct multipart_piece multipart_at(const struct multipart *m, uint64_t pos);

#endif
