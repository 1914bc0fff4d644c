#include "config.h"

#include "playlist_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/url.h"

/* A document of HLS may define so many variables; others are not known. */
#define VARIABLES_MAX 64

static const char bom[] = "\xef\xbb\xbf";

/* ---- lines ------------------------------------------------------------------------ */

struct line {
	size_t start, end;	/* without white space around it */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char *text, struct line *l)
{
	while (l->start < l->end && is_space(text[l->start]))
		l->start++;
	while (l->end > l->start && is_space(text[l->end - 1]))
		l->end--;
}

/* The line at *pos, which moves on. False at the end. */
static bool next_line(const char *text, size_t len, size_t *pos,
		      struct line *out)
{
	const char *lf;

	if (*pos == 0 && len >= 3 && memcmp(text, bom, 3) == 0)
		*pos = 3;
	if (*pos >= len)
		return false;
	lf = memchr(text + *pos, '\n', len - *pos);
	out->start = *pos;
	out->end = lf ? (size_t)(lf - text) : len;
	*pos = out->end + 1;
	trim(text, out);
	return true;
}

static bool begins(const char *text, const struct line *l, const char *with)
{
	size_t n = strlen(with);

	return l->end - l->start >= n && memcmp(text + l->start, with, n) == 0;
}

bool playlist_is_hls(const char *text, size_t len)
{
	struct line l;
	size_t pos = 0;

	while (next_line(text, len, &pos, &l))
		if (begins(text, &l, "#EXT-X-"))
			return true;
	return false;
}

/* ---- variables ---------------------------------------------------------------------- */

/* RFC 8216bis, 4.3: "{$NAME}" in URIs stands for a text of EXT-X-DEFINE. One
 * that was imported or comes from a query is not known here and stays. */
struct variables {
	struct variable {
		const char *name, *value;
		size_t name_len, value_len;
	} v[VARIABLES_MAX];
	size_t n;
};

static const struct variable *find_variable(const struct variables *vars,
					    const char *name, size_t len)
{
	for (size_t i = 0; i < vars->n; i++)
		if (vars->v[i].name_len == len &&
		    memcmp(vars->v[i].name, name, len) == 0)
			return &vars->v[i];
	return NULL;
}

struct buffer {
	char text[URL_MAX + 1];
	size_t len;
};

static bool put(struct buffer *b, const char *text, size_t len)
{
	if (len > sizeof(b->text) - 1 - b->len)
		return false;
	memcpy(b->text + b->len, text, len);
	b->len += len;
	return true;
}

/* text with the variables that are known replaced, as a string. False: none,
 * or too long for a URL. */
static bool expand(const struct variables *vars, const char *text, size_t len,
		   struct buffer *out)
{
	const char *end = text + len;

	out->len = 0;
	if (memchr(text, '\0', len))
		return false;
	while (text < end) {
		const char *at = memmem(text, end - text, "{$", 2);
		const char *close = at ? memchr(at, '}', end - at) : NULL;
		const struct variable *v;

		if (!close)
			at = end;
		if (!put(out, text, at - text))
			return false;
		if (at == end)
			break;
		text = close + 1;
		v = find_variable(vars, at + 2, close - at - 2);
		if (!(v ? put(out, v->value, v->value_len) :
			  put(out, at, text - at)))
			return false;
	}
	out->text[out->len] = '\0';
	return true;
}

/* ---- HLS ---------------------------------------------------------------------------- */

struct m3u {
	const char *text;
	const struct playlist_scan *scan;
	struct variables vars;
	struct buffer buffer;
};

static int report(struct m3u *m, size_t start, size_t end, bool line)
{
	struct line l = { start, end };
	struct playlist_ref ref = { .quoting = PLAYLIST_PLAIN, .line = line };

	trim(m->text, &l);
	if (l.start == l.end ||
	    !expand(&m->vars, m->text + l.start, l.end - l.start, &m->buffer))
		return 0;
	ref.start = l.start;
	ref.end = l.end;
	ref.text = m->buffer.text;
	return m->scan->ref(m->scan->ctx, &ref);
}

/* NAME=VALUE or NAME="VALUE" of an attribute list (RFC 8216, 4.2). */
struct attribute {
	struct line name, value;
	bool quoted;
};

static bool is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* The next one before end; *pos moves behind it. False: no more that make
 * sense. */
static bool next_attribute(const char *text, size_t *pos, size_t end,
			   struct attribute *out)
{
	size_t p = *pos;
	const char *stop;

