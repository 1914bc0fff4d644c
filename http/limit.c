#include "config.h"

#include <string.h>

#include "cache/hash.h"
#include "limit.h"

#define SECOND_US INT64_C(1000000)

static unsigned set_of(const struct limit_key *key)
{
	uint64_t h = hash_add(HASH_NOTHING, key->bytes, sizeof(key->bytes));

	return (h ^ h >> 32) & (LIMIT_SETS - 1);
}

/* Its slot, or that of whoever has asked least. */
static struct limit_slot *find(struct limit *l, const struct limit_key *key)
{
	struct limit_slot *set = l->slots[set_of(key)], *least = set;

	for (unsigned i = 0; i < LIMIT_WAYS; i++) {
		if (memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
		if (set[i].full_us < least->full_us)
			least = &set[i];
	}
	*least = (struct limit_slot){ .key = *key };
	return least;
}

int64_t limit_take(struct limit *l, const struct limit_key *key, unsigned rate,
		   int64_t now_us)
{
	struct limit_slot *slot = find(l, key);
	int64_t full_us = slot->full_us > now_us ? slot->full_us : now_us;

	full_us += SECOND_US / rate;
	if (full_us - now_us > SECOND_US)
		return full_us - now_us - SECOND_US;
	slot->full_us = full_us;
	return 0;
}
