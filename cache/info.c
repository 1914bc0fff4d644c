#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "rules.h"

static int copy_string(char **dst, const char *src)
{
	if (!src)
		return 0;
	*dst = strdup(src);
	return *dst ? 0 : -ENOMEM;
}

int record_info(const struct store_record *r, const char *url,
		struct cache_info *out)
{
	struct cache_info info = {
		.generation = r->generation,
		.directory = r->kind == STORE_DIRECTORY,
		.complete = store_record_complete(r),
		.pinned = r->pinned,
		.size = r->version.size,
		.cached = r->present.total,
		.modified = r->created,
		.generated = r->generated,
	};
	time_t modified = -1;

	if (r->version.last_modified)
		modified = fresh_parse_date(r->version.last_modified,
					    strlen(r->version.last_modified),
					    time(NULL));
	if (modified >= 0)
		info.modified = modified;
	if (copy_string(&info.url, url) ||
	    copy_string(&info.etag, r->version.etag) ||
	    copy_string(&info.last_modified, r->version.last_modified) ||
	    copy_string(&info.content_type, r->content_type) ||
	    copy_string(&info.base, r->base) ||
	    copy_string(&info.fields, r->fields)) {
		cache_info_fini(&info);
		return -ENOMEM;
	}
	*out = info;
	return 0;
}

int entry_info_locked(const struct entry *e, struct cache_info *out)
{
	int err = record_info(&e->rec, e->url->sent, out);

	if (err)
		return err;
	out->directory = e->state == ENTRY_DIRECTORY;
	out->complete = e->complete;
	out->cached -= memory_total(e->memory);
	out->unconfirmed = time(NULL) < entry_fresh_until_locked(e) ?
		0 : e->unconfirmed;
	out->revision = e->revision;
	return 0;
}

bool entry_fresh_locked(const struct entry *e, const struct cache_file *f)
{
	return e->checks != f->checks || e->checked_ms > f->opened_ms ||
	       time(NULL) < entry_fresh_until_locked(e);
}

time_t entry_fresh_until_locked(const struct entry *e)
{
	const struct conf_origin *o = conf_origin(cache_conf(e->cache),
						  e->url->key);

	if (rules_path_fits(&o->no_cache, e->url->key))
		return 0;
	if (o->max_age == CONF_AGE_UNSET || e->no_store)
		return e->rec.fresh_until;
	/* It was, or the clock is wrong. */
	return e->rec.validated > time(NULL) ? 0 :
	       e->rec.validated + (time_t)o->max_age;
}

bool entry_is_strict(const struct entry *e)
{
	struct fresh_headers h = FRESH_HEADERS_INIT;

	if (cache_conf(e->cache)->offline)
		return false;
	fresh_fields(&h, e->rec.fields);
	return h.must_revalidate || h.no_cache;
}

void cache_info_fini(struct cache_info *info)
{
	free(info->url);
	free(info->etag);
	free(info->last_modified);
	free(info->content_type);
	free(info->base);
	free(info->fields);
	*info = (struct cache_info){ 0 };
}
