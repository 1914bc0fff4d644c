/* The half of reply.h that reads header lines. */
#include "config.h"

#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fields.h"

/* A piece of a header line. */
struct text {
	const char *p;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct text trimmed(const char *p, size_t len)
{
	while (len && is_space(*p)) {
		p++;
		len--;
	}
	while (len && is_space(p[len - 1]))
		len--;
	return (struct text){ p, len };
}

static bool is_word(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.p, word, t.len);
}

/* Take the next member off a comma-separated list; false at its end. *list
 * becomes { NULL, 0 } behind the last one. */
static bool next_member(struct text *list, struct text *member)
{
	const char *comma;

	if (!list->p)
		return false;
	comma = memchr(list->p, ',', list->len);
	if (!comma) {
		*member = trimmed(list->p, list->len);
		*list = (struct text){ NULL, 0 };
		return true;
	}
	*member = trimmed(list->p, comma - list->p);
	list->len -= comma + 1 - list->p;
	list->p = comma + 1;
	return true;
}

void reply_init(struct reply *r)
{
	*r = (struct reply){
		.content_length = REPLY_SIZE_UNKNOWN,
		.range_total = REPLY_SIZE_UNKNOWN,
		.retry_after = -1,
		.fresh = FRESH_HEADERS_INIT,
	};
}

void reply_fini(struct reply *r)
{
	free(r->etag);
	free(r->last_modified);
	free(r->content_type);
	free(r->location);
	free(r->fields);
	free(r->connection);
	reply_init(r);
}

/* Keep the first usable value. */
static int keep(char **slot, struct text value, size_t max)
{
	if (*slot || !value.len || value.len > max)
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return 0;
	}
	*slot = strndup(value.p, value.len);
	return *slot ? 0 : -ENOMEM;
}

