/* load: the benches' clients where Python would be what is measured.
 *
 *   load ranges PORT TARGET SIZE LENGTH CONNECTIONS SECONDS
 *
 * asks 127.0.0.1 for ranges of LENGTH bytes at random places of a file of SIZE
 * bytes, one after the other on each of CONNECTIONS kept connections, and
 * prints requests a second, the median and the 99th percentile in µs, how many
 * connections failed, and how much of a CPU this took, in percent.
 *
 *   load park FILE COUNT
 *
 * has COUNT threads read 4 KiB each, at places all over its second half, says
 * "reading" when all have begun, and ends with its standard input.
 *
 *   load entries FOLDER COUNT
 *
 * makes 2.bin … COUNT.bin and their records from 1.bin in a folder of a cache,
 * whose record must have a generation of 16 digits and a checksum.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 4096
#define LATENCIES_MAX (4 << 20)

struct client {
	int fd;
	int64_t begin;		/* of the request, ns */
	char head[HEAD_MAX + 1];
	size_t head_len;	/* of the answer, so far */
	int64_t left;		/* of the body; -1: the head is not over */
};

static struct {
	const char *target;
	struct sockaddr_in address;
	uint64_t size, length;
	uint64_t dice;
	uint32_t *latency;	/* µs */
	size_t done, failed;
	char sink[256 * 1024];
} load;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint64_t dice(void)
{
	load.dice ^= load.dice << 13;
	load.dice ^= load.dice >> 7;
	load.dice ^= load.dice << 17;
	return load.dice;
}

static bool ask(struct client *c)
{
	uint64_t places = load.size / load.length;
	uint64_t off = dice() % (places ? places : 1) * load.length;
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			 "Range: bytes=%llu-%llu\r\n\r\n", load.target,
			 (unsigned long long)off,
			 (unsigned long long)(off + load.length - 1));

	c->head_len = 0;
	c->left = -1;
	c->begin = now_ns();
	return n < (int)sizeof(text) &&
	       send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool client_connect(struct client *c)
{
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&load.address,
				 sizeof(load.address)))
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return !fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

/* The head, and with it perhaps the first of the body. 1: it is there, 0: not
 * yet, -1: not what was asked for. */
static int take_head(struct client *c)
{
	ssize_t n = recv(c->fd, c->head + c->head_len,
			 HEAD_MAX - c->head_len, 0);
	char *end;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	c->head_len += (size_t)n;
	c->head[c->head_len] = '\0';
	end = strstr(c->head, "\r\n\r\n");
	if (!end)
		return c->head_len == HEAD_MAX ? -1 : 0;
	if (strncmp(c->head, "HTTP/1.1 206", 12))
		return -1;
	c->left = (int64_t)load.length -
		  (c->head + c->head_len - (end + 4));
	return c->left < 0 ? -1 : 1;
}

static int take_body(struct client *c)
{
	size_t want = sizeof(load.sink);
	ssize_t n;

	while (c->left > 0) {
		if ((uint64_t)c->left < want)
			want = (size_t)c->left;
		n = recv(c->fd, load.sink, want, 0);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		c->left -= n;
	}
	return 1;
}

static void finished(const struct client *c)
{
	int64_t us = (now_ns() - c->begin) / 1000;

	if (load.done < LATENCIES_MAX)
		load.latency[load.done++] = (uint32_t)us;
}

/* False: this connection is over. */
static bool serve(struct client *c)
{
	int got = 1;

	if (c->left < 0)
		got = take_head(c);
	if (got > 0)
		got = take_body(c);
	if (got > 0) {
		finished(c);
		return ask(c);
	}
	return got == 0;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void report(int64_t took, int64_t cpu)
{
	size_t n = load.done;

	qsort(load.latency, n, sizeof(*load.latency), by_size);
	printf("%.0f %u %u %zu %.0f\n", (double)n / ((double)took / 1e9),
	       n ? load.latency[n / 2] : 0, n ? load.latency[n * 99 / 100] : 0,
	       load.failed, 100.0 * (double)cpu / (double)took);
}

static int run(struct client *clients, size_t count, double seconds)
{
	struct epoll_event events[256], e = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC), i, n;
	int64_t begin, end, cpu;
	size_t k;

	for (k = 0; k < count; k++) {
		e.data.ptr = &clients[k];
		if (!client_connect(&clients[k]) ||
		    epoll_ctl(fd, EPOLL_CTL_ADD, clients[k].fd, &e)) {
			perror("load: connect");
			return 1;
		}
	}
	cpu = cpu_ns();
	begin = now_ns();
	end = begin + (int64_t)(seconds * 1e9);
	for (k = 0; k < count; k++)
		load.failed += !ask(&clients[k]);
	while (now_ns() < end && load.failed < count) {
		n = epoll_wait(fd, events, 256, 100);
		for (i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			if (!serve(c)) {
				load.failed++;
				close(c->fd);
			}
		}
	}
	report(now_ns() - begin, cpu_ns() - cpu);
	return 0;
}

