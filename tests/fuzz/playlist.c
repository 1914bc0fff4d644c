/* Playlists. The input is a line with a file name, whose extension says what
 * kind it is, then the document. A name that begins with "r" stands for one
 * that was redirected, with "t" for one behind a token. */
#include "config.h"

#include <errno.h>

#include "cache/url.h"
#include "http/playlist.h"
#include "http/playlist_dash.h"
#include "http/playlist_scan.h"
#include "http/playlist_segments.h"
#include "tests/fuzz/fuzz.h"

#define URL "https://h.example/a/b/doc?q"
#define ENDPOINT "http://localhost:4612"

static const struct playlist_place places[] = {
	{ URL, "/https/h.example/a/b/doc?q", "/", "localhost:4612" },
	{ URL, "/http/other.example:8080/x", "/", "localhost:4612" },
	{ URL, "/T0ken/https://h.example/a/b/doc?q", "/T0ken/",
	  "localhost:4612" },
};

/* ---- what was found --------------------------------------------------------- */

struct found {
	struct item {
		struct playlist_ref ref;
		char *text;
	} *v;
	size_t n;
	bool based;	/* something is a base for something else */
	bool has_home;
	size_t home;	/* where a base for all of it can stand */
};

static int on_ref(void *ctx, const struct playlist_ref *ref)
{
	struct found *f = ctx;

	if (ref->role == PLAYLIST_HOME) {
		must(ref->start == ref->end && f->n == 0 && !f->has_home);
		f->has_home = true;
		f->home = ref->start;
		return 0;
	}
	must(ref->start < ref->end);
	must(f->n == 0 || f->v[f->n - 1].ref.end <= ref->start);
	f->v = realloc(f->v, (f->n + 1) * sizeof(*f->v));
	must(f->v);
	f->v[f->n].ref = *ref;
	f->v[f->n].text = fuzz_string(ref->text, strlen(ref->text));
	f->n++;
	f->based |= ref->role == PLAYLIST_BASE;
	return 0;
}

static void on_leave(void *ctx, unsigned depth)
{
	(void)ctx;
	must(depth > 0);
}

static int find(enum playlist_kind kind, const char *text, size_t len,
		struct found *f)
{
	const struct playlist_scan scan = { f, on_ref, on_leave };

	*f = (struct found){ 0 };
	if (kind == PLAYLIST_M3U)
		return playlist_scan_m3u(text, len, &scan);
	if (kind == PLAYLIST_PLS ||
	    (kind == PLAYLIST_ASX && !memchr(text, '<', len)))
		return playlist_scan_pls(text, len, &scan);
	return playlist_scan_xml(kind, text, len, &scan);
}

static void found_free(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].text);
	free(f->v);
}

/* ---- what must hold ----------------------------------------------------------- */

/* Take out the base that was put in. */
static void remove_home(char *out, size_t *len, size_t home)
{
	char *end = out + *len, *p = out + home;

	for (int i = 0; i < 2; i++) {
		must(p = memchr(p, '>', (size_t)(end - p)));
		p++;
	}
	memmove(out + home, p, (size_t)(end - p));
	*len -= (size_t)(p - out) - home;
}

/* All but the references is the same. */
static void check_rest(const char *in, size_t in_len, const struct found *a,
		       const char *out, size_t out_len, const struct found *b)
{
	size_t p = 0, q = 0;

	must(a->n == b->n);
	for (size_t i = 0; i <= a->n; i++) {
		size_t end = i < a->n ? a->v[i].ref.start : in_len;
		size_t out_end = i < b->n ? b->v[i].ref.start : out_len;

		must(end - p == out_end - q);
		must(!memcmp(in + p, out + q, end - p));
		if (i < a->n) {
			p = a->v[i].ref.end;
			q = b->v[i].ref.end;
		}
	}
}

/* What the endpoint takes a reference for that a client has resolved. */
static struct url *seen(const struct playlist_place *place, const char *ref)
{
	size_t len = strlen(ENDPOINT) + strlen(place->prefix);
	struct url *base, *u, *back = NULL;
	char *text;

	must(asprintf(&text, ENDPOINT "%s", place->path) > 0);
	must(url_parse(text, &base) == 0);
	free(text);
	if (url_resolve(base, ref, &u) == 0) {
		if (!strncmp(u->sent, ENDPOINT "/", strlen(ENDPOINT "/")) &&
		    strlen(u->sent) >= len &&
		    url_from_name(u->sent + len, &back) < 0)
			back = NULL;
		url_free(u);
	}
	url_free(base);
	return back;
}