/* Take a number that can be a size or an offset. */
static bool take_number(struct text *t, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < t->len && t->p[i] >= '0' && t->p[i] <= '9'; i++) {
		unsigned digit = t->p[i] - '0';

		if (n > (REPLY_SIZE_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (!i)
		return false;
	t->p += i;
	t->len -= i;
	*out = n;
	return true;
}

static bool take_char(struct text *t, char c)
{
	if (!t->len || *t->p != c)
		return false;
	t->p++;
	t->len--;
	return true;
}

/* RFC 9110, 8.6: a list of one number, repeated, means that number. */
static int take_content_length(struct reply *r, struct text value)
{
	struct text member;
	uint64_t n;

	while (next_member(&value, &member)) {
		if (!take_number(&member, &n) || member.len)
			return -EBADMSG;
		if (r->content_length != REPLY_SIZE_UNKNOWN &&
		    r->content_length != n)
			return -EBADMSG;
		r->content_length = n;
	}
	return 0;
}

/* RFC 9110, 14.4. start == end == UINT64_MAX for an unsatisfied range. */
static bool parse_content_range(struct text t, uint64_t *start, uint64_t *end,
				uint64_t *total)
{
	uint64_t first, last;
	bool unsatisfied;

	if (t.len < 6 || strncasecmp(t.p, "bytes", 5) || !is_space(t.p[5]))
		return false;
	t = trimmed(t.p + 5, t.len - 5);
	unsatisfied = take_char(&t, '*');
	if (unsatisfied)
		first = last = UINT64_MAX;
	else if (!take_number(&t, &first) || !take_char(&t, '-') ||
		 !take_number(&t, &last) || last < first ||
		 last == REPLY_SIZE_MAX)
		return false;
	if (!take_char(&t, '/'))
		return false;
	if (!unsatisfied && take_char(&t, '*'))
		*total = REPLY_SIZE_UNKNOWN;
	else if (!take_number(&t, total) || (!unsatisfied && last >= *total))
		return false;
	*start = first;
	*end = unsatisfied ? last : last + 1;
	return !t.len;
}

static int take_content_range(struct reply *r, struct text value)
{
	uint64_t start, end, total;

	if (!parse_content_range(value, &start, &end, &total) ||
	    (r->has_content_range &&
	     (start != r->range_start || end != r->range_end ||
	      total != r->range_total))) {
		r->content_range_bad = true;
	} else {
		r->range_start = start;
		r->range_end = end;
		r->range_total = total;
	}
	r->has_content_range = true;
	return 0;
}

static int take_content_encoding(struct reply *r, struct text value)
{
	struct text coding;

	while (next_member(&value, &coding)) {
		if (coding.len && !is_word(coding, "identity"))
			r->encoded = true;
	}
	return 0;
}

static int take_transfer_encoding(struct reply *r, struct text value)
{
	struct text coding;

	while (next_member(&value, &coding)) {
		if (!coding.len || is_word(coding, "identity"))
			continue;
		r->transfer_coded = true;
		if (!is_word(coding, "chunked"))
			r->encoded = true;
	}
	return 0;
}

static int take_content_type(struct reply *r, struct text value)
{
	size_t len = 0;

	while (len < value.len && value.p[len] != ';')
		len++;
	if (is_word(trimmed(value.p, len), "multipart/byteranges"))
		r->multipart = true;
	return keep(&r->content_type, value, REPLY_VALUE_MAX);
}

static int take_etag(struct reply *r, struct text value)
{
	return keep(&r->etag, value, REPLY_VALUE_MAX);
}

static int take_last_modified(struct reply *r, struct text value)
{
	if (r->fresh.last_modified < 0)
		r->fresh.last_modified =
			fresh_parse_date(value.p, value.len, r->now);
	return keep(&r->last_modified, value, REPLY_VALUE_MAX);
}

static int take_location(struct reply *r, struct text value)
{
	return keep(&r->location, value, REPLY_LOCATION_MAX);
}

static int take_accept_ranges(struct reply *r, struct text value)
{
	r->accept_ranges_none = is_word(value, "none");
	return 0;
}

/* Each field is looked for in this list: a long one would take seconds. */
static int take_connection(struct reply *r, struct text value)
{
	size_t before = r->connection ? strlen(r->connection) + 1 : 0;
	char *list;

	if (before + value.len > REPLY_VALUE_MAX)
		return -EMSGSIZE;
	if (asprintf(&list, "%s%s%.*s", r->connection ? r->connection : "",
		     r->connection ? "," : "", (int)value.len, value.p) < 0)
		return -ENOMEM;
	free(r->connection);
	r->connection = list;
	return 0;
}

static int take_retry_after(struct reply *r, struct text value)
{
	int64_t seconds = fresh_parse_delta(value.p, value.len);
	time_t date;

	if (r->retry_after >= 0)
		return 0;
	if (seconds < 0) {
		date = fresh_parse_date(value.p, value.len, r->now);
		if (date < 0)
			return 0;
		seconds = date > r->now ? (int64_t)date - r->now : 0;
	}
	r->retry_after = seconds < REPLY_RETRY_AFTER_MAX ?
				 seconds : REPLY_RETRY_AFTER_MAX;
	return 0;
}

static int take_cache_control(struct reply *r, struct text value)
{
	fresh_cache_control(&r->fresh, value.p, value.len);
	return 0;
}

/* RFC 9111, 5.1: of a list the first member; an invalid one is ignored. */
static int take_age(struct reply *r, struct text value)
{
	struct text member;

	if (r->fresh.age < 0 && next_member(&value, &member))
		r->fresh.age = fresh_parse_delta(member.p, member.len);
	return 0;
}

static int take_date(struct reply *r, struct text value)
{
	if (r->fresh.date < 0)
		r->fresh.date = fresh_parse_date(value.p, value.len, r->now);
	return 0;
}

static int take_expires(struct reply *r, struct text value)
{
	if (r->fresh.expires >= 0 || r->fresh.expires_invalid)
		return 0;
	r->fresh.expires = fresh_parse_date(value.p, value.len, r->now);
	r->fresh.expires_invalid = r->fresh.expires < 0;
	return 0;
}

static const struct known {
	const char *name;
	int (*take)(struct reply *r, struct text value);
} fields[] = {
	{ "Accept-Ranges", take_accept_ranges },
	{ "Age", take_age },
	{ "Cache-Control", take_cache_control },
	{ "Connection", take_connection },
	{ "Content-Encoding", take_content_encoding },
	{ "Content-Length", take_content_length },
	{ "Content-Range", take_content_range },
	{ "Content-Type", take_content_type },
	{ "Date", take_date },
	{ "ETag", take_etag },
	{ "Expires", take_expires },
	{ "Last-Modified", take_last_modified },
	{ "Location", take_location },
	{ "Retry-After", take_retry_after },
	{ "Transfer-Encoding", take_transfer_encoding },
};

/* "HTTP/" DIGIT [ "." DIGIT ] SP 3DIGIT [ SP reason ]; more than one space
 * passes (RFC 9112, 4). */
static int take_status(struct reply *r, struct text t)
{
	size_t bytes = r->bytes, lines = r->lines;
	uint64_t ignored, status;
	size_t left;

	t.p += 5;
	t.len -= 5;
	if (!take_number(&t, &ignored) ||
	    (take_char(&t, '.') && !take_number(&t, &ignored)))
		return -EBADMSG;
	if (!t.len || !is_space(*t.p))
		return -EBADMSG;
	t = trimmed(t.p, t.len);
	left = t.len;
	if (!take_number(&t, &status) || left - t.len != 3 || status < 100 ||
	    (t.len && !is_space(*t.p)))
		return -EBADMSG;
	reply_fini(r);
	r->bytes = bytes;
	r->lines = lines;
	r->status = (int)status;
	return 0;
}

static int collect(struct reply *r, struct text name, struct text value)
{
	const struct field f = { name.p, value.p, name.len, value.len };

	r->fields_before = r->fields_len;
	return fields_add(&r->fields, &r->fields_len, REPLY_FIELDS_MAX, &f);
}

/* The last line goes on here: half a value is none. */
static void uncollect(struct reply *r)
{
	r->fields_len = r->fields_before;
	if (r->fields)
		r->fields[r->fields_len] = '\0';
}

/* No colon, or a name with anything odd in it: in no table, so skipped. */
static int take_field(struct reply *r, struct text line)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct text name, value;

	r->in_field = false;
	r->fields_before = r->fields_len;
	if (!colon)
		return 0;
	name = trimmed(line.p, colon - line.p);
	value = trimmed(colon + 1, line.p + line.len - colon - 1);
	if (collect(r, name, value))
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (is_word(name, fields[i].name)) {
			r->in_field = true;
			return fields[i].take(r, value);
		}
	}
	return 0;
}

static struct text without_line_end(const char *line, size_t len)
{
	if (len && line[len - 1] == '\n')
		len--;
	if (len && line[len - 1] == '\r')
		len--;
	return (struct text){ line, len };
}

int reply_line(struct reply *r, const char *line, size_t len, time_t now)
{
	struct text t = without_line_end(line, len);

	if (r->lines >= REPLY_HEADER_LINES_MAX ||
	    len > REPLY_HEADER_BYTES_MAX - r->bytes)
		return -EMSGSIZE;
	r->lines++;
	r->bytes += len;
	r->now = now;
	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] == '\0' || t.p[i] == '\r' || t.p[i] == '\n')
			return -EBADMSG;
	}
	if (t.len >= 5 && !memcmp(t.p, "HTTP/", 5))
		return take_status(r, t);
	if (t.len && is_space(*t.p)) {
		uncollect(r);
		return r->in_field ? -EBADMSG : 0;
	}
	return take_field(r, t);
}
