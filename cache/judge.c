/* The half of reply.h that judges. */
#include "config.h"

#include "reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- versions ----------------------------------------------------------- */

void reply_version_fini(struct reply_version *v)
{
	free(v->etag);
	free(v->last_modified);
	*v = (struct reply_version){ .size = REPLY_SIZE_UNKNOWN };
}

int reply_version_copy(struct reply_version *dst,
		       const struct reply_version *src)
{
	struct reply_version copy = { .size = src->size };

	if (src->etag) {
		copy.etag = strdup(src->etag);
		if (!copy.etag)
			goto fail;
	}
	if (src->last_modified) {
		copy.last_modified = strdup(src->last_modified);
		if (!copy.last_modified)
			goto fail;
	}
	*dst = copy;
	return 0;
fail:
	reply_version_fini(&copy);
	return -ENOMEM;
}

/* Without W/ when an entity tag follows it. */
static const char *etag_opaque(const char *etag)
{
	return strncmp(etag, "W/\"", 3) ? etag : etag + 2;
}

static bool is_opaque_tag(const char *tag)
{
	size_t len = strlen(tag);

	if (len < 2 || tag[0] != '"' || tag[len - 1] != '"')
		return false;
	for (size_t i = 1; i < len - 1; i++) {
		unsigned char c = (unsigned char)tag[i];

		if (c <= ' ' || c == '"' || c == 0x7f)
			return false;
	}
	return true;
}

bool reply_etag_strong(const char *etag)
{
	return is_opaque_tag(etag);
}

bool reply_etag_equal(const char *a, const char *b)
{
	return !strcmp(etag_opaque(a), etag_opaque(b));
}

const char *reply_if_range(const struct reply_version *v)
{
	const char *date = v->last_modified;

	if (v->etag && reply_etag_strong(v->etag))
		return v->etag;
	if (v->etag && is_opaque_tag(etag_opaque(v->etag)))
		return NULL;
	if (date && fresh_parse_date(date, strlen(date), 0) >= 0)
		return date;
	return NULL;
}

/* ---- judgement ---------------------------------------------------------- */

enum agreement { DIFFERS, UNKNOWN, AGREES };

static enum agreement compare_size(uint64_t size,
				   const struct reply_version *known)
{
	if (size == REPLY_SIZE_UNKNOWN || known->size == REPLY_SIZE_UNKNOWN)
		return UNKNOWN;
	return size == known->size ? AGREES : DIFFERS;
}

static enum agreement compare_validators(const struct reply *r,
					 const struct reply_version *known)
{
	enum agreement result = UNKNOWN;

	if (r->etag && known->etag) {
		if (!reply_etag_equal(r->etag, known->etag))
			return DIFFERS;
		if (reply_etag_strong(r->etag) &&
		    reply_etag_strong(known->etag))
			return AGREES;
		result = AGREES;
	}
	if (r->last_modified && known->last_modified)
		result = strcmp(r->last_modified, known->last_modified) ?
				 DIFFERS : AGREES;
	return result;
}

/* size: of the file, as the response has it. */
static enum agreement compare(const struct reply *r, uint64_t size,
			      const struct reply_version *known)
{
	enum agreement sizes = compare_size(size, known);
	enum agreement validators = compare_validators(r, known);

	if (sizes == DIFFERS || validators == DIFFERS)
		return DIFFERS;
	return sizes == AGREES ? AGREES : validators;
}

static enum reply_verdict fail(struct reply_facts *out, int error)
{
	out->error = error;
	return REPLY_FAIL;
}

static enum reply_verdict retry(const struct reply *r, struct reply_facts *out,
				int error)
{
	out->error = error;
	out->retry_after = r->retry_after > 0 ? r->retry_after : 0;
	return REPLY_RETRY;
}

/* Length of the body as announced. */
static uint64_t body_length(const struct reply *r)
{
	return r->transfer_coded ? REPLY_SIZE_UNKNOWN : r->content_length;
}

/* True for a well-formed range of bytes (not "* / total"). */
static bool has_range(const struct reply *r)
{
	return r->has_content_range && !r->content_range_bad &&
	       r->range_end != UINT64_MAX;
}

/* One part, within what was asked for. */
static bool is_sound_part(const struct reply *r,
			  const struct reply_asked *asked)
{
	return !r->multipart && has_range(r) && r->range_end <= asked->end;
}

/* Who can't tell the length of a part can't be believed that of the whole. */
static bool is_of_its_length(const struct reply *r)
{
	uint64_t length = body_length(r);

	return length == REPLY_SIZE_UNKNOWN ||
	       length == r->range_end - r->range_start;
}

/* An answer that breaks the rules of ranges. Whoever breaks them need not
 * break those of a whole answer. */
static enum reply_verdict no_range(const struct reply_asked *asked,
				   struct reply_facts *out)
{
	return asked->ranged ? REPLY_NO_RANGE : fail(out, -EIO);
}

/* The same by a strong tag, and yet of another size: one of them is wrong. */
static bool contradicts_itself(const struct reply *r,
			       const struct reply_version *known)
{
	return r->etag && known->etag && reply_etag_strong(r->etag) &&
	       reply_etag_strong(known->etag) &&
	       reply_etag_equal(r->etag, known->etag) &&
	       (compare_size(r->range_total, known) == DIFFERS ||
		r->range_end > known->size);
}

