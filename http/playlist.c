#include "config.h"

#include "playlist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "playlist_ref.h"
#include "playlist_scan.h"

/* ---- which documents ----------------------------------------------------------------- */

static bool is_type(const char *type, const char *name)
{
	size_t len = strcspn(type, "; \t");

	return strlen(name) == len && strncasecmp(type, name, len) == 0;
}

/* A type that a server without an idea, or with a general one, gives. */
static bool is_vague(const char *type)
{
	static const char *const types[] = {
		"", "application/octet-stream", "binary/octet-stream",
		"application/x-octet-stream", "application/force-download",
		"application/download", "text/plain", "text/xml",
		"application/xml",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_type(type, types[i]))
			return true;
	return false;
}

enum playlist_kind playlist_kind(const char *type, const char *name)
{
	if (name && (!type || is_vague(type)))
		type = url_media_type(name);
	else if (type && is_type(type, "video/x-ms-asf"))
		return PLAYLIST_ASX;	/* the first bytes will tell */
	return type ? url_playlist_kind(type) : PLAYLIST_NONE;
}

static bool is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' &&
		    !memchr("\t\n\r\f", text[i], 4))
			return false;
	return true;
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && strncasecmp(text, with, n) == 0;
}

bool playlist_sniff(enum playlist_kind kind, const char *text, size_t len)
{
	if (kind == PLAYLIST_NONE || !is_text(text, len))
		return false;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len && strchr(" \t\r\n", *text)) {
		text++;
		len--;
	}
	switch (kind) {
	case PLAYLIST_M3U:
		return len > 0 && *text != '<';	/* a page that says "error" */
	case PLAYLIST_PLS:
		return begins(text, len, "[playlist]");
	case PLAYLIST_ASX:
		return begins(text, len, "<") ||
		       begins(text, len, "[Reference]");
	default:
		return begins(text, len, "<");
	}
}

/* ---- rewriting ------------------------------------------------------------------------ */

/* One of the bases that hold where the scan is. */
struct level {
	unsigned depth;		/* of its element */
	bool turned;		/* it, or one above, is not what the author wrote */
	struct playlist_base base;
	struct level *above;
};

struct rewriter {
	struct playlist_turner *turner;
	const char *text;
	size_t len, done;	/* of text: so much is in out */
	struct level *levels;	/* the deepest first */
	char *out;
	size_t out_len, out_max;
};

static int put(struct rewriter *w, const char *text, size_t len)
{
	size_t max = w->out_max;
	char *grown;

	if (len > PLAYLIST_TEXT_MAX - w->out_len)
		return -EFBIG;
	if (w->out_len + len > max) {
		max = 2 * (w->out_len + len);
		grown = realloc(w->out, max);
		if (!grown)
			return -ENOMEM;
		w->out = grown;
		w->out_max = max;
	}
	if (len)
		memcpy(w->out + w->out_len, text, len);
	w->out_len += len;
	return 0;
}

static int put_xml(struct rewriter *w, const char *text)
{
	static const char special[] = "&<>\"'";
	static const char *const escaped[] = {
		"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"
	};
	int rc = 0;

	while (rc == 0 && *text) {
		size_t n = strcspn(text, special);

		rc = put(w, text, n);
		text += n;
		if (rc == 0 && *text) {
			const char *e = escaped[strchr(special, *text) -
						special];

			rc = put(w, e, strlen(e));
			text++;
		}
	}
	return rc;
}

static int replace(struct rewriter *w, const struct playlist_ref *ref,
		   const char *text)
{
	int rc = put(w, w->text + w->done, ref->start - w->done);

	if (rc == 0)
		rc = ref->quoting == PLAYLIST_XML ?
			put_xml(w, text) : put(w, text, strlen(text));
	w->done = ref->end;
	return rc;
}

/* The level of the base for a reference; NULL: the document's own. One that is
 * a base itself is relative to what is above, not to a base beside it. */
static const struct level *level_of(const struct rewriter *w,
				    const struct playlist_ref *ref)
{
	const struct level *l = w->levels;

	while (l && (l->depth > ref->depth ||
		     (ref->role == PLAYLIST_BASE && l->depth == ref->depth)))
		l = l->above;
	return ref->role == PLAYLIST_TOP ? NULL : l;
}

/* Of several bases in one place the first is what references are held against. */
static int add_level(struct rewriter *w, const struct playlist_base *above,
		     const struct playlist_ref *ref, const char *shown,
		     bool turned)
{
	struct level *l;
	int rc;

	if (w->levels && w->levels->depth == ref->depth)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	rc = playlist_base_below(w->turner, above, ref->text, shown, &l->base);
	if (rc < 0) {
		free(l);
		return rc;
	}
	l->depth = ref->depth;
	l->turned = turned;
	l->above = w->levels;
	w->levels = l;
	return 0;
}

