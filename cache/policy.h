/* policy: what may be asked for. Pure.
 *
 * Patterns, of the settings `allow` and `deny`:
 *
 *   https://example.com/films/   what begins so, as sections of origins do
 *   example.com, *.example.com   a host; any below a domain, not itself
 *   192.0.2.1, [2001:db8::1]     an address
 *   10.0.0.0/8, fd00::/8         a network
 *   *                            every host
 */
#ifndef SPOOL_POLICY_H
#define SPOOL_POLICY_H

/* A pattern as it is kept: a URL's key, a host in lower case, an address
 * without brackets, a network as ADDRESS/BITS. Caller frees. 0, -EINVAL,
 * -ENOMEM. */
int policy_pattern(const char *text, char **pattern);

#endif
