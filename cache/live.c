#include "config.h"

#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct live_conf {
	struct conf conf;
	struct live_conf *next;
};

void live_init(struct live *l, const struct conf *first)
{
	atomic_init(&l->now, first);
	pthread_mutex_init(&l->lock, NULL);
}

void live_fini(struct live *l)
{
	struct live_conf *m;

	while ((m = l->made)) {
		l->made = m->next;
		conf_fini(&m->conf);
		free(m);
	}
	pthread_mutex_destroy(&l->lock);
}

void live_on_load(struct live *l,
		  int (*load)(void *ctx, struct conf *out, char **error),
		  void *ctx)
{
	pthread_mutex_lock(&l->lock);
	l->load = load;
	l->ctx = ctx;
	pthread_mutex_unlock(&l->lock);
}

static int load_locked(struct live *l, char **said)
{
	struct live_conf *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	err = l->load ? l->load(l->ctx, &m->conf, said) : -ENOSYS;
	if (err) {
		free(m);
		return err;
	}
	err = conf_keep(&m->conf, live_now(l), said);
	if (err) {
		conf_fini(&m->conf);
		free(m);
		return err;
	}
	m->next = l->made;
	l->made = m;
	log_set_level(m->conf.log_level);
	atomic_store_explicit(&l->now, &m->conf, memory_order_release);
	return 0;
}

int live_load(struct live *l, char **said)
{
	int err;

	*said = NULL;
	pthread_mutex_lock(&l->lock);
	err = load_locked(l, said);
	pthread_mutex_unlock(&l->lock);
	return err;
}
