#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/command.h"
#include "cache/fresh.h"
#include "control_json.h"
#include "ctl.h"
#include "ctl_call.h"
#include "look.h"

int ctl_complain(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("spoolctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

void ctl_put(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];

		if (c == 0xc2 && next >= 0x80 && next < 0xa0) {	/* C1 */
			putchar('?');
			s++;
		} else {
			putchar(c < 0x20 || c == 0x7f ? '?' : c);
		}
	}
}

void ctl_put_line(const char *label, const char *text)
{
	printf("%-15s", label);
	ctl_put(text ? text : "-");
	putchar('\n');
}

void ctl_put_time(const char *label, time_t t)
{
	char text[32];
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, sizeof(text), "%jd", (intmax_t)t);
	ctl_put_line(label, text);
}

int ctl_put_json(json_t *object)
{
	int rc = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;

	json_decref(object);
	if (rc < 0)
		return ctl_complain("%s", strerror(ENOMEM));
	putchar('\n');
	return EXIT_SUCCESS;
}

const char *ctl_size(uint64_t bytes, char buf[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB",
					     "PB", "EB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 999.5 && i < 6; i++)
		n /= 1000;
	snprintf(buf, 16, i > 0 && n < 9.95 ? "%.1f %s" : "%.0f %s", n,
		 units[i]);
	return buf;
}

/* ---- names and URLs -------------------------------------------------------------- */

const struct conf_file *ctl_find_name(const struct conf *conf,
				      const char *name)
{
	for (size_t i = 0; i < conf->n_files; i++)
		if (strcmp(name, conf->files[i].name) == 0)
			return &conf->files[i];
	return NULL;
}

/* The URL of a name that the daemon has been given; NULL: no daemon, or it has
 * no such name. */
static struct url *ask_name(const struct ctl *ctl, const char *name)
{
	struct ctl_client *client;
	struct url *u = NULL;
	struct ctl_reply reply;
	const char *url;

	if (ctl_client_open(ctl->conf.cache_dir, &client) < 0)
		return NULL;
	if (ctl_ask(client, "GET", "/names", NULL, &reply) == 0) {
		url = ctl_text(reply.body, name);
		if (!url || url_parse(url, &u) < 0)
			u = NULL;
		ctl_reply_fini(&reply);
	}
	ctl_client_close(client);
	return u;
}

struct url *ctl_resolve(const struct ctl *ctl, const char *arg)
{
	const struct conf_file *file = ctl_find_name(&ctl->conf, arg);
	struct url *u;
	int rc = url_parse(file ? file->url : arg, &u);

	if (rc == 0)
		return u;
	u = rc == -EINVAL && !file ? ask_name(ctl, arg) : NULL;
	if (!u)
		ctl_complain("%s: %s", arg, rc == -EINVAL ?
			     "not a URL that can be fetched, and no name" :
			     strerror(-rc));
	return u;
}

/* ---- records ------------------------------------------------------------------------ */

char *ctl_record_path(const struct conf *conf, const struct url *u)
{
	char *name, *path = NULL;
	int rc = url_name(u, &name);

	if (rc < 0) {
		ctl_complain("%s: %s", u->sent, strerror(-rc));
		return NULL;
	}
	if (asprintf(&path, "%s/%s" LOOK_SUFFIX, conf->cache_dir, name) < 0) {
		path = NULL;
		ctl_complain("%s", strerror(ENOMEM));
	}
	free(name);
	return path;
}

int ctl_find_record(const char *path, const struct url *u,
		    struct store_record *out)
{
	struct store_record r;
	int rc = look_record(path, &r);

	if (rc == -ENOTDIR || rc == -ENAMETOOLONG)
		return -ENOENT;
	if (rc < 0)
		return rc;
	if (strcmp(r.key, u->key) != 0) {
		store_record_fini(&r);
		return -ENOENT;
	}
	*out = r;
	return 0;
}

static time_t modified(const struct store_record *r)
{
	const char *text = r->version.last_modified;
	time_t t = text ? fresh_parse_date(text, strlen(text), time(NULL)) : -1;

	return t >= 0 ? t : r->created;
}

json_t *ctl_record_json(const struct store_record *r, time_t used)
{
	const struct cache_view v = {
		.info = {
			.generation = r->generation,
			.directory = r->kind == STORE_DIRECTORY,
			.complete = store_record_complete(r),
			.pinned = r->pinned,
			.size = r->version.size == REPLY_SIZE_UNKNOWN ?
				CACHE_SIZE_UNKNOWN : r->version.size,
			.cached = r->present.total,
			.modified = modified(r),
			.url = r->url,
			.etag = r->version.etag,
			.last_modified = r->version.last_modified,
			.content_type = r->content_type,
		},
		.present = r->present,
		.used = used,
	};

	return control_json_view(&v);
}

/* ---- members -------------------------------------------------------------------------- */

const char *ctl_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

uint64_t ctl_number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

bool ctl_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

const char *ctl_percent(const json_t *view, char buf[8])
{
	uint64_t size = ctl_number(view, "size");
	uint64_t got = ctl_number(view, "cached");
	unsigned n = 100;

	if (!json_is_integer(json_object_get(view, "size")))
		return "-";
	if (got < size) {
		n = (unsigned)((double)got * 100 / (double)size);
		n = n < 99 ? n : 99;
	}
	snprintf(buf, 8, "%u%%", n);
	return buf;
}
