#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_json.h"
#include "control_page.h"
#include "metrics.h"

/* An engine that is well goes round in microseconds. */
#define ENGINE_ANSWERS_MS 1000

static int plain(struct control_page *page, unsigned status, const char *text)
{
	page->status = status;
	page->type = "text/plain; charset=utf-8";
	page->text = strdup(text);
	return page->text ? 0 : -ENOMEM;
}

static int healthy(struct cache *c, struct control_page *page)
{
	if (cache_alive(c, ENGINE_ANSWERS_MS))
		return plain(page, 200, "ok\n");
	return plain(page, 503, "The engine does not answer.\n");
}

static int metrics(struct cache *c, struct control_page *page)
{
	struct metrics_process p;
	struct cache_totals t;

	cache_totals(c, &t);
	metrics_process(&p);
	page->status = 200;
	page->type = METRICS_TYPE;
	page->text = metrics_format(&t, &p);
	return page->text ? 0 : -ENOMEM;
}

json_t *control_page_status(struct cache *c)
{
	struct metrics_process p;
	struct cache_totals t;
	json_t *object;

	cache_totals(c, &t);
	metrics_process(&p);
	object = json_pack("{ss sI sI sI sb}", "version", PACKAGE_VERSION,
			   "pid", (json_int_t)getpid(),
			   "started", (json_int_t)p.started,
			   "resident", (json_int_t)p.resident,
			   "offline", cache_conf(c)->offline);
	if (object && control_json_totals(object, &t) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int status(struct cache *c, struct control_page *page)
{
	json_t *object = control_page_status(c);

	page->status = 200;
	page->type = "application/json";
	page->text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return page->text ? 0 : -ENOMEM;
}

static const struct {
	const char *name;
	bool token_if_set, token;	/* is needed */
	int (*make)(struct cache *c, struct control_page *page);
} pages[] = {
	{ "healthy", false, false, healthy },
	{ "metrics", true, false, metrics },
	{ "status", true, true, status },
};

int control_page(struct cache *c, const char *name, bool token_set,
		 bool token_shown, struct control_page *out)
{
	size_t len = strcspn(name, "?");
	struct control_page page = { .status = 404 };
	int rc = -ENOENT;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strlen(pages[i].name) != len ||
		    memcmp(pages[i].name, name, len) != 0)
			continue;
		if (!token_shown && (pages[i].token ||
				     (pages[i].token_if_set && token_set)))
			rc = plain(&page, 403, "Only with the token.\n");
		else
			rc = pages[i].make(c, &page);
	}
	if (rc == -ENOENT)
		rc = plain(&page, 404, "No such page.\n");
	if (rc < 0)
		return rc;
	page.len = strlen(page.text);
	*out = page;
	return 0;
}
