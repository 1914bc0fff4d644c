#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

/* ---- addresses --------------------------------------------------------------- */

/* An end of a TCP connection, IPv4 mapped into IPv6. */
struct end {
	struct in6_addr address;
	__be16 port;
	__u32 scope;		/* the interface of a link-local address */
};

static bool read_end(const struct sockaddr *from, struct end *out)
{
	if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)from;

		out->address = in6->sin6_addr;
		out->port = in6->sin6_port;
		out->scope = in6->sin6_scope_id;
		return true;
	}
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;

		memset(&out->address, 0, sizeof(out->address));
		out->address.s6_addr[10] = out->address.s6_addr[11] = 0xff;
		memcpy(&out->address.s6_addr[12], &in->sin_addr, 4);
		out->port = in->sin_port;
		out->scope = 0;
		return true;
	}
	return false;
}

/* 0; -EAFNOSUPPORT: not TCP; -errno. */
static int read_ends(int fd, struct end *ours, struct end *theirs)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	if (!read_end((struct sockaddr *)&addr, ours))
		return -EAFNOSUPPORT;
	len = sizeof(addr);
	if (getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	return read_end((struct sockaddr *)&addr, theirs) ? 0 : -EAFNOSUPPORT;
}

static bool is_same(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Loopback, or our own address on both ends. */
static bool is_surely_local(const struct end *ours, const struct end *theirs)
{
	const struct in6_addr *a = &theirs->address;

	return is_same(a, &ours->address) || IN6_IS_ADDR_LOOPBACK(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* An address of one of our interfaces; if that can't be known, too. */
static bool is_own_address(const struct in6_addr *address)
{
	struct ifaddrs *list;
	struct end end;
	bool own = false;

	if (getifaddrs(&list) < 0)
		return true;
	for (struct ifaddrs *i = list; i && !own; i = i->ifa_next)
		own = i->ifa_addr && read_end(i->ifa_addr, &end) &&
		      is_same(&end.address, address);
	freeifaddrs(list);
	return own;
}

/* ---- the kernel's answer ------------------------------------------------------- */

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 req;
};

/* About the socket whose own address is our peer's. */
static void fill_question(const struct end *ours, const struct end *theirs,
			  struct question *q)
{
	struct inet_diag_sockid *id = &q->req.id;
	bool v4 = IN6_IS_ADDR_V4MAPPED(&theirs->address);
	size_t skip = v4 ? 12 : 0;

	memset(q, 0, sizeof(*q));
	q->header.nlmsg_len = sizeof(*q);
	q->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q->header.nlmsg_flags = NLM_F_REQUEST;
	q->req.sdiag_family = v4 ? AF_INET : AF_INET6;
	q->req.sdiag_protocol = IPPROTO_TCP;
	q->req.idiag_states = ~0U;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	memcpy(id->idiag_src, &theirs->address.s6_addr[skip], 16 - skip);
	memcpy(id->idiag_dst, &ours->address.s6_addr[skip], 16 - skip);
	id->idiag_sport = theirs->port;
	id->idiag_dport = ours->port;
	id->idiag_if = theirs->scope;
}

/* A socket at one end is found; at the other end there may be a listening one
 * instead, which is what the kernel finds when there is no better. */
static bool is_peers(const struct inet_diag_msg *msg,
		     const struct question *q)
{
	return msg->idiag_state != TCP_LISTEN &&
	       msg->id.idiag_dport == q->req.id.idiag_dport &&
	       msg->id.idiag_sport == q->req.id.idiag_sport;
}

/* 0 with *uid; -ENOENT: the kernel says that there is none, or nobody's;
 * -errno: it can't be asked. */
static int ask_owner(const struct end *ours, const struct end *theirs,
		     uid_t *uid)
{
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} answer;
	const struct nlmsgerr *err = NLMSG_DATA(&answer.header);
	const struct inet_diag_msg *msg = NLMSG_DATA(&answer.header);
	struct question q;
	ssize_t n = -1;
	int rc = -EPROTO;
	int nl = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			NETLINK_SOCK_DIAG);

	if (nl < 0)
		return -errno;
	fill_question(ours, theirs, &q);
	if (send(nl, &q, sizeof(q), 0) != (ssize_t)sizeof(q))
		goto out;
	/* The kernel answers within send: there is nothing to wait for. */
	n = recv(nl, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0 || !NLMSG_OK(&answer.header, (size_t)n))
		goto out;
	if (answer.header.nlmsg_type == NLMSG_ERROR) {
		if (n >= (ssize_t)NLMSG_LENGTH(sizeof(*err)) && err->error < 0)
			rc = err->error;
	} else if (answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		   n >= (ssize_t)NLMSG_LENGTH(sizeof(*msg))) {
		rc = -ENOENT;
		if (msg->idiag_inode != 0 && is_peers(msg, &q)) {
			*uid = msg->idiag_uid;
			rc = 0;
		}
	}
out:
	close(nl);
	return rc;
}

/* ---- who -------------------------------------------------------------------------- */

static void find_by_path(int fd, struct peer *p)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	p->by_path = true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	p->kind = PEER_USER;
	p->uid = peer.uid;
}

static void write_address(const struct in6_addr *a, char *text)
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, &a->s6_addr[12], text, PEER_ADDRESS_MAX);
	else
		inet_ntop(AF_INET6, a, text, PEER_ADDRESS_MAX);
}

void peer_find(int fd, struct peer *out)
{
	struct end ours, theirs;
	int rc = read_ends(fd, &ours, &theirs);

	*out = (struct peer){ .kind = PEER_UNKNOWN, .uid = (uid_t)-1 };
	if (rc == -EAFNOSUPPORT)
		find_by_path(fd, out);
	if (rc < 0)
		return;
	memcpy(out->address, &theirs.address, sizeof(out->address));
	write_address(&ours.address, out->reached);
	if (ask_owner(&ours, &theirs, &out->uid) == 0)
		out->kind = PEER_USER;
	else if (!is_surely_local(&ours, &theirs) &&
		 !is_own_address(&theirs.address))
		out->kind = PEER_ELSEWHERE;
}

bool peer_left(int fd)
{
	struct end ours, theirs;
	uid_t uid;

	return read_ends(fd, &ours, &theirs) == 0 &&
	       is_surely_local(&ours, &theirs) &&
	       ask_owner(&ours, &theirs, &uid) == -ENOENT;
}
