#include "config.h"

#include "fresh.h"

#include <string.h>
#include <strings.h>

#include "fields.h"

/* What is left of a field value. */
struct scan {
	const char *p, *end;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct scan trimmed(const char *value, size_t len)
{
	struct scan s = { value, value + len };

	while (s.p < s.end && is_space(*s.p))
		s.p++;
	while (s.p < s.end && is_space(s.end[-1]))
		s.end--;
	return s;
}

static bool take_digits(struct scan *s, size_t n, int *out)
{
	int value = 0;

	if ((size_t)(s->end - s->p) < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		value = value * 10 + (s->p[i] - '0');
	}
	s->p += n;
	*out = value;
	return true;
}

static bool take_text(struct scan *s, const char *text, size_t len)
{
	if ((size_t)(s->end - s->p) < len || strncasecmp(s->p, text, len))
		return false;
	s->p += len;
	return true;
}

/* The first `width` letters (0: all) of one of n names. */
static bool take_name(struct scan *s, const char *const *names, int n,
		      size_t width, int *out)
{
	for (int i = 0; i < n; i++) {
		if (take_text(s, names[i], width ? width : strlen(names[i]))) {
			*out = i;
			return true;
		}
	}
	return false;
}

static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday",
				    "Thursday", "Friday", "Saturday" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				      "Jul", "Aug", "Sep", "Oct", "Nov",
				      "Dec" };

static bool take_time(struct scan *s, struct tm *tm)
{
	return take_digits(s, 2, &tm->tm_hour) && take_text(s, ":", 1) &&
	       take_digits(s, 2, &tm->tm_min) && take_text(s, ":", 1) &&
	       take_digits(s, 2, &tm->tm_sec) && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec <= 60;
}

/* One conversion of a form below. */
static bool take_field(struct scan *s, char conversion, struct tm *tm)
{
	int ignored;

	switch (conversion) {
	case 'a':
		return take_name(s, days, 7, 3, &ignored);
	case 'A':
		return take_name(s, days, 7, 0, &ignored);
	case 'b':
		return take_name(s, months, 12, 0, &tm->tm_mon);
	case 'd':
		return take_digits(s, 2, &tm->tm_mday);
	case 'e':
		return take_text(s, " ", 1) ? take_digits(s, 1, &tm->tm_mday) :
					      take_digits(s, 2, &tm->tm_mday);
	case 'y':
		return take_digits(s, 2, &tm->tm_year);
	case 'Y':
		return take_digits(s, 4, &tm->tm_year);
	case 'T':
		return take_time(s, tm);
	}
	return false;
}

static bool take_form(struct scan s, const char *form, struct tm *tm)
{
	memset(tm, 0, sizeof(*tm));
	for (; *form; form++) {
		if (*form == '%') {
			if (!take_field(&s, *++form, tm))
				return false;
		} else if (!take_text(&s, form, 1)) {
			return false;
		}
	}
	return s.p == s.end;
}

/* tm_year is the whole year here. */
static bool to_time(struct tm tm, time_t *out)
{
	int day = tm.tm_mday, month = tm.tm_mon;

	tm.tm_year -= 1900;
	/* A leap second is no reason to change the day; the nearest earlier
	 * time is asked for by RFC 9111, 4.2. */
	if (tm.tm_sec == 60)
		tm.tm_sec = 59;
	*out = timegm(&tm);
	return tm.tm_mday == day && tm.tm_mon == month;
}

/* RFC 9110, 5.6.7: more than 50 years ahead means the latest such year in the
 * past. tm_year is 0..99. */
static bool to_time_short_year(struct tm tm, time_t now, time_t *out)
{
	struct tm limit;
	int century;
	time_t t;

	if (!gmtime_r(&now, &limit))
		return false;
	century = (limit.tm_year + 1900) / 100 * 100;
	limit.tm_year += 50;
	tm.tm_year += century;
	if (to_time(tm, &t) && t <= timegm(&limit)) {
		*out = t;
		return true;
	}
	/* Also the way of a 29 February that only the other century has. */
	tm.tm_year -= 100;
	return to_time(tm, out);
}

time_t fresh_parse_date(const char *value, size_t len, time_t now)
{
	struct scan s = trimmed(value, len);
	struct tm tm;
	bool valid;
	time_t t;

	if (take_form(s, "%a, %d %b %Y %T GMT", &tm) ||
	    take_form(s, "%a %b %e %T %Y", &tm))
		valid = to_time(tm, &t);
	else if (take_form(s, "%A, %d-%b-%y %T GMT", &tm))
		valid = to_time_short_year(tm, now, &t);
	else
		return -1;
	if (!valid)
		return -1;
	return t < 0 ? 0 : t;
}

int64_t fresh_parse_delta(const char *value, size_t len)
{
	struct scan s = trimmed(value, len);
	int64_t seconds = 0;

	if (s.p == s.end)
		return -1;
	for (; s.p < s.end; s.p++) {
		if (*s.p < '0' || *s.p > '9')
			return -1;
		seconds = seconds * 10 + (*s.p - '0');
		if (seconds > FRESH_DELTA_MAX)
			seconds = FRESH_DELTA_MAX;
	}
	return seconds;
}

