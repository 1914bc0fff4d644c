#include "config.h"

#include "playlist_dash.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "playlist_ref.h"
#include "playlist_scan.h"
#include "playlist_time.h"

/* Segments of a run whose end is not known: enough for ever. */
#define OPEN PLAYLIST_RUN_MAX
/* Times, timescales and counts in an MPD are below. */
#define NUMBER_MAX ((uint64_t)1 << 62)

/* What stands at one level of the MPD: Period, AdaptationSet, Representation. */
enum { PERIOD, SET, RENDITION, LEVELS };

struct level {
	xmlNode *node, *template, *list;
	struct url *base;
};

struct walk {
	struct level levels[LEVELS];
	struct url *base;		/* of the MPD */
	bool dynamic;
	double epoch;			/* availabilityStartTime; NAN: not said */
	double start, duration;		/* of the Period, seconds; NAN: not said */
	size_t period;			/* how many are behind us */
	size_t seen, parts, urls;	/* see the limits in the header */
	struct playlist_renditions r;
};

/* ---- the tree -------------------------------------------------------------------- */

static bool is_named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE &&
	       strcmp((const char *)n->name, name) == 0;
}

/* n, or the next one behind it, of this name. */
static xmlNode *seek(xmlNode *n, const char *name)
{
	while (n && !is_named(n, name))
		n = n->next;
	return n;
}

static char *attribute(const xmlNode *n, const char *name)
{
	return n ? (char *)xmlGetNoNsProp(n, (const xmlChar *)name) : NULL;
}

static char *inherited_at(const struct walk *w, bool list, const char *name)
{
	char *value = NULL;

	for (int i = RENDITION; i >= PERIOD && !value; i--)
		value = attribute(list ? w->levels[i].list :
					 w->levels[i].template, name);
	return value;
}

/* The lowest child of this name in what the levels have. */
static xmlNode *inherited_child(const struct walk *w, bool list,
				const char *name)
{
	xmlNode *child = NULL;

	for (int i = RENDITION; i >= PERIOD && !child; i--) {
		xmlNode *n = list ? w->levels[i].list : w->levels[i].template;

		child = n ? seek(n->children, name) : NULL;
	}
	return child;
}

/* Value, which it frees, as a number, or otherwise. */
static uint64_t number(char *value, uint64_t otherwise)
{
	uint64_t n = otherwise;

	if (value && (playlist_template_number(value, strlen(value), &n) < 0 ||
		      n >= NUMBER_MAX))
		n = otherwise;
	xmlFree(value);
	return n;
}

static uint64_t inherited(const struct walk *w, bool list, const char *name,
			  uint64_t otherwise)
{
	return number(inherited_at(w, list, name), otherwise);
}

/* ---- times ------------------------------------------------------------------------ */

static double duration_at(const xmlNode *n, const char *name)
{
	char *value = attribute(n, name);
	double seconds = value ? playlist_duration(value) : NAN;

	xmlFree(value);
	return seconds;
}

/* ---- bases ------------------------------------------------------------------------- */

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r\n", s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

/* The base for what is in n, one of its own: 0; errors as url_parse. */
static int base_in(const xmlNode *n, const struct url *above, struct url **out)
{
	xmlNode *base = seek(n->children, "BaseURL");
	char *text = base ? (char *)xmlNodeGetContent(base) : NULL;
	int rc;

	rc = text && *trim(text) ? playlist_resolve(above, trim(text), out) :
				   url_parse(above->sent, out);
	xmlFree(text);
	return rc;
}

/* 0; -EINVAL: what is in here has no URL; -ENOMEM. */
static int enter(struct walk *w, int level, xmlNode *n)
{
	const struct url *above = level ? w->levels[level - 1].base : w->base;
	struct url *base;
	int rc = base_in(n, above, &base);

	if (rc < 0)
		return rc == -ENOMEM ? rc : -EINVAL;
	w->levels[level] = (struct level){
		.node = n, .base = base,
		.template = seek(n->children, "SegmentTemplate"),
		.list = seek(n->children, "SegmentList"),
	};
	return 0;
}

static void leave(struct walk *w, int level)
{
	url_free(w->levels[level].base);
	w->levels[level] = (struct level){ 0 };
}

/* ---- templates ----------------------------------------------------------------------- */

/* Into out what $name$ stands for, s being behind the first '$', "name$…" or
 * "name%05d$…". 0 or -EINVAL. */
