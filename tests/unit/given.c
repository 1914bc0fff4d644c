/* given: names, and the file that keeps them. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/given.h"
#include "cache/log.h"
#include "cache/text.h"
#include "tests/tap.h"

#define A "https://h.example/a.mp4"
#define B "https://h.example/b?x=1&y"

static char dir[] = "/tmp/spool-given-XXXXXX";

static void test_names(void)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
		{ "film.mp4", true }, { "a film", true }, { " ", true },
		{ "https:x", true }, { "--", true }, { ".git", true },
		{ "b\303\274cher", true }, { "\360\237\216\254", true },
		{ "", false }, { ".", false }, { "..", false }, { "-", false },
		{ "http", false }, { "https", false }, { "http:", false },
		{ "https:", false }, { "a/b", false }, { "a\nb", false },
		{ "a\177", false }, { "\374", false }, { "\303", false },
		{ "\300\200", false }, { "\355\240\200", false },
		{ "\340\200\200", false }, { "\364\220\200\200", false },
		{ "\303\303", false }, { "\200", false },
	};
	char name[258];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_int(given_is_name(rows[i].name), rows[i].is, "\"%s\"",
		       strpbrk(rows[i].name, "\n") ? "LF" : rows[i].name);
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	ok(given_is_name(name), "255 bytes");
	name[255] = 'x';
	name[256] = '\0';
	ok(!given_is_name(name), "256 bytes");
}

static void test_parse(void)
{
#define HEAD "spoolfs-names 1\n"
	static const struct {
		const char *text;
		int err;
		size_t n;
	} rows[] = {
		{ HEAD, 0, 0 },
		{ HEAD A " one\n", 0, 1 },
		{ HEAD A " two\n" B " one film\n", 0, 2 },
		{ HEAD A " one\n" B " one\n", -EBADMSG, 0 },
		{ HEAD A "\n", -EBADMSG, 0 },
		{ HEAD A " \n", -EBADMSG, 0 },
		{ HEAD A " one", -EBADMSG, 0 },
		{ HEAD "\n", -EBADMSG, 0 },
		{ HEAD "ftp://h/x one\n", -EBADMSG, 0 },
		{ HEAD A " a/b\n", -EBADMSG, 0 },
		{ "spoolfs-names 2\nwhatever", -EPROTO, 0 },
		{ "", -EBADMSG, 0 },
		{ "something else\n", -EBADMSG, 0 },
	};
	struct given_list l;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		l = (struct given_list){ 0 };
		is_int(given_parse(rows[i].text, strlen(rows[i].text), &l),
		       rows[i].err, "file %zu", i);
		is_uint(l.n, rows[i].n, "its names");
		given_list_fini(&l);
	}
}

static int join(void *ctx, const char *name, const char *url)
{
	strcat(ctx, name);
	strcat(ctx, strcmp(url, A) ? "=B " : "=A ");
	return 0;
}

static const char *all(struct given *g)
{
	static char text[256];

	text[0] = '\0';
	given_each(g, join, text);
	return text;
}

static void again(struct given *g)
{
	given_fini(g);
	given_init(g, dir);
}

static void test_changes(void)
{
	struct given g;
	char *url = NULL;

	given_init(&g, dir);
	is_str(all(&g), "", "none at first");
	is_int(given_add(&g, "two", A), 0, "one is added");
	is_int(given_add(&g, "one", B), 0, "another");
	is_int(given_add(&g, "two", A), 0, "the same once more");
	is_int(given_add(&g, "two", B), -EEXIST, "not for another URL");
	is_int(given_add(&g, "http", A), -EINVAL, "no name");
	is_int(given_add(&g, "x", "/etc"), -EINVAL, "no URL");
	again(&g);
	is_str(all(&g), "one=B two=A ", "they are kept");
	is_int(given_url(&g, "one", &url), 0, "found");
	is_str(url, B, "what it is");
	free(url);
	is_int(given_url(&g, "three", &url), -ENOENT, "not found");
	is_int(given_move(&g, "one", "two"), -EEXIST, "no move onto another");
	is_int(given_move(&g, "one", "a/b"), -EINVAL, "nor to no name");
	is_int(given_move(&g, "three", "four"), -ENOENT, "nor of nothing");
	is_int(given_move(&g, "one", "zero"), 0, "a move");
	is_int(given_remove(&g, "two"), 0, "one goes");
	is_int(given_remove(&g, "two"), -ENOENT, "once");
	again(&g);
	is_str(all(&g), "zero=B ", "and that is kept");
	given_fini(&g);
}

static void test_foreign(void)
{
	static const char *const texts[] = { "spoolfs-names 9\nx\n", "junk" };
	struct given g;
	char *text;
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		is_int(text_write(dir, GIVEN_FILE, texts[i], strlen(texts[i])),
		       0, "a file that is none of ours");
		given_init(&g, dir);
		is_str(all(&g), "", "has no names");
		is_int(given_add(&g, "one", A), -EPROTO, "takes none");
		given_fini(&g);
		is_int(text_read(dir, GIVEN_FILE, &text, &len), 0, "and");
		is_str(text, texts[i], "is left alone");
		free(text);
	}
}

/* What can't be written has not happened. */
static void test_no_disk(void)
{
	struct given g;

	text_write(dir, GIVEN_FILE, HEAD A " one\n", strlen(HEAD A " one\n"));
	given_init(&g, dir);
	g.dir = "/proc/nowhere";
	ok(given_add(&g, "two", B) < 0, "no disk, no name");
	ok(given_remove(&g, "one") < 0, "nor does one go");
	is_str(all(&g), "one=A ", "all is as it was");
	given_fini(&g);
}

int main(void)
{
	char path[128];

	log_open(LOG_LEVEL_ERROR, false);
	if (!mkdtemp(dir))
		return skip_all("no folder for temporary files");
	test_names();
	test_parse();
	test_changes();
	test_foreign();
	test_no_disk();
	snprintf(path, sizeof(path), "%s/" GIVEN_FILE, dir);
	unlink(path);
	is_int(rmdir(dir), 0, "nothing else is left");
	return done_testing();
}
