/* origin: main, the listener, and one thread for each connection. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "origin.h"

#define CONNECTIONS_MAX 2048	/* more wait in the backlog */
#define STACK (512 * 1024)
/* What the kernel takes from us ahead of the peer counts as sent: keep it
 * small. */
#define SEND_BUFFER (128 * 1024)

struct origin origin = { .lock = PTHREAD_MUTEX_INITIALIZER,
			 .log_tail = &origin.log };
static pthread_cond_t room = PTHREAD_COND_INITIALIZER;

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

uint64_t release_count(void)
{
	uint64_t n;

	pthread_mutex_lock(&origin.lock);
	n = origin.releases;
	pthread_mutex_unlock(&origin.lock);
	return n;
}

struct script *origin_script(void)
{
	struct script *s;

	pthread_mutex_lock(&origin.lock);
	s = origin.script;
	s->refs++;
	pthread_mutex_unlock(&origin.lock);
	return s;
}

void origin_script_put(struct script *s)
{
	bool last;

	pthread_mutex_lock(&origin.lock);
	last = --s->refs == 0;
	pthread_mutex_unlock(&origin.lock);
	if (last)
		script_free(s);
}

ssize_t connection_receive(struct connection *c, void *buf, size_t len)
{
	ssize_t n;

	if (c->tls)
		return tls_receive(c, buf, len);
	do
		n = recv(c->fd, buf, len, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

bool connection_send(struct connection *c, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = c->tls ? tls_send(c, p, len) :
			     send(c->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && !c->tls && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool connection_wait(struct connection *c, int64_t until,
		     const uint64_t *release)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };
	struct timespec t;
	int64_t left;
	int n;

	for (;;) {
		if (release && release_count() != *release)
			return true;
		left = until - now_ns();
		if (left <= 0)
			return true;
		if (release && left > 20000000)
			left = 20000000;
		t.tv_sec = left / 1000000000;
		t.tv_nsec = left % 1000000000;
		n = ppoll(&p, 1, &t, NULL);
		if (n > 0)
			return false;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

static void serve(struct connection *c)
{
	int status;
	bool alive = true;

	while (alive) {
		status = request_read(c);
		if (!status)
			return;
		if (status > 1) {
			c->q.keep_alive = false;
			answer_simple(c, (unsigned)status, "", 0);
			return;
		}
		if (!strncmp(c->q.target, "/-/", 3)) {
			alive = control(c);
		} else {
			c->requests++;
			alive = answer(c);
		}
	}
}

static void connection_free(struct connection *c)
{
	tls_end(c, !c->cut);
	if (c->fd >= 0)
		close(c->fd);
	free(c->q.path);
	free(c->q.body);
	free(c->in);
	free(c->head);
	free(c);
}

static void *connection_main(void *arg)
{
	struct connection *c = arg;

	if (tls_accept(c))
		serve(c);
	connection_free(c);
	pthread_mutex_lock(&origin.lock);
	origin.open--;
	pthread_cond_signal(&room);
	pthread_mutex_unlock(&origin.lock);
	return NULL;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;

	if (a->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return a->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static struct connection *connection_new(int fd,
					 const struct sockaddr_storage *peer)
{
	struct connection *c = calloc(1, sizeof(*c));
	int one = 1, size = SEND_BUFFER;

	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->in = malloc(HEAD_MAX);
	c->head = malloc(HEAD_MAX + 1);
	if (!c->in || !c->head) {
		connection_free(c);
		return NULL;
	}
	c->local = is_loopback(peer);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return c;
}

static void start_connection(int fd, const struct sockaddr_storage *peer)
{
	struct connection *c = connection_new(fd, peer);
	pthread_attr_t attr;
	pthread_t thread;
	bool started;

	if (!c)
		return;
	pthread_mutex_lock(&origin.lock);
	while (origin.open >= CONNECTIONS_MAX)
		pthread_cond_wait(&room, &origin.lock);
	origin.open++;
	c->number = ++origin.connections;
	pthread_mutex_unlock(&origin.lock);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	started = !pthread_create(&thread, &attr, connection_main, c);
	pthread_attr_destroy(&attr);
	if (started)
		return;
	connection_free(c);
	pthread_mutex_lock(&origin.lock);
	origin.open--;
	pthread_mutex_unlock(&origin.lock);
}

static void accept_loop(int listener)
{
	struct sockaddr_storage peer;
	struct timespec pause = { .tv_nsec = 10000000 };
	socklen_t len;
	int fd;

	for (;;) {
		len = sizeof(peer);
		fd = accept4(listener, (struct sockaddr *)&peer, &len,
			     SOCK_CLOEXEC);
		if (fd >= 0)
			start_connection(fd, &peer);
		else if (errno != EINTR && errno != ECONNABORTED)
			nanosleep(&pause, NULL);	/* out of descriptors */
	}
}

static int listen_on(const char *address, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof(a);
	int fd, one = 1;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		fprintf(stderr, "origin: %s: not an IPv4 address\n", address);
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto fail;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		goto fail;
	printf("%u\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
fail:
	fprintf(stderr, "origin: %s:%u: %s\n", address, port, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static char *read_script(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n = -1;

	if (in)
		n = getdelim(&text, &size, '\0', in);
	if (n < 0 && (!in || ferror(in))) {
		fprintf(stderr, "origin: %s: %s\n", path, strerror(errno));
		free(text);
		text = NULL;
	} else if (n < 0) {		/* an empty file */
		free(text);
		text = strdup("");
	}
	if (in)
		fclose(in);
	return text;
}

static bool load_script(const char *path)
{
	char *text = path ? read_script(path) : strdup(""), *error = NULL;

	if (!text)
		return false;
	origin.script = script_parse(text, &error);
	free(text);
	if (!origin.script)
		fprintf(stderr, "origin: %s: %s\n", path,
			error ? error : "no memory");
	free(error);
	return origin.script != NULL;
}

/* --gen SIZE/SEED[/VERSION[/OFFSET[/LENGTH]]]: the bytes to stdout. */
static int print_generated(const char *spec)
{
	uint64_t v[5] = { 0, 0, 1, 0, NEVER };
	struct content k = { .fd = -1 };
	char buf[64 * 1024];
	size_t i, n;

	for (i = 0; i < 5; i++) {
		if (!parse_size(spec, &spec, &v[i]))
			return 2;
		if (*spec++ != '/')
			break;
	}
	k.seed = v[1];
	k.version = v[2];
	if (v[3] > v[0])
		v[3] = v[0];
	if (v[4] > v[0] - v[3])
		v[4] = v[0] - v[3];
	for (; v[4]; v[4] -= n, v[3] += n) {
		n = v[4] < sizeof(buf) ? (size_t)v[4] : sizeof(buf);
		content_read(&k, buf, n, v[3]);
		if (fwrite(buf, 1, n, stdout) != n)
			return 1;
	}
	return fflush(stdout) ? 1 : 0;
}

static const char usage[] =
"usage: origin [options]\n"
"  --port N         listen there; 0, the default: any. The port is printed\n"
"  --address A      IPv4 address, default 127.0.0.1\n"
"  --tls CERT KEY   files in PEM: TLS for who begins with a handshake\n"
"  --root DIR       files to serve beside /gen/SIZE/SEED\n"
"  --script FILE    rules (tests/README.md)\n"
"  --with-parent    end when the parent process does\n"
"  --gen SIZE/SEED[/VERSION[/OFFSET[/LENGTH]]]\n"
"                   print generated bytes and end\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "address", required_argument, NULL, 'a' },
		{ "root", required_argument, NULL, 'r' },
		{ "script", required_argument, NULL, 's' },
		{ "tls", required_argument, NULL, 't' },
		{ "with-parent", no_argument, NULL, 'w' },
		{ "gen", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	const char *address = "127.0.0.1", *script = NULL;
	const char *cert = NULL, *key = NULL;
	int ch, listener, port = 0;

	while ((ch = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (ch == 'p')
			port = atoi(optarg);
		else if (ch == 'a')
			address = optarg;
		else if (ch == 'r')
			origin.root = optarg;
		else if (ch == 's')
			script = optarg;
		else if (ch == 't')
			cert = optarg;
		else if (ch == 'w')
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		else if (ch == 'g')
			return print_generated(optarg);
		else
			return fputs(usage, stderr), 2;
	}
	if (cert)
		key = argv[optind++];
	if (optind != argc || port < 0 || port > 65535)
		return fputs(usage, stderr), 2;
	signal(SIGPIPE, SIG_IGN);
	clock_gettime(CLOCK_MONOTONIC, &origin.start);
	if (!load_script(script) || (cert && !tls_init(cert, key)))
		return 1;
	listener = listen_on(address, (unsigned)port);
	if (listener < 0)
		return 1;
	accept_loop(listener);
}
