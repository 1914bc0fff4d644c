/* What an MPD plays: playlist_dash, playlist_template, playlist_time. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "http/playlist_dash.h"
#include "http/playlist_time.h"
#include "tests/tap.h"

#define URL "https://h.example/d/a.mpd?x"

static int parse(const char *text, struct playlist_renditions *out)
{
	*out = (struct playlist_renditions){ 0 };
	return playlist_dash_new(text, strlen(text), URL, out);
}

/* One rendition of <SegmentTemplate ATTRIBUTES>TIMELINE</SegmentTemplate>. */
static int parse_template(const char *mpd, const char *attributes,
			  const char *timeline, struct playlist_renditions *out)
{
	char *text;
	int rc;

	if (asprintf(&text, "<MPD %s><Period><AdaptationSet><SegmentTemplate "
		     "%s>%s</SegmentTemplate><Representation id='v 1' "
		     "bandwidth='500'/></AdaptationSet></Period></MPD>",
		     mpd, attributes, timeline) < 0)
		return -ENOMEM;
	rc = parse(text, out);
	free(text);
	return rc;
}

#define STATIC "type='static' mediaPresentationDuration='PT9S'"

/* URLs (behind https://h.example/, separated by spaces) of all segments. */
static void test_templates(void)
{
	static const struct {
		const char *mpd, *attributes, *timeline, *want;
	} table[] = {
		{ STATIC, "media='$Number$.m4s' duration='4'", "",
		  "d/1.m4s d/2.m4s d/3.m4s" },
		{ STATIC, "media='$Number%03d$?a=1' timescale='10' "
		  "duration='45' startNumber='99'", "", "d/099?a=1 d/100?a=1" },
		{ STATIC, "media='/$RepresentationID$/$Bandwidth%05d$$$/"
		  "$Number$' duration='5'", "", "v%201/00500$/1 v%201/00500$/2" },
		{ STATIC, "media='../$Number$' duration='3' endNumber='2'", "",
		  "1 2" },
		{ STATIC, "media='$Time$'", "<SegmentTimeline>"
		  "<S t='7' d='10' r='1'/><S d='5'/><S t='40' d='1'/>"
		  "</SegmentTimeline>", "d/7 d/17 d/27 d/40" },
		{ STATIC, "media='$Number$' startNumber='0'",
		  "<SegmentTimeline><S d='10' r='1'/><S d='5'/>"
		  "</SegmentTimeline>", "d/0 d/1 d/2" },
		{ STATIC, "media='$Time$' presentationTimeOffset='100'",
		  "<SegmentTimeline><S t='100' d='4' r='-1'/>"
		  "</SegmentTimeline>", "d/100 d/104 d/108" },
		{ STATIC, "media='$Time$'", "<SegmentTimeline><S d='4' r='-1'/>"
		  "<S t='8' d='1'/></SegmentTimeline>", "d/0 d/4 d/8" },
		/* In no way to be counted. */
		{ STATIC, "media='$Number$-$Time$' duration='4'", "", NULL },
		{ STATIC, "media='$SubNumber$' duration='4'", "", NULL },
		{ STATIC, "media='$Number' duration='4'", "", NULL },
		{ STATIC, "media='$Number%5d$' duration='4'", "", NULL },
		{ STATIC, "media='$Number%099d$' duration='4'", "", NULL },
		{ STATIC, "media='all.mp4' duration='4'", "", NULL },
		{ STATIC, "media='$Number$' duration='0'", "", NULL },
		{ STATIC, "media='$Number$' duration='4' timescale='0'", "",
		  NULL },
		{ STATIC, "media='http://h$Number$.example/' duration='4'", "",
		  NULL },
		{ "", "media='$Number$' duration='4'", "", NULL },
		{ "type='dynamic'", "media='$Number$' duration='4'", "", NULL },
		{ STATIC, "media='$Time$'", "<SegmentTimeline/>", NULL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct playlist_renditions r;
		char got[256] = "", *sent, *key;
		uint64_t k = 0, at = 99;
		int rc = parse_template(table[i].mpd, table[i].attributes,
					table[i].timeline, &r);

		is_int(rc, table[i].want ? 0 : -EINVAL, "%s",
		       table[i].attributes);
		for (; rc == 0 && k < 9; k++, free(sent), free(key)) {
			sent = playlist_template_url(r.templates, k, true);
			key = playlist_template_url(r.templates, k, false);
			if (!sent || !key)
				break;
			strcat(strcat(got, k ? " " : ""), sent + 18);
			ok(playlist_template_find(r.templates, key, &at) &&
			   at == k, "%s is found", key);
		}
		if (rc == 0)
			is_str(got, table[i].want, "%s", table[i].attributes);
		playlist_renditions_fini(&r);
	}
}

static void test_find(void)
{
	static const char *const none[] = {
		"https://h.example/d/00.m4s", "https://h.example/d/004.m4s",
		"https://h.example/d/1.m4s", "https://h.example/d/.m4s",
		"https://h.example/d/0x.m4s", "https://h.example/d/02.m4",
		"https://h.example/d/99999999999999999999.m4s",
		"https://h.example/d/04.m4s", "", "https://h.example/d/02/.m4s",
	};
	struct playlist_renditions r;
	uint64_t at;

	if (!is_int(parse_template(STATIC, "media='$Number%02d$.m4s' "
				   "duration='3'", "", &r), 0, "a template"))
		return;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ok(!playlist_template_find(r.templates, none[i], &at),
		   "none: %s", none[i]);
	ok(playlist_template_find(r.templates, "https://h.example/d/03.m4s",
				  &at) && at == 2, "the last");
	playlist_renditions_fini(&r);
}

static void test_ahead(void)
{
	static const struct {
		const char *mpd, *attributes, *timeline;
		uint64_t index;
		double now;
		size_t want;
	} table[] = {
		{ "mediaPresentationDuration='PT60S'",
		  "media='$Number$' duration='4'", "", 0, 0, 2 },
		{ "mediaPresentationDuration='PT60S'",
		  "media='$Number$' duration='2'", "", 0, 0, 3 },
		{ "mediaPresentationDuration='PT60S'",
		  "media='$Number$' duration='1' timescale='2'", "", 0, 0, 6 },
		{ "mediaPresentationDuration='PT60S'",
		  "media='$Number$' duration='4'", "", 13, 0, 1 },
		{ "mediaPresentationDuration='PT60S'",
		  "media='$Number$' duration='4'", "", 14, 0, 0 },
		/* From 1000 on: index 1 ends at 1020, index 2 at 1030. */
#define LIVE "type='dynamic' availabilityStartTime='1970-01-01T00:16:40Z'"
		{ LIVE, "media='$Number$' duration='10'", "", 0, 1000, 0 },
		{ LIVE, "media='$Number$' duration='10'", "", 0, 1029, 0 },
		{ LIVE, "media='$Number$' duration='10'", "", 0, 1030, 1 },
		{ LIVE, "media='$Number$' duration='10'", "", 0, 1e9, 2 },
		/* What is listed is there. */
		{ LIVE, "media='$Time$'", "<SegmentTimeline>"
		  "<S t='5' d='10' r='2'/></SegmentTimeline>", 0, 0, 2 },
		{ "type='dynamic'", "media='$Time$'", "<SegmentTimeline>"
		  "<S t='5' d='10' r='2'/></SegmentTimeline>", 1, 0, 1 },
		{ LIVE, "media='$Time$' presentationTimeOffset='500'",
		  "<SegmentTimeline><S t='500' d='10' r='-1'/>"
		  "</SegmentTimeline>", 0, 1030, 1 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct playlist_counted next[PLAYLIST_AHEAD_MAX];
		struct playlist_renditions r;

		if (!is_int(parse_template(table[i].mpd, table[i].attributes,
					   table[i].timeline, &r), 0, "MPD %zu",
			    i))
			continue;
		is_uint(playlist_template_ahead(r.templates, 1, r.templates,
						table[i].index, table[i].now,
						next), table[i].want,
			"ahead %zu", i);
		playlist_renditions_fini(&r);
	}
}

/* The same Representation goes on in the next Period; PT4S a segment. */
static void test_periods(void)
{
#define PERIOD(name, length, ids) "<Period duration='" length "'><BaseURL>" name \
	"/</BaseURL><AdaptationSet><SegmentTemplate duration='4' " \
	"media='$RepresentationID$-$Number$'/>" ids "</AdaptationSet></Period>"
#define R(id) "<Representation id='" id "'/>"
	static const char text[] = "<MPD>"
		PERIOD("p", "PT8S", R("a") R("b") R("c"))
		PERIOD("q", "PT4S", R("b") R("a"))
		PERIOD("r", "PT20S", R("a") R("c")) "</MPD>";
#undef R
#undef PERIOD
	static const struct {
		size_t t;
		uint64_t index;
		const char *want[2];	/* NULL: none */
	} table[] = {
		{ 0, 0, { "p/a-2", "q/a-1" } },
		{ 0, 1, { "q/a-1", "r/a-1" } },
		{ 1, 0, { "p/b-2", "q/b-1" } },
		{ 1, 1, { "q/b-1", NULL } },
		{ 2, 1, { NULL, NULL } },
		{ 4, 0, { "r/a-1", "r/a-2" } },
		{ 5, 3, { "r/a-5", NULL } },
	};
	struct playlist_counted next[PLAYLIST_AHEAD_MAX];
	struct playlist_renditions r;
	size_t count;

	is_int(parse(text, &r), 0, "Periods");
	if (!is_uint(r.n_templates, 7, "templates"))
		return;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		count = playlist_template_ahead(r.templates, r.n_templates,
						&r.templates[table[i].t],
						table[i].index, 0, next);
		for (size_t k = 0; k < 2; k++) {
			char *url = k < count ? playlist_template_url(
				next[k].t, next[k].index, true) : NULL;

			is_str(url ? url + strlen("https://h.example/d/") :
			       NULL, table[i].want[k], "%zu behind %zu", k, i);
			free(url);
		}
		ok(count <= 2, "no more behind %zu", i);
	}
	playlist_renditions_fini(&r);
}

/* Bases of every level, what is inherited, a list, two Periods. */
static void test_tree(void)
{
	static const char text[] =
		"<?xml version='1.0'?><m:MPD xmlns:m='urn:mpeg:dash:schema:mpd:"
		"2011' mediaPresentationDuration='PT20S'>"
		"<m:BaseURL> http://cdn.example/a/ </m:BaseURL>"
		"<m:BaseURL>http://other.example/</m:BaseURL>"
		"<m:Period><m:BaseURL>p/</m:BaseURL>"
		"<m:SegmentTemplate timescale='10' duration='40'/>"
		"<m:AdaptationSet><m:SegmentTemplate media='$Number$'/>"
		"<m:Representation id='1'/><m:Representation id='2'>"
		"<m:BaseURL><![CDATA[two/]]></m:BaseURL>"
		"<m:SegmentTemplate startNumber='7' duration='50'/>"
		"</m:Representation></m:AdaptationSet></m:Period>"
		"<m:Period start='PT8S'><m:AdaptationSet>"
		"<m:SegmentList duration='5'><m:SegmentURL media='l1'/>"
		"<m:SegmentURL mediaRange='5-9'/><m:SegmentURL media='/l3' "
		"mediaRange='x'/><m:SegmentURL media='/l4'/></m:SegmentList>"
		"<m:Representation id='3'><m:BaseURL>f.mp4</m:BaseURL>"
		"</m:Representation></m:AdaptationSet></m:Period></m:MPD>";
	static const char *const want[] = {
		"http://cdn.example/a/p/2", "http://cdn.example/a/p/two/8" };
	static const struct {
		const char *url;
		uint64_t start, end;
	} listed[] = {
		{ "http://cdn.example/a/l1", 0, UINT64_MAX },
		{ "http://cdn.example/a/f.mp4", 5, 10 },
		{ "http://cdn.example/l4", 0, UINT64_MAX },
	};
	struct playlist_renditions r;

	is_int(parse(text, &r), 0, "an MPD");
	is_uint(r.n_templates, 2, "templates");
	for (size_t i = 0; i < 2 && i < r.n_templates; i++) {
		char *url = playlist_template_url(&r.templates[i], 1, true);
		char *past = playlist_template_url(&r.templates[i], 2, true);

		is_str(url, want[i], "second of %zu", i);
		ok(!past, "no third");
		free(url);
		free(past);
	}
	is_uint(r.n_lists, 1, "lists");
	if (r.n_lists && is_uint(r.lists->n, 3, "segments"))
		for (size_t i = 0; i < 3; i++) {
			const struct playlist_segment *s = &r.lists->v[i];

			is_str(r.lists->urls + s->url, listed[i].url, "URL");
			is_uint(s->start, listed[i].start, "start");
			is_uint(s->end, listed[i].end, "end");
			is_uint(s->ms, 5000, "ms");
			is_uint(playlist_segments_find(
				r.lists, playlist_segment_id(
					listed[i].url, s->start)), i, "found");
		}
	playlist_renditions_fini(&r);
}

static void test_limits(void)
{
	static const char head[] = "<MPD mediaPresentationDuration='PT9S'>"
		"<Period><AdaptationSet><SegmentTemplate duration='1' "
		"media='$RepresentationID$-$Number$'/>";
	static const char tail[] = "</AdaptationSet></Period></MPD>";
	struct playlist_renditions r;
	char *text = malloc(16384), *p;

	is_int(parse("", &r), -EINVAL, "nothing");
	is_int(parse("<MPD>", &r), -EINVAL, "not well-formed");
	is_int(parse("<MPD/>", &r), -EINVAL, "nothing in it");
	is_int(parse("<playlist/>", &r), -EINVAL, "no MPD");
	is_int(parse("<!DOCTYPE MPD><MPD/>", &r), -EINVAL, "a DTD");
	is_int(parse("<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE MPD>"
		     "<MPD mediaPresentationDuration='PT9S'><Period>"
		     "<AdaptationSet><SegmentTemplate duration='1' "
		     "media='$Number$'/><Representation/></AdaptationSet>"
		     "</Period></MPD>", &r), -EINVAL, "a DTD in UTF-7");
	is_int(playlist_dash_new(text, PLAYLIST_DASH_MAX + 1, URL, &r), -EFBIG,
	       "too long");
	if (!text)
		return;
	p = stpcpy(text, head);
	for (int i = 0; i < PLAYLIST_RENDITIONS_MAX + 5; i++)
		p += sprintf(p, "<Representation id='%d'/>", i);
	strcpy(p, tail);
	is_int(parse(text, &r), 0, "many");
	is_uint(r.n_templates, PLAYLIST_RENDITIONS_MAX, "the first ones");
	playlist_renditions_fini(&r);
	free(text);
}

static void test_times(void)
{
	static const struct {
		const char *text;
		double want;
	} durations[] = {
		{ "PT1.5S", 1.5 }, { "P1DT2H3M4S", 93784 }, { "PT0S", 0 },
		{ "P0Y0M0DT1H", 3600 }, { "PT", 0 }, { "P1Y", NAN },
		{ "P2M", NAN }, { "P", NAN }, { "", NAN }, { "-PT1S", NAN },
		{ "PT5", NAN }, { "PT1e99S", NAN }, { "1", NAN },
		{ "PTT1S", NAN }, { "P1H", NAN },
	}, dates[] = {
		{ "1970-01-01T00:00:10", 10 }, { "1970-01-01T00:00:10Z", 10 },
		{ "1970-01-01T01:30:00+01:30", 0 },
		{ "1970-01-01T00:00:00.5-00:01", 60.5 },
		{ "2024-01-01", NAN }, { "", NAN },
		{ "1970-01-01T00:00:00x", NAN }, { "1970-01-01T00:00:00+", NAN },
	};

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		double got = playlist_duration(durations[i].text);

		ok(got == durations[i].want ||
		   (isnan(got) && isnan(durations[i].want)), "duration \"%s\"",
		   durations[i].text);
	}
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		double got = playlist_date(dates[i].text);

		ok(got == dates[i].want ||
		   (isnan(got) && isnan(dates[i].want)), "date \"%s\"",
		   dates[i].text);
	}
}

int main(void)
{
	test_templates();
	test_find();
	test_ahead();
	test_periods();
	test_tree();
	test_limits();
	test_times();
	return done_testing();
}
