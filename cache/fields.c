#include "config.h"

#include "fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static bool is_name(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && !strncasecmp(text, name, len);
}

bool field_is(const struct field *f, const char *name)
{
	return is_name(f->name, f->name_len, name);
}

bool fields_next(const char **text, struct field *out)
{
	const char *p = *text, *colon, *end;

	if (!p || !*p)
		return false;
	end = strchrnul(p, '\n');
	colon = memchr(p, ':', end - p);
	if (!colon)
		colon = end;
	out->name = p;
	out->name_len = colon - p;
	out->value = colon < end ? colon + 1 : end;
	if (out->value < end && *out->value == ' ')
		out->value++;
	out->value_len = end - out->value;
	*text = *end ? end + 1 : end;
	return true;
}

bool fields_find(const char *text, const char *name, struct field *out)
{
	while (fields_next(&text, out))
		if (field_is(out, name))
			return true;
	return false;
}

/* ---- which -------------------------------------------------------------- */

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t len)
{
	static const char chars[] = "!#$%&'*+-.^_`|~0123456789"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < len; i++)
		if (!text[i] || !strchr(chars, text[i]))
			return false;
	return len > 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool field_valid(const struct field *f)
{
	if (!is_token(f->name, f->name_len))
		return false;
	for (size_t i = 0; i < f->value_len; i++) {
		unsigned char c = (unsigned char)f->value[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return !f->value_len || (!is_space(f->value[0]) &&
				 !is_space(f->value[f->value_len - 1]));
}

static bool is_one_of(const struct field *f, const char *const *names,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (field_is(f, names[i]))
			return true;
	return false;
}

static bool begins(const struct field *f, const char *prefix)
{
	size_t len = strlen(prefix);

	return f->name_len >= len && !strncasecmp(f->name, prefix, len);
}

bool field_kept(const struct field *f)
{
	static const char *const never[] = {
		/* one connection's */
		"Connection", "HTTP2-Settings", "Keep-Alive", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade",
		/* one message's, or ours */
		"Accept-Ranges", "Age", "Content-Digest", "Content-Encoding",
		"Content-Length", "Content-MD5", "Content-Range",
		"Content-Type", "Digest", "ETag", "Last-Modified",
		"Repr-Digest", "Retry-After", "Status", "X-Cache",
		/* secrets */
		"Authentication-Info", "Authorization", "Content-Location",
		"Cookie", "Location", "Refresh", "Set-Cookie", "Set-Cookie2",
		"WWW-Authenticate",
		/* about an address */
		"Alt-Svc", "Clear-Site-Data", "Cross-Origin-Resource-Policy",
		"Expect-CT", "NEL", "Origin-Agent-Cluster",
		"Public-Key-Pins", "Public-Key-Pins-Report-Only", "Report-To",
		"Reporting-Endpoints", "Service-Worker-Allowed",
		"Strict-Transport-Security", "Timing-Allow-Origin",
	};

	return !begins(f, "Proxy-") && !begins(f, "Access-Control-") &&
	       !is_one_of(f, never, COUNT(never));
}

bool field_essential(const struct field *f)
{
	static const char *const names[] = {
		"Cache-Control", "Date", "Expires", "Vary",
	};

	return is_one_of(f, names, COUNT(names));
}

/* ---- texts -------------------------------------------------------------- */

int fields_append(char **text, size_t *len, size_t max, const struct field *f)
{
	size_t more = f->name_len + 2 + f->value_len + 1;
	char *grown, *p;

	if (*len > max || more > max - *len || !field_valid(f))
		return 0;
	grown = realloc(*text, *len + more + 1);
	if (!grown)
		return -ENOMEM;
	p = mempcpy(grown + *len, f->name, f->name_len);
	*p++ = ':';
	*p++ = ' ';
	p = mempcpy(p, f->value, f->value_len);
	*p++ = '\n';
	*p = '\0';
	*text = grown;
	*len += more;
	return 0;
}

int fields_add(char **text, size_t *len, size_t max, const struct field *f)
{
	return field_kept(f) ? fields_append(text, len, max, f) : 0;
}

/* Is f in a list of names, as of a Connection field? */
static bool is_named(const struct field *f, const char *list)
{
	const char *end;
	size_t len;

	for (; list && *list; list = *end ? end + 1 : end) {
		list += strspn(list, " \t");
		end = strchrnul(list, ',');
		len = end - list;
		while (len && is_space(list[len - 1]))
			len--;
		if (len == f->name_len && !strncasecmp(list, f->name, len))
			return true;
	}
	return false;
}

static int select_some(const char *received, const char *named, bool essential,
		       char **text, size_t *len)
{
	struct field f;
	int err = 0;

	while (!err && fields_next(&received, &f))
		if (field_essential(&f) == essential && !is_named(&f, named))
			err = fields_add(text, len, FIELDS_MAX, &f);
	return err;
}

int fields_select(const char *received, const char *named, bool all,
		  char **out)
{
	char *text = NULL;
	size_t len = 0;
	int err = select_some(received, named, true, &text, &len);

	if (!err && all)
		err = select_some(received, named, false, &text, &len);
	if (err) {
		free(text);
		return err;
	}
	*out = text;
	return 0;
}

bool fields_has(const char *text, const struct field *f)
{
	struct field other;

	while (fields_next(&text, &other))
		if (other.name_len == f->name_len &&
		    !strncasecmp(other.name, f->name, f->name_len))
			return true;
	return false;
}

int fields_update(const char *kept, const char *newer, char **out)
{
	const char *rest = newer;
	char *text = NULL;
	struct field f;
	size_t len = 0;
	int err = 0;

	while (!err && fields_next(&rest, &f))
		err = fields_add(&text, &len, FIELDS_MAX, &f);
	while (!err && fields_next(&kept, &f))
		if (!fields_has(newer, &f))
			err = fields_add(&text, &len, FIELDS_MAX, &f);
	if (err) {
		free(text);
		return err;
	}
	*out = text;
	return 0;
}

bool fields_sound(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct field f;

	if (!len)
		return !text;
	if (len > FIELDS_MAX || text[len - 1] != '\n')
		return false;
	while (fields_next(&text, &f)) {
		if (!field_valid(&f) || !field_kept(&f) ||
		    f.value != f.name + f.name_len + 2)
			return false;
	}
	return true;
}
