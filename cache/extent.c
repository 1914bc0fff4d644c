#include "config.h"

#include "extent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void extent_fini(struct extent_set *s)
{
	free(s->v);
	*s = (struct extent_set){ 0 };
}

/* Index of the first extent that ends after off; s->n when none does. */
static size_t first_ending_after(const struct extent_set *s, uint64_t off)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].end > off)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Index of the first extent, from index lo on, that starts at off or later;
 * s->n when none does. */
static size_t first_starting_at(const struct extent_set *s, size_t lo,
				uint64_t off)
{
	size_t hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].start >= off)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int reserve(struct extent_set *s, size_t n)
{
	size_t cap = s->cap ? s->cap : 4;
	struct extent *v;

	if (n <= s->cap)
		return 0;
	while (cap < n) {
		if (cap > SIZE_MAX / sizeof(*v) / 2)
			return -ENOMEM;
		cap *= 2;
	}
	v = realloc(s->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->v = v;
	s->cap = cap;
	return 0;
}

/* Put new[0..k) in the place of the extents [i, j). */
static int replace(struct extent_set *s, size_t i, size_t j,
		   const struct extent *new, size_t k)
{
	size_t n = s->n - (j - i) + k;
	int r = reserve(s, n);

	if (r < 0)
		return r;
	for (size_t x = i; x < j; x++)
		s->total -= s->v[x].end - s->v[x].start;
	if (j < s->n && j != i + k)
		memmove(s->v + i + k, s->v + j, (s->n - j) * sizeof(*s->v));
	for (size_t x = 0; x < k; x++) {
		s->v[i + x] = new[x];
		s->total += new[x].end - new[x].start;
	}
	s->n = n;
	return 0;
}

int extent_add(struct extent_set *s, uint64_t start, uint64_t end)
{
	struct extent whole = { start, end };
	size_t i, j;

	if (start >= end)
		return 0;
	/* Neighbours that only touch are merged too: hence one byte more to
	 * each side, where there is one. */
	i = start ? first_ending_after(s, start - 1) : 0;
	j = end < UINT64_MAX ? first_starting_at(s, i, end + 1) : s->n;
	if (i < j) {
		if (s->v[i].start < start)
			whole.start = s->v[i].start;
		if (s->v[j - 1].end > end)
			whole.end = s->v[j - 1].end;
	}
	return replace(s, i, j, &whole, 1);
}

int extent_remove(struct extent_set *s, uint64_t start, uint64_t end)
{
	struct extent rest[2];
	size_t i, j, k = 0;

	if (start >= end)
		return 0;
	i = first_ending_after(s, start);
	j = first_starting_at(s, i, end);
	if (i == j)
		return 0;
	if (s->v[i].start < start)
		rest[k++] = (struct extent){ s->v[i].start, start };
	if (s->v[j - 1].end > end)
		rest[k++] = (struct extent){ end, s->v[j - 1].end };
	return replace(s, i, j, rest, k);
}

int extent_copy(struct extent_set *dst, const struct extent_set *src)
{
	int r;

	if (dst == src)
		return 0;
	r = reserve(dst, src->n);
	if (r < 0)
		return r;
	if (src->n)
		memcpy(dst->v, src->v, src->n * sizeof(*dst->v));
	dst->n = src->n;
	dst->total = src->total;
	return 0;
}

uint64_t extent_run(const struct extent_set *s, uint64_t off)
{
	size_t i = first_ending_after(s, off);

	if (i == s->n || s->v[i].start > off)
		return 0;
	return s->v[i].end - off;
}

bool extent_contains(const struct extent_set *s, uint64_t start, uint64_t end)
{
	return start >= end || extent_run(s, start) >= end - start;
}

bool extent_hole(const struct extent_set *s, uint64_t from, uint64_t limit,
		 struct extent *out)
{
	size_t i = first_ending_after(s, from);

	if (i < s->n && s->v[i].start <= from)
		from = s->v[i++].end;
	if (from >= limit)
		return false;
	if (i < s->n && s->v[i].start < limit)
		limit = s->v[i].start;
	*out = (struct extent){ from, limit };
	return true;
}

uint64_t extent_next(const struct extent_set *s, uint64_t off)
{
	size_t i = first_ending_after(s, off);

	if (i == s->n)
		return UINT64_MAX;
	return s->v[i].start > off ? s->v[i].start : off;
}
