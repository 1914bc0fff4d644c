/* The record of a resource as text: the pure half of store.h. */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "hash.h"

#define MAGIC "spoolfs-meta "
#define VERSION "2"
#define VERSION_BEFORE "1"	/* without `generated` and fields */
#define CHECKSUM "checksum: "
#define CHECKSUM_LINE (sizeof(CHECKSUM) - 1 + 16 + 1)
#define LINE_WIDTH 72

void store_record_fini(struct store_record *r)
{
	free(r->url);
	free(r->key);
	free(r->content_type);
	free(r->base);
	free(r->fields);
	reply_version_fini(&r->version);
	extent_fini(&r->present);
	*r = (struct store_record){ 0 };
}

bool store_record_complete(const struct store_record *r)
{
	return r->kind == STORE_FILE && r->version.size != REPLY_SIZE_UNKNOWN &&
	       r->present.total == r->version.size;
}

static uint64_t checksum(const char *text, size_t len)
{
	return hash_add(HASH_NOTHING, text, len);
}

/* What all records hold, whoever made them. */
static bool consistent(const struct store_record *r)
{
	const struct extent_set *p = &r->present;

	if (!r->url || !r->key || !r->generation)
		return false;
	return !p->n || (r->kind == STORE_FILE &&
			 p->v[p->n - 1].end <= r->version.size);
}

/* Writing. */

static bool one_line(const char *value)
{
	return value && !strpbrk(value, "\r\n");
}

static void put_text(FILE *f, const char *key, const char *value)
{
	if (one_line(value))
		fprintf(f, "%s: %s\n", key, value);
}

static void put_present(FILE *f, const struct extent_set *present)
{
	int width = 0;

	for (size_t i = 0; i < present->n; i++) {
		if (width > LINE_WIDTH - 20) {
			fputc('\n', f);
			width = 0;
		}
		width += fprintf(f, "%s%" PRIu64 "-%" PRIu64,
				 width ? " " : "present: ",
				 present->v[i].start, present->v[i].end);
	}
	if (width)
		fputc('\n', f);
}

static void put_fields(FILE *f, const char *text)
{
	struct field field;

	while (fields_next(&text, &field))
		fprintf(f, "field: %.*s: %.*s\n", (int)field.name_len,
			field.name, (int)field.value_len, field.value);
}

static void put_record(FILE *f, const struct store_record *r)
{
	fputs(MAGIC VERSION "\n", f);
	put_text(f, "kind", r->kind == STORE_FILE ? "file" : "directory");
	put_text(f, "url", r->url);
	put_text(f, "key", r->key);
	fprintf(f, "generation: %016" PRIx64 "\n", r->generation);
	if (r->version.size != REPLY_SIZE_UNKNOWN)
		fprintf(f, "size: %" PRIu64 "\n", r->version.size);
	put_text(f, "etag", r->version.etag);
	put_text(f, "last-modified", r->version.last_modified);
	put_text(f, "type", r->content_type);
	put_text(f, "base", r->base);
	put_text(f, "ranges", r->ranges ? "yes" : "no");
	put_text(f, "pinned", r->pinned ? "yes" : "no");
	fprintf(f, "created: %jd\n", (intmax_t)r->created);
	fprintf(f, "fresh-until: %jd\n", (intmax_t)r->fresh_until);
	fprintf(f, "validated: %jd\n", (intmax_t)r->validated);
	fprintf(f, "generated: %jd\n", (intmax_t)r->generated);
	put_fields(f, r->fields);
	put_present(f, &r->present);
}

int store_format(const struct store_record *r, char **text, size_t *len)
{
	char *buf = NULL;
	size_t n = 0;
	FILE *f;
	int err;

	if (!consistent(r) || !one_line(r->url) || !one_line(r->key) ||
	    !fields_sound(r->fields))
		return -EINVAL;
	f = open_memstream(&buf, &n);
	if (!f)
		return -ENOMEM;
	put_record(f, r);
	if (fflush(f) == 0)
		fprintf(f, CHECKSUM "%016" PRIx64 "\n", checksum(buf, n));
	err = ferror(f) ? -ENOMEM : 0;
	if (fclose(f) != 0)
		err = -ENOMEM;
	if (!err && n > STORE_RECORD_MAX)
		err = -EFBIG;
	if (err) {
		free(buf);
		return err;
	}
	*text = buf;
	*len = n;
	return 0;
}

