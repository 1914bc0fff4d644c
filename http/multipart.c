#include "config.h"

#include "multipart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct multipart *m, char *head, uint64_t start, uint64_t end)
{
	struct multipart_part *part = &m->v[m->n];

	part->head = head;
	part->head_len = strlen(head);
	part->start = start;
	part->end = end;
	m->length += part->head_len + (end - start);
	m->n++;
}

struct multipart *multipart_new(const struct range_set *set, uint64_t size,
				const char *type, const char *boundary)
{
	struct multipart *m = calloc(1, sizeof(*m));
	const struct range *r = set->v;
	char *head;

	for (; m && r < set->v + set->n; r++) {
		if (asprintf(&head, "%s--%s\r\nContent-Type: %s\r\n"
			     "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%"
			     PRIu64 "\r\n\r\n", m->n ? "\r\n" : "", boundary,
			     type, r->start, r->end - 1, size) < 0)
			goto fail;
		add(m, head, r->start, r->end);
	}
	if (!m || asprintf(&head, "\r\n--%s--\r\n", boundary) < 0)
		goto fail;
	add(m, head, 0, 0);
	return m;
fail:
	multipart_free(m);
	return NULL;
}

void multipart_free(struct multipart *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].head);
	free(m);
}

struct multipart_piece multipart_at(const struct multipart *m, uint64_t pos)
{
	const struct multipart_part *part = m->v;

	for (; part < m->v + m->n; part++) {
		if (pos < part->head_len)
			return (struct multipart_piece){
				.text = part->head + pos,
				.len = part->head_len - pos,
			};
		pos -= part->head_len;
		if (pos < part->end - part->start)
			return (struct multipart_piece){
				.off = part->start + pos,
				.len = part->end - part->start - pos,
				.first = pos == 0,
			};
		pos -= part->end - part->start;
	}
	return (struct multipart_piece){ .len = 0 };
}
