#include "config.h"

#include "setting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "setting_list.h"

enum setting_holds setting_holds(enum conf_type type)
{
	switch (type) {
	case CONF_NUMBER: case CONF_SECONDS: case CONF_SIZE: case CONF_BYTES:
	case CONF_SPLIT: case CONF_FILL: case CONF_AUTO: case CONF_LEVEL:
	case CONF_YES: case CONF_SAVE:
		return HOLDS_VALUE;
	case CONF_CACHE_DIR: case CONF_TOKEN: case CONF_TOKEN_FILE:
	case CONF_CONTROL: case CONF_TEXT: case CONF_PROXY: case CONF_READABLE:
	case CONF_PROGRAM: case CONF_URL:
		return HOLDS_TEXT;
	case CONF_LISTEN: case CONF_HOSTS: case CONF_WEB_ORIGINS:
	case CONF_PATTERNS: case CONF_HEADER: case CONF_HEADER_FILE:
	case CONF_RESPONSE_HEADER: case CONF_HEADER_NAMES:
	case CONF_CONTENT_TYPE: case CONF_QUERY: case CONF_PATHS:
		return HOLDS_LIST;
	case CONF_USERS:
		return HOLDS_USERS;
	}
	return HOLDS_VALUE;
}

static size_t value_size(enum conf_type type)
{
	switch (type) {
	case CONF_SIZE: case CONF_BYTES: case CONF_SPLIT:
		return sizeof(uint64_t);
	case CONF_AUTO: case CONF_YES:
		return sizeof(bool);
	default:
		return sizeof(unsigned);
	}
}

/* The field belongs to another key, of whose values this one is a file. */
static bool is_alias(const struct conf_key *key)
{
	return key->type == CONF_HEADER_FILE || key->type == CONF_TOKEN_FILE;
}

void setting_free(const struct conf_key *key, void *base)
{
	void *field = (char *)base + key->offset;
	struct conf_users *users = field;

	if (is_alias(key))
		return;
	switch (setting_holds(key->type)) {
	case HOLDS_LIST:
		setting_list_free(field);
		break;
	case HOLDS_TEXT:
		free(*(char **)field);
		break;
	case HOLDS_USERS:
		free(users->v);
		break;
	case HOLDS_VALUE:
		break;
	}
}

void setting_forget(const struct conf_key *key, void *base)
{
	void *field = (char *)base + key->offset;

	if (is_alias(key))
		return;
	switch (setting_holds(key->type)) {
	case HOLDS_LIST:
		*(struct conf_list *)field = (struct conf_list){ 0 };
		break;
	case HOLDS_TEXT:
		*(char **)field = NULL;
		break;
	case HOLDS_USERS:
		*(struct conf_users *)field = (struct conf_users){ 0 };
		break;
	case HOLDS_VALUE:
		break;
	}
}

static int copy_users(struct conf_users *to, const struct conf_users *from)
{
	uid_t *v = calloc(from->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++)
		v[i] = from->v[i];
	to->v = v;
	to->n = from->n;
	to->all = from->all;
	return 0;
}

int setting_copy(const struct conf_key *key, void *to, const void *from)
{
	const void *source = (const char *)from + key->offset;
	void *field = (char *)to + key->offset;
	char *const *text = source, **copy = field;

	if (is_alias(key))
		return 0;
	setting_forget(key, to);
	switch (setting_holds(key->type)) {
	case HOLDS_LIST:
		return setting_list_copy(field, source);
	case HOLDS_TEXT:
		*copy = *text ? strdup(*text) : NULL;
		return *text && !*copy ? -ENOMEM : 0;
	case HOLDS_USERS:
		return copy_users(field, source);
	case HOLDS_VALUE:
		memcpy(field, source, value_size(key->type));
	}
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_users(const struct conf_users *a, const struct conf_users *b)
{
	return a->all == b->all && a->n == b->n &&
	       (!a->n || !memcmp(a->v, b->v, a->n * sizeof(*a->v)));
}

bool setting_same(const struct conf_key *key, const void *a, const void *b)
{
	const void *x = (const char *)a + key->offset;
	const void *y = (const char *)b + key->offset;
	const struct conf_list *l = x, *m = y;

	switch (setting_holds(key->type)) {
	case HOLDS_LIST:
		for (size_t i = 0; i < l->n && i < m->n; i++)
			if (strcmp(l->v[i], m->v[i]))
				return false;
		return l->n == m->n;
	case HOLDS_TEXT:
		return same_text(*(char *const *)x, *(char *const *)y);
	case HOLDS_USERS:
		return same_users(x, y);
	case HOLDS_VALUE:
		break;
	}
	return !memcmp(x, y, value_size(key->type));
}