static int ranges(char **argv)
{
	size_t count = strtoul(argv[4], NULL, 10);
	struct client *clients = calloc(count, sizeof(*clients));

	load.address.sin_family = AF_INET;
	load.address.sin_port = htons((uint16_t)atoi(argv[0]));
	load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load.target = argv[1];
	load.size = strtoull(argv[2], NULL, 10);
	load.length = strtoull(argv[3], NULL, 10);
	load.dice = UINT64_C(88172645463325252);
	load.latency = calloc(LATENCIES_MAX, sizeof(*load.latency));
	if (!clients || !load.latency || !load.length)
		return 1;
	return run(clients, count, atof(argv[5]));
}

/* ---- park ----------------------------------------------------------------- */

static struct {
	const char *path;
	size_t count;
	off_t size;
	pthread_barrier_t begun;
} park;

static void *parked(void *arg)
{
	off_t step = park.size / 2 / (off_t)(park.count + 1);
	int fd = open(park.path, O_RDONLY | O_CLOEXEC);
	char buf[4096];

	pthread_barrier_wait(&park.begun);
	if (fd < 0 || pread(fd, buf, sizeof(buf), park.size / 2 +
			    step * (off_t)(uintptr_t)arg) < 0)
		perror("load: park");
	return NULL;
}

static int park_all(char **argv)
{
	struct rlimit files = { 65536, 65536 };
	pthread_attr_t attr;
	pthread_t thread;
	struct stat st;
	size_t i;

	park.path = argv[0];
	park.count = strtoul(argv[1], NULL, 10);
	setrlimit(RLIMIT_NOFILE, &files);
	if (stat(park.path, &st) || !park.count ||
	    pthread_barrier_init(&park.begun, NULL,
				 (unsigned)park.count + 1)) {
		perror(park.path);
		return 1;
	}
	park.size = st.st_size;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (i = 0; i < park.count; i++)
		if (pthread_create(&thread, &attr, parked,
				   (void *)(uintptr_t)(i + 1))) {
			perror("load: thread");
			return 1;
		}
	pthread_barrier_wait(&park.begun);
	puts("reading");
	fflush(stdout);
	while (getchar() != EOF)
		;
	_exit(0);	/* without those that still wait */
}

/* ---- entries -------------------------------------------------------------- */

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	if (!f || !text) {
		perror(path);
		exit(1);
	}
	*len = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

static void spill(const char *folder, size_t n, const char *suffix,
		  const char *text, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%zu.bin%s", folder, n, suffix);
	f = fopen(path, "we");
	if (!f || fwrite(text, 1, len, f) != len || fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* As cache/record.c does it. */
static uint64_t checksum(const char *text, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++) {
		sum ^= (unsigned char)text[i];
		sum *= UINT64_C(0x100000001b3);
	}
	return sum;
}

/* The record of 1.bin with another number, generation and checksum. */
static size_t record_of(size_t n, const char *model, char *out, size_t max)
{
	const char *p = model, *hit;
	size_t len = 0;

	while ((hit = strstr(p, "/1.bin\n"))) {
		len += (size_t)snprintf(out + len, max - len, "%.*s/%zu.bin\n",
					(int)(hit - p), p, n);
		p = hit + strlen("/1.bin\n");
	}
	hit = strstr(p, "generation: ") + strlen("generation: ");
	len += (size_t)snprintf(out + len, max - len, "%.*s%016zx",
				(int)(hit - p), p, n);
	p = hit + 16;
	hit = strstr(p, "checksum: ");
	len += (size_t)snprintf(out + len, max - len, "%.*s", (int)(hit - p),
				p);
	len += (size_t)snprintf(out + len, max - len,
				"checksum: %016" PRIx64 "\n",
				checksum(out, len));
	return len;
}

static int entries(char **argv)
{
	static char record[65536];
	size_t count = strtoul(argv[1], NULL, 10), model_len, data_len, len;
	char path[4096], *model, *data;

	snprintf(path, sizeof(path), "%s/1.bin.meta", argv[0]);
	model = slurp(path, &model_len);
	snprintf(path, sizeof(path), "%s/1.bin", argv[0]);
	data = slurp(path, &data_len);
	if (!strstr(model, "/1.bin\n") || !strstr(model, "generation: ") ||
	    !strstr(model, "checksum: ")) {
		fprintf(stderr, "load: %s: not a record I know\n", path);
		return 1;
	}
	for (size_t n = 2; n <= count; n++) {
		len = record_of(n, model, record, sizeof(record));
		spill(argv[0], n, ".meta", record, len);
		spill(argv[0], n, "", data, data_len);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8 && !strcmp(argv[1], "ranges"))
		return ranges(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "park"))
		return park_all(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "entries"))
		return entries(argv + 2);
	fputs("usage: load ranges PORT TARGET SIZE LENGTH CONNECTIONS SECONDS\n"
	      "       load park FILE COUNT\n"
	      "       load entries FOLDER COUNT\n", stderr);
	return 2;
}
