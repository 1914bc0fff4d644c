/* hash: the known answers of FNV-1a. */
#include "config.h"

#include "cache/hash.h"
#include "tests/tap.h"

int main(void)
{
	is_uint(hash_text(""), HASH_NOTHING, "nothing");
	is_uint(hash_text("a"), UINT64_C(0xaf63dc4c8601ec8c), "a letter");
	is_uint(hash_text("foobar"), UINT64_C(0x85944171f73967e8), "a word");
	is_uint(hash_add(hash_text("foo"), "bar", 3), hash_text("foobar"),
		"piece by piece");
	is_uint(hash_add(HASH_NOTHING, "\0", 1),
		UINT64_C(0xaf63bd4c8601b7df), "a zero");
	is_uint(hash_text("\xff"), UINT64_C(0xaf64724c8602eb6e),
		"bytes are not negative");
	return done_testing();
}
