/* setting_list: values that are some texts. Below setting.c only.
 *
 * Errors and reasons as in setting.h.
 */
#ifndef SPOOL_SETTING_LIST_H
#define SPOOL_SETTING_LIST_H

#include "conf.h"

void setting_list_free(struct conf_list *list);
/* *to = the texts of from; any content of *to is overwritten. */
int setting_list_copy(struct conf_list *to, const struct conf_list *from);

/* Set the list or the users of a key: replace what is there, or add to it when
 * the key is repeatable. *field is as it was unless 0. */
int setting_list_assign(const struct conf_key *key, struct conf_list *field,
			const char *text, const char *folder, char **reason);
int setting_users_assign(struct conf_users *field, const char *text,
			 const char *fallback, char **reason);

/* setting_header.c: headers, which are not split into words. */
int setting_header_add(struct conf_list *headers, const char *text,
		       char **reason);
int setting_header_file_add(struct conf_list *headers, const char *text,
			    const char *folder, char **reason);
int setting_response_header_add(struct conf_list *headers, const char *text,
				char **reason);
/* The name of a header that clients may have us pass on, as it is. */
int setting_header_name(const char *text, char **name, char **reason);

/* Add text, which is taken over also on failure. NULL counts as no memory. */
int setting_list_add(struct conf_list *list, char *text);

#endif
