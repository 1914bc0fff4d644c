#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

/* What the attributes are made from. info.generation 0: nothing known. */
struct source {
	struct mount *mount;
	const struct tree_node *node;
	struct cache_info info;
};

static char *text(const char *s)
{
	return s ? strdup(s) : NULL;
}

static char *url(const struct source *s)
{
	return text(s->node->url);
}

static char *mime_type(const struct source *s)
{
	const char *type = s->info.content_type;

	if (!type)
		return text(url_media_type(s->node->key));
	return strndup(type, strcspn(type, "; \t"));
}

static char *state(const struct source *s)
{
	if (!s->info.generation)
		return text("unknown");
	return text(s->info.complete ? "complete" : "partial");
}

static char *cached(const struct source *s)
{
	char *out;

	return asprintf(&out, "%" PRIu64, s->info.cached) < 0 ? NULL : out;
}

static char *ranges(const struct source *s)
{
	char *out;

	if (!s->info.generation)
		return NULL;
	return cache_ranges(s->mount->cache, s->node->url, &out) < 0 ? NULL :
								       out;
}

static char *etag(const struct source *s)
{
	return text(s->info.etag);
}

static char *pinned(const struct source *s)
{
	return text(s->info.pinned ? "1" : "0");
}

static char *mode(const struct source *s)
{
	struct tree_facts facts;

	switch (passthrough_mode(&s->mount->passthrough, s->node)) {
	case PASSTHROUGH_BACKED:
		return text("passthrough");
	case PASSTHROUGH_CACHED:
		return text("cached");
	case PASSTHROUGH_NONE:
		break;
	}
	return tree_facts(s->mount->tree, s->node, &facts) ? text("direct") :
							     NULL;
}

/* value: malloc'd, NULL for none. */
static const struct attribute {
	const char *name;
	char *(*value)(const struct source *s);
} attributes[] = {
	{ "user.xdg.origin.url", url },
	{ "user.mime_type", mime_type },
	{ "user.spoolfs.state", state },
	{ "user.spoolfs.cached", cached },
	{ "user.spoolfs.ranges", ranges },
	{ "user.spoolfs.etag", etag },
	{ "user.spoolfs.pinned", pinned },
	{ "user.spoolfs.mode", mode },
};
#define N_ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static void source_init(struct source *s, struct mount *m,
			const struct tree_node *node)
{
	struct tree_facts facts;

	*s = (struct source){ .mount = m, .node = node };
	if (cache_peek(m->cache, node->url, &s->info) < 0) {
		s->info = (struct cache_info){ 0 };
		return;
	}
	/* Of another version there is nothing to say about this inode. */
	tree_facts(m->tree, node, &facts);
	if (s->info.directory ||
	    (facts.generation && facts.generation != s->info.generation))
		cache_info_fini(&s->info);
}

/* The protocol of both calls: size 0 asks for the size. */
static void reply(fuse_req_t req, const char *data, size_t len, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, data, len);
}

void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	const struct tree_node *node = node_of(m, ino);
	struct source s;
	char *value;
	size_t i;

	for (i = 0; i < N_ATTRIBUTES; i++)
		if (!strcmp(name, attributes[i].name))
			break;
	if (i == N_ATTRIBUTES || node->folder) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	source_init(&s, m, node);
	value = attributes[i].value(&s);
	if (value)
		reply(req, value, strlen(value), size);
	else
		fuse_reply_err(req, ENODATA);
	free(value);
	cache_info_fini(&s.info);
}

void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct mount *m = mount_of(req);
	const struct tree_node *node = node_of(m, ino);
	char names[512], *value;
	struct source s;
	size_t i, len = 0;

	if (node->folder) {
		reply(req, names, 0, size);
		return;
	}
	source_init(&s, m, node);
	for (i = 0; i < N_ATTRIBUTES; i++) {
		value = attributes[i].value(&s);
		if (value)
			len += sprintf(names + len, "%s",
				       attributes[i].name) + 1;
		free(value);
	}
	cache_info_fini(&s.info);
	reply(req, names, len, size);
}
