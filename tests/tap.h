/* tap: the least that a C test needs to speak TAP.
 *
 * One line a check, the plan at the end, a failure with its file and line.
 * Every line is flushed at once, so that a crash loses nothing and a fork
 * repeats nothing. Any thread may check.
 *
 *	ok(n == 3, "three of %s", name);
 *	is_int(got, want, "…");  is_uint();  is_str() (NULL is a value);  is_mem()
 *	return done_testing();
 */
#ifndef SPOOL_TESTS_TAP_H
#define SPOOL_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TAP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

static unsigned tap_count, tap_failed;	/* under stdout's lock */

/* What every check ends in. detail: what differs, or NULL. */
static inline bool tap_result(bool good, const char *file, int line,
			      const char *detail, const char *fmt, va_list args)
{
	flockfile(stdout);
	tap_count++;
	tap_failed += !good;
	printf("%s %u - ", good ? "ok" : "not ok", tap_count);
	vprintf(fmt, args);
	putchar('\n');
	if (!good)
		printf("# failed at %s:%d: %s\n", file, line, detail);
	fflush(stdout);
	funlockfile(stdout);
	return good;
}

static inline TAP_PRINTF(5, 6) bool
tap_ok(bool good, const char *file, int line, const char *what,
       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_result(good, file, line, what, fmt, args);
	va_end(args);
	return good;
}

static inline TAP_PRINTF(5, 6) bool
tap_is_int(intmax_t got, intmax_t want, const char *file, int line,
	   const char *fmt, ...)
{
	char detail[96];
	va_list args;

	snprintf(detail, sizeof(detail), "got %" PRIdMAX ", want %" PRIdMAX,
		 got, want);
	va_start(args, fmt);
	tap_result(got == want, file, line, detail, fmt, args);
	va_end(args);
	return got == want;
}

static inline TAP_PRINTF(5, 6) bool
tap_is_uint(uintmax_t got, uintmax_t want, const char *file, int line,
	    const char *fmt, ...)
{
	char detail[96];
	va_list args;

	snprintf(detail, sizeof(detail), "got %" PRIuMAX ", want %" PRIuMAX,
		 got, want);
	va_start(args, fmt);
	tap_result(got == want, file, line, detail, fmt, args);
	va_end(args);
	return got == want;
}

static inline TAP_PRINTF(5, 6) bool
tap_is_str(const char *got, const char *want, const char *file, int line,
	   const char *fmt, ...)
{
	bool good = got && want ? strcmp(got, want) == 0 : got == want;
	char detail[1024];
	va_list args;

	snprintf(detail, sizeof(detail), "got %s%.480s%s, want %s%.480s%s",
		 got ? "\"" : "", got ? got : "NULL", got ? "\"" : "",
		 want ? "\"" : "", want ? want : "NULL", want ? "\"" : "");
	va_start(args, fmt);
	tap_result(good, file, line, detail, fmt, args);
	va_end(args);
	return good;
}

static inline TAP_PRINTF(6, 7) bool
tap_is_mem(const void *got, const void *want, size_t len, const char *file,
	   int line, const char *fmt, ...)
{
	const unsigned char *a = got, *b = want;
	char detail[96] = "";
	size_t i = 0;
	va_list args;

	while (i < len && a[i] == b[i])
		i++;
	if (i < len)
		snprintf(detail, sizeof(detail),
			 "byte %zu of %zu: got 0x%02x, want 0x%02x", i, len,
			 a[i], b[i]);
	va_start(args, fmt);
	tap_result(i == len, file, line, detail, fmt, args);
	va_end(args);
	return i == len;
}

#define ok(cond, ...) \
	tap_ok((cond), __FILE__, __LINE__, #cond, __VA_ARGS__)
#define is_int(got, want, ...) \
	tap_is_int((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_uint(got, want, ...) \
	tap_is_uint((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) \
	tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_mem(got, want, len, ...) \
	tap_is_mem((got), (want), (len), __FILE__, __LINE__, __VA_ARGS__)

/* A remark in the log. */
static inline TAP_PRINTF(1, 2) void diag(const char *fmt, ...)
{
	va_list args;

	flockfile(stdout);
	fputs("# ", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

/* One check that can't be made here, and why. */
static inline TAP_PRINTF(1, 2) void skip(const char *fmt, ...)
{
	va_list args;

	flockfile(stdout);
	printf("ok %u # SKIP ", ++tap_count);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

/* Nothing can be checked here: `return skip_all("why")` from main, before any
 * check. */
static inline int skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	fflush(stdout);
	return 0;
}

/* The plan; the value is main's. */
static inline int done_testing(void)
{
	printf("1..%u\n", tap_count);
	fflush(stdout);
	return tap_failed || !tap_count;
}

#endif
