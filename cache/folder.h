/* folder: the tree of folders below DIR, and what is in one of them. Below
 * store.c only.
 *
 * root is a descriptor of DIR; a folder name is relative to it, "" being DIR
 * itself. Names are walked component by component and without following
 * anything, so that no name leads out of DIR, on any kernel. What makes or
 * removes wants the store's lock.
 */
#ifndef SPOOL_FOLDER_H
#define SPOOL_FOLDER_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

/* 0; -EINVAL: not a name of url.h; -ENAMETOOLONG: too deep. */
int folder_check(const char *name);

/* Open the folder of the first len bytes of a checked name. fd (caller
 * closes); -ENOENT; -errno. */
int folder_open(int root, const char *name, size_t len);
/* The same, made where it is missing. A file in its place gives way:
 * errors as parts_give_way_locked, too. */
int folder_make_locked(int root, const char *name, size_t len);

/* Remove the folders above name, as far as they are empty. */
void folder_prune_locked(int root, const char *name);

/* Make durable which names a folder holds. 0 or -errno. */
int folder_flush(int dir);

/* All entries of a folder, each as '/' for a folder or '.', its name and NUL:
 * *out is malloc'd, *len bytes. 0 or -errno. An entry that is renamed meanwhile
 * may be missed or met twice; under the lock none is. */
int folder_read(DIR *d, char **out, size_t *len);

/* What an entry stands for (*is_folder: a folder on disk). True: name is cut
 * to the component, *is_folder says of what; false: nothing. */
bool folder_recognise(int dir, char *name, bool *is_folder);

#endif
