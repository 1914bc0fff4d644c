#include "config.h"

#include "playlist_template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "playlist_segments.h"

/* ---- making one --------------------------------------------------------------- */

static int split(const char *url, char **head, char **tail)
{
	const char *mark = strstr(url, PLAYLIST_TEMPLATE_MARK), *behind;

	if (!mark)
		return -EINVAL;
	behind = mark + strlen(PLAYLIST_TEMPLATE_MARK);
	if (strstr(mark + 1, PLAYLIST_TEMPLATE_MARK))
		return -EINVAL;
	*head = strndup(url, (size_t)(mark - url));
	*tail = strdup(behind);
	return *head && *tail ? 0 : -ENOMEM;
}

int playlist_template_set(struct playlist_template *t, const struct url *u)
{
	int rc;

	if (strstr(u->origin, PLAYLIST_TEMPLATE_MARK) ||
	    strlen(u->sent) + PLAYLIST_TEMPLATE_WIDTH_MAX > URL_MAX)
		return -EINVAL;
	rc = split(u->sent, &t->sent, &t->sent_end);
	return rc < 0 ? rc : split(u->key, &t->key, &t->key_end);
}

void playlist_template_fini(struct playlist_template *t)
{
	free(t->sent);
	free(t->sent_end);
	free(t->key);
	free(t->key_end);
	free(t->runs);
	*t = (struct playlist_template){ 0 };
}

int playlist_template_add(struct playlist_template *t, uint64_t start,
			  uint64_t d, uint64_t n)
{
	uint64_t length, end;
	struct playlist_run *grown;
	size_t max = t->n_runs ? 2 * t->n_runs : 1;

	if (!d || !n || n > PLAYLIST_RUN_MAX ||
	    __builtin_mul_overflow(d, n, &length) ||
	    __builtin_add_overflow(start, length, &end))
		return -EINVAL;
	/* It grows at powers of two. */
	if ((t->n_runs & (t->n_runs - 1)) == 0) {
		grown = realloc(t->runs, max * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		t->runs = grown;
	}
	t->runs[t->n_runs++] = (struct playlist_run){ start, d, n };
	return 0;
}

/* ---- numbers and indices -------------------------------------------------------- */

int playlist_template_number(const char *s, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (s[i] < '0' || s[i] > '9' ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s[i] - '0'), &n))
			return -EINVAL;
	*out = n;
	return 0;
}

/* The run of index, and which of it; NULL: past the end. */
static const struct playlist_run *
run_of(const struct playlist_template *t, uint64_t index, uint64_t *k)
{
	for (size_t i = 0; i < t->n_runs; i++) {
		if (index < t->runs[i].n) {
			*k = index;
			return &t->runs[i];
		}
		index -= t->runs[i].n;
	}
	return NULL;
}

static bool number_of(const struct playlist_template *t, uint64_t index,
		      uint64_t *number)
{
	const struct playlist_run *run;
	uint64_t k;

	run = run_of(t, index, &k);
	if (!run)
		return false;
	if (t->by_time)
		*number = run->t + k * run->d;
	else if (__builtin_add_overflow(t->first, index, number))
		return false;
	return true;
}

static bool index_of(const struct playlist_template *t, uint64_t number,
		     uint64_t *index)
{
	uint64_t before = 0, k;

	if (!t->by_time) {
		*index = number - t->first;
		return number >= t->first && run_of(t, *index, &k);
	}
	for (size_t i = 0; i < t->n_runs; i++) {
		const struct playlist_run *run = &t->runs[i];

		k = (number - run->t) / run->d;
		if (number >= run->t && k < run->n &&
		    run->t + k * run->d == number) {
			*index = before + k;
			return true;
		}
		before += run->n;
	}
	return false;
}

/* ---- URLs ------------------------------------------------------------------------- */

bool playlist_template_find(const struct playlist_template *t, const char *key,
			    uint64_t *index)
{
	size_t head = strlen(t->key), tail = strlen(t->key_end);
	size_t len = strlen(key), digits;
	uint64_t number;

	if (len <= head + tail || memcmp(key, t->key, head) != 0 ||
	    strcmp(key + len - tail, t->key_end) != 0)
		return false;
	digits = len - head - tail;
	if (digits < t->width || digits > PLAYLIST_TEMPLATE_WIDTH_MAX ||
	    (digits > 1 && digits > t->width && key[head] == '0'))
		return false;
	return playlist_template_number(key + head, digits, &number) == 0 &&
	       index_of(t, number, index);
}

char *playlist_template_url(const struct playlist_template *t, uint64_t index,
			    bool sent)
{
	uint64_t number;
	char *url;

	if (!number_of(t, index, &number) ||
	    asprintf(&url, "%s%0*" PRIu64 "%s", sent ? t->sent : t->key,
		     (int)(t->width ? t->width : 1), number,
		     sent ? t->sent_end : t->key_end) < 0)
		return NULL;
	return url;
}

/* ---- ahead --------------------------------------------------------------------------- */

/* Clocks differ: a segment is waited for once more as long as it plays. An
 * origin that is asked too early says that there is none. */
static bool is_there(const struct playlist_template *t,
		     const struct playlist_run *run, uint64_t k, double now)
{
	double end = (double)run->t + ((double)k + 2) * (double)run->d;

	return !t->dynamic || t->epoch + end / (double)t->timescale <= now;
}

static const struct playlist_template *
in_next_period(const struct playlist_template *all, size_t n,
	       const struct playlist_template *t)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].period == t->period + 1 && all[i].id == t->id)
			return &all[i];
	return NULL;
}

size_t playlist_template_ahead(const struct playlist_template *all, size_t n,
			       const struct playlist_template *t,
			       uint64_t index, double now,
			       struct playlist_counted *out)
{
	const struct playlist_run *run;
	size_t count = 0;
	double ms = 0;
	uint64_t k;

	for (index++; t && count < PLAYLIST_AHEAD_MAX &&
	     (count < PLAYLIST_AHEAD || ms < PLAYLIST_AHEAD_MS); index++) {
		run = run_of(t, index, &k);
		while (!run && (t = in_next_period(all, n, t))) {
			index = 0;
			run = run_of(t, index, &k);
		}
		if (!run || !is_there(t, run, k, now))
			break;
		ms += (double)run->d * 1000 / (double)t->timescale;
		out[count++] = (struct playlist_counted){ t, index };
	}
	return count;
}
