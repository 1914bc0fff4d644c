/* References in elements. libxml2 says whether a document is well-formed; its
 * offsets of values are no promise, so where they stand is found here. In a
 * document that is well-formed and has no DTD a tag is a tag: nothing is
 * declared, no entity stands for one, and CDATA, comments and instructions are
 * easily skipped. ASX is hardly ever well-formed and is scanned as it is. */
#include "config.h"

#include "playlist_scan.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/url.h"

/* ---- well-formed --------------------------------------------------------------------- */

/* Encodings in which every byte below 0x80 is an ASCII character. */
static bool is_ascii_based(const xmlChar *encoding)
{
	static const char *const known[] = {
		"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "windows-125",
	};
	const char *name = (const char *)encoding;

	if (!name)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncasecmp(name, known[i], strlen(known[i])) == 0)
			return true;
	return false;
}

static bool is_utf8(const xmlChar *encoding)
{
	const char *name = (const char *)encoding;

	return !name || strcasecmp(name, "utf-8") == 0 ||
	       strcasecmp(name, "utf8") == 0;
}

/* Something like a DTD, before which libxml2 is not even asked. It can stand
 * in a comment or CDATA, too; then the document is none for us either. */
static bool has_dtd(const char *text, size_t len)
{
	return memmem(text, len, "<!DOCTYPE", 9) ||
	       memmem(text, len, "<!ENTITY", 8);
}

/* Its own guard of this is no lock. */
static pthread_once_t libxml_once = PTHREAD_ONCE_INIT;

int playlist_xml_begin(const char *text, size_t len)
{
	if (has_dtd(text, len))
		return -EINVAL;
	pthread_once(&libxml_once, xmlInitParser);
	return 0;
}

static void be_quiet(void *ctx, const char *fmt, ...)
{
	(void)ctx;
	(void)fmt;
}

/* Without a handler for anything libxml2 only looks: no tree is made. */
static int check_document(const char *text, size_t len, bool *utf8)
{
	xmlParserCtxtPtr parser;
	xmlSAXHandler silent = { .error = be_quiet, .warning = be_quiet,
				 .fatalError = be_quiet };
	int rc = -EINVAL;

	if (len == 0 || len > INT_MAX || playlist_xml_begin(text, len) < 0)
		return -EINVAL;
	parser = xmlCreateMemoryParserCtxt(text, (int)len);
	if (!parser)
		return -ENOMEM;
	*parser->sax = silent;
	xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_NOERROR |
			  XML_PARSE_NOWARNING);
	xmlParseDocument(parser);
	if (parser->wellFormed && is_ascii_based(parser->encoding) &&
	    (!parser->input || is_ascii_based(parser->input->encoding))) {
		*utf8 = is_utf8(parser->encoding) &&
			(!parser->input || is_utf8(parser->input->encoding));
		rc = 0;
	}
	xmlFreeParserCtxt(parser);
	return rc;
}

/* ---- what is a reference ------------------------------------------------------------- */

/* attribute NULL: the text of the element. */
struct place {
	const char *element, *attribute;
	enum playlist_role role;
};

static const struct place dash[] = {
	{ "BaseURL", NULL, PLAYLIST_BASE },
	{ "Location", NULL, PLAYLIST_TOP },
	{ "PatchLocation", NULL, PLAYLIST_TOP },
	{ "ContentSteering", NULL, PLAYLIST_TOP },
	{ "SegmentTemplate", "media", PLAYLIST_REF },
	{ "SegmentTemplate", "initialization", PLAYLIST_REF },
	{ "SegmentTemplate", "index", PLAYLIST_REF },
	{ "SegmentTemplate", "bitstreamSwitching", PLAYLIST_REF },
	{ "SegmentURL", "media", PLAYLIST_REF },
	{ "SegmentURL", "index", PLAYLIST_REF },
	{ "Initialization", "sourceURL", PLAYLIST_REF },
	{ "RepresentationIndex", "sourceURL", PLAYLIST_REF },
	{ "BitstreamSwitching", "sourceURL", PLAYLIST_REF },
	{ "InitializationSet", "initialization", PLAYLIST_REF },
	{ NULL, NULL, 0 },
};

static const struct place xspf[] = {
	{ "*", "xml:base", PLAYLIST_BASE },
	{ "location", NULL, PLAYLIST_REF },
	{ "image", NULL, PLAYLIST_REF },
	{ NULL, NULL, 0 },
};

static const struct place asx[] = {
	{ "ref", "href", PLAYLIST_REF },
	{ "entryref", "href", PLAYLIST_REF },
	{ NULL, NULL, 0 },
};

struct xml {
	const char *text;
	size_t len, pos;
	unsigned depth;			/* of the elements that are open */
	const struct place *places;
	bool strict;			/* XML; else ASX: any letter case, odd
					   ampersands */
	bool utf8;			/* or else only ASCII is understood */
	const struct playlist_scan *scan;
	char value[URL_MAX + 1];
};

struct span {
	size_t start, end;
};

