/* serve: the HTTP endpoint on localhost.
 *
 * "/https/HOST/PATH?query" is the resource https://HOST/PATH?query, out of the
 * cache; "/NAME" is a name that was given to a URL (command.h). GET and HEAD,
 * byte ranges, streamed while it downloads. What is here is sent with sendfile;
 * what is not here parks the request, not the thread: no thread of the endpoint
 * ever waits for an origin.
 *
 * It refuses to be anybody's proxy: it listens on loopback unless told
 * otherwise, and access.h says whom it answers.
 *
 * Threads: a few of libmicrohttpd's for each listener, and one that watches the
 * clients of parked requests. They inherit the signal mask of serve_start's
 * caller.
 */
#ifndef SPOOL_SERVE_H
#define SPOOL_SERVE_H

struct cache;
struct conf;
struct serve;

/* Listen at all of conf->http (listen.h; there must be one) and serve. c and
 * conf must outlive it. 0; or -errno with *error (malloc'd, one line) that says
 * what could not be had. */
int serve_start(struct cache *c, const struct conf *conf, struct serve **out,
		char **error);

/* "http://127.0.0.1:4612/": where local clients reach it, at the first of
 * several; "unix:/PATH" when there are Unix sockets alone. Lives as long as s. */
const char *serve_address(const struct serve *s);

/* End it: connections are cut, threads joined, s freed. Only after cache_stop,
 * which settles every parked request; libmicrohttpd ends the process when it
 * is stopped with one still suspended. NULL is fine. */
void serve_stop(struct serve *s);

#endif
