#include "config.h"

#include "hash.h"

#include <string.h>

uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t hash_text(const char *text)
{
	return hash_add(HASH_NOTHING, text, strlen(text));
}
