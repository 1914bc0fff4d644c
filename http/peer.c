#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 req;
};

static void fill_address(const struct sockaddr_storage *from, __be32 *addr,
			 __be16 *port)
{
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)from;

		memcpy(addr, &in6->sin6_addr, sizeof(in6->sin6_addr));
		*port = in6->sin6_port;
	} else {
		const struct sockaddr_in *in = (const void *)from;

		memcpy(addr, &in->sin_addr, sizeof(in->sin_addr));
		*port = in->sin_port;
	}
}

/* 127.0.0.0/8 and ::1, or our own address on both ends. */
static bool is_local(const struct inet_diag_sockid *id, int family)
{
	if (memcmp(id->idiag_src, id->idiag_dst, sizeof(id->idiag_src)) == 0)
		return true;
	return family == AF_INET &&
	       (ntohl(id->idiag_src[0]) >> 24) == 127;
}

/* Ask about the socket whose own address is our peer's. */
static int fill_question(int fd, struct question *q)
{
	struct sockaddr_storage ours, theirs;
	socklen_t our_len = sizeof(ours), their_len = sizeof(theirs);
	struct inet_diag_sockid *id = &q->req.id;

	if (getsockname(fd, (struct sockaddr *)&ours, &our_len) < 0 ||
	    getpeername(fd, (struct sockaddr *)&theirs, &their_len) < 0)
		return -errno;
	if (theirs.ss_family != AF_INET && theirs.ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	memset(q, 0, sizeof(*q));
	q->header.nlmsg_len = sizeof(*q);
	q->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q->header.nlmsg_flags = NLM_F_REQUEST;
	q->req.sdiag_family = (__u8)theirs.ss_family;
	q->req.sdiag_protocol = IPPROTO_TCP;
	q->req.idiag_states = ~0U;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	fill_address(&theirs, id->idiag_src, &id->idiag_sport);
	fill_address(&ours, id->idiag_dst, &id->idiag_dport);
	return is_local(id, theirs.ss_family) ? 0 : -EREMOTE;
}

bool peer_left(int fd)
{
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} answer;
	struct question q;
	bool left = false;
	ssize_t n;
	int nl;

	if (fill_question(fd, &q) < 0)
		return false;
	nl = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (nl < 0)
		return false;
	if (send(nl, &q, sizeof(q), 0) != (ssize_t)sizeof(q))
		goto out;
	/* The kernel answers within send: there is nothing to wait for. */
	n = recv(nl, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0 || !NLMSG_OK(&answer.header, (size_t)n))
		goto out;
	if (answer.header.nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *err = NLMSG_DATA(&answer.header);

		left = err->error == -ENOENT;
	} else if (answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
		const struct inet_diag_msg *msg = NLMSG_DATA(&answer.header);

		left = msg->idiag_inode == 0;	/* orphaned */
	}
out:
	close(nl);
	return left;
}
