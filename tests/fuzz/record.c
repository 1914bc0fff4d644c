/* Metadata records. The input is a record without its checksum line, which is
 * added here: otherwise nothing would get past it. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "cache/fields.h"
#include "cache/store.h"
#include "tests/fuzz/fuzz.h"

#define CHECKSUM "checksum: %016" PRIx64 "\n"
#define CHECKSUM_BYTES 27

/* FNV-1a, 64 bits: as store.h says. */
static uint64_t sum(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (len--)
		h = (h ^ (unsigned char)*text++) * UINT64_C(0x100000001b3);
	return h;
}

static void check_record(const struct store_record *r)
{
	const struct extent_set *p = &r->present;
	uint64_t total = 0, last = 0;

	must(r->kind == STORE_FILE || r->kind == STORE_DIRECTORY);
	must(r->url && r->key && r->generation);
	must(!p->n || r->kind == STORE_FILE);
	for (size_t i = 0; i < p->n; i++) {
		must(p->v[i].start < p->v[i].end);
		must(!i || p->v[i].start > last);
		last = p->v[i].end;
		total += last - p->v[i].start;
	}
	must(total == p->total && last <= r->version.size);
	must(fields_sound(r->fields));
	must(!store_record_complete(r) || total == r->version.size);
}

static bool same(const struct store_record *a, const struct store_record *b)
{
	return a->kind == b->kind && a->generation == b->generation &&
	       fuzz_same(a->url, b->url) && fuzz_same(a->key, b->key) &&
	       fuzz_same(a->version.etag, b->version.etag) &&
	       fuzz_same(a->version.last_modified, b->version.last_modified) &&
	       a->version.size == b->version.size &&
	       fuzz_same(a->content_type, b->content_type) &&
	       fuzz_same(a->base, b->base) &&
	       a->ranges == b->ranges && a->pinned == b->pinned &&
	       a->created == b->created && a->fresh_until == b->fresh_until &&
	       a->validated == b->validated &&
	       a->generated == b->generated &&
	       fuzz_same(a->fields, b->fields) && a->present.n == b->present.n &&
	       (!a->present.n ||
		!memcmp(a->present.v, b->present.v,
			a->present.n * sizeof(*a->present.v)));
}

/* No record survives a cut or a changed byte. */
static void check_damage(const char *text, size_t len)
{
	size_t at = sum(text, len) % len;
	char *bad = fuzz_copy(text, len);
	struct store_record r;

	must(store_parse(bad, at, &r) == -EBADMSG);
	bad[at] ^= 1 << len % 8;
	must(store_parse(bad, len, &r) == -EBADMSG);
	free(bad);
}

/* parse(format(r)) == r, and format says it the same way again. */
static void check_round_trip(const struct store_record *r)
{
	struct store_record back;
	char *text, *again;
	size_t len, again_len;

	must(store_format(r, &text, &len) == 0);
	must(strlen(text) == len);
	must(store_parse(text, len, &back) == 0);
	must(same(r, &back));
	must(store_format(&back, &again, &again_len) == 0);
	must(len == again_len && !memcmp(text, again, len));
	check_damage(text, len);
	store_record_fini(&back);
	free(text);
	free(again);
}

static void check_text(const char *text, size_t len)
{
	char *copy = fuzz_copy(text, len);
	size_t head = len < STORE_KIND_BYTES ? len : STORE_KIND_BYTES;
	struct store_record r;
	enum store_kind kind;
	int err = store_parse(copy, len, &r);

	must(err == 0 || err == -EBADMSG || err == -EPROTO);
	if (store_parse_kind(copy, head, &kind) == 0)
		must(err != -EPROTO);
	else
		must(err);
	free(copy);
	if (err)
		return;
	must(kind == r.kind);
	check_record(&r);
	check_round_trip(&r);
	store_record_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + CHECKSUM_BYTES + 1);

	must(text);
	check_text((const char *)data, size);
	if (size)
		memcpy(text, data, size);
	sprintf(text + size, CHECKSUM, sum(text, size));
	check_text(text, size + CHECKSUM_BYTES);
	free(text);
	return 0;
}
