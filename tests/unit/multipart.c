/* multipart: several ranges as one body, from any place of it. */
#include "config.h"

#include "http/multipart.h"
#include "tests/tap.h"

#include <stdlib.h>

static const char resource[] = "0123456789abcdefghij";
#define SIZE (sizeof(resource) - 1)

/* The body, put together from pieces of at most `most` bytes. */
static size_t assemble(const struct multipart *m, size_t most, char *out)
{
	struct multipart_piece p;
	size_t pos = 0, n;

	for (;;) {
		p = multipart_at(m, pos);
		if (!p.len)
			return pos;
		n = p.len < most ? p.len : most;
		memcpy(out + pos, p.text ? p.text : resource + p.off, n);
		pos += n;
	}
}

static void test_text(void)
{
	static const char want[] =
		"--B\r\nContent-Type: text/plain\r\n"
		"Content-Range: bytes 3-5/20\r\n\r\n345"
		"\r\n--B\r\nContent-Type: text/plain\r\n"
		"Content-Range: bytes 19-19/20\r\n\r\nj"
		"\r\n--B\r\nContent-Type: text/plain\r\n"
		"Content-Range: bytes 0-1/20\r\n\r\n01"
		"\r\n--B--\r\n";
	const struct range_set set = {
		.n = 3, .v = { { 3, 6 }, { 19, 20 }, { 0, 2 } },
	};
	struct multipart *m = multipart_new(&set, SIZE, "text/plain", "B");
	char got[sizeof(want) + 100];

	if (!ok(m, "a body of three ranges"))
		return;
	is_uint(m->length, sizeof(want) - 1, "is as long as it says");
	for (size_t most = 1; most < 50; most += 3) {
		is_uint(assemble(m, most, got), sizeof(want) - 1,
			"pieces of %zu: as many bytes", most);
		is_mem(got, want, sizeof(want) - 1, "and these");
	}
	is_uint(multipart_at(m, m->length).len, 0, "nothing at its end");
	is_uint(multipart_at(m, UINT64_MAX).len, 0, "nor behind it");
	multipart_free(m);
	multipart_free(NULL);
}

static void test_first(void)
{
	const struct range_set set = {
		.n = 2, .v = { { 3, 6 }, { 10, 12 } },
	};
	struct multipart *m = multipart_new(&set, SIZE, "a/b", "B");
	size_t firsts = 0;

	if (!m)
		return;
	for (uint64_t pos = 0; pos < m->length; pos++) {
		struct multipart_piece p = multipart_at(m, pos);

		firsts += p.first;
		if (p.first)
			ok(!p.text && (p.off == 3 || p.off == 10),
			   "the first byte of a range");
	}
	is_uint(firsts, 2, "once for each");
	multipart_free(m);
}

/* As much as there can be, of a resource as large as there can be. */
static void test_large(void)
{
	struct range_set set = { .n = RANGE_MAX };
	uint64_t step = INT64_MAX / RANGE_MAX, bytes = 0, text = 0;
	struct multipart_piece p;
	struct multipart *m;

	for (size_t i = 0; i < set.n; i++)
		set.v[i] = (struct range){ i * step, i * step + step - 1 };
	m = multipart_new(&set, INT64_MAX, "video/mp4", "B");
	if (!m)
		return;
	for (uint64_t pos = 0; pos < m->length; pos += p.len) {
		p = multipart_at(m, pos);
		if (p.text)
			text += p.len;
		else
			bytes += p.len;
	}
	is_uint(bytes, (step - 1) * RANGE_MAX, "all bytes of large ranges");
	is_uint(text + bytes, m->length, "and the text between them");
	multipart_free(m);
}

int main(void)
{
	test_text();
	test_first();
	test_large();
	return done_testing();
}