/* Reading. */

struct span {
	const char *p, *end;
};

static bool span_is(struct span s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(s.end - s.p) == len && !memcmp(s.p, text, len);
}

/* Take `text` from the front. */
static bool take(struct span *s, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
		return false;
	s->p += len;
	return true;
}

/* Take a line when its key is this one. All lines end in LF. */
static bool take_line(struct span *s, const char *key, struct span *value)
{
	struct span rest = *s;

	if (!take(&rest, key) || !take(&rest, ": "))
		return false;
	value->p = rest.p;
	value->end = memchr(rest.p, '\n', rest.end - rest.p);
	if (!value->end)
		return false;
	s->p = value->end + 1;
	return true;
}

/* Take a decimal number, written without needless zeros. */
static bool take_number(struct span *s, uint64_t *out)
{
	const char *p = s->p;
	uint64_t n = 0;

	while (p < s->end && *p >= '0' && *p <= '9') {
		unsigned digit = *p++ - '0';

		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (p == s->p || (*s->p == '0' && p - s->p > 1))
		return false;
	s->p = p;
	*out = n;
	return true;
}

static bool parse_hex(struct span s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.end - s.p != 16)
		return false;
	for (; s.p < s.end; s.p++) {
		if (*s.p >= '0' && *s.p <= '9')
			n = n << 4 | (unsigned)(*s.p - '0');
		else if (*s.p >= 'a' && *s.p <= 'f')
			n = n << 4 | (unsigned)(*s.p - 'a' + 10);
		else
			return false;
	}
	*out = n;
	return true;
}

static bool take_time(struct span *s, const char *key, time_t *out)
{
	struct span value;
	bool negative;
	uint64_t n;
	int64_t t;

	if (!take_line(s, key, &value))
		return false;
	negative = take(&value, "-");
	if (!take_number(&value, &n) || value.p != value.end ||
	    n > (uint64_t)INT64_MAX + negative)
		return false;
	t = negative ? (int64_t)(0 - n) : (int64_t)n;
	*out = t;
	return *out == t;	/* time_t may be smaller */
}

static bool take_bool(struct span *s, const char *key, bool *out)
{
	struct span value;

	if (!take_line(s, key, &value))
		return false;
	*out = span_is(value, "yes");
	return *out || span_is(value, "no");
}

static bool take_kind(struct span *s, enum store_kind *out)
{
	if (take(s, "kind: file\n"))
		*out = STORE_FILE;
	else if (take(s, "kind: directory\n"))
		*out = STORE_DIRECTORY;
	else
		return false;
	return true;
}

/* A text line may be absent: *out stays NULL. 0 or -ENOMEM. */
static int take_text(struct span *s, const char *key, char **out)
{
	struct span value;

	if (!take_line(s, key, &value))
		return 0;
	*out = strndup(value.p, value.end - value.p);
	return *out ? 0 : -ENOMEM;
}

static int take_size(struct span *s, uint64_t *out)
{
	struct span value;

	*out = REPLY_SIZE_UNKNOWN;
	if (!take_line(s, "size", &value))
		return 0;
	if (!take_number(&value, out) || value.p != value.end ||
	    *out == REPLY_SIZE_UNKNOWN)
		return -EBADMSG;
	return 0;
}

static int parse_ranges(struct span line, struct extent_set *present)
{
	uint64_t start, end;

	do {
		if (!take_number(&line, &start) || !take(&line, "-") ||
		    !take_number(&line, &end) || start >= end)
			return -EBADMSG;
		if (present->n && start <= present->v[present->n - 1].end)
			return -EBADMSG;
		if (extent_add(present, start, end))
			return -ENOMEM;
	} while (take(&line, " "));
	return line.p == line.end ? 0 : -EBADMSG;
}

