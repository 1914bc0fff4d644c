/* Response header lines, dates and Cache-Control among them, and the judgement
 * of what came. The input is a line about the question, then the header block:
 *
 *	LETTERS START END SIZE ETAG|LAST-MODIFIED
 *
 * r ranged, v validating, f first, k the version is known. SIZE: "-" unknown.
 */
#include "config.h"

#include <errno.h>

#include "cache/fields.h"
#include "cache/reply.h"
#include "tests/fuzz/fuzz.h"

#define WHEN (FUZZ_NOW - 5)	/* the request was sent */

struct question {
	struct reply_asked asked;
	bool is_known;
	struct reply_version known;
};

static uint64_t number(char **p, uint64_t none)
{
	uint64_t n;

	*p += strspn(*p, " ");
	if (**p < '0' || **p > '9') {
		*p += **p == '-';
		return none;
	}
	n = strtoull(*p, p, 10);
	return n > REPLY_SIZE_MAX ? none : n;
}

/* What entries hold: values that were kept by reply_line. */
static char *value(const char *s)
{
	return *s ? fuzz_string(s, strlen(s)) : NULL;
}

static struct question read_question(char *line)
{
	struct question q = { .known.size = REPLY_SIZE_UNKNOWN };
	char *p = line, *bar;

	for (; *p && *p != ' '; p++) {
		q.asked.ranged |= *p == 'r';
		q.asked.validating |= *p == 'v';
		q.asked.first |= *p == 'f';
		q.is_known |= *p == 'k';
	}
	q.asked.start = number(&p, 0);
	q.asked.end = number(&p, UINT64_MAX);
	if (!q.asked.ranged || q.asked.start >= q.asked.end) {
		q.asked.ranged = false;
		q.asked.start = 0;
		q.asked.end = UINT64_MAX;
	}
	q.known.size = number(&p, REPLY_SIZE_UNKNOWN);
	p += *p == ' ';
	bar = strchr(p, '|');
	if (bar) {
		*bar = '\0';
		q.known.last_modified = value(bar + 1);
	}
	q.known.etag = value(p);
	return q;
}

/* ---- what reply_line promises ------------------------------------------- */

static void check_text(const char *s, size_t max)
{
	if (!s)
		return;
	must(*s && strlen(s) <= max);
	for (; *s; s++)
		must(((unsigned char)*s >= ' ' || *s == '\t') && *s != 0x7f);
}

static bool is_size(uint64_t n)
{
	return n == REPLY_SIZE_UNKNOWN || n <= REPLY_SIZE_MAX;
}

static void check_content_range(const struct reply *r)
{
	if (!r->has_content_range || r->content_range_bad)
		return;
	must(is_size(r->range_total));
	if (r->range_start == UINT64_MAX) {
		must(r->range_end == UINT64_MAX);
		must(r->range_total != REPLY_SIZE_UNKNOWN);
		return;
	}
	must(r->range_start < r->range_end);
	must(r->range_end <= REPLY_SIZE_MAX);
	must(r->range_end <= r->range_total);
}

/* A date that was read is the date that is written. */
static void check_date(time_t date)
{
	char text[64];
	struct tm tm;

	must(date >= -1);
	if (date < 0 || !gmtime_r(&date, &tm) || tm.tm_year > 9999 - 1900)
		return;
	strftime(text, sizeof(text), "%a, %d %b %Y %T GMT", &tm);
	must(fresh_parse_date(text, strlen(text), FUZZ_NOW) == date);
}

static void check_fresh(const struct fresh_headers *h)
{
	time_t until = fresh_until(h, WHEN, FUZZ_NOW);

	must(h->max_age >= -1 && h->max_age <= FRESH_DELTA_MAX);
	must(h->age >= -1 && h->age <= FRESH_DELTA_MAX);
	check_date(h->date);
	check_date(h->expires);
	check_date(h->last_modified);
	must(until >= FUZZ_NOW && until <= FUZZ_NOW + FRESH_LIFETIME_MAX);
	if (h->no_store || h->no_cache || !h->max_age)
		must(until == FUZZ_NOW);
	if (h->max_age >= 0)
		must(until <= FUZZ_NOW + h->max_age);
}

/* What a record would get of it, at first and when it is confirmed. */
static void check_fields(const struct reply *r)
{
	char *all, *least, *updated;
	struct field f;
	const char *p;

	must(fields_select(r->fields, r->connection, true, &all) == 0);
	must(fields_select(r->fields, r->connection, false, &least) == 0);
	must(fields_sound(all) && fields_sound(least));
	for (p = least; fields_next(&p, &f);)
		must(field_essential(&f) && fields_has(all, &f));
	must(fields_update(all, least, &updated) == 0);
	must(fields_sound(updated));
	for (p = least; fields_next(&p, &f);)
		must(fields_has(updated, &f));
	free(all);
	free(least);
	free(updated);
}

static void check_reply(const struct reply *r)
{
	must(r->status == 0 || (r->status >= 100 && r->status <= 999));
	must(is_size(r->content_length));
	must(r->retry_after >= -1 && r->retry_after <= REPLY_RETRY_AFTER_MAX);
	must(r->lines <= REPLY_HEADER_LINES_MAX);
	must(r->bytes <= REPLY_HEADER_BYTES_MAX);
	check_text(r->etag, REPLY_VALUE_MAX);
	check_text(r->last_modified, REPLY_VALUE_MAX);
	check_text(r->content_type, REPLY_VALUE_MAX);
	check_text(r->location, REPLY_LOCATION_MAX);
	check_content_range(r);
	check_fields(r);
	check_fresh(&r->fresh);
}

/* ---- what reply_judge promises ------------------------------------------ */