static void check_ref(const struct playlist_place *place, const char *in,
		      const char *out)
{
	struct url *base, *u, *back;
	bool same = !strcmp(in, out);
	int rc;

	must(url_parse(URL, &base) == 0);
	rc = url_resolve(base, in, &u);
	if (rc == -EPERM)
		rc = url_parse(in, &u);
	url_free(base);
	if (strstr(in, "{$")) {
		if (rc == 0)
			url_free(u);
		return;
	}
	must(rc == 0 || same);
	if (rc < 0)
		return;
	back = *in && *in != '#' ? seen(place, out) : NULL;
	if (!same)
		must(back && !strcmp(back->key, u->key));
	/* A name that is too long, or that says something else, stays. */
	if (same && *in && *in != '#' && strlen(in) < URL_MAX / 2 &&
	    !strstr(u->sent, "%~") && !strstr(u->sent, "%25~"))
		must(back && !strcmp(back->key, u->key));
	url_free(back);
	url_free(u);
}

/* Each can be found, and is a URL. */
static void check_list(const struct playlist_segments *s)
{
	struct url *u;

	must(s->n <= PLAYLIST_SEGMENTS_MAX);
	for (size_t i = 0; i < s->n; i++) {
		size_t k = playlist_segments_find(s, s->v[i].id);

		must(k < s->n && s->v[k].id == s->v[i].id);
		must(s->v[i].start < s->v[i].end);
		must(s->v[i].url < s->urls_len);
		must(playlist_segments_ahead(s, i) <= s->n - 1 - i);
		must(url_parse(s->urls + s->v[i].url, &u) == 0);
		must(playlist_segment_id(u->key, s->v[i].start) == s->v[i].id);
		url_free(u);
	}
}

static void check_segments(const char *text, size_t len)
{
	struct playlist_segments s;
	int rc = playlist_segments_new(text, len, URL, &s);

	must(rc == 0 || rc == -EINVAL);
	if (rc < 0)
		return;
	check_list(&s);
	playlist_segments_fini(&s);
}

/* What is found in a template has the URL it was found by. */
static void check_template(const struct playlist_renditions *r,
			   const struct playlist_template *t, uint64_t index)
{
	struct playlist_counted next[PLAYLIST_AHEAD_MAX];
	char *sent = playlist_template_url(t, index, true);
	char *key = playlist_template_url(t, index, false), *again;
	struct url *u;
	size_t count;
	uint64_t at;

	must(!sent == !key);
	if (sent && strlen(sent) <= URL_MAX) {
		must(url_parse(sent, &u) == 0);
		must(!strcmp(u->key, key));
		url_free(u);
		must(playlist_template_find(t, key, &at));
		again = playlist_template_url(t, at, false);
		must(again && !strcmp(again, key));
		free(again);
	}
	free(sent);
	free(key);
	count = playlist_template_ahead(r->templates, r->n_templates, t, index,
					1e9, next);
	must(count <= PLAYLIST_AHEAD_MAX);
	for (size_t i = 0; i < count; i++) {
		sent = playlist_template_url(next[i].t, next[i].index, true);
		must(sent || !next[i].t->by_time);
		free(sent);
	}
}

static void check_dash(const char *text, size_t len)
{
	static const uint64_t indices[] = { 0, 1, 2, 9, 1000, PLAYLIST_RUN_MAX,
					    UINT64_MAX };
	struct playlist_renditions r;
	int rc = playlist_dash_new(text, len, URL, &r);

	must(rc == 0 || rc == -EINVAL);
	if (rc < 0)
		return;
	must(r.n_lists + r.n_templates <= PLAYLIST_RENDITIONS_MAX);
	for (size_t i = 0; i < r.n_lists; i++)
		check_list(&r.lists[i]);
	for (size_t i = 0; i < r.n_templates; i++)
		for (size_t k = 0; k < sizeof(indices) / sizeof(*indices); k++)
			check_template(&r, &r.templates[i], indices[k]);
	playlist_renditions_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	char *name = fuzz_line_string(&in), *text, *out = NULL;
	const struct playlist_place *place =
		&places[name[0] == 'r' ? 1 : name[0] == 't' ? 2 : 0];
	enum playlist_kind kind = playlist_kind(NULL, name);
	size_t len = in.end - in.p, out_len = 0;
	struct found a, b;
	int rc;

	text = fuzz_copy(in.p, len);
	playlist_sniff(kind, text, len);
	playlist_kind(text[0] ? name : NULL, NULL);
	rc = playlist_rewrite(kind, text, len, place, &out, &out_len);
	must(rc == 0 || rc == -EINVAL || rc == -EFBIG);
	must(rc != -EINVAL || (kind != PLAYLIST_M3U && kind != PLAYLIST_PLS));
	if (rc == 0) {
		must(find(kind, text, len, &a) == 0);
		must(find(kind, out, out_len, &b) == 0);
		if (a.has_home && !b.has_home) {
			found_free(&b);
			remove_home(out, &out_len, a.home);
			must(find(kind, out, out_len, &b) == 0);
			a.based = true;
		}
		check_rest(text, len, &a, out, out_len, &b);
		for (size_t i = 0; i < a.n && !a.based; i++)
			check_ref(place, a.v[i].text, b.v[i].text);
		found_free(&a);
		found_free(&b);
	}
	if (kind == PLAYLIST_M3U)
		check_segments(text, len);
	if (kind == PLAYLIST_DASH)
		check_dash(text, len);
	free(out);
	free(text);
	free(name);
	return 0;
}
