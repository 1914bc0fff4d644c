/* target: what a request line and a Host field name.
 *
 * Pure. The endpoint must see the request target as the client sent it: the
 * query and the escapes of the URL behind it belong to the origin, so nothing
 * here decodes or rewrites them. No allocation.
 *
 * A page on the web can make a browser send requests to localhost under a name
 * of its own (DNS rebinding); what such a page can't do is to make the browser
 * send another Host than that name. Hence the check of Host.
 */
#ifndef SPOOL_TARGET_H
#define SPOOL_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_HOST_MAX 256	/* bytes, with the NUL; a DNS name has 253 */

struct target {
	const char *authority;	/* of an absolute-form target, else NULL; ends
				   at name's '/' or at the end of the text */
	size_t authority_len;
	const char *name;	/* what follows the first '/' of the path, with
				   its query; "" for the root */
};

/* Take a request target apart (RFC 9112, 3.2): origin-form "/NAME" or
 * absolute-form "http://AUTHORITY/NAME". Points into text. 0, or -EINVAL for
 * anything else ("*", other schemes, an empty authority). */
int target_parse(const char *text, struct target *out);

/* The host of a Host field or authority, "HOST", "HOST:PORT", "[V6]:PORT",
 * without brackets and port, into buf (TARGET_HOST_MAX bytes). 0 or -EINVAL:
 * empty, too long, a port that is none, userinfo. */
int target_host(const char *field, size_t len, char *buf);

/* localhost, 127.0.0.0/8, ::1: names that only this machine answers to. */
bool target_is_loopback(const char *host);

/* True when both are numeric addresses and the same one; an IPv4 address
 * mapped into IPv6 equals itself. */
bool target_same_address(const char *a, const char *b);

/* True when raw (len bytes, percent-encoded or not) decodes to name. */
bool target_is_name(const char *raw, size_t len, const char *name);

#endif
