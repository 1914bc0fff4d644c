/* fields: header fields of a response, as text.
 *
 * What is kept of an origin's answer beside its body: one "Name: value\n" a
 * line, in the order in which they came. Kept is what may be shown to anybody
 * and handed on with any part of the body, today or in a year. So never:
 *
 *  - what belongs to one connection (RFC 9110, 7.6.1), also what a Connection
 *    field names;
 *  - what describes one message or, a playlist being rewritten, not what we
 *    send; and what we say ourselves: lengths, ranges, codings, digests, Age,
 *    X-Cache, and ETag, Last-Modified and Content-Type, which have places of
 *    their own;
 *  - secrets and where they may be: cookies, credentials, locations;
 *  - what a browser would take as the word of our own address: permissions
 *    for other pages (CORS), Alt-Svc, Clear-Site-Data and the like.
 *
 * Pure. NULL is a text without fields.
 */
#ifndef SPOOL_FIELDS_H
#define SPOOL_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a text: it has to fit into the memory that a client's connection
 * has for the header of its answer. Fields that don't fit are left out. */
#define FIELDS_MAX 4096

struct field {
	const char *name, *value;	/* not NUL-terminated */
	size_t name_len, value_len;
};

/* Take the next field off *text; false at the end. */
bool fields_next(const char **text, struct field *out);
bool field_is(const struct field *f, const char *name);	/* any letter case */
/* The first of this name. */
bool fields_find(const char *text, const char *name, struct field *out);
/* Whether there is one of f's name. */
bool fields_has(const char *text, const struct field *f);

/* A token, and a value without controls or spaces at its ends, which may be
 * empty. */
bool field_valid(const struct field *f);
/* One that is kept. */
bool field_kept(const struct field *f);
/* One that caches have to know, ours and the client's: Cache-Control, Date,
 * Expires, Vary. Kept and handed on whatever the settings say. */
bool field_essential(const struct field *f);

/* Append f, if it is valid and fits into max bytes; fields_add: and is kept.
 * *text: malloc'd or NULL, of *len bytes. 0 or -ENOMEM (*text is as it was). */
int fields_append(char **text, size_t *len, size_t max, const struct field *f);
int fields_add(char **text, size_t *len, size_t max, const struct field *f);

/* What is kept of an answer with the fields `received`, of whose Connection
 * fields the values are `named` (a list, or NULL): the essential ones, and all
 * others too if `all`. *out is malloc'd or NULL. 0 or -ENOMEM. */
int fields_select(const char *received, const char *named, bool all,
		  char **out);

/* Those kept after a 304 that brought `newer` (RFC 9111, 3.2): each of these
 * takes the place of the kept ones of its name. *out as above. 0 or -ENOMEM. */
int fields_update(const char *kept, const char *newer, char **out);

/* True for a text that fields_select could have made. */
bool fields_sound(const char *text);

#endif
