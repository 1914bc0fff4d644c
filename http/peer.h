/* peer: who is at the other end of a connection.
 *
 * Asks the kernel: SO_PEERCRED for a Unix socket; for a TCP connection about
 * the peer's own socket (sock_diag), which has an owner if it is on this machine
 * and in this network namespace. No state.
 *
 * What can be known of a TCP peer:
 *
 *  - its socket is found: it is on this machine, and whose it is is known;
 *  - none is found, and its address is one of this machine's: it is here, but
 *    nobody's any more (the process has ended or closed it: such sockets have
 *    the owner 0 and no inode, which must not be taken for root), or it can't
 *    be found (the kernel has no sock_diag, a packet filter has rewritten its
 *    addresses, it is bound to a device);
 *  - none is found, and its address is another: it is another machine, or a
 *    container with a network of its own, which is as good as one.
 */
#ifndef SPOOL_PEER_H
#define SPOOL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#define PEER_ADDRESS_MAX 46	/* INET6_ADDRSTRLEN */

enum peer_kind {
	PEER_ELSEWHERE,		/* not on this machine */
	PEER_USER,		/* a process of user uid */
	PEER_UNKNOWN,		/* on this machine; whose it is is not known */
};

struct peer {
	enum peer_kind kind;
	uid_t uid;		/* as seen in our user namespace */
	bool by_path;		/* through a Unix socket */
	unsigned char address[16];	/* of the peer: IPv6, or IPv4 mapped into
					   it; zeros for a Unix socket */
	char reached[PEER_ADDRESS_MAX];	/* our end's, numeric; "" for a Unix
					   socket */
};

/* Of fd, a connected socket. What can't be asked is unknown. */
void peer_find(int fd, struct peer *out);

/* True when the other end of fd (a connected TCP socket) was on this machine
 * and no process holds it any more: what we send, nobody will read. False when
 * it is held, is elsewhere, or can't be known. */
bool peer_left(int fd);

#endif
