/* control: what a test asks of the origin itself, below "/-/", and the log of
 * all other requests. From loopback only. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "origin.h"

static void json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			fprintf(out, "\\%c", ch);
		else if (ch < 0x20 || ch >= 0x7f)
			fprintf(out, "\\u%04x", ch);
		else
			fputc(ch, out);
	}
	fputc('"', out);
}

static void json_header(FILE *out, const struct request *q, const char *key,
			const char *name)
{
	const char *value = request_header(q, name);

	if (!value)
		return;
	fprintf(out, ",\"%s\":", key);
	json_string(out, value);
}

/* The members that are known when a request begins. */
static char *describe(const struct connection *c)
{
	const struct request *q = &c->q;
	char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "\"method\":");
	json_string(out, q->method);
	fprintf(out, ",\"path\":");
	json_string(out, q->target);
	json_header(out, q, "range", "Range");
	json_header(out, q, "if_range", "If-Range");
	json_header(out, q, "if_none_match", "If-None-Match");
	json_header(out, q, "if_modified_since", "If-Modified-Since");
	fprintf(out, ",\"headers\":[");
	for (i = 0; i < q->n_headers; i++) {
		fprintf(out, "%s[", i ? "," : "");
		json_string(out, q->headers[i].name);
		fputc(',', out);
		json_string(out, q->headers[i].value);
		fputc(']', out);
	}
	fprintf(out, "],\"tls\":%s", c->tls ? "true" : "false");
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int64_t since_start_ms(void)
{
	return (now_ns() - (origin.start.tv_sec * INT64_C(1000000000) +
			    origin.start.tv_nsec)) / 1000000;
}

static void record_free(struct record *r)
{
	free(r->text);
	free(r->target);
	free(r);
}

struct record *record_begin(const struct connection *c)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->text = describe(c);
	r->target = strdup(c->q.target);
	if (!r->text || !r->target) {
		record_free(r);
		return NULL;
	}
	r->connection = c->number;
	r->number = c->requests;
	r->listed = r->active = true;
	r->time_ms = since_start_ms();
	pthread_mutex_lock(&origin.lock);
	origin.requests++;
	*origin.log_tail = r;
	origin.log_tail = &r->next;
	pthread_mutex_unlock(&origin.lock);
	return r;
}

void record_update(struct record *r, unsigned status, unsigned line,
		   uint64_t sent)
{
	if (!r)
		return;
	pthread_mutex_lock(&origin.lock);
	r->status = status;
	r->line = line;
	r->sent = sent;
	pthread_mutex_unlock(&origin.lock);
}

void record_end(struct record *r, const char *end)
{
	bool listed;

	if (!r)
		return;
	pthread_mutex_lock(&origin.lock);
	r->end = end;
	r->active = false;
	listed = r->listed;
	pthread_mutex_unlock(&origin.lock);
	if (!listed)
		record_free(r);
}

static void clear_log(void)
{
	struct record *r, *next;

	pthread_mutex_lock(&origin.lock);
	for (r = origin.log; r; r = next) {
		next = r->next;
		r->listed = false;
		if (!r->active)
			record_free(r);
	}
	origin.log = NULL;
	origin.log_tail = &origin.log;
	origin.requests = 0;
	pthread_mutex_unlock(&origin.lock);
}

static void print_record(FILE *out, const struct record *r)
{
	fprintf(out, "{\"t\":%" PRId64 ",\"conn\":%" PRIu64 ",\"req\":%" PRIu64
		",%s,\"status\":%u,\"rule\":%u,\"sent\":%" PRIu64
		",\"end\":", r->time_ms, r->connection, r->number, r->text,
		r->status, r->line, r->sent);
	if (r->end)
		json_string(out, r->end);
	else
		fprintf(out, "null");
	fprintf(out, "}\n");
}

static void print_log(FILE *out)
{
	const struct record *r;

	pthread_mutex_lock(&origin.lock);
	for (r = origin.log; r; r = r->next)
		print_record(out, r);
	pthread_mutex_unlock(&origin.lock);
}

