/* script: rules, from text to what answer.c does. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "origin.h"

#define NO_RULE { .ranged = -1, .times = NEVER, .conditional = 1, \
		  .version = NEVER, .drop = NEVER, .reset = NEVER, \
		  .stall = NEVER, .wall = NEVER }

static const struct rule script_default = NO_RULE;

enum type { T_NUMBER, T_SIZE, T_DURATION, T_POINT, T_OFFSET, T_TEXT, T_HEADER,
	    T_WORD, T_JUNK, T_COUNT, T_LENGTH };

struct key {
	const char *name;
	enum type type;
	size_t offset;
	const char *words;	/* T_WORD: names of values 0, 1, … */
};

#define AT(field) offsetof(struct rule, field)

static const struct key keys[] = {
	{ "method", T_TEXT, AT(method), NULL },
	{ "ranged", T_WORD, AT(ranged), "no yes" },
	{ "skip", T_NUMBER, AT(skip), NULL },
	{ "times", T_NUMBER, AT(times), NULL },
	{ "busy", T_NUMBER, AT(busy), NULL },
	{ "delay", T_DURATION, AT(delay_ms), NULL },
	{ "rate", T_SIZE, AT(rate), NULL },
	{ "link", T_SIZE, AT(link), NULL },
	{ "status", T_NUMBER, AT(status), NULL },
	{ "reason", T_TEXT, AT(reason), NULL },
	{ "header", T_HEADER, AT(headers), NULL },
	{ "ranges", T_WORD, AT(ranges), "honour off ignore quiet wrong-start "
	  "wrong-total star no-header multipart refuse" },
	{ "length", T_LENGTH, AT(framing), NULL },
	{ "slice", T_OFFSET, AT(slice), NULL },
	{ "if-range", T_WORD, AT(if_range), "honour ignore never" },
	{ "conditional", T_WORD, AT(conditional), "ignore honour" },
	{ "etag", T_TEXT, AT(etag), NULL },
	{ "last-modified", T_TEXT, AT(last_modified), NULL },
	{ "version", T_NUMBER, AT(version), NULL },
	{ "drop", T_POINT, AT(drop), NULL },
	{ "reset", T_POINT, AT(reset), NULL },
	{ "stall", T_POINT, AT(stall), NULL },
	{ "wall", T_SIZE, AT(wall), NULL },
	{ "interim", T_COUNT, AT(interim), NULL },
	{ "junk", T_JUNK, AT(junk), NULL },
	{ "redirect", T_TEXT, AT(redirect), NULL },
	{ "file", T_TEXT, AT(file), NULL },
	{ "gen", T_TEXT, AT(gen), NULL },
	{ "body", T_TEXT, AT(body), NULL },
	{ "head", T_WORD, AT(head_refused), "allow refuse" },
	{ "close", T_WORD, AT(close_after), "no yes" },
};

bool parse_size(const char *text, const char **end, uint64_t *out)
{
	static const char unit[] = "kKMGT";
	uint64_t n = 0, base, d;
	const char *p = text, *u;
	int power;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		d = (uint64_t)(*p - '0');
		if (n > (UINT64_MAX - d) / 10)
			return false;
		n = n * 10 + d;
	}
	u = *p ? strchr(unit, *p) : NULL;
	if (u) {
		power = u - unit < 2 ? 1 : (int)(u - unit);
		base = p[1] == 'B' ? 1000 : 1024;
		p += p[1] == 'B' ? 2 : 1;
		while (power--) {
			if (n > UINT64_MAX / base)
				return false;
			n *= base;
		}
	}
	*end = p;
	*out = n;
	return true;
}

/* A whole value: nothing may follow the number. */
static bool whole_size(const char *text, uint64_t *out)
{
	const char *end;
	uint64_t n;

	if (!parse_size(text, &end, &n) || *end)
		return false;
	*out = n;
	return true;
}

