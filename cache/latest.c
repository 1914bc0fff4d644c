#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "latest.h"
#include "rules.h"

int latest_parse(struct cache *c, const char *text, struct url **url,
		 char **full)
{
	const struct conf_origin *o;
	struct url *u, *bare;
	char *stripped;
	int err = url_parse(text, &u);

	if (err)
		return err;
	*full = NULL;
	*url = u;
	o = conf_origin(cache_conf(c), u->key);
	err = rules_strip(&o->ignore_query, u->sent, &stripped);
	if (!err && !stripped)
		return 0;
	if (!err)
		err = url_parse(stripped, &bare);
	free(stripped);
	if (!err) {
		*url = bare;
		*full = u->sent;
		u->sent = NULL;
	}
	url_free(u);
	return err;
}

void latest_set(struct entry *e, char *full)
{
	char *old = full;

	if (!full)
		return;
	pthread_mutex_lock(&e->lock);
	/* Most are given again as they were. */
	if (!e->latest || strcmp(e->latest, full) != 0) {
		old = e->latest;
		e->latest = full;
	}
	pthread_mutex_unlock(&e->lock);
	free(old);
}

static char *copy_of(struct entry *e)
{
	char *copy;

	pthread_mutex_lock(&e->lock);
	copy = e->latest ? strdup(e->latest) : NULL;
	pthread_mutex_unlock(&e->lock);
	return copy;
}

int latest_url(struct entry *e, struct url **out)
{
	char *full = copy_of(e), *key = strdup(e->url->key);
	struct url *u;

	if (!key || url_parse(full ? full : e->url->sent, &u)) {
		free(full);
		free(key);
		return -ENOMEM;
	}
	free(full);
	free(u->key);
	u->key = key;
	*out = u;
	return 0;
}

bool latest_is_newer(struct entry *e, const char *sent)
{
	bool newer;

	pthread_mutex_lock(&e->lock);
	newer = e->latest && strcmp(e->latest, sent) != 0;
	pthread_mutex_unlock(&e->lock);
	return newer;
}

void latest_copy(struct entry *to, struct entry *from)
{
	char *copy = copy_of(from);

	pthread_mutex_lock(&to->lock);
	if (!to->latest) {
		to->latest = copy;
		copy = NULL;
	}
	pthread_mutex_unlock(&to->lock);
	free(copy);
}
