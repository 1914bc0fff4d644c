/* peer: who the kernel says is at the other end. */
#include "config.h"

#include "http/peer.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const addresses[] = { "127.0.0.1", "::1", "::ffff:127.0.0.1" };

static struct sockaddr_in6 address_of(const char *text)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in *in = (struct sockaddr_in *)&in6;

	if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1) {
		in->sin_family = AF_INET;
		inet_pton(AF_INET, text, &in->sin_addr);
	}
	return in6;
}

/* A listening socket; *where is what to connect to. -1: no such address. */
static int listen_at(const char *text, struct sockaddr_in6 *where)
{
	socklen_t len = sizeof(*where);
	int off = 0, fd;

	*where = address_of(text);
	fd = socket(where->sin6_family, SOCK_STREAM, 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (fd >= 0 &&
	    (bind(fd, (struct sockaddr *)where, sizeof(*where)) < 0 ||
	     listen(fd, 5) < 0)) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		getsockname(fd, (struct sockaddr *)where, &len);
	return fd;
}

static int connect_to(const struct sockaddr_in6 *where)
{
	int fd = socket(where->sin6_family, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)where, sizeof(*where)) < 0)
		return -1;
	return fd;
}

static void test_ourselves(const char *text)
{
	struct sockaddr_in6 where;
	int listener = listen_at(text, &where), client, fd;
	struct peer p;

	if (listener < 0) {
		printf("# %s: not here\n", text);
		return;
	}
	client = connect_to(&where);
	fd = accept(listener, NULL, NULL);
	peer_find(fd, &p);
	is_int(p.kind, PEER_USER, "%s: a user", text);
	is_int(p.uid, geteuid(), "... which is us");
	ok(!p.by_path, "... not by a path");
	is_str(p.reached, strchr(text, '.') ? "127.0.0.1" : "::1",
	       "... who has reached us there");
	ok(!peer_left(fd), "... and is there");
	shutdown(client, SHUT_WR);
	peer_find(fd, &p);
	is_int(p.kind, PEER_USER, "its side shut: still a user");
	ok(!peer_left(fd), "... still there");
	close(client);
	peer_find(fd, &p);
	is_int(p.kind, PEER_UNKNOWN, "closed: nobody, not root");
	ok(p.uid != 0, "... whose uid is not 0");
	ok(peer_left(fd), "... who has left");
	close(fd);
	close(listener);
}

/* Another user's process holds the other end. */
static void test_another_user(void)
{
	const struct passwd *nobody = getpwnam("nobody");
	struct sockaddr_in6 where;
	int listener, fd, go[2];
	struct peer p;
	char byte;
	pid_t pid;

	if (geteuid() != 0 || !nobody) {
		puts("# not root: nobody else can be had");
		return;
	}
	listener = listen_at("127.0.0.1", &where);
	if (listener < 0 || pipe(go) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (setuid(nobody->pw_uid) < 0 || connect_to(&where) < 0 ||
		    read(go[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(go[0]);
	fd = accept(listener, NULL, NULL);
	peer_find(fd, &p);
	is_int(p.kind, PEER_USER, "a process of nobody's: a user");
	is_int(p.uid, nobody->pw_uid, "... of that uid");
	close(go[1]);
	waitpid(pid, NULL, 0);
	peer_find(fd, &p);
	is_int(p.kind, PEER_UNKNOWN, "it has ended: nobody");
	close(fd);
	close(listener);
}

static void test_path(void)
{
	struct peer p;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return;
	peer_find(ends[0], &p);
	is_int(p.kind, PEER_USER, "a Unix socket: a user");
	is_int(p.uid, geteuid(), "... which is us");
	ok(p.by_path, "... by a path");
	is_str(p.reached, "", "... at no address");
	close(ends[1]);
	ok(!peer_left(ends[0]), "whether that has left is not asked here");
	close(ends[0]);
	peer_find(-1, &p);
	is_int(p.kind, PEER_UNKNOWN, "no socket: nobody");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		test_ourselves(addresses[i]);
	test_another_user();
	test_path();
	return done_testing();
}