static int substitute(const struct walk *w, const char *s, size_t len,
		      FILE *out, struct playlist_template *t)
{
	size_t name = strcspn(s, "%$");
	const char *width = s + name + 2;
	uint64_t digits = 0;
	char *value;

	if (name < len) {
		/* %0[width]d */
		if (len - name < 4 || s[name + 1] != '0' || s[len - 1] != 'd' ||
		    playlist_template_number(width, len - name - 3,
					     &digits) < 0 ||
		    digits > PLAYLIST_TEMPLATE_WIDTH_MAX)
			return -EINVAL;
	}
	if ((name == 6 && memcmp(s, "Number", 6) == 0) ||
	    (name == 4 && memcmp(s, "Time", 4) == 0)) {
		t->by_time = name == 4;
		t->width = (unsigned)digits;
		fputs(PLAYLIST_TEMPLATE_MARK, out);
		return 0;
	}
	if (name == 9 && memcmp(s, "Bandwidth", 9) == 0) {
		value = attribute(w->levels[RENDITION].node, "bandwidth");
		fprintf(out, "%0*llu", digits ? (int)digits : 1,
			(unsigned long long)number(value, 0));
		return 0;
	}
	if (len != 16 || memcmp(s, "RepresentationID", 16) != 0)
		return -EINVAL;
	value = attribute(w->levels[RENDITION].node, "id");
	fputs(value ? value : "", out);
	xmlFree(value);
	return 0;
}

static int fill_in(const struct walk *w, const char *s, FILE *out,
		   struct playlist_template *t)
{
	const char *dollar, *end;
	int rc = 0;

	for (; rc == 0 && (dollar = strchr(s, '$')); s = end + 1) {
		fwrite(s, 1, (size_t)(dollar - s), out);
		end = strchr(dollar + 1, '$');
		if (!end)
			return -EINVAL;
		if (end == dollar + 1)
			fputc('$', out);
		else
			rc = substitute(w, dollar + 1,
					(size_t)(end - dollar) - 1, out, t);
	}
	fputs(s, out);
	return rc;
}

static int set_url(const struct walk *w, const char *media,
		   struct playlist_template *t)
{
	char *text = NULL;
	struct url *u;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int rc;

	if (!out)
		return -ENOMEM;
	rc = fill_in(w, media, out, t);
	if (fclose(out) != 0)
		rc = -ENOMEM;
	if (rc == 0)
		rc = playlist_resolve(w->levels[RENDITION].base, text, &u);
	free(text);
	if (rc < 0)
		return rc;
	rc = playlist_template_set(t, u);
	url_free(u);
	return rc;
}

/* Segments of d from `start` on, up to end (seconds of the Period); 0: none. */
static uint64_t fitting(const struct walk *w, const struct playlist_template *t,
			uint64_t start, uint64_t d, uint64_t offset)
{
	double units;
	uint64_t n;

	if (isnan(w->duration))
		return w->dynamic ? OPEN : 0;
	units = w->duration * (double)t->timescale + (double)offset -
		(double)start;
	units /= (double)d;
	if (units <= 0 || units >= (double)OPEN)
		return units <= 0 ? 0 : OPEN;
	n = (uint64_t)units;
	return n + ((double)n < units);
}

static int add_timeline(struct walk *w, xmlNode *timeline, uint64_t offset,
			struct playlist_template *t)
{
	uint64_t at = 0, d, n, next;
	xmlNode *s = seek(timeline->children, "S"), *after;
	char *repeat;
	bool open;
	int rc = 0;

	for (; rc == 0 && s; s = after) {
		if (++w->parts > PLAYLIST_PARTS_MAX)
			return -EFBIG;
		after = seek(s->next, "S");
		at = number(attribute(s, "t"), at);
		d = number(attribute(s, "d"), 0);
		if (!d)
			return t->n_runs ? 0 : -EINVAL;
		repeat = attribute(s, "r");
		open = repeat && *repeat == '-';
		n = number(repeat, 0) + 1;
		next = after ? number(attribute(after, "t"), 0) : 0;
		if (open && next > at)
			n = (next - at + d - 1) / d;
		else if (open)
			n = fitting(w, t, at, d, offset);
		t->dynamic |= open && w->dynamic;
		if (n)
			rc = playlist_template_add(t, at, d, n);
		at += n * d;
	}
	return rc;
}

/* Those of equal length: time 0 is the Period's start. */
static int add_equal(const struct walk *w, struct playlist_template *t)
{
	uint64_t d = inherited(w, false, "duration", 0), n, last;

	n = d ? fitting(w, t, 0, d, 0) : 0;
	last = inherited(w, false, "endNumber", UINT64_MAX);
	if (last >= t->first && last - t->first < n)
		n = last - t->first + 1;
	t->dynamic = w->dynamic;
	return n ? playlist_template_add(t, 0, d, n) : -EINVAL;
}

