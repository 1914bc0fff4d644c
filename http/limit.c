#include "config.h"

#include <string.h>

#include "limit.h"

#define SECOND_US INT64_C(1000000)

static unsigned set_of(const struct limit_key *key)
{
	uint32_t h = UINT32_C(2166136261);	/* FNV-1a */

	for (size_t i = 0; i < sizeof(key->bytes); i++)
		h = (h ^ key->bytes[i]) * UINT32_C(16777619);
	return (h ^ h >> 16) & (LIMIT_SETS - 1);
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
