#include "config.h"

#include "range.h"

#include <string.h>
#include <strings.h>

#include "cache/fresh.h"
#include "cache/reply.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_spaces(const char *p)
{
	return p + strspn(p, " \t");
}

/* Digits at p; numbers that don't fit count as the largest one. */
static const char *take_number(const char *p, uint64_t *out)
{
	uint64_t n = 0;

	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n)) {
			n = UINT64_MAX;
			p += strspn(p, "0123456789");
			break;
		}
	}
	*out = n;
	return p;
}

/* ---- Range ---------------------------------------------------------------- */

/* A member as written. */
struct spec {
	bool suffix;		/* the last `first` bytes */
	uint64_t first;
	uint64_t last;		/* UINT64_MAX: open */
};

/* Behind the member, or NULL when it is none. */
static const char *take_spec(const char *p, struct spec *spec)
{
	spec->suffix = *p == '-';
	spec->last = UINT64_MAX;
	if (spec->suffix)
		return is_digit(p[1]) ? take_number(p + 1, &spec->first) : NULL;
	if (!is_digit(*p))
		return NULL;
	p = take_number(p, &spec->first);
	if (*p++ != '-')
		return NULL;
	if (is_digit(*p))
		p = take_number(p, &spec->last);
	return spec->last < spec->first ? NULL : p;
}

/* Place a member in a resource. */
static enum range_kind resolve(const struct spec *spec, uint64_t size,
			       struct range *out)
{
	if (spec->suffix) {
		if (size == RANGE_SIZE_UNKNOWN)
			return RANGE_NONE;
		if (!spec->first)
			return RANGE_UNSATISFIABLE;
		/* Satisfiable by the letter, but a 206 can't say so. */
		if (!size)
			return RANGE_NONE;
		out->start = spec->first < size ? size - spec->first : 0;
		out->end = size;
		return RANGE_SATISFIABLE;
	}
	/* No resource reaches so far, and a 416 would have to say a size. */
	if (size == RANGE_SIZE_UNKNOWN && spec->first > INT64_MAX)
		return RANGE_NONE;
	if (spec->first >= size)
		return RANGE_UNSATISFIABLE;
	out->start = spec->first;
	out->end = spec->last < size ? spec->last + 1 : size;
	return RANGE_SATISFIABLE;
}

static bool overlaps(const struct range_set *set, const struct range *r)
{
	for (size_t i = 0; i < set->n; i++) {
		if (r->start < set->v[i].end && set->v[i].start < r->end)
			return true;
	}
	return false;
}

static enum range_kind parse_members(const char *p, uint64_t size,
				     struct range_set *set)
{
	size_t members = 0;
	enum range_kind kind;
	struct range range;
	struct spec spec;

	for (;;) {
		p += strspn(p, " \t,");
		if (!*p)
			break;
		p = take_spec(p, &spec);
		if (!p || ++members > RANGE_MAX)
			return RANGE_NONE;
		p = skip_spaces(p);
		if (*p && *p != ',')
			return RANGE_NONE;
		kind = resolve(&spec, size, &range);
		if (kind == RANGE_NONE ||
		    (kind == RANGE_SATISFIABLE && overlaps(set, &range)))
			return RANGE_NONE;
		if (kind == RANGE_SATISFIABLE)
			set->v[set->n++] = range;
	}
	if (!members)
		return RANGE_NONE;
	return set->n ? RANGE_SATISFIABLE : RANGE_UNSATISFIABLE;
}

enum range_kind range_parse(const char *field, uint64_t size,
			    struct range_set *out)
{
	enum range_kind kind = RANGE_NONE;

	*out = (struct range_set){ .n = 0 };
	if (!field)
		return RANGE_NONE;
	field = skip_spaces(field);
	if (!strncasecmp(field, "bytes=", 6))
		kind = parse_members(field + 6, size, out);
	if (kind != RANGE_SATISFIABLE)
		out->n = 0;
	return kind;
}

/* ---- conditions ------------------------------------------------------------ */

static time_t parse_date(const char *text, time_t now)
{
	return text ? fresh_parse_date(text, strlen(text), now) : -1;
}

/* Length of an entity tag, or of what stands where one should be: up to a
 * comma. 0: a quote that does not end. */
static size_t tag_length(const char *p)
{
	size_t open = strncmp(p, "W/\"", 3) ? 0 : 2;
	const char *close;

	if (p[open] == '"') {
		close = strchr(p + open + 1, '"');
		return close ? (size_t)(close + 1 - p) : 0;
	}
	open = strcspn(p, ",");
	while (open && (p[open - 1] == ' ' || p[open - 1] == '\t'))
		open--;
	return open;
}

/* tag[0..len) against our ETag. An origin's ETag without quotes is passed on,
 * and comes back, as it is. */
static bool tag_matches(const char *tag, size_t len, const char *etag,
			bool strong)
{
	if (strong && !reply_etag_strong(etag))
		return false;
	if (!strong && !strncmp(tag, "W/\"", 3)) {
		tag += 2;
		len -= 2;
	}
	if (!strong && !strncmp(etag, "W/\"", 3))
		etag += 2;
	return strlen(etag) == len && !memcmp(tag, etag, len);
}

/* Is ours among the tags of an If-Match or If-None-Match? */
static bool list_matches(const char *p, const char *etag, bool strong)
{
	const char *star = skip_spaces(p);
	size_t len;

	if (*star == '*' && !*skip_spaces(star + 1))
		return true;
	if (!etag)
		return false;
	for (;;) {
		p += strspn(p, " \t,");
		if (!*p)
			return false;
		len = tag_length(p);
		if (!len)
			return false;
		if (tag_matches(p, len, etag, strong))
			return true;
		p = skip_spaces(p + len);
		if (*p && *p != ',')
			return false;
	}
}

bool range_if_range(const char *if_range, const struct range_validators *ours,
		    time_t now)
{
	const char *p;
	size_t len;
	time_t date;

	if (!if_range)
		return true;
	p = skip_spaces(if_range);
	if (*p == '"' || !strncmp(p, "W/", 2)) {
		len = tag_length(p);
		return len && !*skip_spaces(p + len) && ours->etag &&
		       tag_matches(p, len, ours->etag, true);
	}
	date = parse_date(p, now);
	return date >= 0 && date == parse_date(ours->last_modified, now);
}

/* True when ours is later than the date asked for; *usable is false when one
 * of them is no date. */
static bool is_modified_since(const char *since, const char *last_modified,
			      time_t now, bool *usable)
{
	time_t asked = parse_date(since, now);
	time_t ours = asked < 0 ? -1 : parse_date(last_modified, now);

	*usable = asked >= 0 && ours >= 0;
	return ours > asked;
}

enum range_outcome range_precondition(const struct range_conditions *asked,
				      const struct range_validators *ours,
				      time_t now)
{
	bool usable, modified;

	if (asked->if_match) {
		if (!list_matches(asked->if_match, ours->etag, true))
			return RANGE_FAILED;
	} else {
		modified = is_modified_since(asked->if_unmodified_since,
					     ours->last_modified, now, &usable);
		if (usable && modified)
			return RANGE_FAILED;
	}
	if (asked->if_none_match) {
		if (list_matches(asked->if_none_match, ours->etag, false))
			return RANGE_NOT_MODIFIED;
	} else {
		modified = is_modified_since(asked->if_modified_since,
					     ours->last_modified, now, &usable);
		if (usable && !modified)
			return RANGE_NOT_MODIFIED;
	}
	return RANGE_PROCEED;
}
