/* lab: for contract tests: the scripted origin, a cache on it, and waiting like a
 * caller. One a program. */
#ifndef SPOOL_TESTS_LAB_H
#define SPOOL_TESTS_LAB_H

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/command.h"
#include "tests/tap.h"

static char lab_folder[] = "/tmp/spool-lab-XXXXXX";
static unsigned lab_port;
static pid_t lab_origin;
static struct conf lab_conf;

static inline void lab_start(const char *script)
{
	const char *build = getenv("top_builddir");
	char path[4096], rules[256];
	int out[2];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/origin/origin",
		 build ? build : ".");
	snprintf(rules, sizeof(rules), "%s/rules", lab_folder);
	f = fopen(rules, "w");
	fputs(script, f);
	fclose(f);
	if (pipe(out))
		return;
	lab_origin = fork();
	if (lab_origin == 0) {
		dup2(out[1], 1);
		close(out[0]);
		execl(path, path, "--with-parent", "--script", rules, NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	if (fscanf(f, "%u", &lab_port) != 1)
		lab_port = 0;
	fclose(f);
}

static inline void lab_stop_origin(void)
{
	kill(lab_origin, SIGKILL);
	waitpid(lab_origin, NULL, 0);
}

/* One of a few, to be used at once. */
static inline const char *lab_url(const char *path)
{
	static _Thread_local char text[4][256];
	static _Thread_local unsigned turn;
	char *url = text[turn++ % 4];

	snprintf(url, sizeof(text[0]), "http://127.0.0.1:%u%s", lab_port, path);
	return url;
}

/* Ask the origin's control: the answer's body in buf. */
static inline void lab_ask(const char *method, const char *path,
			   const char *body, char *buf, size_t size)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(lab_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[512], *end;
	size_t n = 0;
	ssize_t r = 0;

	buf[0] = '\0';
	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: h\r\n"
		 "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", method,
		 path, strlen(body), body);
	if (connect(s, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    write(s, request, strlen(request)) > 0)
		while (n < size - 1 && (r = read(s, buf + n, size - 1 - n)) > 0)
			n += (size_t)r;
	close(s);
	buf[n] = '\0';
	end = strstr(buf, "\r\n\r\n");
	if (end)
		memmove(buf, end + 4, strlen(end + 4) + 1);
}

static inline void lab_post(const char *path, const char *body)
{
	char answer[1024];

	lab_ask("POST", path, body, answer, sizeof(answer));
}

/* How many requests the origin has had for a path. */
static inline unsigned lab_requests(const char *path)
{
	char answer[1024], asked[256];
	const char *at;

	snprintf(asked, sizeof(asked), "/-/stats?%s", path);
	lab_ask("GET", asked, "", answer, sizeof(answer));
	at = strstr(answer, "\"requests\"");
	return at ? (unsigned)strtoul(at + strlen("\"requests\"") +
				      strspn(at + strlen("\"requests\""), ": "),
				      NULL, 10) : 0;
}

static inline int lab_remove_one(const char *path, const struct stat *st,
				 int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline bool lab_begin(const char *script)
{
	char *error = NULL;
	char dir[128];

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(lab_folder) || conf_init(&lab_conf))
		return false;
	snprintf(dir, sizeof(dir), "%s/cache", lab_folder);
	lab_start(script);
	return ok(!conf_set(&lab_conf, "cache_dir", dir, &error) &&
		  !conf_set(&lab_conf, "read_timeout", "3", &error) &&
		  !conf_set(&lab_conf, "stall_timeout", "2", &error) &&
		  !conf_set(&lab_conf, "connect_timeout", "2", &error),
		  "settings: %s", error ? error : "good");
}

static inline void lab_end(void)
{
	conf_fini(&lab_conf);
	nftw(lab_folder, lab_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