static uint64_t id_hash(const xmlNode *n)
{
	char *id = attribute(n, "id");
	uint64_t hash = playlist_segment_id(id ? id : "", 0);

	xmlFree(id);
	return hash;
}

static int make_template(struct walk *w, const char *media,
			 struct playlist_template *t)
{
	xmlNode *timeline = inherited_child(w, false, "SegmentTimeline");
	uint64_t offset = inherited(w, false, "presentationTimeOffset", 0);
	int rc;

	t->timescale = inherited(w, false, "timescale", 1);
	if (!t->timescale)
		return -EINVAL;
	t->first = inherited(w, false, "startNumber", 1);
	t->period = w->period;
	t->id = id_hash(w->levels[RENDITION].node);
	t->epoch = w->epoch + w->start;
	rc = set_url(w, media, t);
	if (rc < 0)
		return rc;
	if (!timeline) {
		rc = add_equal(w, t);
	} else {
		t->epoch -= (double)offset / (double)t->timescale;
		rc = add_timeline(w, timeline, offset, t);
	}
	/* Without a clock nothing says what is there. */
	return rc < 0 ? rc : !t->n_runs || (t->dynamic && isnan(t->epoch)) ?
	       -EINVAL : 0;
}

static int add_template(struct walk *w, const char *media)
{
	struct playlist_template t = { 0 }, *grown;
	int rc = make_template(w, media, &t);

	if (rc < 0)
		goto out;
	grown = realloc(w->r.templates,
			(w->r.n_templates + 1) * sizeof(*grown));
	if (!grown) {
		rc = -ENOMEM;
		goto out;
	}
	w->r.templates = grown;
	grown[w->r.n_templates++] = t;
	return 0;
out:
	playlist_template_fini(&t);
	return rc;
}

/* ---- lists --------------------------------------------------------------------------- */

/* "FIRST-LAST" in bytes; without it, all. */
static int read_range(const char *s, struct playlist_segment *out)
{
	size_t first = strcspn(s, "-");
	uint64_t start, last;

	if (!s[first] || playlist_template_number(s, first, &start) < 0 ||
	    playlist_template_number(s + first + 1, strlen(s + first + 1),
				     &last) < 0 ||
	    last < start || last >= NUMBER_MAX)
		return -EINVAL;
	out->start = start;
	out->end = last + 1;
	return 0;
}

static int add_segment(struct walk *w, const xmlNode *n, unsigned ms,
		       struct playlist_segments *s)
{
	struct playlist_segment seg = { .end = UINT64_MAX, .ms = ms };
	const struct url *base = w->levels[RENDITION].base;
	char *media = attribute(n, "media"), *range = attribute(n, "mediaRange");
	struct url *u = NULL;
	int rc = range ? read_range(range, &seg) : 0;

	if (rc == 0 && media)
		rc = playlist_resolve(base, media, &u);
	if (rc == 0) {
		const struct url *at = u ? u : base;

		rc = playlist_segments_add(s, at->sent, at->key, &seg);
	}
	url_free(u);
	xmlFree(media);
	xmlFree(range);
	/* One that is odd is left out; the others are in order. */
	return rc == -ENOMEM || rc == -EFBIG ? rc : 0;
}

