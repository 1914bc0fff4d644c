#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/command.h"
#include "ops.h"

/* ---- what a name is ---------------------------------------------------- */

/* A name laid over with what the cache knows. */
struct found {
	enum tree_guess is;
	struct tree_name name;
	struct tree_facts facts;	/* of a file; generation 0: nothing
					   known */
};

static void found_fini(struct found *f)
{
	tree_name_fini(&f->name);
}

static bool is_cached_folder(struct mount *m, const char *path)
{
	char *name;
	bool is;

	if (tree_stored(m->tree, path, &name) < 0)
		return false;
	is = cache_is_folder(m->cache, name);
	free(name);
	return is;
}

/* The URL of a shortened name, if the store has one. */
static void find_shortened(struct mount *m, const struct tree_node *parent,
			   const char *component, struct tree_name *n)
{
	char *folder, *name = NULL, *url = NULL;

	if (tree_stored(m->tree, parent->key, &folder) < 0)
		return;
	if (asprintf(&name, "%s/%s", folder, component) < 0)
		name = NULL;
	if (name && cache_url_of_name(m->cache, name, &url) == 0 &&
	    url_parse(url, &n->url) < 0)
		n->url = NULL;
	free(url);
	free(name);
	free(folder);
}

static enum tree_guess what_is(struct mount *m, const struct tree_name *n,
			       struct tree_facts *facts)
{
	struct cache_info info;
	bool directory;

	if (n->fixed)
		return n->guess;
	if (n->url && cache_peek(m->cache, n->url->sent, &info) == 0) {
		directory = info.directory;
		if (!directory)
			facts_of(&info, facts);
		cache_info_fini(&info);
		if (directory)
			return n->file_only ? TREE_NOTHING : TREE_FOLDER;
		/* What is below it can be reached only through a folder; the
		 * file itself still as "NAME..". */
		return !n->file_only && is_cached_folder(m, n->path) ?
		       TREE_FOLDER : TREE_FILE;
	}
	if (n->guess != TREE_FOLDER && !n->file_only &&
	    is_cached_folder(m, n->path))
		return TREE_FOLDER;
	return n->guess;
}

/* 0 with *out; -ENOENT and others as tree_name. Not for the network to say. */
static int find(struct mount *m, fuse_ino_t parent, const char *component,
		struct found *out)
{
	struct tree_node *node = node_of(m, parent);
	struct found f = { 0 };
	int r = tree_name(m->tree, node, component, &f.name);

	if (r < 0)
		return r;
	if (f.name.shortened)
		find_shortened(m, node, component, &f.name);
	f.is = what_is(m, &f.name, &f.facts);
	*out = f;
	return 0;
}

/* ---- lookup ------------------------------------------------------------ */

static int enter(struct mount *m, const struct found *f,
		 struct fuse_entry_param *e)
{
	bool known = f->facts.generation != 0;
	struct tree_node *node;
	int r;

	if (f->is == TREE_NOTHING)
		return -ENOENT;
	if (f->is == TREE_FOLDER)
		r = tree_enter_folder(m->tree, f->name.path, &node);
	else
		r = tree_enter_file(m->tree, f->name.url,
				    known ? &f->facts : NULL, &node);
	if (r < 0)
		return r;
	e->ino = (uintptr_t)node;
	if (f->is == TREE_FOLDER) {
		attr_of_folder(m, node, &e->attr);
		e->attr_timeout = e->entry_timeout = TIMEOUT_OPEN;
	} else {
		e->attr_timeout = attr_of_file(m, node, &f->facts, &e->attr);
		e->entry_timeout = f->name.given ? 0 :
				   f->facts.complete ? TIMEOUT_COMPLETE :
				   known ? TIMEOUT_OPEN : 0;
	}
	return 0;
}

void names_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e = { 0 };
	struct found f = { 0 };
	int r = find(m, parent, name, &f);

	if (r == 0)
		r = enter(m, &f, &e);
	found_fini(&f);
	if (r == -ENOENT)	/* the kernel may remember that, too, where no
				   name can be added */
		e.entry_timeout = parent == FUSE_ROOT_ID ? 0 : TIMEOUT_OPEN;
	else if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (fuse_reply_entry(req, &e) < 0 && e.ino)
		tree_forget(m->tree, node_of(m, e.ino), 1);
}

void names_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	struct mount *m = mount_of(req);

	tree_forget(m->tree, node_of(m, ino), n);
	fuse_reply_none(req);
}

void names_forget_multi(fuse_req_t req, size_t count,
			struct fuse_forget_data *forgets)
{
	struct mount *m = mount_of(req);
	size_t i;

	for (i = 0; i < count; i++)
		tree_forget(m->tree, node_of(m, forgets[i].ino),
			    forgets[i].nlookup);
	fuse_reply_none(req);
}

/* ---- listing: what is cached ------------------------------------------- */

struct listing {
	struct listed {
		char *name;
		bool folder;
	} *v;
	size_t n, room;
};

