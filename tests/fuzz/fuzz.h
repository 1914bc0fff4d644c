/* fuzz: what the targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput: it feeds any bytes to a
 * module and checks what the module promises of every input. libFuzzer drives
 * it in `make fuzz`, replay.c over the corpus in `make check`. A promise that
 * does not hold aborts, which is what libFuzzer looks for.
 *
 * Inputs are text as far as possible, so that a corpus can be read and written
 * by hand.
 */
#ifndef SPOOL_TESTS_FUZZ_H
#define SPOOL_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every date and every two-digit year is seen from here: 2024-01-01. */
#define FUZZ_NOW ((time_t)1704067200)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_must(bool good, const char *what, const char *file,
			     int line)
{
	if (good)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

#define must(cond) fuzz_must((cond), #cond, __FILE__, __LINE__)

/* A copy of exactly this size, so that a sanitizer sees a read past its end.
 * NULL stands for memory that a test can't do without. */
static inline char *fuzz_copy(const void *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	must(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* The same as a C string. */
static inline char *fuzz_string(const void *data, size_t size)
{
	char *copy = malloc(size + 1);

	must(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

/* What is left of an input. */
struct fuzz_input {
	const char *p, *end;
};

static inline struct fuzz_input fuzz_begin(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;

	return (struct fuzz_input){ p, p + size };
}

/* Take a line with its LF, which the last one may lack; false at the end. */
static inline bool fuzz_line(struct fuzz_input *in, const char **line,
			     size_t *len)
{
	const char *lf;

	if (in->p == in->end)
		return false;
	lf = memchr(in->p, '\n', in->end - in->p);
	*line = in->p;
	in->p = lf ? lf + 1 : in->end;
	*len = in->p - *line;
	return true;
}

/* Take a line as a string without its LF; "" at the end. Caller frees. */
static inline char *fuzz_line_string(struct fuzz_input *in)
{
	const char *line;
	size_t len;

	if (!fuzz_line(in, &line, &len))
		return fuzz_string("", 0);
	if (line[len - 1] == '\n')
		len--;
	return fuzz_string(line, len);
}

static inline bool fuzz_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Neither controls nor anything but ASCII. */
static inline bool fuzz_printable(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

#endif