	while (p < end && (text[p] == ',' || is_space(text[p])))
		p++;
	out->name.start = p;
	while (p < end && is_name_char(text[p]))
		p++;
	out->name.end = p;
	if (p == end || p == out->name.start || text[p] != '=')
		return false;
	p++;
	out->quoted = p < end && text[p] == '"';
	p += out->quoted;
	stop = memchr(text + p, out->quoted ? '"' : ',', end - p);
	if (out->quoted && !stop)
		return false;
	out->value.start = p;
	out->value.end = stop ? (size_t)(stop - text) : end;
	*pos = out->value.end + out->quoted;
	return true;
}

static bool is(const char *text, const struct line *l, const char *word)
{
	return l->end - l->start == strlen(word) && begins(text, l, word);
}

static void define(struct m3u *m, size_t pos, size_t end)
{
	struct variable v = { 0 };
	struct attribute a;

	while (next_attribute(m->text, &pos, end, &a)) {
		const char *value = m->text + a.value.start;
		size_t len = a.value.end - a.value.start;

		if (is(m->text, &a.name, "NAME")) {
			v.name = value;
			v.name_len = len;
		} else if (is(m->text, &a.name, "VALUE")) {
			v.value = value;
			v.value_len = len;
		}
	}
	if (v.name && v.value && m->vars.n < VARIABLES_MAX)
		m->vars.v[m->vars.n++] = v;
}

static bool is_reference(const char *text, const struct attribute *a)
{
	static const char *const names[] = {
		"URI",		/* KEY, SESSION-KEY, MAP, MEDIA,
				   I-FRAME-STREAM-INF, PART, PRELOAD-HINT,
				   RENDITION-REPORT, SESSION-DATA */
		"SERVER-URI",			/* CONTENT-STEERING */
		"X-ASSET-URI", "X-ASSET-LIST",	/* DATERANGE */
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (a->quoted && is(text, &a->name, names[i]))
			return true;
	return false;
}

static int scan_tag(struct m3u *m, const struct line *l)
{
	static const char prefetch[] = "#EXT-X-PREFETCH:";
	const char *colon = memchr(m->text + l->start, ':', l->end - l->start);
	struct attribute a;
	size_t pos;
	int rc = 0;

	if (!begins(m->text, l, "#EXT-X-") || !colon)
		return 0;
	pos = colon + 1 - m->text;
	if (begins(m->text, l, prefetch))
		return report(m, pos, l->end, false);
	if (begins(m->text, l, "#EXT-X-DEFINE:"))
		define(m, pos, l->end);
	while (rc == 0 && next_attribute(m->text, &pos, l->end, &a))
		if (is_reference(m->text, &a))
			rc = report(m, a.value.start, a.value.end, false);
	return rc;
}

int playlist_scan_m3u(const char *text, size_t len,
		      const struct playlist_scan *scan)
{
	struct m3u *m = calloc(1, sizeof(*m));
	struct line l;
	size_t pos = 0;
	int rc = 0;

	if (!m)
		return -ENOMEM;
	m->text = text;
	m->scan = scan;
	while (rc == 0 && next_line(text, len, &pos, &l)) {
		if (l.start == l.end)
			continue;
		rc = text[l.start] == '#' ? scan_tag(m, &l) :
					    report(m, l.start, l.end, true);
	}
	free(m);
	return rc;
}

/* ---- PLS ----------------------------------------------------------------------------- */

/* "File1=URL"; "Ref1=URL" in the old form of ASX. */
static bool pls_value(const char *text, const struct line *l,
		      struct line *value)
{
	static const char *const keys[] = { "file", "ref" };
	const char *equals = memchr(text + l->start, '=', l->end - l->start);
	struct line key = { l->start, equals ? (size_t)(equals - text) :
					       l->start };
	size_t n, len;

	trim(text, &key);
	len = key.end - key.start;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		n = strlen(keys[i]);
		if (len <= n || strncasecmp(text + l->start, keys[i], n) != 0)
			continue;
		while (n < len && text[l->start + n] >= '0' &&
		       text[l->start + n] <= '9')
			n++;
		if (n < len)
			return false;
		*value = (struct line){ equals + 1 - text, l->end };
		trim(text, value);
		return true;
	}
	return false;
}

int playlist_scan_pls(const char *text, size_t len,
		      const struct playlist_scan *scan)
{
	struct m3u *m = calloc(1, sizeof(*m));
	struct line l, value;
	size_t pos = 0;
	int rc = 0;

	if (!m)
		return -ENOMEM;
	m->text = text;
	m->scan = scan;
	while (rc == 0 && next_line(text, len, &pos, &l))
		if (pls_value(text, &l, &value))
			rc = report(m, value.start, value.end, false);
	free(m);
	return rc;
}