/* What version 1 does not have. */
static int take_news(struct span *s, struct store_record *r)
{
	struct span value;
	struct field f;
	size_t len = 0, before;
	const char *colon;

	if (!take_time(s, "generated", &r->generated))
		return -EBADMSG;
	while (take_line(s, "field", &value)) {
		colon = memchr(value.p, ':', value.end - value.p);
		if (!colon || colon + 1 == value.end || colon[1] != ' ')
			return -EBADMSG;
		f = (struct field){ value.p, colon + 2, colon - value.p,
				    value.end - colon - 2 };
		before = len;
		if (fields_add(&r->fields, &len, FIELDS_MAX, &f))
			return -ENOMEM;
		if (len == before)
			return -EBADMSG;
	}
	return 0;
}

static int parse_record(struct span s, bool news, struct store_record *r)
{
	struct span value;
	int err;

	if (!take_kind(&s, &r->kind))
		return -EBADMSG;
	if (take_text(&s, "url", &r->url) || take_text(&s, "key", &r->key))
		return -ENOMEM;
	if (!take_line(&s, "generation", &value) ||
	    !parse_hex(value, &r->generation))
		return -EBADMSG;
	err = take_size(&s, &r->version.size);
	if (err)
		return err;
	if (take_text(&s, "etag", &r->version.etag) ||
	    take_text(&s, "last-modified", &r->version.last_modified) ||
	    take_text(&s, "type", &r->content_type) ||
	    take_text(&s, "base", &r->base))
		return -ENOMEM;
	if (!take_bool(&s, "ranges", &r->ranges) ||
	    !take_bool(&s, "pinned", &r->pinned) ||
	    !take_time(&s, "created", &r->created) ||
	    !take_time(&s, "fresh-until", &r->fresh_until) ||
	    !take_time(&s, "validated", &r->validated))
		return -EBADMSG;
	r->generated = r->validated;
	err = news ? take_news(&s, r) : 0;
	while (!err && take_line(&s, "present", &value))
		err = parse_ranges(value, &r->present);
	if (err)
		return err;
	return s.p == s.end && consistent(r) ? 0 : -EBADMSG;
}

/* Take the checksum line from the end, if it is right. */
static bool take_checksum(struct span *s)
{
	struct span line = *s;
	uint64_t sum;

	if ((size_t)(s->end - s->p) <= CHECKSUM_LINE)
		return false;
	line.p = s->end - CHECKSUM_LINE;
	line.end = s->end - 1;
	s->end = line.p;
	return s->end[-1] == '\n' && *line.end == '\n' &&
	       take(&line, CHECKSUM) && parse_hex(line, &sum) &&
	       sum == checksum(s->p, s->end - s->p);
}

int store_parse(const char *text, size_t len, struct store_record *out)
{
	struct store_record r = { 0 };
	struct span s = { text, text + len };
	bool news;
	int err;

	if (len > STORE_RECORD_MAX || !take_checksum(&s) || !take(&s, MAGIC))
		return -EBADMSG;
	news = take(&s, VERSION "\n");
	if (!news && !take(&s, VERSION_BEFORE "\n"))
		return -EPROTO;
	/* Values become C strings, and are one line each. */
	if (memchr(s.p, '\0', s.end - s.p) || memchr(s.p, '\r', s.end - s.p))
		return -EBADMSG;
	err = parse_record(s, news, &r);
	if (err) {
		store_record_fini(&r);
		return err;
	}
	*out = r;
	return 0;
}

int store_parse_kind(const char *text, size_t len, enum store_kind *out)
{
	struct span s = { text, text + len };
	enum store_kind kind;

	if ((!take(&s, MAGIC VERSION "\n") &&
	     !take(&s, MAGIC VERSION_BEFORE "\n")) || !take_kind(&s, &kind))
		return -EBADMSG;
	*out = kind;
	return 0;
}