static bool signed_size(const char *text, int64_t *out)
{
	uint64_t n;

	if ((*text != '+' && *text != '-') || !whole_size(text + 1, &n) ||
	    n > INT64_MAX)
		return false;
	*out = *text == '-' ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool duration(const char *text, uint64_t *ms)
{
	const char *end;
	uint64_t n;

	if (!parse_size(text, &end, &n) || n > 1000000)
		return false;
	if (strcmp(end, "ms") && strcmp(end, "s"))
		return false;
	*ms = *end == 's' ? n * 1000 : n;
	return true;
}

static bool word(const char *words, const char *value, int *out)
{
	size_t len = strlen(value);
	const char *p = words;
	int i = 0;

	for (; *p; i++) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, value, n)) {
			*out = i;
			return true;
		}
		p += n;
		p += *p == ' ';
	}
	return false;
}

static bool count(const char *value, uint64_t *out)
{
	if (strcmp(value, "endless"))
		return whole_size(value, out);
	*out = NEVER;
	return true;
}

/* "LINES" or "LINESxBYTES". */
static bool set_junk(struct rule *r, const char *value)
{
	char lines[32];
	const char *x = strchr(value, 'x');
	size_t n = x ? (size_t)(x - value) : strlen(value);

	if (n >= sizeof(lines))
		return false;
	memcpy(lines, value, n);
	lines[n] = '\0';
	r->junk_bytes = 40;
	return count(lines, &r->junk) &&
	       (!x || (whole_size(x + 1, &r->junk_bytes) &&
		       r->junk_bytes <= 16 * 1024 * 1024));
}

static bool add_header(struct rule *r, const char *value, size_t len)
{
	struct text *grown = realloc(r->headers,
				     (r->n_headers + 1) * sizeof(*grown)), *h;

	if (!grown)
		return false;
	r->headers = grown;
	h = &grown[r->n_headers];
	h->s = calloc(1, len + 1);
	if (!h->s)
		return false;
	memcpy(h->s, value, len);
	h->len = len;
	r->n_headers++;
	return true;
}

static bool set_text(char **at, const char *value)
{
	free(*at);
	*at = strdup(value);
	return *at != NULL;
}

static bool set(struct rule *r, const struct key *k, const char *value,
		size_t len)
{
	void *at = (char *)r + k->offset;

	switch (k->type) {
	case T_NUMBER:
	case T_SIZE:
		return whole_size(value, at);
	case T_DURATION:
		return duration(value, at);
	case T_POINT:
		if (!strcmp(value, "before")) {
			*(uint64_t *)at = BEFORE;
			return true;
		}
		return whole_size(value, at);
	case T_OFFSET:
		return signed_size(value, at);
	case T_TEXT:
		return set_text(at, value);
	case T_HEADER:
		return add_header(r, value, len);
	case T_WORD:
		return word(k->words, value, at);
	case T_JUNK:
		return set_junk(r, value);
	case T_COUNT:
		return count(value, at);
	case T_LENGTH:
		return word("exact chunked close", value, at) ||
		       signed_size(value, &r->lie);
	}
	return false;
}

static int unescape(const char **p)
{
	char hex[3] = { 0 };

	switch (*(*p)++) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '\\':
		return '\\';
	case '"':
		return '"';
	case 'x':
		if (!isxdigit((unsigned char)(*p)[0]) ||
		    !isxdigit((unsigned char)(*p)[1]))
			return -1;
		memcpy(hex, *p, 2);
		*p += 2;
		return (int)strtoul(hex, NULL, 16);
	}
	return -1;
}

/* The next word of a line into buf, quotes and escapes undone (so that it may
 * hold a NUL: *len). Returns what follows it, NULL at the end of the line or
 * (*bad) on a bad quote. */
static const char *next_word(const char *p, char *buf, size_t *len, bool *bad)
{
	bool quoted = false;
	size_t n = 0;
	int ch;

	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p || *p == '#')
		return NULL;
	for (; *p && (quoted || (*p != ' ' && *p != '\t'));) {
		ch = (unsigned char)*p++;
		if (ch == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && ch == '\\') {
			ch = unescape(&p);
			if (ch < 0) {
				*bad = true;
				return NULL;
			}
		}
		buf[n++] = (char)ch;
	}
	buf[n] = '\0';
	*len = n;
	*bad = quoted;
	return quoted ? NULL : p;
}

