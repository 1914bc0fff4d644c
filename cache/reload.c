/* The settings in force, for all of the cache (live.h). */
#include "config.h"

#include "core.h"
#include "evictor.h"

const struct conf *cache_conf(struct cache *c)
{
	return live_now(&c->live);
}

void cache_on_reload(struct cache *c,
		     int (*load)(void *ctx, struct conf *out, char **error),
		     void *ctx)
{
	live_on_load(&c->live, load, ctx);
}

int cache_reload(struct cache *c, char **said)
{
	int err = live_load(&c->live, said);

	if (!err)
		evictor_look(c->evictor);
	return err;
}