static void set_max_age(struct fresh_headers *h, int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (h->max_age < 0 || seconds < h->max_age)
		h->max_age = seconds;
}

static bool is_named(struct scan name, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(name.end - name.p) == len &&
	       !strncasecmp(name.p, text, len);
}

/* argument: from behind the '=' to the ',', with any quotes. */
static void directive(struct fresh_headers *h, struct scan name,
		      struct scan argument)
{
	if (is_named(name, "no-store")) {
		h->no_store = true;
	} else if (is_named(name, "no-cache")) {
		h->no_cache = true;
	} else if (is_named(name, "must-revalidate")) {
		h->must_revalidate = true;
	} else if (is_named(name, "max-age")) {
		if (argument.end - argument.p >= 2 && *argument.p == '"' &&
		    argument.end[-1] == '"') {
			argument.p++;
			argument.end--;
		}
		set_max_age(h, fresh_parse_delta(argument.p,
						 argument.end - argument.p));
	}
}

/* Where the list member at p ends: at a ',' outside of quotes. NULL: inside
 * of quotes. */
static const char *member_end(const char *p, const char *end)
{
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (quoted && *p == '\\' && p + 1 < end)
			p++;
		else if (!quoted && *p == ',')
			break;
	}
	return quoted ? NULL : p;
}

void fresh_cache_control(struct fresh_headers *h, const char *value, size_t len)
{
	const char *p = value, *end = value + len, *stop, *equals;
	struct scan name, argument;

	for (; p < end; p = stop + 1) {
		stop = member_end(p, end);
		if (!stop) {
			set_max_age(h, 0);
			stop = end;
		}
		equals = memchr(p, '=', stop - p);
		name = trimmed(p, (equals ? equals : stop) - p);
		argument = equals ? trimmed(equals + 1, stop - equals - 1) :
				    (struct scan){ stop, stop };
		directive(h, name, argument);
		if (stop == end)
			break;
	}
}

void fresh_fields(struct fresh_headers *h, const char *fields)
{
	struct field f;

	while (fields_next(&fields, &f))
		if (field_is(&f, "Cache-Control"))
			fresh_cache_control(h, f.value, f.value_len);
}

void fresh_keep(struct fresh_headers *h, const char *brought,
		const char *stored, const char *last_modified, time_t now)
{
	struct field f;

	if (!fields_find(brought, "Cache-Control", &f))
		fresh_fields(h, stored);
	if (!fields_find(brought, "Expires", &f) &&
	    fields_find(stored, "Expires", &f)) {
		h->expires = fresh_parse_date(f.value, f.value_len, now);
		h->expires_invalid = h->expires < 0;
	}
	if (h->last_modified < 0 && last_modified)
		h->last_modified = fresh_parse_date(
			last_modified, strlen(last_modified), now);
}

/* RFC 9111, 4.2.1 and 4.2.2. */
static int64_t lifetime(const struct fresh_headers *h, time_t date)
{
	int64_t tenth;

	if (h->max_age >= 0)
		return h->max_age;
	if (h->expires_invalid)
		return 0;
	if (h->expires >= 0)
		return (int64_t)h->expires - date;
	if (h->changing)
		return 0;
	if (h->last_modified < 0)
		return FRESH_HEURISTIC_MIN;
	tenth = ((int64_t)date - h->last_modified) / 10;
	if (tenth < FRESH_HEURISTIC_MIN)
		return FRESH_HEURISTIC_MIN;
	return tenth > FRESH_HEURISTIC_MAX ? FRESH_HEURISTIC_MAX : tenth;
}

/* RFC 9111, 4.2.3: corrected_initial_age. */
static int64_t initial_age(const struct fresh_headers *h, time_t date,
			   time_t request_time, time_t response_time)
{
	int64_t apparent = 0, corrected = h->age > 0 ? h->age : 0;

	if (response_time > date)
		apparent = (int64_t)response_time - date;
	if (response_time > request_time)
		corrected += (int64_t)response_time - request_time;
	return apparent > corrected ? apparent : corrected;
}

time_t fresh_generated(const struct fresh_headers *h, time_t request_time,
		       time_t response_time)
{
	time_t date = h->date >= 0 ? h->date : response_time;

	return response_time -
	       initial_age(h, date, request_time, response_time);
}

time_t fresh_until(const struct fresh_headers *h, time_t request_time,
		   time_t response_time)
{
	/* Without a Date: the time of receipt (RFC 9110, 6.6.1). */
	time_t date = h->date >= 0 ? h->date : response_time;
	int64_t left;

	if (h->no_store || h->no_cache)
		return response_time;
	left = lifetime(h, date) -
	       initial_age(h, date, request_time, response_time);
	if (left <= 0)
		return response_time;
	if (left > FRESH_LIFETIME_MAX)
		left = FRESH_LIFETIME_MAX;
	return response_time + left;
}
