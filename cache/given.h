/* given: names that were given to URLs at run time (command.h), and the text file
 * that keeps them:
 *
 *   spoolfs-names 1                       the version of the format
 *   https://example.com/film.mp4 a film   a URL, a space, its name
 *
 * in the order of the names. A file of another version, or one that is damaged,
 * is left alone: then no name can be added. The sections of the settings are
 * the caller's to look at.
 *
 * The lock is held while the file is written: who looks a name up meanwhile
 * waits for the disk.
 */
#ifndef SPOOL_GIVEN_H
#define SPOOL_GIVEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define GIVEN_FILE "names"
#define GIVEN_NAME_MAX 255

struct given_name {
	char *name, *url;
};

/* Sorted by name. Zeroed: none. */
struct given_list {
	struct given_name *v;
	size_t n, room;
};

struct given {
	const char *dir;
	pthread_mutex_t lock;
	struct given_list list;
	bool foreign;		/* the file is not one that we can replace */
};

/* Pure: whether this can be a name; and one of the settings, who may have it in
 * another encoding than UTF-8. */
bool given_is_name(const char *name);
bool given_is_section(const char *name);
/* Pure: a file as text and back. 0; -EBADMSG; -EPROTO: of another version;
 * -ENOMEM. */
int given_parse(const char *text, size_t len, struct given_list *out);
int given_format(const struct given_list *l, char **text, size_t *len);
void given_list_fini(struct given_list *l);

/* Read the file, if there is one. What is wrong with it goes to the log. dir must
 * outlive g. */
void given_init(struct given *g, const char *dir);
void given_fini(struct given *g);

/* As cache_name_add and so on. */
int given_add(struct given *g, const char *name, const char *url);
int given_move(struct given *g, const char *from, const char *to);
int given_remove(struct given *g, const char *name);
int given_url(struct given *g, const char *name, char **url);
int given_each(struct given *g,
	       int (*fn)(void *ctx, const char *name, const char *url),
	       void *ctx);

#endif
