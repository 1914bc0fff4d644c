/* policy: what may be asked for: settings allow, deny, private_targets. Pure.
 *
 * Patterns:
 *
 *   https://example.com/films/   what begins so, as sections of origins do
 *   example.com, *.example.com   a host; any below a domain, not itself
 *   192.0.2.1, [2001:db8::1]     an address
 *   10.0.0.0/8, fd00::/8         a network
 *   *                            every host
 *
 * What is denied is never asked for. Where there is an allow, its patterns say
 * what may be: by the URL, or by the address that its host has. Addresses of
 * this machine and of private networks (RFC 6890) are for private_targets to
 * say; link-local ones and those that clouds have for the metadata of a machine
 * are asked only when an allow names the address: itself, its network, or a URL
 * that has it for a host. That also counts in place of private_targets.
 *
 * An address stands for the IPv4 address that is in it as well (mapped, NAT64,
 * 6to4, Teredo, ISATAP). Names are judged by every address a connection is
 * about to be opened to, so by the one that is used, whatever a name server
 * said before. Where a proxy resolves names, only what the URL says is known,
 * and what only an address could allow is not allowed.
 */
#ifndef SPOOL_POLICY_H
#define SPOOL_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct sockaddr;
struct url;

/* A pattern as it is kept: a URL's key, a host in lower case, an address
 * without brackets, a network as ADDRESS/BITS. Caller frees. 0, -EINVAL,
 * -ENOMEM. */
int policy_pattern(const char *text, char **pattern);

/* Whether u may be asked for, as far as its text tells; resolved_elsewhere: a
 * proxy will resolve its host, and no address will be seen. */
bool policy_url(const struct conf *c, const struct url *u,
		bool resolved_elsewhere);

/* Whether u, which policy_url has let pass, may be asked at this address. */
bool policy_address(const struct conf *c, const struct url *u,
		    const struct sockaddr *addr);

/* The same for an address as text (inet_ntop). */
bool policy_address_text(const struct conf *c, const struct url *u,
			 const char *addr);

/* The host of u without port, brackets and a last dot, into buf. */
void policy_host(const struct url *u, char *buf, size_t size);

/* Whether an address, as text, is a network's (or is this address), as text
 * without brackets. False for what is neither. */
bool policy_in_network(const char *network, const char *addr);

#endif