static bool agrees(const struct reply *r, const struct reply_facts *facts,
		   const struct reply_version *known)
{
	if (r->etag && known->etag && !reply_etag_equal(r->etag, known->etag))
		return false;
	if (r->last_modified && known->last_modified &&
	    strcmp(r->last_modified, known->last_modified) != 0 &&
	    !(r->etag && known->etag && reply_etag_strong(r->etag) &&
	      reply_etag_strong(known->etag)))
		return false;
	return facts->size == REPLY_SIZE_UNKNOWN ||
	       known->size == REPLY_SIZE_UNKNOWN || facts->size == known->size;
}

static bool something_known(const struct question *q)
{
	return q->is_known &&
	       (!q->asked.first || q->known.etag || q->known.last_modified ||
		q->known.size != REPLY_SIZE_UNKNOWN);
}

/* The body will be written: to the right place and version, or never. */
static void check_body(const struct reply *r, const struct question *q,
		       const struct reply_facts *facts, bool changed)
{
	must(r->status == 200 || r->status == 206 || r->status == 416);
	must(facts->start <= facts->end && facts->end <= facts->size);
	must(is_size(facts->start) && is_size(facts->end) &&
	     is_size(facts->size));
	if (r->status == 200)
		must(facts->start == 0 && facts->end == facts->size);
	if (r->status == 206) {
		must(q->asked.ranged && facts->start == q->asked.start);
		must(facts->end <= q->asked.end && facts->ranges);
		must(r->range_start == facts->start &&
		     r->range_end == facts->end);
		must(!r->content_range_bad && r->has_content_range);
		must(r->transfer_coded ||
		     r->content_length == REPLY_SIZE_UNKNOWN ||
		     r->content_length == facts->end - facts->start);
	}
	if (r->status == 416)
		must(!changed && facts->start == facts->size &&
		     facts->end == facts->size);
	else
		must(!r->encoded && !r->multipart);
	if (something_known(q) && !changed) {
		must(agrees(r, facts, &q->known));
		must(r->status != 206 || facts->end <= q->known.size);
	}
	if (changed)
		must(something_known(q));
}

static void check_verdict(const struct reply *r, const struct question *q,
			  enum reply_verdict verdict,
			  const struct reply_facts *facts)
{
	must((facts->error < 0) ==
	     (verdict == REPLY_FAIL || verdict == REPLY_RETRY));
	must(facts->error <= 0);
	must(facts->retry_after >= 0 &&
	     facts->retry_after <= REPLY_RETRY_AFTER_MAX);
	must(verdict == REPLY_RETRY || !facts->retry_after);
	must(!facts->ranges || r->status == 206 || r->status == 416);
	must(!facts->ranges_ignored || (r->status == 200 && q->asked.ranged));
	switch (verdict) {
	case REPLY_DATA:
	case REPLY_CHANGED:
		check_body(r, q, facts, verdict == REPLY_CHANGED);
		break;
	case REPLY_CHANGED_ELSEWHERE:
		must(something_known(q));
		break;
	case REPLY_NOT_MODIFIED:
		must(r->status == 304 && q->asked.validating);
		must(something_known(q));
		break;
	case REPLY_NO_RANGE:
		must(q->asked.ranged && !r->encoded);
		break;
	case REPLY_REDIRECT:
		must(r->location && r->status / 100 == 3);
		break;
	case REPLY_RETRY:
	case REPLY_FAIL:
		break;
	}
}

/* What was taken once as a version agrees with itself. */
static void check_again(const struct reply *r, const struct question *q,
			const struct reply_facts *first)
{
	struct reply_version now = {
		.etag = r->etag, .last_modified = r->last_modified,
		.size = first->size,
	}, copy;
	struct reply_asked asked = q->asked;
	struct reply_facts facts;
	enum reply_verdict verdict;

	must(reply_version_copy(&copy, &now) == 0);
	asked.first = false;
	verdict = reply_judge(r, &asked, &copy, &facts);
	if (r->status == 206 && now.size == REPLY_SIZE_UNKNOWN && !now.etag &&
	    !now.last_modified)
		must(verdict == REPLY_NO_RANGE);
	else
		must(verdict == REPLY_DATA && facts.start == first->start &&
		     facts.end == first->end);
	reply_version_fini(&copy);
}

static void check_if_range(const struct reply_version *v)
{
	const char *s = reply_if_range(v);

	must(!s || s == v->etag || s == v->last_modified);
	if (s && s == v->etag)
		must(reply_etag_strong(s) && strncmp(s, "W/", 2) != 0);
	else if (s)
		must(fresh_parse_date(s, strlen(s), FUZZ_NOW) >= 0);
	if (v->etag)
		must(reply_etag_equal(v->etag, v->etag));
}

static void judge(const struct reply *r, const struct question *q)
{
	const struct reply_version *known = q->is_known ? &q->known : NULL;
	struct reply_facts facts;
	enum reply_verdict verdict = reply_judge(r, &q->asked, known, &facts);

	check_verdict(r, q, verdict, &facts);
	if (verdict == REPLY_CHANGED ||
	    (verdict == REPLY_DATA && !something_known(q) && r->status != 416))
		check_again(r, q, &facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *first = fuzz_line_string(&in), *copy;
	struct question q = read_question(first);
	const char *line;
	struct reply r;
	size_t len;
	int err = 0;

	reply_init(&r);
	while (!err && fuzz_line(&in, &line, &len)) {
		copy = fuzz_copy(line, len);
		err = reply_line(&r, copy, len, FUZZ_NOW);
		free(copy);
		must(err == 0 || err == -EBADMSG || err == -EMSGSIZE);
		if (!err)
			check_reply(&r);
	}
	check_if_range(&q.known);
	if (!err)
		judge(&r, &q);
	reply_fini(&r);
	reply_version_fini(&q.known);
	free(first);
	return 0;
}
