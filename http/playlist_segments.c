#include "config.h"

#include "playlist_segments.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/hash.h"
#include "cache/url.h"
#include "playlist_ref.h"
#include "playlist_scan.h"

uint64_t playlist_segment_id(const char *key, uint64_t start)
{
	uint64_t little = htole64(start);

	return hash_add(hash_text(key), &little, sizeof(little));
}

/* ---- the tags ahead of a segment ------------------------------------------------ */

struct tags {
	bool master, gap, ranged, placed;
	uint64_t length, offset;	/* EXT-X-BYTERANGE; offset if placed */
	unsigned ms;
};

static uint64_t number(const char **p, const char *end)
{
	uint64_t n = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		if (n > (UINT64_MAX >> 2) / 10)
			return UINT64_MAX >> 2;
		n = n * 10 + (uint64_t)(**p - '0');
	}
	return n;
}

static bool take(const char **p, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *p) < n || memcmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

/* RFC 8216, 4.3.2.1: seconds, perhaps with a fraction. */
static unsigned milliseconds(const char *p, const char *end)
{
	uint64_t ms = number(&p, end), unit = 100;

	ms = ms > 3600 ? 3600000 : ms * 1000;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
			ms += (uint64_t)(*p - '0') * unit;
	return (unsigned)ms;
}

static void read_tag(const char *p, const char *end, struct tags *t)
{
	if (take(&p, end, "#EXTINF:")) {
		t->ms = milliseconds(p, end);
	} else if (take(&p, end, "#EXT-X-BYTERANGE:")) {
		t->ranged = true;
		t->length = number(&p, end);
		t->placed = p < end && *p == '@';
		p += t->placed;
		t->offset = t->placed ? number(&p, end) : 0;
	} else if (take(&p, end, "#EXT-X-GAP")) {
		t->gap = true;
	} else if (take(&p, end, "#EXT-X-STREAM-INF")) {
		t->master = true;
	}
}

static void read_tags(const char *text, size_t start, size_t end,
		      struct tags *out)
{
	*out = (struct tags){ 0 };
	while (start < end) {
		const char *lf = memchr(text + start, '\n', end - start);
		size_t next = lf ? (size_t)(lf - text) : end;

		read_tag(text + start, text + next, out);
		start = next + 1;
	}
}

/* ---- segments --------------------------------------------------------------------- */

struct collector {
	const char *text;
	struct url *base;
	struct url *other;	/* the last that was taken apart, or NULL, … */
	char *authority;	/* … and the authority ahead of it */
	size_t done;		/* of text */
	uint64_t next;		/* where the last range of last_id's URL ends */
	uint64_t last_id;
	struct playlist_segments s;
};

static int add_url(struct playlist_segments *s, const char *url, size_t *at)
{
	size_t len = strlen(url) + 1;
	const char *last = s->n ? s->urls + s->v[s->n - 1].url : NULL;
	char *grown;

	if (last && strcmp(last, url) == 0) {
		*at = s->v[s->n - 1].url;
		return 0;
	}
	if (s->urls_len + len > PLAYLIST_URLS_MAX)
		return -EFBIG;
	grown = realloc(s->urls, s->urls_len + len);
	if (!grown)
		return -ENOMEM;
	s->urls = grown;
	memcpy(grown + s->urls_len, url, len);
	*at = s->urls_len;
	s->urls_len += len;
	return 0;
}