/* Of one path (without its query), or of all when path is NULL. */
static void print_stats(FILE *out, const char *path)
{
	uint64_t requests = 0, active = 0, sent = 0;
	const struct record *r;

	pthread_mutex_lock(&origin.lock);
	for (r = origin.log; r; r = r->next) {
		size_t n = strcspn(r->target, "?");

		if (path && (strlen(path) != n || memcmp(path, r->target, n)))
			continue;
		requests++;
		active += r->active;
		sent += r->sent;
	}
	fprintf(out, "{\"requests\":%" PRIu64 ",\"active\":%" PRIu64
		",\"sent\":%" PRIu64 ",\"connections\":%" PRIu64
		",\"open\":%" PRIu64 "}\n", requests, active, sent,
		origin.connections, origin.open);
	pthread_mutex_unlock(&origin.lock);
}

uint64_t version_of(const char *path)
{
	const struct version *v;
	uint64_t number = 1;

	pthread_mutex_lock(&origin.lock);
	for (v = origin.versions; v; v = v->next)
		if (!strcmp(v->path, path))
			number = v->number;
	pthread_mutex_unlock(&origin.lock);
	return number;
}

static bool set_version(const char *path, uint64_t number)
{
	struct version *v;

	pthread_mutex_lock(&origin.lock);
	for (v = origin.versions; v; v = v->next)
		if (!strcmp(v->path, path))
			break;
	if (!v && (v = calloc(1, sizeof(*v)))) {
		v->path = strdup(path);
		v->next = origin.versions;
		if (v->path) {
			origin.versions = v;
		} else {
			free(v);
			v = NULL;
		}
	}
	if (v)
		v->number = number;
	pthread_mutex_unlock(&origin.lock);
	return v != NULL;
}

/* "PATH NUMBER" */
static bool control_version(struct connection *c)
{
	char *number = strrchr(c->q.body, ' ');
	const char *end;
	uint64_t n;

	if (!number || !parse_size(number + 1, &end, &n) ||
	    (*end && *end != '\n'))
		return answer_simple(c, 400, "PATH NUMBER\n", 12);
	*number = '\0';
	if (!set_version(c->q.body, n))
		return answer_simple(c, 500, "", 0);
	return answer_simple(c, 200, "", 0);
}

static bool control_script(struct connection *c)
{
	char *error = NULL;
	struct script *s = script_parse(c->q.body, &error), *old;
	bool alive;

	if (!s) {
		alive = answer_simple(c, 400, error ? error : "",
				      error ? strlen(error) : 0);
		free(error);
		return alive;
	}
	pthread_mutex_lock(&origin.lock);
	old = origin.script;
	origin.script = s;
	pthread_mutex_unlock(&origin.lock);
	origin_script_put(old);
	return answer_simple(c, 200, "", 0);
}

static bool control_release(struct connection *c)
{
	pthread_mutex_lock(&origin.lock);
	origin.releases++;
	pthread_mutex_unlock(&origin.lock);
	return answer_simple(c, 200, "", 0);
}

static bool control_print(struct connection *c, const char *what)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool alive;

	if (!out)
		return answer_simple(c, 500, "", 0);
	if (!strcmp(what, "log"))
		print_log(out);
	else
		print_stats(out, what[5] == '?' ? what + 6 : NULL);
	if (fclose(out))
		return answer_simple(c, 500, "", 0);
	alive = answer_simple(c, 200, text, len);
	free(text);
	return alive;
}

bool control(struct connection *c)
{
	const char *what = c->q.target + 3;
	bool post = !strcmp(c->q.method, "POST");

	if (!c->local)
		return answer_simple(c, 403, "", 0);
	if (post && !strcmp(what, "script"))
		return control_script(c);
	if (post && !strcmp(what, "version"))
		return control_version(c);
	if (post && !strcmp(what, "release"))
		return control_release(c);
	if (post && !strcmp(what, "reset")) {
		clear_log();
		return answer_simple(c, 200, "", 0);
	}
	if (!post && (!strcmp(what, "log") || !strcmp(what, "stats") ||
		      !strncmp(what, "stats?", 6)))
		return control_print(c, what);
	return answer_simple(c, 404, "", 0);
}
