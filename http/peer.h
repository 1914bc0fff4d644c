/* peer: who is at the other end of a local connection.
 *
 * Asks the kernel (sock_diag) about the peer's own socket. No state.
 */
#ifndef SPOOL_PEER_H
#define SPOOL_PEER_H

#include <stdbool.h>

/* True when the other end of fd (a connected TCP socket) was on this machine
 * and no process holds it any more: what we send, nobody will read. False when
 * it is held, is elsewhere, or can't be known. */
bool peer_left(int fd);

#endif
