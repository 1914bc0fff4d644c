#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "control_page.h"

/* An engine that is well goes round in microseconds. */
#define ENGINE_ANSWERS_MS 1000

static int plain(struct control_page *page, unsigned status, const char *text)
{
	page->status = status;
	page->type = "text/plain; charset=utf-8";
	page->text = strdup(text);
	page->len = strlen(text);
	return page->text ? 0 : -ENOMEM;
}

static int healthy(struct cache *c, struct control_page *page)
{
	if (cache_alive(c, ENGINE_ANSWERS_MS))
		return plain(page, 200, "ok\n");
	return plain(page, 503, "The engine does not answer.\n");
}

int control_page(struct cache *c, const char *name, bool token_set,
		 bool token_shown, struct control_page *out)
{
	size_t len = strcspn(name, "?");
	struct control_page page;
	int rc;

	(void)token_set;
	(void)token_shown;
	if (len == 7 && strncmp(name, "healthy", len) == 0)
		rc = healthy(c, &page);
	else
		rc = plain(&page, 404, "No such page.\n");
	if (rc == 0)
		*out = page;
	return rc;
}
