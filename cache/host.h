/* host: the hosts that origins are on, as the engine has come to know them: how
 * fast, how far away, how many connections they take and pay for, and who waits
 * for one.
 *
 * Engine thread only. A host is made when it is first asked. Which there are is
 * for clients and redirects to say: those that were asked last are kept, and
 * those that are in use.
 */
#ifndef SPOOL_HOST_H
#define SPOOL_HOST_H

#include "claim.h"
#include "lanes.h"

#define HOSTS_KEPT 256

struct entry;
struct fetch;
struct plan_input;
struct transfer;

struct host {
	struct host *next;
	char *origin;
	unsigned active;	/* transfers */
	uint64_t rate;		/* bytes/s of one connection, smoothed */
	uint64_t latency_us;	/* request to first byte, smoothed */
	struct lanes lanes;	/* how many connections pay */
	uint64_t came;		/* bytes of ended transfers, not counted yet */
	int64_t down_until_ms;	/* could not be reached a moment ago */
	struct claims claims;	/* entries that want a connection */
};

/* The host of this origin. NULL: no memory. It may be gone after host_forget
 * unless it has transfers or claims. */
struct host *host_get(struct fetch *f, const char *origin);
/* The one that a request for e goes to. NULL: no memory. */
struct host *host_of(struct fetch *f, struct entry *e);
/* All but HOSTS_KEPT that were asked for last; no host in use. */
void host_forget(struct fetch *f);
void host_free_all(struct fetch *f);

/* How many transfers it may have, 1 to max_connections. */
unsigned host_cap(const struct fetch *f, const struct host *h, int64_t now);
/* Whether the host of e has fewer. */
bool host_has_room(struct fetch *f, struct entry *e);
/* If it has fewer, let the entry that comes next be planned. */
void host_offer(struct fetch *f, struct host *h);

/* What t, which has ended, tells of its host. */
void host_measure(struct transfer *t, int64_t now);
/* h has too many of our requests (429, 503). */
void host_refused(struct fetch *f, struct host *h, int64_t now);
/* What is known of e's host, h, and what it may be asked for e. */
void host_facts(struct fetch *f, struct host *h, const struct entry *e,
		struct plan_input *in);

#endif
