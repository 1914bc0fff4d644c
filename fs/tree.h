/* tree: the names of the mount and the inodes the kernel holds.
 *
 *     MNT/https/HOST/PATH     a URL ("https:" too, as a pasted one has it)
 *     MNT/NAME                a name given to a URL: by the settings, or at
 *                             run time
 *     MNT/PATH                below the base URL of `spoolfs URL MNT`
 *
 * What a name means when the cache knows nothing of it is decided here, from
 * the name alone, so that a lookup never waits. What the cache does know
 * comes first; the caller (names.c) asks it.
 *
 * A file's inode is bound to (URL, generation): another version of the remote
 * file is another inode, so pages of two versions can't mix and nothing ever
 * has to be invalidated. An inode made before anything was known has
 * generation 0 and takes over the first one it learns. A folder's inode is
 * its path as spelled: two spellings of one folder are two inodes, because
 * the kernel allows a folder only one place.
 *
 * Knows nothing of libfuse and nothing of the engine. The lock is a leaf; all
 * functions may be called from any thread.
 */
#ifndef SPOOL_FS_TREE_H
#define SPOOL_FS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cache/url.h"

struct tree;

/* What stat shows of one generation. */
struct tree_facts {
	uint64_t generation;	/* 0: nothing known */
	uint64_t size;		/* bytes; while unknown, those present */
	uint64_t cached;	/* bytes present */
	time_t modified;
	bool complete;
};

struct tree_node {
	/* immutable */
	bool folder;
	bool link;		/* what the kernel has just made of a URL */
	unsigned depth;		/* of a folder: components; the root is 0 */
	char *key;		/* folder: path from the root, "" the root;
				   file: url.key */
	char *url;		/* file: url.sent; link: as it was given */

	/* passthrough.c's, its lock */
	unsigned whole_opens;	/* of the complete file */
	int32_t backing;	/* while there are any: what the kernel calls
				   the backing file, or 0: keep_cache */

	/* private, tree's lock */
	struct tree_facts facts;
	uint64_t lookups;	/* references the kernel has */
	unsigned opens;
	struct tree_node *next;
};

/* base: the root of the mount, or NULL for all of http and https. given: what a
 * name in the root means that was given to a URL: 0 with *url (malloc'd), or
 * -ENOENT, -ENOMEM. 0, -ENOMEM, or as url_parse. */
int tree_create(const char *base,
		int (*given)(void *ctx, const char *name, char **url),
		void *ctx, struct tree **out);
void tree_free(struct tree *t);

struct tree_node *tree_root(struct tree *t);

enum tree_guess { TREE_NOTHING, TREE_FOLDER, TREE_FILE };

struct tree_name {
	enum tree_guess guess;	/* what it is if the cache knows nothing */
	bool fixed;		/* … and if it does */
	bool given;		/* to a URL: may mean another one any time */
	bool file_only;		/* given by the user, or marked: what is cached
				   below this name does not make it a folder */
	char *path;		/* from the root of the mount */
	struct url *url;	/* NULL: no file can have this name, or … */
	bool shortened;		/* … the store alone knows its URL */
};
void tree_name_fini(struct tree_name *n);

/* What `component` below a folder means. 0 with *out; -ENOENT: nothing, ever;
 * -ENAMETOOLONG; -ENOMEM. */
int tree_name(const struct tree *t, const struct tree_node *parent,
	      const char *component, struct tree_name *out);

/* True when the root is the folder of a base URL. */
bool tree_root_is_url(const struct tree *t);

/* The name in the store (url.h) of a folder, given its path in the mount; ""
 * for the root of all. Caller frees. 0, -ENOENT (no such name can be stored),
 * -ENOMEM. */
int tree_stored(const struct tree *t, const char *path, char **name);

/* The inode of a folder by its path, or of a file's generation by its URL,
 * made when missing; the kernel's references grow by one. facts may be NULL
 * (nothing known). 0 or -ENOMEM. */
int tree_enter_folder(struct tree *t, const char *path,
		      struct tree_node **out);
int tree_enter_file(struct tree *t, const struct url *url,
		    const struct tree_facts *facts, struct tree_node **out);

/* The inode of a link that was just made. Likewise. */
int tree_enter_link(struct tree *t, const char *name, const char *url,
		    struct tree_node **out);

/* The kernel gives n references back; at none the node is freed. */
void tree_forget(struct tree *t, struct tree_node *node, uint64_t n);

/* Facts learnt about the resource of a file's node. 0, or -ESTALE: they are of
 * another generation, or this generation has its own inode already. */
int tree_learn(struct tree *t, struct tree_node *node,
	       const struct tree_facts *facts);

/* What was last learnt. True while the file is open. */
bool tree_facts(struct tree *t, const struct tree_node *node,
		struct tree_facts *out);
void tree_opened(struct tree *t, struct tree_node *node);
void tree_closed(struct tree *t, struct tree_node *node);

/* Inode number shown for a name or URL nothing is known of. */
uint64_t tree_hash(const char *text);

/* Pure, for tests too. A component that can be a host: has a dot, a port, or
 * is localhost or an address in brackets. */
bool tree_is_host(const char *component);
/* One of the names desktops, shells and version control look for everywhere
 * (.git, .Trash-1000, autorun.inf …). */
bool tree_is_probe(const char *component);

#endif