static void remove_level(struct rewriter *w)
{
	struct level *l = w->levels;

	w->levels = l->above;
	playlist_base_fini(&l->base);
	free(l);
}

static int put_base(struct rewriter *w, const struct playlist_ref *ref,
		    const char *url)
{
	char *open = NULL, *close = NULL;
	int rc = -ENOMEM;

	if (asprintf(&open, "<%sBaseURL>", ref->text) < 0)
		open = NULL;
	if (asprintf(&close, "</%sBaseURL>", ref->text) < 0)
		close = NULL;
	if (open && close)
		rc = replace(w, ref, open);
	if (rc == 0)
		rc = put_xml(w, url);
	if (rc == 0)
		rc = put(w, close, strlen(close));
	free(open);
	free(close);
	return rc;
}

/* Where plain references lead elsewhere, the document gets a base by which they
 * lead back: what an element inherits from the one around it is relative to its
 * own base, which is not known yet where it stands. */
static int add_home(struct rewriter *w, const struct playlist_ref *ref)
{
	const struct playlist_base *top = playlist_turner_top(w->turner);
	struct playlist_ref base = *ref;
	char *folder = NULL;
	int rc = top->near ? 0 : playlist_turn(w->turner, top, "./", &folder);

	base.text = "";
	if (rc > 0)
		rc = put_base(w, ref, folder);
	if (rc == 0 && folder)
		rc = add_level(w, top, &base, folder, true);
	free(folder);
	return rc;
}

/* A base below one that has become a path: libavformat resolves none against
 * such a one. */
static int turn_base(struct rewriter *w, const struct level *above,
		     const char *ref, char **out)
{
	const struct playlist_base base = { .url = above->base.url };

	return playlist_turn(w->turner, &base, ref, out);
}

static int on_ref(void *ctx, const struct playlist_ref *ref)
{
	struct rewriter *w = ctx;
	const struct level *l = level_of(w, ref);
	const struct playlist_base *base =
		l ? &l->base : playlist_turner_top(w->turner);
	bool above = l && l->turned;
	char *turned = NULL;
	int rc;

	if (ref->role == PLAYLIST_HOME)
		return add_home(w, ref);
	if (ref->role == PLAYLIST_BASE && above)
		rc = turn_base(w, l, ref->text, &turned);
	else
		rc = playlist_turn(w->turner, base, ref->text, &turned);
	if (rc > 0)
		rc = replace(w, ref, turned);
	if (rc == 0 && ref->role == PLAYLIST_BASE)
		rc = add_level(w, base, ref, turned ? turned : ref->text,
			       turned || above);
	free(turned);
	return rc;
}

static void on_leave(void *ctx, unsigned depth)
{
	struct rewriter *w = ctx;

	while (w->levels && w->levels->depth >= depth)
		remove_level(w);
}

static int scan(enum playlist_kind kind, struct rewriter *w)
{
	const struct playlist_scan s = { w, on_ref, on_leave };

	switch (kind) {
	case PLAYLIST_NONE:
		return -EINVAL;
	case PLAYLIST_M3U:
		return playlist_scan_m3u(w->text, w->len, &s);
	case PLAYLIST_PLS:
		return playlist_scan_pls(w->text, w->len, &s);
	case PLAYLIST_ASX:
		if (!memchr(w->text, '<', w->len))
			return playlist_scan_pls(w->text, w->len, &s);
		break;
	case PLAYLIST_DASH:
	case PLAYLIST_XSPF:
		break;
	}
	return playlist_scan_xml(kind, w->text, w->len, &s);
}

int playlist_rewrite(enum playlist_kind kind, const char *text, size_t len,
		     const struct playlist_place *place, char **out,
		     size_t *out_len)
{
	bool paths = kind == PLAYLIST_DASH ||
		     (kind == PLAYLIST_M3U && playlist_is_hls(text, len));
	struct rewriter w = { .text = text, .len = len };
	int rc = playlist_turner_new(place, !paths, &w.turner);

	if (rc == 0)
		rc = scan(kind, &w);
	if (rc == 0)
		rc = put(&w, text + w.done, len - w.done);
	while (w.levels)
		remove_level(&w);
	playlist_turner_free(w.turner);
	if (rc == 0 && !w.out) {	/* an empty one */
		w.out = malloc(1);
		rc = w.out ? 0 : -ENOMEM;
	}
	if (rc < 0) {
		free(w.out);
		return rc;
	}
	*out = w.out;
	*out_len = w.out_len;
	return 0;
}
