#include "config.h"

#include "forward.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/fields.h"

struct selection {
	const struct conf_list *names;
	const char *token;
	char *text;
	size_t len;
	int err;
};

static const char *find(const struct conf_list *names, const char *name,
			size_t len)
{
	for (size_t i = 0; i < names->n; i++)
		if (strlen(names->v[i]) == len &&
		    !strncasecmp(names->v[i], name, len))
			return names->v[i];
	return NULL;
}

static enum MHD_Result take(void *cls, enum MHD_ValueKind kind,
			    const char *name, size_t len, const char *value,
			    size_t value_len)
{
	struct selection *s = cls;
	const char *known = find(s->names, name, len);
	struct field f;

	(void)kind;
	if (!known || !value_len ||
	    (s->token && memmem(value, value_len, s->token, strlen(s->token))))
		return MHD_YES;
	f = (struct field){ known, value, strlen(known), value_len };
	s->err = fields_append(&s->text, &s->len, FIELDS_MAX, &f);
	return s->err ? MHD_NO : MHD_YES;
}

int forward_select(struct MHD_Connection *connection,
		   const struct conf_list *names, const char *token,
		   char **out)
{
	struct selection s = { .names = names, .token = token };

	if (names->n)
		MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take,
					    &s);
	if (s.err) {
		free(s.text);
		return s.err;
	}
	*out = s.text;
	return 0;
}