void listing_free(struct listing *l)
{
	size_t i;

	if (!l)
		return;
	for (i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	free(l);
}

static int listing_add(void *ctx, const char *name, bool folder)
{
	struct listing *l = ctx;

	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 32;
		struct listed *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n].name = strdup(name);
	l->v[l->n].folder = folder;
	return l->v[l->n].name ? (l->n++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : y->folder - x->folder;
}

/* Each name once. A file that shares its name with a folder is shown as it is
 * reached: "NAME..". */
static void listing_tidy(struct listing *l)
{
	struct listed *v = l->v;
	size_t i, n = 0;
	char *marked;

	if (l->n)
		qsort(v, l->n, sizeof(*v), by_name);
	for (i = 0; i < l->n; i++) {
		if (n == 0 || strcmp(v[n - 1].name, v[i].name)) {
			v[n++] = v[i];
			continue;
		}
		marked = NULL;
		if (v[n - 1].folder && !v[i].folder &&
		    asprintf(&marked, "%s..", v[i].name) < 0)
			marked = NULL;
		free(v[i].name);
		if (marked)
			v[n++] = (struct listed){ .name = marked };
	}
	l->n = n;
}

static int listing_add_given(void *ctx, const char *name, const char *url)
{
	(void)url;
	return listing_add(ctx, name, false);
}

static int list_root(struct mount *m, struct listing *l)
{
	int r = 0;

	if (!tree_root_is_url(m->tree)) {
		r = listing_add(l, "http", true);
		if (r == 0)
			r = listing_add(l, "https", true);
	}
	return r ? r : cache_names(m->cache, listing_add_given, l);
}

static int list_cached(struct mount *m, const struct tree_node *node,
		       struct listing *l)
{
	char *name;
	int r;

	if (node->depth == 0 && !tree_root_is_url(m->tree))
		return 0;
	r = tree_stored(m->tree, node->key, &name);
	if (r == 0) {
		r = cache_list(m->cache, name, listing_add, l);
		free(name);
	}
	return r == -ENOENT ? 0 : r;
}

void names_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct tree_node *node = node_of(m, ino);
	struct listing *l = calloc(1, sizeof(*l));
	struct handle *h = NULL;
	int r = l ? 0 : -ENOMEM;

	if (r == 0)
		r = listing_add(l, ".", true);
	if (r == 0)
		r = listing_add(l, "..", true);
	if (r == 0 && node->depth == 0)
		r = list_root(m, l);
	if (r == 0)
		r = list_cached(m, node, l);
	if (r == 0) {
		listing_tidy(l);
		h = handle_new(m, NULL, l);
	}
	if (!h) {
		listing_free(l);
		fuse_reply_err(req, r < 0 ? -r : ENOMEM);
		return;
	}
	fi->fh = (uintptr_t)h;
	if (fuse_reply_open(req, fi) < 0)
		handle_put(m, h);
}

void names_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	const struct listing *l = handle_of(fi)->listing;
	char *buf = malloc(size);
	size_t used = 0, need, i;

	(void)ino;
	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (i = off; i < l->n; i++) {
		struct stat st = {
			.st_ino = tree_hash(l->v[i].name),
			.st_mode = l->v[i].folder ? S_IFDIR : S_IFREG,
		};

		need = fuse_add_direntry(req, buf + used, size - used,
					 l->v[i].name, &st, i + 1);
		if (need > size - used)
			break;
		used += need;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

void names_releasedir(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	(void)ino;
	handle_put(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

/* ---- removal: from the cache ------------------------------------------- */

bool names_may_change(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid == 0 || uid == mount_of(req)->uid;
}

/* A name that was given at run time goes, and what is cached stays; with any
 * other one it is what is cached that goes. */
void names_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct found f = { 0 };
	int r = names_may_change(req) ? find(m, parent, name, &f) : -EACCES;

	if (r == 0 && f.name.given &&
	    (r = cache_name_remove(m->cache, name)) != -EPERM) {
		found_fini(&f);
		fuse_reply_err(req, -r);
		return;
	}
	if (r == -EPERM)
		r = 0;
	if (r == 0 && f.is == TREE_FOLDER)
		r = -EISDIR;
	if (r == 0 && !f.facts.generation)
		r = -ENOENT;
	if (r == 0)
		r = cache_drop(m->cache, f.name.url->sent);
	found_fini(&f);
	fuse_reply_err(req, -r);
}

/* Folders come and go with what is in them; this is for rm -r. */
void names_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct found f = { 0 };
	int r = names_may_change(req) ? find(m, parent, name, &f) : -EACCES;

	if (r == 0 && f.is != TREE_FOLDER)
		r = f.is == TREE_FILE ? -ENOTDIR : -ENOENT;
	if (r == 0 && is_cached_folder(m, f.name.path))
		r = -ENOTEMPTY;
	if (r == 0 && f.name.url)
		r = cache_drop(m->cache, f.name.url->sent);
	found_fini(&f);
	fuse_reply_err(req, -r);
}