static bool equals(const struct xml *x, const struct span *s, const char *word)
{
	size_t len = s->end - s->start;
	const char *text = x->text + s->start;

	if (strlen(word) != len)
		return false;
	return (x->strict ? strncmp(text, word, len)
			  : strncasecmp(text, word, len)) == 0;
}

/* A name without its prefix: "mpd:BaseURL". */
static struct span local(const struct xml *x, struct span name)
{
	const char *colon = memchr(x->text + name.start, ':',
				   name.end - name.start);

	if (colon)
		name.start = colon + 1 - x->text;
	return name;
}

static const struct place *find_place(const struct xml *x, struct span element,
				      const struct span *attribute)
{
	const struct place *p;

	element = local(x, element);
	for (p = x->places; p->element; p++) {
		if (!p->attribute != !attribute)
			continue;
		if (attribute && !equals(x, attribute, p->attribute))
			continue;
		if (p->element[0] == '*' || equals(x, &element, p->element))
			return p;
	}
	return NULL;
}

/* ---- values --------------------------------------------------------------------------- */

/* The character that the reference at s ("&amp;", "&#x26;") stands for, ASCII
 * only; its length in *len. -1: another, or none. */
static int character(const char *s, size_t max, size_t *len)
{
	static const struct {
		const char *name;
		char c;
	} named[] = {
		{ "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
		{ "&quot;", '"' }, { "&apos;", '\'' },
	};
	unsigned c = 0, base = 10;
	size_t i;

	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		*len = strlen(named[i].name);
		if (*len <= max && memcmp(s, named[i].name, *len) == 0)
			return named[i].c;
	}
	if (max < 4 || s[1] != '#')
		return -1;
	i = 2;
	if (s[i] == 'x' || s[i] == 'X') {
		base = 16;
		i++;
	}
	for (; i < max && s[i] != ';' && c < 128; i++) {
		int digit = s[i] >= '0' && s[i] <= '9' ? s[i] - '0' :
			    (s[i] | 32) >= 'a' && (s[i] | 32) <= 'f' ?
			    (s[i] | 32) - 'a' + 10 : 16;

		if (digit >= (int)base)
			return -1;
		c = c * base + (unsigned)digit;
	}
	*len = i + 1;
	return i < max && s[i] == ';' && c > 0 && c < 128 ? (int)c : -1;
}

/* Whether the '&' at i of s begins a character reference by number. */
static bool is_number(const struct xml *x, const struct span *s, size_t i)
{
	return s->end - i > 1 && x->text[i + 1] == '#';
}

