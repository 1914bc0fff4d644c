#include "config.h"

#include "given.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text.h"
#include "url.h"

static const char head[] = "spoolfs-names 1\n";

/* ---- pure ------------------------------------------------------------------- */

static bool is_utf8(const unsigned char *s)
{
	while (*s) {
		unsigned more = *s < 0x80 ? 0 : *s < 0xc2 ? 4 : *s < 0xe0 ? 1 :
				*s < 0xf0 ? 2 : *s < 0xf5 ? 3 : 4;
		unsigned char lead = *s++, low = 0x80, high = 0xbf;

		if (more == 4)
			return false;
		low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : low;
		high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : high;
		for (; more; more--, s++, low = 0x80, high = 0xbf)
			if (*s < low || *s > high)
				return false;
	}
	return true;
}

bool given_is_section(const char *name)
{
	static const char *const ours[] = { "-", ".", "..", "http", "https",
					    "http:", "https:" };
	const char *p;

	if (!*name || strlen(name) > GIVEN_NAME_MAX)
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strcmp(name, ours[i]))
			return false;
	for (p = name; *p; p++)
		if (*p == '/' || (unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

bool given_is_name(const char *name)
{
	return given_is_section(name) && is_utf8((const unsigned char *)name);
}

void given_list_fini(struct given_list *l)
{
	while (l->n--) {
		free(l->v[l->n].name);
		free(l->v[l->n].url);
	}
	free(l->v);
	*l = (struct given_list){ 0 };
}

/* Where name is (*found), or belongs. */
static size_t place(const struct given_list *l, const char *name, bool *found)
{
	size_t lo = 0, hi = l->n;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(l->v[mid].name, name);

		if (order == 0)
			*found = true;
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert(struct given_list *l, size_t at, const char *name,
		  const char *url)
{
	size_t room = l->room ? 2 * l->room : 16;
	struct given_name n, *v;

	if (l->n == l->room) {
		v = reallocarray(l->v, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	n = (struct given_name){ strdup(name), strdup(url) };
	if (!n.name || !n.url) {
		free(n.name);
		free(n.url);
		return -ENOMEM;
	}
	memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof(*l->v));
	l->v[at] = n;
	l->n++;
	return 0;
}

static void take_out(struct given_list *l, size_t at)
{
	free(l->v[at].name);
	free(l->v[at].url);
	l->n--;
	memmove(&l->v[at], &l->v[at + 1], (l->n - at) * sizeof(*l->v));
}

/* One line, without its end. */
static int parse_line(char *line, struct given_list *l)
{
	char *name = strchr(line, ' ');
	struct url *u;
	bool found;
	size_t at;

	if (!name)
		return -EBADMSG;
	*name++ = '\0';
	if (!given_is_name(name) || url_parse(line, &u) < 0)
		return -EBADMSG;
	url_free(u);
	at = place(l, name, &found);
	return found ? -EBADMSG : insert(l, at, name, line);
}

int given_parse(const char *text, size_t len, struct given_list *out)
{
	struct given_list l = { 0 };
	const char *end, *p = text;
	int err = 0;

	if (len < strlen(head) || memcmp(text, head, strlen(head)) != 0)
		return len >= 14 && !memcmp(text, head, 14) ? -EPROTO :
							      -EBADMSG;
	for (p += strlen(head); p < text + len && !err; p = end + 1) {
		char *line;

		end = memchr(p, '\n', (size_t)(text + len - p));
		if (!end || memchr(p, '\0', (size_t)(end - p))) {
			err = -EBADMSG;
			break;
		}
		line = strndup(p, (size_t)(end - p));
		err = line ? parse_line(line, &l) : -ENOMEM;
		free(line);
	}
	if (err)
		given_list_fini(&l);
	else
		*out = l;
	return err;
}

int given_format(const struct given_list *l, char **text, size_t *len)
{
	char *s = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&s, &n);

	if (!out)
		return -ENOMEM;
	fputs(head, out);
	for (size_t i = 0; i < l->n; i++)
		fprintf(out, "%s %s\n", l->v[i].url, l->v[i].name);
	if (fclose(out)) {
		free(s);
		return -ENOMEM;
	}
	*text = s;
	*len = n;
	return 0;
}

/* ---- the file --------------------------------------------------------------- */

void given_init(struct given *g, const char *dir)
{
	char *text = NULL;
	size_t len;
	int err;

	*g = (struct given){ .dir = dir };
	pthread_mutex_init(&g->lock, NULL);
	err = text_read(dir, GIVEN_FILE, &text, &len);
	if (!err)
		err = given_parse(text, len, &g->list);
	free(text);
	g->foreign = err && err != -ENOENT;
	if (err && err != -ENOENT)
		log_warn(LOG_STORE, "%s/%s: can't be used: %s", dir, GIVEN_FILE,
			 err == -EPROTO ? "of another version" :
					  strerror(-err));
}

void given_fini(struct given *g)
{
	given_list_fini(&g->list);
	pthread_mutex_destroy(&g->lock);
}

static int write_locked(struct given *g)
{
	char *text;
	size_t len;
	int err = given_format(&g->list, &text, &len);

	if (err)
		return err;
	err = text_write(g->dir, GIVEN_FILE, text, len);
	free(text);
	return err;
}

static int add_locked(struct given *g, const char *name, const char *url)
{
	bool found;
	size_t at = place(&g->list, name, &found);
	int err;

	if (found)
		return strcmp(g->list.v[at].url, url) ? -EEXIST : 0;
	err = insert(&g->list, at, name, url);
	if (err)
		return err;
	err = write_locked(g);
	if (err)
		take_out(&g->list, at);
	return err;
}

int given_add(struct given *g, const char *name, const char *url)
{
	struct url *u;
	int err = given_is_name(name) ? url_parse(url, &u) : -EINVAL;

	if (err)
		return err;
	pthread_mutex_lock(&g->lock);
	err = g->foreign ? -EPROTO : add_locked(g, name, u->sent);
	pthread_mutex_unlock(&g->lock);
	url_free(u);
	return err;
}

static int remove_locked(struct given *g, const char *name)
{
	bool found;
	size_t at = place(&g->list, name, &found);
	struct given_name old;
	int err;

	if (!found)
		return -ENOENT;
	old = g->list.v[at];
	g->list.n--;
	memmove(&g->list.v[at], &g->list.v[at + 1],
		(g->list.n - at) * sizeof(old));
	err = write_locked(g);
	if (err) {	/* the room is still there */
		memmove(&g->list.v[at + 1], &g->list.v[at],
			(g->list.n - at) * sizeof(old));
		g->list.v[at] = old;
		g->list.n++;
		return err;
	}
	free(old.name);
	free(old.url);
	return 0;
}

int given_remove(struct given *g, const char *name)
{
	int err;

	pthread_mutex_lock(&g->lock);
	err = remove_locked(g, name);
	pthread_mutex_unlock(&g->lock);
	return err;
}

/* The new name first: nothing is lost on the way. */
static int move_locked(struct given *g, const char *from, const char *to)
{
	bool found, taken;
	size_t at = place(&g->list, from, &found);
	int err;

	place(&g->list, to, &taken);
	if (!found)
		return -ENOENT;
	if (!strcmp(from, to))
		return 0;
	if (taken)
		return -EEXIST;
	err = add_locked(g, to, g->list.v[at].url);
	return err ? err : remove_locked(g, from);
}

int given_move(struct given *g, const char *from, const char *to)
{
	int err = given_is_name(to) ? 0 : -EINVAL;

	pthread_mutex_lock(&g->lock);
	if (!err)
		err = move_locked(g, from, to);
	pthread_mutex_unlock(&g->lock);
	return err;
}

int given_url(struct given *g, const char *name, char **url)
{
	char *copy = NULL;
	bool found;
	size_t at;

	pthread_mutex_lock(&g->lock);
	at = place(&g->list, name, &found);
	if (found)
		copy = strdup(g->list.v[at].url);
	pthread_mutex_unlock(&g->lock);
	if (!found)
		return -ENOENT;
	if (!copy)
		return -ENOMEM;
	*url = copy;
	return 0;
}

/* A copy is shown: fn may do as it likes. */
int given_each(struct given *g,
	       int (*fn)(void *ctx, const char *name, const char *url),
	       void *ctx)
{
	struct given_list l = { 0 };
	int r = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->list.n && !r; i++)
		r = insert(&l, i, g->list.v[i].name, g->list.v[i].url);
	pthread_mutex_unlock(&g->lock);
	for (size_t i = 0; i < l.n && !r; i++)
		r = fn(ctx, l.v[i].name, l.v[i].url);
	given_list_fini(&l);
	return r;
}
