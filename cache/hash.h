/* hash: FNV-1a of 64 bits, for tables, and for names and sums that have to stay
 * the same for ever (store.h's checksum). It withstands no attack: collisions
 * are easily made.
 */
#ifndef SPOOL_HASH_H
#define SPOOL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_NOTHING UINT64_C(0xcbf29ce484222325)

/* The hash of what `hash` is of with these bytes behind it. Each byte is a
 * bijection of the hash so far: a change of one always shows. */
uint64_t hash_add(uint64_t hash, const void *data, size_t len);
uint64_t hash_text(const char *text);

#endif