static int add_list(struct walk *w)
{
	struct playlist_segments s = { 0 }, *grown;
	xmlNode *n = inherited_child(w, true, "SegmentURL");
	uint64_t d = inherited(w, true, "duration", 0);
	uint64_t timescale = inherited(w, true, "timescale", 1);
	double ms = timescale ? (double)d * 1000 / (double)timescale : 0;
	int rc = 0;

	for (; n && rc == 0; n = seek(n->next, "SegmentURL"))
		rc = ++w->parts > PLAYLIST_PARTS_MAX ? -EFBIG :
		     add_segment(w, n, ms < 3600000 ? (unsigned)ms : 3600000,
				 &s);
	if (rc == -EFBIG && s.n)	/* the first ones will do */
		rc = 0;
	if (rc == 0 && (w->urls += s.urls_len) > PLAYLIST_LISTS_MAX)
		rc = -EFBIG;
	if (rc == 0)
		rc = s.n ? playlist_segments_sort(&s) : -EINVAL;
	grown = rc < 0 ? NULL : realloc(w->r.lists, (w->r.n_lists + 1) *
					sizeof(*grown));
	if (!grown) {
		playlist_segments_fini(&s);
		return rc < 0 ? rc : -ENOMEM;
	}
	w->r.lists = grown;
	grown[w->r.n_lists++] = s;
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------ */

static int add_rendition(struct walk *w)
{
	char *media = inherited_at(w, false, "media");
	int rc = media ? add_template(w, media) : add_list(w);

	xmlFree(media);
	return rc == -EINVAL || rc == -EPERM || rc == -ENAMETOOLONG ? 0 : rc;
}

static int walk_set(struct walk *w, xmlNode *set)
{
	xmlNode *n = seek(set->children, "Representation");
	int rc = enter(w, SET, set);

	if (rc < 0)
		return rc == -EINVAL ? 0 : rc;
	for (; n && rc == 0; n = seek(n->next, "Representation")) {
		if (++w->seen > PLAYLIST_RENDITIONS_MAX) {
			rc = -EFBIG;
			break;
		}
		rc = enter(w, RENDITION, n);
		if (rc == 0) {
			rc = add_rendition(w);
			leave(w, RENDITION);
		} else if (rc == -EINVAL) {
			rc = 0;
		}
	}
	leave(w, SET);
	return rc;
}

static int walk_period(struct walk *w, xmlNode *period)
{
	xmlNode *n = seek(period->children, "AdaptationSet");
	int rc = enter(w, PERIOD, period);

	if (rc < 0)
		return rc == -EINVAL ? 0 : rc;
	for (; n && rc == 0; n = seek(n->next, "AdaptationSet"))
		rc = walk_set(w, n);
	leave(w, PERIOD);
	return rc;
}

static int walk_mpd(struct walk *w, xmlNode *mpd)
{
	double whole = duration_at(mpd, "mediaPresentationDuration"), start;
	char *type = attribute(mpd, "type");
	char *date = attribute(mpd, "availabilityStartTime");
	xmlNode *n = seek(mpd->children, "Period"), *next;
	int rc = 0;

	w->dynamic = type && strcmp(type, "dynamic") == 0;
	w->epoch = date ? playlist_date(date) : NAN;
	xmlFree(type);
	xmlFree(date);
	/* Where a Period starts and ends: 23009-1, 5.3.2.1. */
	for (w->start = 0; n && rc == 0; n = next) {
		next = seek(n->next, "Period");
		start = duration_at(n, "start");
		if (!isnan(start))
			w->start = start;
		w->duration = duration_at(n, "duration");
		if (isnan(w->duration) && next)
			w->duration = duration_at(next, "start") - w->start;
		if (isnan(w->duration) && !next)
			w->duration = whole - w->start;
		rc = walk_period(w, n);
		w->start += w->duration;
		w->period++;
	}
	return rc;
}

static int check(const char *text, size_t len)
{
	return len > PLAYLIST_DASH_MAX ? -EFBIG :
	       len == 0 ? -EINVAL : playlist_xml_begin(text, len);
}

int playlist_dash_new(const char *text, size_t len, const char *url,
		      struct playlist_renditions *out)
{
	struct walk w = { 0 };
	struct url *own = NULL;
	xmlDoc *doc = NULL;
	xmlNode *mpd;
	int rc = check(text, len);

	if (rc < 0)
		return rc;
	rc = url_parse(url, &own);
	if (rc < 0)
		return rc;
	doc = xmlReadMemory(text, (int)len, NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR |
			    XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
	mpd = doc ? xmlDocGetRootElement(doc) : NULL;
	rc = mpd && !doc->intSubset && is_named(mpd, "MPD") ?
		base_in(mpd, own, &w.base) : -EINVAL;
	if (rc == 0)
		rc = walk_mpd(&w, mpd);
	else if (rc != -ENOMEM)
		rc = -EINVAL;
	if (rc == -EFBIG || rc == 0)	/* the first ones will do */
		rc = w.r.n_lists + w.r.n_templates ? 0 : -EINVAL;
	url_free(w.base);
	url_free(own);
	xmlFreeDoc(doc);
	if (rc < 0)
		playlist_renditions_fini(&w.r);
	else
		*out = w.r;
	return rc;
}

void playlist_renditions_fini(struct playlist_renditions *r)
{
	for (size_t i = 0; i < r->n_lists; i++)
		playlist_segments_fini(&r->lists[i]);
	for (size_t i = 0; i < r->n_templates; i++)
		playlist_template_fini(&r->templates[i]);
	free(r->lists);
	free(r->templates);
	*r = (struct playlist_renditions){ 0 };
}