static const char *parse_pair(struct rule *r, char *pair, size_t len)
{
	char *value = strchr(pair, '=');
	size_t i;

	if (!value)
		return "not KEY=VALUE";
	*value++ = '\0';
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].name, pair))
			return set(r, &keys[i], value,
				   len - (size_t)(value - pair)) ?
			       NULL : "bad value";
	return "unknown key";
}

static const char *parse_line(struct rule *r, const char *line, char *buf)
{
	const char *p, *reason;
	bool bad = false;
	size_t len;

	p = next_word(line, buf, &len, &bad);
	if (bad || !p)
		return "bad quote or escape";
	if (buf[0] != '/' && buf[0] != '*')
		return "a pattern begins with / or *";
	r->pattern = strdup(buf);
	if (!r->pattern)
		return "no memory";
	while ((p = next_word(p, buf, &len, &bad))) {
		reason = parse_pair(r, buf, len);
		if (reason)
			return reason;
	}
	return bad ? "bad quote or escape" : NULL;
}

static void rule_fini(struct rule *r)
{
	size_t i;

	for (i = 0; i < r->n_headers; i++)
		free(r->headers[i].s);
	free(r->headers);
	free(r->pattern);
	free(r->method);
	free(r->reason);
	free(r->etag);
	free(r->last_modified);
	free(r->redirect);
	free(r->file);
	free(r->gen);
	free(r->body);
}

void script_free(struct script *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->n; i++)
		rule_fini(&s->rules[i]);
	free(s->rules);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool is_blank(const char *line)
{
	line += strspn(line, " \t");
	return !*line || *line == '#';
}

static const char *add_line(struct script *s, const char *line, unsigned no)
{
	struct rule *grown, *r;
	const char *reason;
	char *buf;

	if (is_blank(line))
		return NULL;
	grown = realloc(s->rules, (s->n + 1) * sizeof(*s->rules));
	if (!grown)
		return "no memory";
	s->rules = grown;
	r = &s->rules[s->n++];
	*r = script_default;
	r->line = no;
	buf = malloc(strlen(line) + 1);
	reason = buf ? parse_line(r, line, buf) : "no memory";
	free(buf);
	return reason;
}

struct script *script_parse(const char *text, char **error)
{
	struct script *s = calloc(1, sizeof(*s));
	const char *reason = "no memory", *p = text;
	unsigned no = 0;
	char *line;
	size_t n;

	if (!s)
		goto fail;
	pthread_mutex_init(&s->lock, NULL);
	s->refs = 1;
	for (; *p; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		no++;
		line = strndup(p, n);
		reason = line ? add_line(s, line, no) : "no memory";
		free(line);
		if (reason)
			goto fail;
	}
	return s;
fail:
	script_free(s);
	if (asprintf(error, "line %u: %s", no, reason) < 0)
		*error = NULL;
	return NULL;
}

/* A pattern with a '?' is held against the query too. Other patterns see the
 * path alone, so that a rule for a file covers all its queries. */
static bool matches(const struct rule *r, const struct request *q)
{
	size_t len = strcspn(q->target, "?");
	bool ranged = request_header(q, "Range") != NULL, hit;
	char *path;

	if (r->method && strcmp(r->method, q->method))
		return false;
	if (r->ranged >= 0 && r->ranged != ranged)
		return false;
	if (strchr(r->pattern, '?'))
		return !fnmatch(r->pattern, q->target, 0);
	path = strndup(q->target, len);
	hit = path && !fnmatch(r->pattern, path, 0);
	free(path);
	return hit;
}

struct rule *script_match(struct script *s, const struct request *q)
{
	static struct rule nothing = NO_RULE;
	struct rule *hit = &nothing;
	uint64_t busy;
	size_t i;

	/* Who answers holds a reference: the others, us, and the origin. */
	pthread_mutex_lock(&origin.lock);
	busy = s->refs > 2 ? s->refs - 2 : 0;
	pthread_mutex_unlock(&origin.lock);
	pthread_mutex_lock(&s->lock);
	for (i = 0; i < s->n && hit == &nothing; i++) {
		struct rule *r = &s->rules[i];

		if (!matches(r, q) || busy < r->busy)
			continue;
		if (r->seen++ < r->skip || r->used >= r->times)
			continue;
		r->used++;
		hit = r;
	}
	pthread_mutex_unlock(&s->lock);
	return hit;
}