/* The value of [start, end) as a string in x->value. False: none for us. */
static bool decode(struct xml *x, const struct span *s, bool cdata)
{
	size_t n = 0;

	for (size_t i = s->start; i < s->end; n++) {
		size_t len = 1;
		int c = (unsigned char)x->text[i];

		if (c == '&' && !cdata) {
			c = character(x->text + i, s->end - i, &len);
			if (c < 0 && (x->strict || is_number(x, s, i)))
				return false;
			if (c < 0) {
				c = '&';
				len = 1;
			}
		}
		if (c == '\0' || (c > 0x7f && !x->utf8) ||
		    n == sizeof(x->value) - 1)
			return false;
		x->value[n] = (char)c;
		i += len;
	}
	x->value[n] = '\0';
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int report(struct xml *x, const struct place *p, struct span s,
		  bool cdata, unsigned depth)
{
	struct playlist_ref ref;

	while (s.start < s.end && is_space(x->text[s.start]))
		s.start++;
	while (s.end > s.start && is_space(x->text[s.end - 1]))
		s.end--;
	if (s.start == s.end || !decode(x, &s, cdata))
		return 0;
	ref = (struct playlist_ref){
		.start = s.start, .end = s.end, .text = x->value,
		.role = p->role, .depth = depth,
		.quoting = cdata ? PLAYLIST_PLAIN : PLAYLIST_XML,
	};
	return x->scan->ref(x->scan->ctx, &ref);
}

/* ---- markup ------------------------------------------------------------------------------ */

static bool at(const struct xml *x, const char *word)
{
	size_t n = strlen(word);

	return x->len - x->pos >= n && memcmp(x->text + x->pos, word, n) == 0;
}

/* Go on behind the next `word`; to the end without one. */
static void skip_past(struct xml *x, const char *word)
{
	const char *found = memmem(x->text + x->pos, x->len - x->pos, word,
				   strlen(word));

	x->pos = found ? (size_t)(found - x->text) + strlen(word) : x->len;
}

static void skip_spaces(struct xml *x)
{
	while (x->pos < x->len && is_space(x->text[x->pos]))
		x->pos++;
}

static struct span take_name(struct xml *x)
{
	struct span s = { x->pos, x->pos };

	while (x->pos < x->len && !is_space(x->text[x->pos]) &&
	       !strchr("=/><\"'", x->text[x->pos]))
		x->pos++;
	s.end = x->pos;
	return s;
}

/* Behind a '='. ASX may leave out the quotes. */
static struct span take_value(struct xml *x)
{
	struct span s = { x->pos, x->pos };
	char quote = x->pos < x->len ? x->text[x->pos] : '\0';
	const char *close;

	if (quote == '"' || quote == '\'') {
		close = memchr(x->text + x->pos + 1, quote,
			       x->len - x->pos - 1);
		x->pos = close ? (size_t)(close - x->text) + 1 : x->len;
		if (close)
			s = (struct span){ s.start + 1, x->pos - 1 };
		return s;
	}
	while (x->pos < x->len && !is_space(x->text[x->pos]) &&
	       x->text[x->pos] != '>')
		x->pos++;
	s.end = x->pos;
	return s;
}

/* The text of an element, up to its end: characters, or one section of CDATA;
 * with anything else in it, it is no reference. */
static int scan_text(struct xml *x, const struct place *p)
{
	struct span s = { x->pos, x->pos };
	size_t start = x->pos;
	bool cdata;
	int rc = 0;

	skip_spaces(x);
	cdata = at(x, "<![CDATA[");
	if (cdata) {
		s.start = x->pos + 9;
		skip_past(x, "]]>");
		s.end = x->pos - 3;
		if (x->pos == x->len)
			return 0;
		skip_spaces(x);
	} else {
		skip_past(x, "<");
		x->pos -= x->pos > start && x->text[x->pos - 1] == '<';
		s.end = x->pos;
	}
	/* A base is one for what surrounds its element. */
	if (at(x, "</"))
		rc = report(x, p, s, cdata,
			    x->depth - (p->role == PLAYLIST_BASE));
	x->pos = start;
	return rc;
}

static int leave(struct xml *x)
{
	if (x->depth > 0) {
		x->scan->leave(x->scan->ctx, x->depth);
		x->depth--;
	}
	return 0;
}

static int scan_attributes(struct xml *x, struct span element)
{
	struct span name, value;
	const struct place *p;
	size_t start;
	int rc = 0;

	while (rc == 0 && x->pos < x->len && x->text[x->pos] != '>' &&
	       !at(x, "/>")) {
		start = x->pos;
		skip_spaces(x);
		name = take_name(x);
		skip_spaces(x);
		if (x->pos < x->len && x->text[x->pos] == '=') {
			x->pos++;
			skip_spaces(x);
			value = take_value(x);
			p = find_place(x, element, &name);
			if (p)
				rc = report(x, p, value, false, x->depth);
		} else if (x->pos == start) {
			x->pos++;
		}
	}
	return rc;
}

/* Where the next start tag of this name is; at the end without one. */
static size_t next_tag(const struct xml *x, const char *name)
{
	const char *p = x->text + x->pos, *end = x->text + x->len;

	while ((p = memmem(p, (size_t)(end - p), name, strlen(name))) &&
	       p[-1] != '<' && p[-1] != ':')
		p++;
	return p ? (size_t)(p - x->text) : x->len;
}

/* Behind the start tag of the root: of an MPD without a base of its own. */
static int report_home(struct xml *x, struct span element)
{
	struct span name = local(x, element);
	struct span prefix = { element.start, name.start };
	const struct playlist_ref ref = {
		.start = x->pos, .end = x->pos, .text = x->value,
		.role = PLAYLIST_HOME, .depth = x->depth,
	};

	if (x->places != dash || !equals(x, &name, "MPD") ||
	    next_tag(x, "BaseURL") < next_tag(x, "Period") ||
	    !decode(x, &prefix, true))
		return 0;
	return x->scan->ref(x->scan->ctx, &ref);
}

static int scan_start_tag(struct xml *x)
{
	const struct place *p;
	struct span element;
	int rc;

	x->pos++;
	element = take_name(x);
	x->depth++;
	rc = scan_attributes(x, element);
	if (rc < 0)
		return rc;
	if (at(x, "/>")) {
		x->pos += 2;
		return leave(x);
	}
	if (x->pos < x->len)
		x->pos++;
	if (x->depth == 1)
		rc = report_home(x, element);
	p = find_place(x, element, NULL);
	return rc == 0 && p ? scan_text(x, p) : rc;
}

static int scan_markup(struct xml *x)
{
	if (at(x, "<!--"))
		skip_past(x, "-->");
	else if (at(x, "<![CDATA["))
		skip_past(x, "]]>");
	else if (at(x, "<?"))
		skip_past(x, "?>");
	else if (at(x, "<!"))
		skip_past(x, ">");
	else if (at(x, "</")) {
		skip_past(x, ">");
		return leave(x);
	} else {
		return scan_start_tag(x);
	}
	return 0;
}

int playlist_scan_xml(enum playlist_kind kind, const char *text, size_t len,
		      const struct playlist_scan *scan)
{
	struct xml *x;
	bool utf8 = true;
	int rc = kind == PLAYLIST_ASX ? 0 : check_document(text, len, &utf8);

	if (rc < 0)
		return rc;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->text = text;
	x->len = len;
	x->scan = scan;
	x->strict = kind != PLAYLIST_ASX;
	x->utf8 = utf8;
	x->places = kind == PLAYLIST_DASH ? dash :
		    kind == PLAYLIST_XSPF ? xspf : asx;
	while (rc == 0 && x->pos < len) {
		skip_past(x, "<");
		if (x->pos == len)
			break;
		x->pos--;
		rc = scan_markup(x);
	}
	free(x);
	return rc;
}
