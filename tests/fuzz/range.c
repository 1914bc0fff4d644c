/* Range and the conditions of a request. The input is lines in this order,
 * each of which may be empty (for: not there):
 *
 *	SIZE ("-" unknown), ETag, Last-Modified, Range, If-Range, If-Match,
 *	If-Unmodified-Since, If-None-Match, If-Modified-Since
 */
#include "config.h"

#include <inttypes.h>

#include "cache/fresh.h"
#include "cache/reply.h"
#include "http/multipart.h"
#include "http/range.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE, ETAG, LAST_MODIFIED, RANGE, IF_RANGE, IF_MATCH,
       IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE, LINES };

/* ---- Range -------------------------------------------------------------- */

static void check_set(enum range_kind kind, const struct range_set *set,
		      uint64_t size)
{
	must((kind == RANGE_SATISFIABLE) == (set->n > 0));
	must(set->n <= RANGE_MAX);
	must(kind != RANGE_UNSATISFIABLE || size != RANGE_SIZE_UNKNOWN);
	for (size_t i = 0; i < set->n; i++) {
		const struct range *r = &set->v[i];

		must(r->start < r->end);
		if (size == RANGE_SIZE_UNKNOWN)
			must(r->start <= INT64_MAX);
		else
			must(r->end <= size);
		for (size_t k = 0; k < i; k++)
			must(r->end <= set->v[k].start ||
			     set->v[k].end <= r->start);
	}
}

/* The ranges as a field of their own mean the same. */
static void check_again(const struct range_set *set, uint64_t size)
{
	char text[RANGE_MAX * 48] = "bytes=";
	size_t len = strlen(text);
	struct range_set again;

	for (size_t i = 0; i < set->n; i++) {
		len += sprintf(text + len, "%s%" PRIu64 "-", i ? "," : "",
			       set->v[i].start);
		if (set->v[i].end != RANGE_END_UNKNOWN)
			len += sprintf(text + len, "%" PRIu64,
				       set->v[i].end - 1);
	}
	must(range_parse(text, size, &again) == RANGE_SATISFIABLE);
	must(again.n == set->n);
	for (size_t i = 0; i < set->n; i++)
		must(again.v[i].start == set->v[i].start &&
		     again.v[i].end == set->v[i].end);
}

/* As a multipart body: every byte of the ranges once, in their order. */
static void check_parts(const struct range_set *set, uint64_t size)
{
	struct multipart *m = multipart_new(set, size, "a/b", "B");
	struct multipart_piece p;
	uint64_t pos = 0;
	size_t i = 0;

	must(m);
	while ((p = multipart_at(m, pos)).len) {
		if (!p.text) {
			must(i < set->n && p.first && p.off == set->v[i].start &&
			     p.off + p.len == set->v[i].end);
			must(!multipart_at(m, pos + p.len - 1).text);
			i++;
		}
		pos += p.len;
	}
	must(i == set->n && pos == m->length);
	multipart_free(m);
}

static void check_range(const char *field, uint64_t size)
{
	struct range_set set;
	enum range_kind kind = range_parse(field, size, &set);

	check_set(kind, &set, size);
	must(field || kind == RANGE_NONE);
	if (kind == RANGE_SATISFIABLE)
		check_again(&set, size);
	if (kind == RANGE_SATISFIABLE && size != RANGE_SIZE_UNKNOWN)
		check_parts(&set, size);
}

/* ---- conditions --------------------------------------------------------- */

static time_t date(const char *text)
{
	return text ? fresh_parse_date(text, strlen(text), FUZZ_NOW) : -1;
}

static bool contains(const char *text, const char *etag)
{
	return text && etag && strstr(text, etag);
}

static void check_if_range(const char *if_range,
			   const struct range_validators *ours)
{
	bool obeyed = range_if_range(if_range, ours, FUZZ_NOW);

	if (!if_range)
		must(obeyed);
	else if (obeyed)
		must((contains(if_range, ours->etag) &&
		      reply_etag_strong(ours->etag)) ||
		     (date(if_range) >= 0 &&
		      date(if_range) == date(ours->last_modified)));
}

static void check_precondition(const struct range_conditions *asked,
			       const struct range_validators *ours)
{
	enum range_outcome outcome = range_precondition(asked, ours, FUZZ_NOW);

	if (outcome == RANGE_FAILED)
		must(asked->if_match ||
		     (date(asked->if_unmodified_since) >= 0 &&
		      ours->last_modified));
	if (outcome == RANGE_NOT_MODIFIED)
		must(asked->if_none_match ||
		     (date(asked->if_modified_since) >= 0 &&
		      ours->last_modified));
	if (outcome != RANGE_FAILED && asked->if_match)
		must(strchr(asked->if_match, '*') ||
		     (contains(asked->if_match, ours->etag) &&
		      reply_etag_strong(ours->etag)));
}

/* What we send is understood when it comes back. */
static void check_own(const struct range_validators *ours)
{
	struct range_conditions asked = { .if_none_match = ours->etag };
	const char *opaque = ours->etag;

	if (opaque && !strncmp(opaque, "W/", 2))
		opaque += 2;
	if (opaque && reply_etag_strong(opaque))
		must(range_precondition(&asked, ours, FUZZ_NOW) ==
		     RANGE_NOT_MODIFIED);
	if (ours->etag && reply_etag_strong(ours->etag)) {
		asked = (struct range_conditions){ .if_match = ours->etag };
		must(range_precondition(&asked, ours, FUZZ_NOW) ==
		     RANGE_PROCEED);
		must(range_if_range(ours->etag, ours, FUZZ_NOW));
	}
	if (date(ours->last_modified) >= 0) {
		asked = (struct range_conditions){
			.if_modified_since = ours->last_modified,
			.if_unmodified_since = ours->last_modified,
		};
		must(range_precondition(&asked, ours, FUZZ_NOW) ==
		     RANGE_NOT_MODIFIED);
		must(range_if_range(ours->last_modified, ours, FUZZ_NOW));
	}
	asked = (struct range_conditions){ 0 };
	must(range_precondition(&asked, ours, FUZZ_NOW) == RANGE_PROCEED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *line[LINES], *v[LINES];
	struct range_validators ours;
	struct range_conditions asked;
	uint64_t resource;

	for (size_t i = 0; i < LINES; i++) {
		line[i] = fuzz_line_string(&in);
		v[i] = *line[i] ? line[i] : NULL;
	}
	resource = strtoull(line[SIZE], NULL, 10);
	if (line[SIZE][0] == '-')
		resource = RANGE_SIZE_UNKNOWN;
	else if (resource > INT64_MAX)
		resource = INT64_MAX;
	ours = (struct range_validators){ v[ETAG], v[LAST_MODIFIED] };
	asked = (struct range_conditions){
		.if_match = v[IF_MATCH],
		.if_unmodified_since = v[IF_UNMODIFIED_SINCE],
		.if_none_match = v[IF_NONE_MATCH],
		.if_modified_since = v[IF_MODIFIED_SINCE],
	};
	check_range(v[RANGE], resource);
	check_if_range(v[IF_RANGE], &ours);
	check_precondition(&asked, &ours);
	check_own(&ours);
	for (size_t i = 0; i < LINES; i++)
		free(line[i]);
	return 0;
}
