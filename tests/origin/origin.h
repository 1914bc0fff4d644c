/* origin: a scripted HTTP/1.1 origin that can break every rule.
 *
 * A test server on raw sockets: no HTTP library stands between a script and
 * the wire, so a script can lie about lengths, drop, stall, drip, flap and
 * reset. It also answers correctly when no rule says otherwise, writes down
 * every request it saw, and serves as the slow link of the demo. One thread a
 * connection; a connection serves one request after the other.
 *
 * tests/README.md has the language of the script and the control requests.
 *
 *   main (origin.c) -> connection (origin.c) -> request.c  what was asked
 *                                            -> script.c   which rule
 *                                            -> content.c  which bytes
 *                                            -> answer.c   what goes out
 *                                            -> control.c  /-/ and the log
 *   and below all of them tls.c, for those who want it.
 *
 * To grow: a new fault is a field of struct rule, a line in script.c's table
 * and its place in answer.c.
 *
 * Refuses: to be fast, to be secure, to face anything but loopback.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#define NEVER UINT64_MAX
#define BEFORE (UINT64_MAX - 1)	/* a point ahead of the status line */
#define HEAD_MAX (128 * 1024)	/* bytes of a request's head */
#define REQUEST_BODY_MAX (1024 * 1024)
#define HEADERS_MAX 200		/* of a request */

enum ranges {
	RANGES_HONOUR,		/* 206, 416 */
	RANGES_OFF,		/* 200 and Accept-Ranges: none */
	RANGES_IGNORE,		/* 200 although Accept-Ranges: bytes */
	RANGES_QUIET,		/* work, but Accept-Ranges: none */
	RANGES_WRONG_START,	/* 206 of other bytes, and says so */
	RANGES_WRONG_TOTAL,	/* another total in every answer */
	RANGES_STAR,		/* total is "*" */
	RANGES_NO_HEADER,	/* 206 without Content-Range */
	RANGES_MULTIPART,	/* multipart/byteranges with one part */
	RANGES_REFUSE,		/* 416 whatever is asked */
};

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

enum if_range { IF_RANGE_HONOUR, IF_RANGE_IGNORE, IF_RANGE_NEVER };

struct text {
	char *s;
	size_t len;
};

/* One line of the script: when it applies, and what is done then. */
struct rule {
	char *pattern;
	unsigned line;
	/* when; counters under the script's lock */
	char *method;
	int ranged;		/* -1 either, 0 only without Range, 1 with */
	uint64_t skip, times;
	uint64_t busy;		/* while so many others are being answered */
	uint64_t seen, used;
	/* what */
	uint64_t delay_ms;
	uint64_t rate, link;	/* bytes/s of a connection, of all together */
	uint64_t status;	/* 0: as it should be */
	char *reason;
	struct text *headers;	/* raw lines, or "-Name" to leave one out */
	size_t n_headers;
	int ranges, framing, if_range;		/* the enums above */
	int conditional;			/* bool: 304 is possible */
	int64_t lie;		/* Content-Length minus length of the body */
	int64_t slice;		/* body minus what Content-Range promises */
	char *etag, *last_modified;		/* a mode or a literal value */
	uint64_t version;	/* NEVER: by the table of versions */
	uint64_t drop, reset, stall;	/* bytes of body, BEFORE, NEVER */
	uint64_t wall;		/* offset in the content: as stall, there */
	uint64_t interim;	/* 1xx blocks ahead, NEVER: no end of them */
	uint64_t junk, junk_bytes;	/* header lines, bytes of each */
	char *redirect, *file, *gen, *body;
	int head_refused, close_after;		/* bool */
	/* how far the shared link is booked, under the script's lock */
	int64_t link_due_ns;
};

struct script {
	struct rule *rules;
	size_t n;
	pthread_mutex_t lock;
	unsigned refs;		/* under origin.lock */
};

/* Parse; NULL with *error (malloc'd, "line N: reason") set. */
struct script *script_parse(const char *text, char **error);
void script_free(struct script *s);

struct request;

/* The first rule that matches and has times left; it is counted as used.
 * Never NULL: without one, a rule that changes nothing. Lives as long as s. */
struct rule *script_match(struct script *s, const struct request *q);

/* "64K", "2M", "2MB", "1G": K, M, G are powers of 1024, kB, MB, GB of 1000.
 * *end is set behind it. False when there is no number. */
bool parse_size(const char *text, const char **end, uint64_t *out);

