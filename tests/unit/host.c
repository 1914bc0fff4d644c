/* host: which are known, and how many. */
#include "config.h"

#include "cache/engine.h"
#include "tests/tap.h"

static struct host *number(struct fetch *f, unsigned n)
{
	char origin[64];

	snprintf(origin, sizeof(origin), "http://h%u/", n);
	return host_get(f, origin);
}

static bool is_known(const struct fetch *f, const struct host *host)
{
	for (const struct host *h = f->hosts; h; h = h->next)
		if (h == host)
			return true;
	return false;
}

static unsigned count(const struct fetch *f)
{
	unsigned n = 0;

	for (const struct host *h = f->hosts; h; h = h->next)
		n++;
	return n;
}

int main(void)
{
	struct fetch f = { 0 };
	struct claim waiting = { .priority = CLAIM_NONE };
	struct host *first = number(&f, 0), *busy = number(&f, 1);
	struct host *wanted = number(&f, 2), *idle = number(&f, 3);

	ok(first && first != busy && number(&f, 0) == first, "one an origin");
	busy->active = 1;
	claim_join(&wanted->claims, &waiting, PLAN_BACKGROUND);
	for (unsigned n = 4; n < HOSTS_KEPT; n++)
		number(&f, n);
	host_forget(&f);
	is_int(count(&f), HOSTS_KEPT, "so many are kept");
	for (unsigned n = HOSTS_KEPT; n < 10 * HOSTS_KEPT; n++) {
		number(&f, n);
		number(&f, 0);
	}
	is_int(count(&f), 10 * HOSTS_KEPT, "none goes while it may be in hand");
	host_forget(&f);
	is_int(count(&f), HOSTS_KEPT + 2, "the rest goes, but for two");
	ok(is_known(&f, busy), "one that has a transfer");
	ok(is_known(&f, wanted), "and one that somebody waits for");
	ok(!is_known(&f, idle), "not one that nobody has asked for");
	ok(f.hosts == first && number(&f, 0) == first, "who is asked stays");
	claim_leave(&waiting);
	busy->active = 0;
	host_forget(&f);
	is_int(count(&f), HOSTS_KEPT, "they go when they are not in use");
	host_free_all(&f);
	is_int(count(&f), 0, "all");
	return done_testing();
}
