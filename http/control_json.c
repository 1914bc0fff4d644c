#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *control_json_error(int error)
{
	static const struct {
		int error;
		const char *text;
	} table[] = {
		{ ENOENT, "not found" },
		{ EACCES, "access refused" },
		{ ETIMEDOUT, "timed out" },
		{ EHOSTUNREACH, "host unreachable" },
		{ EIO, "unusable answer" },
		{ ESTALE, "changed" },
		{ EISDIR, "a folder" },
		{ EPERM, "must not be kept" },
		{ ENOSPC, "no room on disk" },
		{ ECANCELED, "stopped" },
		{ ESHUTDOWN, "shutting down" },
		{ ENODATA, "nothing to tell versions by" },
		{ EBUSY, "busy" },
		{ EINVAL, "not a URL that can be fetched" },
		{ ENAMETOOLONG, "URL too long" },
		{ ENOMEM, "out of memory" },
		{ EFBIG, "too big" },
	};

	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].error == -error)
			return table[i].text;
	return strerrordesc_np(-error) ? strerrordesc_np(-error) : "failed";
}

bool control_json_is_active(const struct cache_view *v)
{
	return v->fetching || v->validating || v->readers > 0 ||
	       v->waiting > 0 || v->connections > 0;
}

bool control_json_is_wanted(const struct cache_view *v, enum ask_state state)
{
	if (state == ASK_ALL)
		return true;
	if (state == ASK_PARTIAL)
		return !v->info.complete && !v->info.directory;
	if (state == ASK_LOADED)
		return v->loaded;
	return control_json_is_active(v) == (state == ASK_ACTIVE);
}

/* ---- values --------------------------------------------------------------------- */

static json_t *bytes(uint64_t n)
{
	return n == CACHE_SIZE_UNKNOWN ? json_null()
				       : json_integer((json_int_t)n);
}

/* What came from outside may be no UTF-8. */
static json_t *text(const char *s)
{
	json_t *value = s ? json_string(s) : NULL;

	return value ? value : json_null();
}

static json_t *generation(uint64_t n)
{
	char hex[17];

	if (n == 0)
		return json_null();
	snprintf(hex, sizeof(hex), "%016" PRIx64, n);
	return json_string(hex);
}

static json_t *error_text(int error)
{
	return error ? json_string(control_json_error(error)) : json_null();
}

static json_t *ranges(const struct extent_set *set)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < set->n; i++) {
		json_t *pair = json_pack("[I,I]", (json_int_t)set->v[i].start,
					 (json_int_t)set->v[i].end);

		if (json_array_append_new(array, pair) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* ---- wholes ------------------------------------------------------------------------ */

/* json_pack gives up when one of the references it is to take ("o") is NULL. */
json_t *control_json_view(const struct cache_view *v)
{
	const struct cache_info *i = &v->info;

	return json_pack(
		"{so so sb sb sb so sI sI so so so so so"
		" sb sb sb sb sI sI sI sI so so}",
		"url", text(i->url),
		"generation", generation(i->generation),
		"directory", i->directory,
		"complete", i->complete,
		"pinned", i->pinned,
		"size", bytes(i->generation ? i->size : CACHE_SIZE_UNKNOWN),
		"cached", (json_int_t)i->cached,
		"modified", (json_int_t)i->modified,
		"etag", text(i->etag),
		"last_modified", text(i->last_modified),
		"content_type", text(i->content_type),
		"ranges", ranges(&v->present),
		"used", v->used ? json_integer((json_int_t)v->used)
				: json_null(),
		"active", control_json_is_active(v),
		"fetching", v->fetching,
		"queued", v->queued,
		"validating", v->validating,
		"rate", (json_int_t)v->rate,
		"readers", (json_int_t)v->readers,
		"waiting", (json_int_t)v->waiting,
		"connections", (json_int_t)v->connections,
		"error", error_text(v->error),
		"loaded", json_boolean(v->loaded));
}

const char *control_json_event_name(enum cache_event_kind kind)
{
	static const char *const names[] = {
		[CACHE_EVENT_BEGUN] = "begun",
		[CACHE_EVENT_PROGRESS] = "progress",
		[CACHE_EVENT_COMPLETE] = "complete",
		[CACHE_EVENT_FAILED] = "failed",
		[CACHE_EVENT_SUPERSEDED] = "superseded",
		[CACHE_EVENT_DROPPED] = "dropped",
		[CACHE_EVENT_EVICTED] = "evicted",
		[CACHE_EVENT_LOST] = "lost",
	};

	return kind < COUNT(names) ? names[kind] : "other";
}

json_t *control_json_event(const struct cache_event *ev)
{
	json_t *object;

	if (ev->kind == CACHE_EVENT_LOST)
		return json_object();
	object = json_pack("{so so so sI sI}", "url", text(ev->url),
			   "generation", generation(ev->generation),
			   "size", bytes(ev->size),
			   "cached", (json_int_t)ev->cached,
			   "rate", (json_int_t)ev->rate);
	if (object && ev->kind == CACHE_EVENT_FAILED &&
	    json_object_set_new(object, "error", error_text(ev->error)) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int control_json_totals(json_t *object, const struct cache_totals *t)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "reads", t->reads },
		{ "waits", t->waits },
		{ "bytes_read", t->bytes_read },
		{ "bytes_fetched", t->bytes_fetched },
		{ "requests", t->requests },
		{ "retries", t->retries },
		{ "errors", t->errors },
		{ "completed", t->completed },
		{ "superseded", t->superseded },
		{ "evicted", t->evicted },
		{ "transfers", t->transfers },
		{ "fetching", t->fetching },
		{ "entries", t->entries },
		{ "waiting", t->waiting },
		{ "files", t->counted ? t->files : CACHE_SIZE_UNKNOWN },
		{ "bytes", t->counted ? t->bytes : CACHE_SIZE_UNKNOWN },
	};

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (json_object_set_new(object, numbers[i].name,
					bytes(numbers[i].value)) < 0)
			return -ENOMEM;
	return 0;
}
