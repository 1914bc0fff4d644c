/* The corpus of one target, once, as TAP: corpus/NAME for a program NAME. A
 * file that breaks a promise ends the program; its name is the last remark. */
#include "config.h"

#include <dirent.h>
#include <limits.h>

#include "tests/fuzz/fuzz.h"
#include "tests/tap.h"

static int by_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Size of the file, or -1. */
static ssize_t read_input(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "rb");
	ssize_t n;

	if (!f)
		return -1;
	n = fread(buf, 1, size, f);
	if (ferror(f))
		n = -1;
	fclose(f);
	return n;
}

static void replay(const char *folder, const char *name)
{
	static char buf[1 << 16];
	char *path, *input;
	ssize_t n = -1;

	diag("%s", name);
	if (asprintf(&path, "%s/%s", folder, name) >= 0) {
		n = read_input(path, buf, sizeof(buf));
		free(path);
	}
	if (n >= 0) {
		input = fuzz_copy(buf, n);
		LLVMFuzzerTestOneInput((uint8_t *)input, n);
		free(input);
	}
	ok(n >= 0, "%s", name);
}

int main(int argc, char *argv[])
{
	const char *slash = strrchr(argv[0], '/');
	const char *top = getenv("top_srcdir");
	struct dirent **files;
	char folder[PATH_MAX];
	int n;

	if (argc > 1)
		snprintf(folder, sizeof(folder), "%s", argv[1]);
	else
		snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
			 top ? top : ".", slash ? slash + 1 : argv[0]);
	n = scandir(folder, &files, by_name, alphasort);
	if (n < 0) {
		ok(false, "%s can be read", folder);
		return done_testing();
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	ok(n > 0, "there is a corpus");
	for (int i = 0; i < n; i++) {
		replay(folder, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	return done_testing();
}
