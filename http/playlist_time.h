/* playlist_time: times as XML Schema writes them. Pure. */
#ifndef SPOOL_PLAYLIST_TIME_H
#define SPOOL_PLAYLIST_TIME_H

/* Seconds of an xs:duration, "P1DT2H3M4.5S", that has no years and no months,
 * and below 1e9; NAN: it is none of these. */
double playlist_duration(const char *s);

/* Seconds since 1970 of an xs:dateTime, "2024-01-01T00:00:00.5+01:00"; without
 * a zone it is UTC (ISO/IEC 23009-1). NAN: it is none. */
double playlist_date(const char *s);

#endif
