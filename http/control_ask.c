#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/url.h"
#include "control_ask.h"

#define URL ASK_FIELD_URL
#define NAME ASK_FIELD_NAME

static const struct ask_route routes[] = {
	{ "GET", "/status", ASK_STATUS, 0, 0 },
	{ "GET", "/metrics", ASK_METRICS, 0, 0 },
	{ "GET", "/entries", ASK_ENTRIES, 0, URL | ASK_FIELD_STATE },
	{ "GET", "/events", ASK_EVENTS, 0, URL },
	{ "GET", "/where", ASK_WHERE, URL, 0 },
	{ "GET", "/names", ASK_NAMES, 0, 0 },
	{ "POST", "/names", ASK_NAME_ADD, NAME | URL, 0 },
	{ "DELETE", "/names", ASK_NAME_REMOVE, NAME, 0 },
	{ "POST", "/fetch", ASK_FETCH, URL,
	  ASK_FIELD_START | ASK_FIELD_END | ASK_FIELD_WAIT },
	{ "POST", "/stop", ASK_STOP, URL, 0 },
	{ "POST", "/pin", ASK_PIN, URL, 0 },
	{ "POST", "/unpin", ASK_UNPIN, URL, 0 },
	{ "POST", "/validate", ASK_VALIDATE, URL, 0 },
	{ "POST", "/reset", ASK_RESET, URL, 0 },
	{ "POST", "/drop", ASK_DROP, URL, 0 },
	{ "POST", "/reload", ASK_RELOAD, 0, 0 },
	{ "POST", "/log-level", ASK_LOG_LEVEL, ASK_FIELD_LEVEL, 0 },
};

#undef URL
#undef NAME

static const struct {
	const char *name;
	enum ask_field field;
} fields[] = {
	{ "url", ASK_FIELD_URL },
	{ "name", ASK_FIELD_NAME },
	{ "start", ASK_FIELD_START },
	{ "end", ASK_FIELD_END },
	{ "state", ASK_FIELD_STATE },
	{ "level", ASK_FIELD_LEVEL },
	{ "wait", ASK_FIELD_WAIT },
};

/* In the order of their enums. */
static const char *const states[] = { "all", "active", "inactive", "partial",
				      "loaded" };
static const char *const levels[] = { "error", "warning", "info", "debug" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct ask_route *ask_routes(size_t *n)
{
	*n = COUNT(routes);
	return routes;
}

void ask_fini(struct ask *a)
{
	free(a->url);
	free(a->name);
	*a = (struct ask){ 0 };
}

static int refuse(struct ask_error *error, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct ask_error *error, unsigned status, const char *fmt, ...)
{
	va_list args;

	error->status = status;
	va_start(args, fmt);
	vsnprintf(error->reason, sizeof(error->reason), fmt, args);
	va_end(args);
	return status == 500 ? -ENOMEM : -EINVAL;
}

static int no_memory(struct ask_error *error)
{
	return refuse(error, 500, "out of memory");
}

/* ---- values -------------------------------------------------------------------- */

static int find_word(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return -1;
}

static int take_text(const char *value, char **out, const char *name,
		     struct ask_error *error)
{
	if (value[0] == '\0' || strlen(value) > URL_MAX)
		return refuse(error, 400, "%s is empty or too long", name);
	*out = strdup(value);
	return *out ? 0 : no_memory(error);
}

static int take_word(struct ask *a, enum ask_field field, const char *value,
		     struct ask_error *error)
{
	bool level = field == ASK_FIELD_LEVEL;
	int i = level ? find_word(value, levels, COUNT(levels))
		      : find_word(value, states, COUNT(states));

	if (i < 0)
		return level ?
		       refuse(error, 400, "level is error, warning, info or "
			      "debug") :
		       refuse(error, 400, "state is all, active, inactive, "
			      "partial or loaded");
	if (level)
		a->level = (enum log_level)i;
	else
		a->state = (enum ask_state)i;
	return 0;
}

static int take_string(struct ask *a, enum ask_field field, const char *name,
		       const char *value, struct ask_error *error)
{
	if (field == ASK_FIELD_URL)
		return take_text(value, &a->url, name, error);
	if (field == ASK_FIELD_NAME)
		return take_text(value, &a->name, name, error);
	if (field == ASK_FIELD_STATE || field == ASK_FIELD_LEVEL)
		return take_word(a, field, value, error);
	return refuse(error, 400, "%s is not a text", name);
}

static int take_bytes(const json_t *value, uint64_t *out, const char *name,
		      struct ask_error *error)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return refuse(error, 400, "%s is a number of bytes", name);
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

/* A value of JSON, or of a query, where all is text. */
static int take_value(struct ask *a, enum ask_field field, const char *name,
		      const json_t *value, struct ask_error *error)
{
	if (json_is_string(value))
		return take_string(a, field, name, json_string_value(value),
				   error);
	if (field == ASK_FIELD_START)
		return take_bytes(value, &a->start, name, error);
	if (field == ASK_FIELD_END)
		return take_bytes(value, &a->end, name, error);
	if (field != ASK_FIELD_WAIT)
		return refuse(error, 400, "%s is a text", name);
	if (!json_is_boolean(value))
		return refuse(error, 400, "%s is true or false", name);
	a->wait = json_is_true(value);
	return 0;
}

static int take_field(struct ask *a, const struct ask_route *route,
		      const char *name, const json_t *value,
		      struct ask_error *error)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		enum ask_field field = fields[i].field;
		int rc;

		if (strcmp(name, fields[i].name) != 0)
			continue;
		if (!((route->needs | route->takes) & field))
			return refuse(error, 400, "%s does not take %s",
				      route->path, fields[i].name);
		if (a->given & field)
			return refuse(error, 400, "%s is given twice",
				      fields[i].name);
		rc = take_value(a, field, fields[i].name, value, error);
		if (rc == 0)
			a->given |= field;
		return rc;
	}
	return refuse(error, 400, "a value of an unknown name");
}

