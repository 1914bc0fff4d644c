#include "config.h"

#include "tree.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/hash.h"

struct tree {
	/* immutable */
	struct url *base;
	char *base_name;	/* base in the store, as a folder */
	int (*given)(void *ctx, const char *name, char **url);
	void *given_ctx;
	struct tree_node root;

	pthread_mutex_t lock;
	struct tree_node **buckets;	/* a power of two */
	size_t n_buckets, n_nodes;
};

#define INDEX "%index"	/* of a folder, in a name: see url.h */

/* ---- names ------------------------------------------------------------- */

bool tree_is_host(const char *c)
{
	const char *colon = strrchr(c, ':');
	const char *p;

	if (*c == '[')
		return strchr(c, ']');
	if (*c == '.' || *c == '-' || *c == ':' || !*c)
		return false;
	for (p = c; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_:", *p) &&
		    (unsigned char)*p < 0x80)
			return false;
	if (colon && (!colon[1] || strspn(colon + 1, "0123456789") !=
				   strlen(colon + 1)))
		return false;
	return colon || strchr(c, '.') || !strcasecmp(c, "localhost");
}

bool tree_is_probe(const char *c)
{
	static const char *const names[] = {
		".git", ".gitignore", ".gitattributes", ".gitmodules", ".hg",
		".svn", ".bzr", "_darcs", ".jj", ".fslckout", "_FOSSIL_",
		".editorconfig", ".envrc", ".env", ".hidden", ".directory",
		".xdg-volume-info", ".autorun", "autorun.inf", "autorun.sh",
		"desktop.ini", "Thumbs.db", "$RECYCLE.BIN",
		"System Volume Information", ".DS_Store", ".localized",
		".apdisk", ".TemporaryItems", ".fseventsd",
		".metadata_never_index", ".nomedia", ".ignore", ".plexignore",
		"lost+found",
	};
	static const char *const prefixes[] = {
		".Trash", "._", ".Spotlight-", ".DocumentRevisions-",
		".fuse_hidden", ".nfs", ".~lock.", ".goutputstream-",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(c, names[i]))
			return true;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncasecmp(c, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

void tree_name_fini(struct tree_name *n)
{
	free(n->path);
	url_free(n->url);
	memset(n, 0, sizeof(*n));
}

static char *join(const char *folder, const char *component)
{
	char *path;

	if (asprintf(&path, "%s%s%s", folder, *folder ? "/" : "",
		     component) < 0)
		return NULL;
	return path;
}

static int url_of_path(const struct tree *t, const char *path,
		       struct url **out)
{
	return t->base ? url_from_name_below(t->base, path, out) :
			 url_from_name(path, out);
}

static bool is_scheme(const char *c)
{
	return !strcmp(c, "http") || !strcmp(c, "https") ||
	       !strcmp(c, "http:") || !strcmp(c, "https:");
}

/* -ENOENT: no name of a URL. */
static int given_name(const struct tree *t, const char *component,
		      struct tree_name *n)
{
	char *url;
	int r = t->given(t->given_ctx, component, &url);

	if (r < 0)
		return r;
	n->guess = TREE_FILE;
	n->file_only = n->given = true;
	r = url_parse(url, &n->url);
	free(url);
	return r;
}

/* A component of a path below a host or the base URL. */
static int path_name(const struct tree *t, const char *component,
		     struct tree_name *n)
{
	size_t len = strlen(component);
	int r = url_of_path(t, n->path, &n->url);

	if (r == -ENOENT) {
		n->shortened = true;
		n->guess = TREE_NOTHING;
		return 0;
	}
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	n->file_only = len > 2 && !strcmp(component + len - 2, "..");
	if (n->file_only)
		n->guess = TREE_FILE;
	else if (tree_is_probe(component))
		n->guess = TREE_NOTHING;
	else if (strchr(component, '?') || url_name_is_file(n->url->key))
		n->guess = TREE_FILE;
	else
		n->guess = TREE_FOLDER;
	return 0;
}

/* What is no path yet: the root's names, and the hosts. */
static int fixed_name(const struct tree *t, unsigned depth,
		      const char *component, struct tree_name *n)
{
	int r;

	if (depth == 0 && !is_scheme(component))
		return given_name(t, component, n);
	n->fixed = true;
	n->guess = TREE_FOLDER;
	if (depth == 0)
		return 0;
	if (tree_is_probe(component) || !tree_is_host(component))
		return -ENOENT;
	r = url_from_name(n->path, &n->url);
	url_free(n->url);
	n->url = NULL;
	return r == -EINVAL ? -ENOENT : r;
}

int tree_name(const struct tree *t, const struct tree_node *parent,
	      const char *component, struct tree_name *out)
{
	struct tree_name n = { .path = join(parent->key, component) };
	int r = -ENOENT;

	if (!n.path)
		return -ENOMEM;
	if (!t->base && parent->depth < 2) {
		r = fixed_name(t, parent->depth, component, &n);
	} else {
		if (parent->depth == 0)
			r = given_name(t, component, &n);
		if (r == -ENOENT)
			r = path_name(t, component, &n);
	}
	if (r == 0)
		*out = n;
	else
		tree_name_fini(&n);
	return r;
}

bool tree_root_is_url(const struct tree *t)
{
	return t->base;
}

/* A name as the store spells it, when no URL can be had from it: it has a
 * shortened component and so was read from a listing. */
static char *listed_name(const struct tree *t, const char *path)
{
	const char *slash = strchr(path, '/');

	if (t->base)
		return *path ? join(t->base_name, path) : strdup(t->base_name);
	if (slash && slash > path && slash[-1] == ':') {
		char *name;

		return asprintf(&name, "%.*s%s", (int)(slash - 1 - path), path,
				slash) < 0 ? NULL : name;
	}
	return strdup(path);
}

/* The store's name of the folder that holds this index. Takes u. */
static int folder_of_index(struct url *u, char **out)
{
	char *name = NULL, *end;
	int r = url_name(u, &name);

	url_free(u);
	if (r < 0)
		return r;
	end = name + strlen(name) - strlen("/" INDEX);
	if (end > name && !strcmp(end, "/" INDEX))
		*end = '\0';
	*out = name;
	return 0;
}

int tree_stored(const struct tree *t, const char *path, char **name)
{
	struct url *u;
	char *index, *listed;
	int r;

	if (!t->base && !strchr(path, '/')) {
		size_t len = strlen(path);

		listed = strndup(path, len && path[len - 1] == ':' ? len - 1 :
								     len);
		goto out;
	}
	index = join(path, INDEX);
	if (!index)
		return -ENOMEM;
	r = url_of_path(t, index, &u);
	free(index);
	if (r == 0)
		return folder_of_index(u, name);
	if (r != -ENOENT)
		return r == -ENOMEM ? r : -ENOENT;
	listed = listed_name(t, path);
out:
	if (!listed)
		return -ENOMEM;
	*name = listed;
	return 0;
}

/* ---- inodes ------------------------------------------------------------ */

uint64_t tree_hash(const char *text)
{
	uint64_t h = hash_text(text);

	return h < 2 ? h + 2 : h;	/* 0 is none, 1 the root */
}

static struct tree_node **bucket(const struct tree *t, const char *key)
{
	return &t->buckets[tree_hash(key) & (t->n_buckets - 1)];
}

static void grow_locked(struct tree *t)
{
	struct tree_node **old = t->buckets, *n, *next;
	size_t n_old = t->n_buckets, i;
	struct tree_node **more = calloc(n_old * 2, sizeof(*more));

	if (!more)
		return;		/* longer chains do, too */
	t->buckets = more;
	t->n_buckets = n_old * 2;
	for (i = 0; i < n_old; i++)
		for (n = old[i]; n; n = next) {
			struct tree_node **b = bucket(t, n->key);

			next = n->next;
			n->next = *b;
			*b = n;
		}
	free(old);
}

static struct tree_node *find_locked(const struct tree *t, bool folder,
				     const char *key, uint64_t generation)
{
	struct tree_node *n;

	for (n = *bucket(t, key); n; n = n->next)
		if (n->folder == folder && !strcmp(n->key, key) &&
		    n->facts.generation == generation)
			break;
	return n;
}

static void node_free(struct tree_node *n)
{
	free(n->key);
	free(n->url);
	free(n);
}

static struct tree_node *insert_locked(struct tree *t, bool folder,
				       const char *key, const char *url)
{
	struct tree_node *n = calloc(1, sizeof(*n));
	struct tree_node **b;
	const char *p;

	if (!n)
		return NULL;
	n->folder = folder;
	n->key = strdup(key);
	n->url = url ? strdup(url) : NULL;
	if (!n->key || (url && !n->url)) {
		node_free(n);
		return NULL;
	}
	n->depth = 1;
	for (p = key; *p; p++)
		n->depth += *p == '/';
	if (t->n_nodes++ > t->n_buckets)
		grow_locked(t);
	b = bucket(t, key);
	n->next = *b;
	*b = n;
	return n;
}

int tree_enter_folder(struct tree *t, const char *path, struct tree_node **out)
{
	struct tree_node *n;

	pthread_mutex_lock(&t->lock);
	n = find_locked(t, true, path, 0);
	if (!n)
		n = insert_locked(t, true, path, NULL);
	if (n) {
		n->lookups++;
		*out = n;
	}
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOMEM;
}

int tree_enter_file(struct tree *t, const struct url *url,
		    const struct tree_facts *facts, struct tree_node **out)
{
	struct tree_node *n;

	pthread_mutex_lock(&t->lock);
	n = find_locked(t, false, url->key, facts ? facts->generation : 0);
	if (!n && facts)	/* one that waits for its first generation */
		n = find_locked(t, false, url->key, 0);
	if (!n)
		n = insert_locked(t, false, url->key, url->sent);
	if (n) {
		if (facts)
			n->facts = *facts;
		n->lookups++;
		*out = n;
	}
	pthread_mutex_unlock(&t->lock);
	return n ? 0 : -ENOMEM;
}

int tree_enter_link(struct tree *t, const char *name, const char *url,
		    struct tree_node **out)
{
	char *key = join("%link", name);	/* no URL begins like that */
	struct tree_node *n;

	if (!key)
		return -ENOMEM;
	pthread_mutex_lock(&t->lock);
	n = insert_locked(t, false, key, url);
	if (n) {
		n->link = true;
		n->lookups++;
		*out = n;
	}
	pthread_mutex_unlock(&t->lock);
	free(key);
	return n ? 0 : -ENOMEM;
}

static void remove_locked(struct tree *t, struct tree_node *node)
{
	struct tree_node **p = bucket(t, node->key);

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	t->n_nodes--;
}

void tree_forget(struct tree *t, struct tree_node *node, uint64_t n)
{
	bool gone;

	if (node == &t->root)
		return;
	pthread_mutex_lock(&t->lock);
	node->lookups -= n < node->lookups ? n : node->lookups;
	gone = node->lookups == 0;
	if (gone)
		remove_locked(t, node);
	pthread_mutex_unlock(&t->lock);
	if (gone)
		node_free(node);
}

int tree_learn(struct tree *t, struct tree_node *node,
	       const struct tree_facts *facts)
{
	uint64_t generation = facts->generation;
	bool same;

	pthread_mutex_lock(&t->lock);
	same = node->facts.generation == generation ||
	       (node->facts.generation == 0 &&
		!find_locked(t, false, node->key, generation));
	if (same)
		node->facts = *facts;
	pthread_mutex_unlock(&t->lock);
	return same ? 0 : -ESTALE;
}

bool tree_facts(struct tree *t, const struct tree_node *node,
		struct tree_facts *out)
{
	bool open;

	pthread_mutex_lock(&t->lock);
	*out = node->facts;
	open = node->opens > 0;
	pthread_mutex_unlock(&t->lock);
	return open;
}

void tree_opened(struct tree *t, struct tree_node *node)
{
	pthread_mutex_lock(&t->lock);
	node->opens++;
	pthread_mutex_unlock(&t->lock);
}

void tree_closed(struct tree *t, struct tree_node *node)
{
	pthread_mutex_lock(&t->lock);
	node->opens--;
	pthread_mutex_unlock(&t->lock);
}

/* ---- life -------------------------------------------------------------- */

struct tree_node *tree_root(struct tree *t)
{
	return &t->root;
}

static int set_base(struct tree *t, const char *base)
{
	struct url *index;
	int r = url_parse(base, &t->base);

	if (r == 0)
		r = url_from_name_below(t->base, INDEX, &index);
	return r == 0 ? folder_of_index(index, &t->base_name) : r;
}

int tree_create(const char *base,
		int (*given)(void *ctx, const char *name, char **url),
		void *ctx, struct tree **out)
{
	struct tree *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->given = given;
	t->given_ctx = ctx;
	t->root.folder = true;
	t->root.key = strdup("");
	t->n_buckets = 256;
	t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
	r = t->root.key && t->buckets ? 0 : -ENOMEM;
	if (r == 0 && base)
		r = set_base(t, base);
	if (r < 0)
		tree_free(t);
	else
		*out = t;
	return r;
}

void tree_free(struct tree *t)
{
	struct tree_node *n, *next;
	size_t i;

	if (!t)
		return;
	for (i = 0; t->buckets && i < t->n_buckets; i++)
		for (n = t->buckets[i]; n; n = next) {
			next = n->next;
			node_free(n);
		}
	free(t->buckets);
	free(t->root.key);
	url_free(t->base);
	free(t->base_name);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
