#include "config.h"

#include "playlist_time.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds of one of the unit; NAN: none. */
static double unit_of(char unit, bool time)
{
	switch (unit) {
	case 'D':
		return time ? NAN : 86400;
	case 'H':
		return time ? 3600 : NAN;
	case 'M':
		return time ? 60 : NAN;
	case 'S':
		return time ? 1 : NAN;
	default:
		return NAN;
	}
}

double playlist_duration(const char *s)
{
	double sum = 0, n;
	bool time = false;
	char *end;

	if (*s++ != 'P' || !*s)
		return NAN;
	for (; *s; s = end + 1) {
		if (*s == 'T' && !time) {
			time = true;
			if (!*++s)
				break;
		}
		if (!isdigit((unsigned char)*s))
			return NAN;
		n = strtod(s, &end);
		/* "P0Y0M…" is common, others are not. */
		if (n > 0 || (*end != 'Y' && *end != 'M'))
			sum += n * unit_of(*end, time);
		if (isnan(sum))
			return NAN;
	}
	return sum < 1e9 ? sum : NAN;
}

double playlist_date(const char *s)
{
	struct tm tm = { 0 };
	int hours = 0, minutes = 0;
	double fraction = 0;
	char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm), sign;

	if (!end)
		return NAN;
	if (*end == '.')
		fraction = strtod(end, &end);
	sign = *end;
	if (sign == '+' || sign == '-') {
		if (sscanf(end + 1, "%2d:%2d", &hours, &minutes) != 2)
			return NAN;
	} else if (sign && sign != 'Z') {
		return NAN;
	}
	return (double)timegm(&tm) + fraction -
	       (sign == '-' ? -60 : 60) * (hours * 60.0 + minutes);
}
