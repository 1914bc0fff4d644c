#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/log.h"
#include "hangup.h"
#include "notify.h"

struct hangup {
	struct cache *cache;
	bool terminal;		/* there was one */
	_Atomic bool ending;
	pthread_t thread;
};

static void reload(struct cache *c)
{
	char *said;
	int err;

	notify_send("RELOADING=1");
	err = cache_reload(c, &said);
	if (err)
		log_error(LOG_CONF, "the settings stay as they were: %s",
			  said ? said : strerror(-err));
	else
		log_info(LOG_CONF, "the settings have been read again");
	if (!err && said)
		log_warn(LOG_CONF, "changed, but not before the next start: %s",
			 said);
	free(said);
	notify_send("READY=1");
}

static void *wait_for_hangups(void *arg)
{
	struct hangup *h = arg;
	sigset_t set;
	int number;

	pthread_setname_np(pthread_self(), "hangup");
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	while (sigwait(&set, &number) == 0 && !atomic_load(&h->ending)) {
		if (h->terminal && !isatty(STDERR_FILENO))
			kill(getpid(), SIGTERM);
		else
			reload(h->cache);
	}
	return NULL;
}

int hangup_watch(struct cache *c, struct hangup **out)
{
	struct hangup *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->cache = c;
	h->terminal = isatty(STDERR_FILENO);
	err = pthread_create(&h->thread, NULL, wait_for_hangups, h);
	if (err) {
		free(h);
		return -err;
	}
	*out = h;
	return 0;
}

void hangup_unwatch(struct hangup *h)
{
	if (!h)
		return;
	atomic_store(&h->ending, true);
	pthread_kill(h->thread, SIGHUP);
	pthread_join(h->thread, NULL);
	free(h);
}