/* known is NULL from here on when the entry is not bound. */
static enum reply_verdict judge_206(const struct reply *r,
				    const struct reply_asked *asked,
				    const struct reply_version *known,
				    struct reply_facts *out)
{
	bool elsewhere = r->range_start != asked->start;
	enum agreement agreement = AGREES;

	if (!asked->ranged || r->encoded)
		return fail(out, -EIO);
	if (!is_sound_part(r, asked))
		return REPLY_NO_RANGE;
	if (!is_of_its_length(r))
		return fail(out, -EIO);
	if (known) {
		agreement = compare(r, r->range_total, known);
		if (r->range_end > known->size)
			agreement = DIFFERS;
		if (contradicts_itself(r, known))
			agreement = UNKNOWN;
	}
	if (agreement == UNKNOWN || (elsewhere && agreement == AGREES))
		return REPLY_NO_RANGE;
	if (elsewhere)
		return REPLY_CHANGED_ELSEWHERE;
	out->start = r->range_start;
	out->end = r->range_end;
	out->size = r->range_total;
	out->ranges = true;
	if (agreement == DIFFERS)
		return REPLY_CHANGED;
	if (known && out->size == REPLY_SIZE_UNKNOWN)
		out->size = known->size;
	return REPLY_DATA;
}

/* Some origins say 200 and send a part: those bytes are not from 0. */
static bool is_whole(const struct reply *r)
{
	return !r->has_content_range ||
	       (has_range(r) && r->range_start == 0 &&
		r->range_end == r->range_total);
}

static enum reply_verdict judge_200(const struct reply *r,
				    const struct reply_asked *asked,
				    const struct reply_version *known,
				    struct reply_facts *out)
{
	enum reply_verdict verdict = REPLY_DATA;
	enum agreement agreement = AGREES;

	if (r->encoded)
		return fail(out, -EIO);
	if (r->multipart || !is_whole(r))
		return no_range(asked, out);
	out->size = out->end = body_length(r);
	if (known)
		agreement = compare(r, out->size, known);
	if (agreement == DIFFERS ||
	    (agreement == UNKNOWN && (known->etag || known->last_modified)))
		verdict = REPLY_CHANGED;
	out->ranges_ignored = asked->ranged &&
			      (verdict == REPLY_DATA || !reply_if_range(known));
	return verdict;
}

static enum reply_verdict judge_304(const struct reply *r,
				    const struct reply_asked *asked,
				    const struct reply_version *known,
				    struct reply_facts *out)
{
	if (!asked->validating || !known)
		return retry(r, out, -EIO);
	if (compare_validators(r, known) == DIFFERS)
		return REPLY_CHANGED_ELSEWHERE;
	out->size = known->size;
	return REPLY_NOT_MODIFIED;
}

static enum reply_verdict judge_416(const struct reply *r,
				    const struct reply_asked *asked,
				    const struct reply_version *known,
				    struct reply_facts *out)
{
	uint64_t total = REPLY_SIZE_UNKNOWN;

	if (!asked->ranged)
		return fail(out, -EIO);
	if (r->has_content_range && !r->content_range_bad && !has_range(r))
		total = r->range_total;
	out->ranges = total != REPLY_SIZE_UNKNOWN;
	if (known && compare(r, total, known) == DIFFERS)
		return REPLY_CHANGED_ELSEWHERE;
	if (known ? known->size == REPLY_SIZE_UNKNOWN && total <= asked->start :
		    total == 0) {
		out->start = out->end = out->size = total;
		return REPLY_DATA;
	}
	return REPLY_NO_RANGE;
}

static enum reply_verdict judge_error(const struct reply *r,
				      struct reply_facts *out)
{
	switch (r->status) {
	case 401:
	case 403:
		return fail(out, -EACCES);
	case 404:
	case 410:
		return fail(out, -ENOENT);
	case 408:
	case 504:
		return retry(r, out, -ETIMEDOUT);
	case 425:
	case 429:
		return retry(r, out, -EIO);
	/* These are about what we are or ask, not about a bad moment. */
	case 501:
	case 505:
	case 506:
	case 508:
	case 510:
	case 511:
		return fail(out, -EIO);
	}
	return r->status >= 500 ? retry(r, out, -EIO) : fail(out, -EIO);
}

static bool is_bound(const struct reply_asked *asked,
		     const struct reply_version *known)
{
	if (!known)
		return false;
	return !asked->first || known->etag || known->last_modified ||
	       known->size != REPLY_SIZE_UNKNOWN;
}

enum reply_verdict reply_judge(const struct reply *r,
			       const struct reply_asked *asked,
			       const struct reply_version *known,
			       struct reply_facts *out)
{
	*out = (struct reply_facts){ .end = REPLY_SIZE_UNKNOWN,
				     .size = REPLY_SIZE_UNKNOWN };
	if (!is_bound(asked, known))
		known = NULL;
	switch (r->status) {
	case 200:
		return judge_200(r, asked, known, out);
	case 206:
		return judge_206(r, asked, known, out);
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return r->location ? REPLY_REDIRECT : fail(out, -EIO);
	case 304:
		return judge_304(r, asked, known, out);
	case 416:
		return judge_416(r, asked, known, out);
	}
	return judge_error(r, out);
}
