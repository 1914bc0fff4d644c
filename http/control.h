/* control: commands and insight, over a Unix socket of one's own.
 *
 * HTTP with JSON, for spoolctl and other programs of the same user; what can
 * be asked is the table in control_ask.c, and described in spoolfs-control(7).
 * The socket is private (control_socket.h); there is no other way to commands.
 *
 * It decides nothing: it says to the cache what it is told (command.h), and
 * what the cache says.
 *
 * Threads: libmicrohttpd's, one for each connection; when there are 64, others
 * are refused. So a handler may wait, for the end of a download or for an
 * event; it waits with an eye on its client, and on control_stop. Who waits for
 * the cache is settled by it, by cache_stop at the latest. They inherit the
 * signal mask of control_start's caller.
 */
#ifndef SPOOL_HTTP_CONTROL_H
#define SPOOL_HTTP_CONTROL_H

struct cache;
struct control;

/* What the program knows and the cache does not. Strings must outlive the
 * control. */
struct control_setup {
	const char *cache_dir;
	const char *path;	/* of the socket; NULL: the usual place */
	const char *http;	/* where the endpoint is reached, or NULL */
	const char *mount;	/* the mount point, or NULL */
	const char *base;	/* the URL that is mounted, or NULL: all */
};

/* 0; or -errno with *error (malloc'd, one line; NULL: no memory) that says
 * what could not be had. */
int control_start(struct cache *c, const struct control_setup *setup,
		  struct control **out, char **error);

/* Where the socket is: absolute if the path of the setup was. */
const char *control_path(const struct control *c);

/* End it: connections are cut, threads joined, the socket removed. Only after
 * cache_stop, which ends what handlers wait for. NULL is fine. */
void control_stop(struct control *c);

#endif