static int check_values(const struct ask *a, const struct ask_route *route,
			struct ask_error *error)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (route->needs & fields[i].field & ~a->given)
			return refuse(error, 400, "%s needs %s", route->path,
				      fields[i].name);
	if (a->start >= a->end)
		return refuse(error, 400, "start is not before end");
	return 0;
}

/* ---- where they are -------------------------------------------------------------- */

/* Of application/x-www-form-urlencoded. -EINVAL: a NUL. */
static int decode(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++) {
		int byte = url_escape(s);

		if (byte == 0)
			return -EINVAL;
		if (byte > 0)
			s += 2;
		*to++ = byte > 0 ? (char)byte : *s == '+' ? ' ' : *s;
	}
	*to = '\0';
	return 0;
}

static int take_pair(struct ask *a, const struct ask_route *route, char *pair,
		     struct ask_error *error)
{
	char *value = strchr(pair, '=');
	json_t *text;
	int rc;

	if (!value)
		return refuse(error, 400, "the query is not NAME=VALUE");
	*value++ = '\0';
	if (decode(pair) < 0 || decode(value) < 0 ||
	    !(text = json_string(value)))
		return refuse(error, 400, "a value is not UTF-8");
	rc = take_field(a, route, pair, text, error);
	json_decref(text);
	return rc;
}

static int take_query(struct ask *a, const struct ask_route *route,
		      const char *query, struct ask_error *error)
{
	char *copy = strdup(query), *rest = copy, *pair;
	int rc = copy ? 0 : no_memory(error);

	while (rc == 0 && (pair = strsep(&rest, "&")))
		if (*pair)
			rc = take_pair(a, route, pair, error);
	free(copy);
	return rc;
}

static int take_body(struct ask *a, const struct ask_route *route,
		     const char *body, size_t len, struct ask_error *error)
{
	json_t *object, *value;
	const char *name;
	int rc = 0;

	if (len == 0)
		return 0;
	object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		return refuse(error, 400, "the body is not a JSON object");
	}
	json_object_foreach(object, name, value) {
		rc = take_field(a, route, name, value, error);
		if (rc < 0)
			break;
	}
	json_decref(object);
	return rc;
}

/* ---- the request ------------------------------------------------------------------ */

static const struct ask_route *find_route(const char *method, const char *path,
					  size_t len, struct ask_error *error)
{
	char *at = error->allow;

	for (size_t i = 0; i < COUNT(routes); i++) {
		const struct ask_route *r = &routes[i];

		if (strlen(r->path) != len || memcmp(r->path, path, len) != 0)
			continue;
		if (strcmp(r->method, method) == 0) {
			error->allow[0] = '\0';
			return r;
		}
		at += sprintf(at, "%s%s", at == error->allow ? "" : ", ",
			      r->method);
	}
	if (at == error->allow)
		refuse(error, 404, "there is no such path");
	else
		refuse(error, 405, "the method is one of %s", error->allow);
	return NULL;
}

int ask_parse(const char *method, const char *target, const char *body,
	      size_t len, struct ask *out, struct ask_error *error)
{
	size_t path = strcspn(target, "?");
	const struct ask_route *route;
	struct ask a = { .end = UINT64_MAX };
	bool in_body;
	int rc;

	*error = (struct ask_error){ 0 };
	route = find_route(method, target, path, error);
	if (!route)
		return -EINVAL;
	a.what = route->what;
	in_body = strcmp(route->method, "POST") == 0;
	if (in_body ? target[path] != '\0' : len > 0)
		rc = refuse(error, 400, in_body ?
			    "a POST has its values in its body" :
			    "values are in the query, not in a body");
	else if (in_body)
		rc = take_body(&a, route, body, len, error);
	else
		rc = take_query(&a, route, target[path] ? target + path + 1
							: "", error);
	if (rc == 0)
		rc = check_values(&a, route, error);
	if (rc < 0) {
		ask_fini(&a);
		return rc;
	}
	*out = a;
	return 0;
}
