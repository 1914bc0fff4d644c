/* setting: one value of the settings, from text into its field.
 *
 * Values are checked here and nowhere else, so that a file and an -o option
 * are told the same. Reasons are malloc'd, one line, without the place where
 * the value stands: the caller knows that. *reason is NULL with -ENOMEM.
 */
#ifndef SPOOL_SETTING_H
#define SPOOL_SETTING_H

#include "conf.h"

#define SETTING_FILE_MAX (1024 * 1024)	/* bytes of an ini or header file */

/* Set key's field in base, a struct conf, conf_origin or conf_file as its
 * section says. folder: absolute, what relative paths are relative to.
 * 0; -EINVAL with *reason; -ENOMEM. base is as it was unless 0, but for the
 * headers of a header_file above a wrong one. Repeatable keys add to their
 * field, the others replace it. */
int setting_assign(const struct conf_key *key, void *base, const char *text,
		   const char *folder, char **reason);

/* Its default; base is zeroed memory of the right struct. 0 or -ENOMEM. */
int setting_default(const struct conf_key *key, void *base);
/* The defaults of all keys of a section. 0 or -ENOMEM. */
int setting_defaults(enum conf_section section, void *base);

/* ---- setting_field.c ---- */

/* What the field of a key is made of. */
enum setting_holds { HOLDS_VALUE, HOLDS_TEXT, HOLDS_LIST, HOLDS_USERS };
enum setting_holds setting_holds(enum conf_type type);

/* What base's field owns, freed; what from's field owns, copied into to, whose
 * field is overwritten (it owns nothing then if this fails). 0 or -ENOMEM. */
void setting_free(const struct conf_key *key, void *base);
int setting_copy(const struct conf_key *key, void *to, const void *from);
/* The fields say the same. */
bool setting_same(const struct conf_key *key, const void *a, const void *b);
/* base's field owns nothing any more; nothing is freed. */
void setting_forget(const struct conf_key *key, void *base);

/* ---- setting_file.c ---- */

/* text as an absolute path, "~/" being the home folder. malloc'd, or NULL:
 * no memory. */
char *setting_path(const char *text, const char *folder);
/* The same for a socket, which has less room for it. 0, -EINVAL with *reason, or
 * -ENOMEM; the caller frees *path. */
int setting_socket_path(const char *text, const char *folder, char **path,
			char **reason);

/* $variable/spoolfs when that is an absolute path, else fallback/spoolfs in
 * the home folder. malloc'd, or NULL: no memory, or no home. */
char *setting_xdg(const char *variable, const char *fallback);

/* A whole file of at most SETTING_FILE_MAX bytes. *text is NUL-terminated;
 * the caller frees it. *open_to_others: group or others may read or write it,
 * *written_by_others: write it. 0 or -errno, with *reason. */
int setting_read_file(const char *path, char **text, size_t *len,
		      bool *open_to_others, bool *written_by_others,
		      char **reason);

/* The same of a file that holds secrets, and is refused (-EINVAL) when group or
 * others may read or write it. text: a path as setting_path takes it; *path:
 * as it returns it. The caller frees *path and *content. */
int setting_read_secret(const char *text, const char *folder, char **path,
			char **content, size_t *len, char **reason);

/* *reason from a format, controls as '?'; returns err, or -ENOMEM. */
int setting_refuse(char **reason, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
