/* recent: whose bytes are found, and how long. */
#include "config.h"

#include "cache/recent.h"
#include "tests/tap.h"

static struct recent recent;

/* The block of these bytes, put; the caller's. */
static struct recent_block *put(uint64_t generation, uint64_t start,
				size_t len)
{
	struct recent_block *b = recent_begin(&recent, generation, start);

	memset(b->data, (int)(start >> 17), len);
	recent_put(&recent, b, len);
	return b;
}

static bool has(uint64_t generation, uint64_t off, size_t len)
{
	struct recent_block *b = recent_find(&recent, generation, off, len);

	recent_give_back(b);
	return b;
}

static void test_find(void)
{
	struct recent_block *b;

	recent_init(&recent);
	ok(!has(1, 0, 1), "nothing has come");
	b = recent_begin(&recent, 1, 1000);
	ok(!has(1, 1000, 0) && !has(1, 1000, 1), "not before it is put");
	recent_put(&recent, b, 500);
	ok(has(1, 1000, 500), "all of it");
	ok(has(1, 1200, 300) && has(1, 1499, 1), "a part");
	ok(!has(1, 999, 2) && !has(1, 999, 1), "nothing before it");
	ok(!has(1, 1200, 301) && !has(1, 1500, 1), "nothing behind it");
	ok(!has(1, 1001, SIZE_MAX) && !has(1, UINT64_MAX, 1), "no overflow");
	ok(!has(2, 1000, 500), "not of another generation");
	recent_put(&recent, b, 700);
	ok(has(1, 1200, 500), "more of it");
	recent_give_back(b);
	ok(has(1, 1000, 700), "when the transfer has let go of it");
	recent_fini(&recent);
}

static void test_age(void)
{
	int i;

	recent_init(&recent);
	for (i = 0; i < 2 * RECENT_BLOCKS; i++)
		recent_give_back(put(1, i * RECENT_BLOCK, RECENT_BLOCK));
	ok(has(1, (2 * RECENT_BLOCKS - 1) * RECENT_BLOCK, RECENT_BLOCK),
	   "the last");
	ok(has(1, (RECENT_BLOCKS + 1) * RECENT_BLOCK, 1), "those before it");
	ok(!has(1, (RECENT_BLOCKS - 1) * RECENT_BLOCK, 1), "not older ones");

	recent_fini(&recent);
}

/* What somebody has is not used again. */
static void test_held(void)
{
	struct recent_block *held[RECENT_BLOCKS];
	int i, wrong = 0;

	recent_init(&recent);
	for (i = 0; i < RECENT_BLOCKS; i++)
		held[i] = put(1, i * RECENT_BLOCK, 1);
	for (i = 0; i < 2 * RECENT_BLOCKS; i++)
		recent_give_back(put(2, (100 + i) * RECENT_BLOCK, 1));
	for (i = 0; i < RECENT_BLOCKS; i++)
		wrong += held[i]->data[0] != i ||
			held[i]->start != i * RECENT_BLOCK;
	is_int(wrong, 0, "lent blocks keep what they have");
	ok(has(2, (100 + 2 * RECENT_BLOCKS - 1) * RECENT_BLOCK, 1),
	   "and don't keep new ones out");
	for (i = 0; i < RECENT_BLOCKS; i++)
		recent_give_back(held[i]);
	is_uint(recent.alive, recent.n, "what has left is freed");
	recent_fini(&recent);
	is_uint(recent.alive, 0, "and so is the rest");
}

/* Blocks that are begun take the place of old ones. */
static void test_reuse(void)
{
	struct recent_block *filled[3];
	int i, found = 0;

	recent_init(&recent);
	for (i = 0; i < RECENT_BLOCKS; i++)
		recent_give_back(put(1, i * RECENT_BLOCK, 1));
	for (i = 0; i < 3; i++)
		filled[i] = recent_begin(&recent, 2, i * RECENT_BLOCK);
	for (i = 0; i < RECENT_BLOCKS; i++)
		found += has(1, i * RECENT_BLOCK, 1);
	is_int(found, RECENT_BLOCKS - 3, "no more memory than before");
	ok(!has(1, 2 * RECENT_BLOCK, 1) && has(1, 3 * RECENT_BLOCK, 1),
	   "that of the oldest");
	for (i = 0; i < 3; i++) {
		recent_put(&recent, filled[i], 1);
		recent_give_back(filled[i]);
	}
	ok(has(1, 3 * RECENT_BLOCK, 1) && has(2, 2 * RECENT_BLOCK, 1),
	   "and nothing is lost when they are put");
	recent_fini(&recent);
}

/* A block that is being filled while others come and go. */
static void test_slow(void)
{
	struct recent_block *slow;

	recent_init(&recent);
	slow = put(1, 0, 1);
	for (int i = 1; i <= 2 * RECENT_BLOCKS; i++)
		recent_give_back(put(1, i * RECENT_BLOCK, RECENT_BLOCK));
	ok(has(1, 0, 1) && !has(1, 0, 2), "stays");
	recent_put(&recent, slow, 2);
	ok(has(1, 0, 2), "and grows");
	recent_give_back(slow);
	recent_fini(&recent);
}

int main(void)
{
	test_find();
	test_age();
	test_held();
	test_reuse();
	test_slow();
	return done_testing();
}