int playlist_segments_add(struct playlist_segments *s, const char *sent,
			  const char *key, const struct playlist_segment *seg)
{
	size_t max = s->max ? 2 * s->max : 64, url;
	struct playlist_segment *grown;
	int rc;

	if (s->n == PLAYLIST_SEGMENTS_MAX)
		return -EFBIG;
	if (s->n == s->max) {
		grown = realloc(s->v, max * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->v = grown;
		s->max = max;
	}
	rc = add_url(s, sent, &url);
	if (rc < 0)
		return rc;
	s->v[s->n] = *seg;
	s->v[s->n].url = url;
	s->v[s->n++].id = playlist_segment_id(key, seg->start);
	return 0;
}

static int add_segment(struct collector *c, const char *sent, const char *key,
		       const struct tags *t)
{
	struct playlist_segment seg = { .end = UINT64_MAX, .ms = t->ms };
	uint64_t whole = playlist_segment_id(key, 0);

	if (t->ranged) {
		seg.start = t->placed ? t->offset :
			    whole == c->last_id ? c->next : 0;
		if (__builtin_add_overflow(seg.start, t->length, &seg.end))
			return 0;
		c->next = seg.end;
		c->last_id = whole;
	}
	if (t->gap || (t->ranged && !t->length))
		return 0;
	return playlist_segments_add(&c->s, sent, key, &seg);
}

/* Length of text (sent or key of u) up to the folder of its path, its '/'
 * included; root: up to the root. */
static int folder_len(const struct url *u, const char *text, bool root)
{
	size_t len = strlen(u->origin) + strcspn(text + strlen(u->origin), "?");

	if (root)
		return (int)strlen(u->origin);
	while (text[len - 1] != '/')
		len--;
	return (int)len;
}

/* A plain reference without escapes, which are not the same in sent and key. */
static int add_plain(struct collector *c, const struct url *base,
		     const char *ref, const struct tags *t)
{
	bool root = ref[0] == '/';
	char *sent = NULL, *key = NULL;
	int rc = -ENOMEM;

	ref += root;
	if (asprintf(&sent, "%.*s%s", folder_len(base, base->sent, root),
		     base->sent, ref) < 0)
		sent = NULL;
	if (asprintf(&key, "%.*s%s", folder_len(base, base->key, root),
		     base->key, ref) < 0)
		key = NULL;
	if (sent && key)
		rc = strlen(sent) > URL_MAX ? 0 : add_segment(c, sent, key, t);
	free(sent);
	free(key);
	return rc;
}

/* The base of a plain reference, of which *path is what is behind that; NULL:
 * it has to be taken apart. */
static const struct url *base_of(const struct collector *c, const char *ref,
				 const char **path)
{
	size_t len = playlist_authority_len(ref);

	*path = ref + len;
	if (!**path || **path == '?' || strchr(*path, '%') ||
	    !playlist_is_plain(*path))
		return NULL;
	if (len == 0)
		return c->base;
	if (!c->authority || strlen(c->authority) != len ||
	    strncmp(c->authority, ref, len) != 0)
		return NULL;
	return c->other;
}

static void remember(struct collector *c, const char *ref, struct url *u)
{
	size_t len = playlist_authority_len(ref);
	char *authority = len ? strndup(ref, len) : NULL;

	if (!authority) {
		url_free(u);
		return;
	}
	url_free(c->other);
	free(c->authority);
	c->other = u;
	c->authority = authority;
}

static int on_ref(void *ctx, const struct playlist_ref *ref)
{
	struct collector *c = ctx;
	const struct url *base;
	struct tags tags;
	const char *path;
	struct url *u;
	int rc;

	if (!ref->line)
		return 0;
	read_tags(c->text, c->done, ref->start, &tags);
	c->done = ref->end;
	if (tags.master)
		return -EINVAL;
	base = base_of(c, ref->text, &path);
	if (base)
		return add_plain(c, base, path, &tags);
	rc = playlist_resolve(c->base, ref->text, &u);
	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	rc = add_segment(c, u->sent, u->key, &tags);
	remember(c, ref->text, u);
	return rc;
}

static void on_leave(void *ctx, unsigned depth)
{
	(void)ctx;
	(void)depth;
}

static int by_id(const void *a, const void *b, void *ctx)
{
	const struct playlist_segment *v = ctx;
	uint64_t x = v[*(const size_t *)a].id, y = v[*(const size_t *)b].id;

	return x < y ? -1 : x > y;
}

int playlist_segments_sort(struct playlist_segments *s)
{
	s->by_id = malloc((s->n ? s->n : 1) * sizeof(*s->by_id));
	if (!s->by_id)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		s->by_id[i] = i;
	qsort_r(s->by_id, s->n, sizeof(*s->by_id), by_id, s->v);
	return 0;
}

int playlist_segments_new(const char *text, size_t len, const char *url,
			  struct playlist_segments *out)
{
	struct collector c = { .text = text };
	const struct playlist_scan scan = { &c, on_ref, on_leave };
	int rc;

	if (!memmem(text, len, "#EXT-X-TARGETDURATION", 21))
		return -EINVAL;
	rc = url_parse(url, &c.base);
	if (rc < 0)
		return rc;
	rc = playlist_scan_m3u(text, len, &scan);
	if (rc == 0 || rc == -EFBIG)	/* the first ones will do */
		rc = playlist_segments_sort(&c.s);
	url_free(c.base);
	url_free(c.other);
	free(c.authority);
	if (rc < 0) {
		playlist_segments_fini(&c.s);
		return rc;
	}
	*out = c.s;
	return 0;
}

void playlist_segments_fini(struct playlist_segments *s)
{
	free(s->v);
	free(s->by_id);
	free(s->urls);
	*s = (struct playlist_segments){ 0 };
}

size_t playlist_segments_find(const struct playlist_segments *s, uint64_t id)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->v[s->by_id[middle]].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->v[s->by_id[low]].id == id ? s->by_id[low]
							  : s->n;
}

size_t playlist_segments_ahead(const struct playlist_segments *s, size_t k)
{
	size_t count = 0;
	uint64_t ms = 0;

	if (k >= s->n)
		return 0;
	while (k + 1 + count < s->n && count < PLAYLIST_AHEAD_MAX &&
	       (count < PLAYLIST_AHEAD || ms < PLAYLIST_AHEAD_MS))
		ms += s->v[k + 1 + count++].ms;
	return count;
}