struct header {
	char *name, *value;
};

struct request {
	char *method, *target;	/* as on the wire */
	char *path;		/* target without query, percent-decoded */
	struct header headers[HEADERS_MAX];
	size_t n_headers;
	char *body;		/* NUL-terminated */
	size_t body_len;
	bool keep_alive;
};

/* Value of the first such header, or NULL. Case-insensitive. */
const char *request_header(const struct request *q, const char *name);

struct connection {
	int fd;
	void *tls;		/* a session, or NULL */
	bool cut;		/* ended by a fault: without a close_notify */
	uint64_t number;	/* of the connection, from 1 */
	uint64_t requests;	/* so far */
	bool local;		/* the peer is on loopback */
	char *in;		/* HEAD_MAX bytes: read but not consumed */
	size_t in_len;
	char *head;		/* HEAD_MAX + 1 bytes: q's strings */
	struct request q;
	int64_t due_ns;		/* when the next byte may go, of `rate` */
};

/* Read the next request. 1: c->q is filled in. 0: the peer has left.
 * > 1: answer with this status and close. */
int request_read(struct connection *c);

/* What is served: bytes that can be had at any offset. */
struct content {
	int fd;			/* a file, or -1 */
	const char *text;	/* body= of a rule, or NULL */
	uint64_t size;
	uint64_t seed, version;
	time_t mtime;
	char tag[64];		/* opaque part of the ETag */
	const char *type;
};

/* 0, or the status to answer with (404, 301 for a folder). */
int content_open(const struct rule *r, const char *root, const char *path,
		 uint64_t version, struct content *out);
void content_close(struct content *k);

/* Fill buf with the bytes at off. Past the end of a file: zeros. */
void content_read(const struct content *k, void *buf, size_t len,
		  uint64_t off);

/* The documented generator; tests/README.md has it in words and
 * tests/e2e/spool.py in Python. */
uint64_t content_word(uint64_t seed, uint64_t version, uint64_t index);

/* One request as the log knows it. */
struct record {
	struct record *next;
	bool listed, active;	/* freed when neither */
	uint64_t connection, number;
	int64_t time_ms;	/* since the origin started */
	char *text;		/* method, target, headers as JSON members */
	char *target;
	unsigned status, line;	/* 0: none yet; of the rule, 0: none */
	uint64_t sent;		/* bytes of body handed to the kernel */
	const char *end;	/* why it ended, NULL: under way */
};

struct origin {
	pthread_mutex_t lock;	/* everything below */
	const char *root;
	struct script *script;
	struct record *log, **log_tail;
	uint64_t connections, open, requests, releases;
	struct version {
		char *path;
		uint64_t number;
		struct version *next;
	} *versions;
	struct timespec start;
};
extern struct origin origin;

struct script *origin_script(void);	/* with a reference */
void origin_script_put(struct script *s);

int64_t now_ns(void);
/* False when the peer left before `until` (now_ns) or, with a release count
 * given, the count has moved on (then true). until may be INT64_MAX. */
bool connection_wait(struct connection *c, int64_t until,
		     const uint64_t *release);
/* Some bytes; 0 at the end of the stream, negative on an error. */
ssize_t connection_receive(struct connection *c, void *buf, size_t len);
/* All of it. False when the peer is gone. */
bool connection_send(struct connection *c, const void *buf, size_t len);
uint64_t release_count(void);

/* Files in PEM. False, and said why, when they are no good. */
bool tls_init(const char *cert, const char *key);
/* The handshake, if the peer begins one. False: no use to go on. */
bool tls_accept(struct connection *c);
/* On a connection with c->tls, as recv and send. */
ssize_t tls_receive(struct connection *c, void *buf, size_t len);
ssize_t tls_send(struct connection *c, const void *buf, size_t len);
/* notify: say that this is the end, ahead of the FIN. */
void tls_end(struct connection *c, bool notify);

/* Answer c->q. True: the connection can go on. */
bool answer(struct connection *c);
bool answer_simple(struct connection *c, unsigned status, const char *body,
		   size_t len);
const char *reason_of(unsigned status);

/* Requests below "/-/". */
bool control(struct connection *c);

/* NULL when there is no memory: every function takes that. */
struct record *record_begin(const struct connection *c);
void record_update(struct record *r, unsigned status, unsigned line,
		   uint64_t sent);
void record_end(struct record *r, const char *end);
uint64_t version_of(const char *path);

#endif
