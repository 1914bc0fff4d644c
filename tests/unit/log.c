/* log: what comes out for what goes in. */
#include "config.h"

#include "cache/log.h"
#include "tests/tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int saved_stderr, pipe_end;

/* stderr into a pipe, and back. */
static void listen_in(void)
{
	int fds[2];

	if (pipe(fds))
		abort();
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	pipe_end = fds[0];
}

/* What was heard since, at most size - 1 bytes. */
static void heard(char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	while (len < size - 1 &&
	       (n = read(pipe_end, buf + len, size - 1 - len)) > 0)
		len += n;
	buf[len] = '\0';
	close(pipe_end);
}

static void test_levels(void)
{
	char text[1024];

	listen_in();
	log_info(LOG_CORE, "not yet");
	log_warn(LOG_CORE, "before log_open");
	log_open(LOG_LEVEL_INFO, false);
	log_error(LOG_STORE, "one");
	log_info(LOG_FETCH, "two %d %s", 2, "x");
	log_debug(LOG_HTTP, "never");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn(LOG_HTTP, "not at this level");
	log_set_level(LOG_LEVEL_INFO);
	heard(text, sizeof(text));
	is_str(text, "spoolfs: core: before log_open\n"
	       "spoolfs: store: one\nspoolfs: fetch: two 2 x\n",
	       "levels and areas");
	ok(log_enabled(LOG_LEVEL_INFO) && !log_enabled(LOG_LEVEL_DEBUG),
	   "what is enabled");
	listen_in();
	log_open(LOG_LEVEL_DEBUG, false);
	log_debug(LOG_HTTP, "now");
	log_open(LOG_LEVEL_INFO, false);
	heard(text, sizeof(text));
	ok(strlen(text) == strlen("spoolfs: 00:00:00.000 http: now\n") &&
	   text[11] == ':' && strstr(text, " http: now\n"),
	   "debug tells the time");
}

static void test_hostile(void)
{
	char text[8192], *big = malloc(6000);

	memset(big, 'x', 5999);
	big[5999] = '\0';
	listen_in();
	log_error(LOG_HTTP, "%s", "a\nspoolfs: core: b\r\x1b[2Jc\x7f\td");
	log_error(LOG_HTTP, "%s", "\xc2\x9b" "1m\xc3\xbc\xc2\xa0\xc2");
	log_error(LOG_HTTP, "%s", big);
	log_error(LOG_HTTP, "%s", "");
	errno = ENOENT;
	log_error(LOG_HTTP, "%m");
	is_int(errno, ENOENT, "errno stays");
	heard(text, sizeof(text));
	ok(!strncmp(text, "spoolfs: http: a?spoolfs: core: b??[2Jc??d\n", 43),
	   "one call, one line");
	ok(strstr(text, "spoolfs: http: ??1m\xc3\xbc\xc2\xa0\xc2\n") != NULL,
	   "C1 controls, and nothing else of UTF-8");
	ok(strstr(text, "xxx...\nspoolfs: http: \n") != NULL,
	   "a long line is cut, visibly");
	ok(strstr(text, "http: No such file or directory\n") != NULL, "%%m");
	free(big);
}

static void *talk(void *what)
{
	for (int i = 0; i < 200; i++)
		log_error(LOG_CORE, "%s", (const char *)what);
	return NULL;
}

static void test_threads(void)
{
	static char text[65536];
	pthread_t one, two;
	char *save = NULL;
	int a = 0, b = 0, other = 0;

	listen_in();	/* 2 * 200 lines fit into a pipe */
	pthread_create(&one, NULL, talk, (char *)"aaaaaaaaaaaaaaaaaaaaaaaa");
	pthread_create(&two, NULL, talk, (char *)"bbbbbbbbbbbbbbbbbbbbbbbb");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	heard(text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		a += !strcmp(line, "spoolfs: core: aaaaaaaaaaaaaaaaaaaaaaaa");
		b += !strcmp(line, "spoolfs: core: bbbbbbbbbbbbbbbbbbbbbbbb");
		other += strlen(line) != 39;
	}
	ok(a == 200 && b == 200 && !other, "lines of two threads stay whole");
}

int main(void)
{
	test_levels();
	test_hostile();
	test_threads();
	return done_testing();
}
