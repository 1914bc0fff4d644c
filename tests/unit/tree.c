/* tree: what a name means when nothing is known, and which inode it is. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/tree.h"
#include "tests/tap.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static const char *const given[][2] = {
	{ "film.mp4", "https://h.example/a?b" },
	{ "folder", "https://h.example/x" },
};

static int url_of_given(void *ctx, const char *name, char **url)
{
	(void)ctx;
	for (size_t i = 0; i < COUNT(given); i++)
		if (!strcmp(given[i][0], name)) {
			*url = strdup(given[i][1]);
			return *url ? 0 : -ENOMEM;
		}
	return -ENOENT;
}

static struct tree *make(const char *base)
{
	struct tree *t = NULL;

	ok(tree_create(base, url_of_given, NULL, &t) == 0, "tree of %s",
	   base ? base : "everything");
	return t;
}

/* ---- words ------------------------------------------------------------- */

static void test_hosts(void)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
		{ "example.com", true }, { "localhost", true },
		{ "LocalHost", true }, { "nas:8080", true },
		{ "localhost:1", true }, { "127.0.0.1", true },
		{ "127.0.0.1:80", true }, { "[::1]", true },
		{ "[::1]:8080", true }, { "b\303\274cher.example", true },
		{ "a_b.example", true },
		{ "nas", false }, { "", false }, { ".git", false },
		{ ".", false }, { "-x.example", false }, { ":80", false },
		{ "a b.example", false }, { "nas:", false },
		{ "nas:http", false }, { "a:b:80", true }, { "[::1", false },
		{ "u@h.example", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ok(tree_is_host(rows[i].name) == rows[i].is, "\"%s\" is %s",
		   rows[i].name, rows[i].is ? "a host" : "no host");
}

static void test_probes(void)
{
	static const char *const probes[] = {
		".git", ".GIT", ".Trash", ".Trash-1000", ".hidden",
		".directory", "autorun.inf", "AutoRun.inf", "desktop.ini",
		"Thumbs.db", ".DS_Store", "._film.mp4", ".xdg-volume-info",
		".nomedia", ".Spotlight-V100",
	};
	static const char *const names[] = {
		"git", "film.mp4", ".well-known", "hidden", "autorun.mp4",
		"thumbs", "..film",
	};
	size_t i;

	for (i = 0; i < COUNT(probes); i++)
		ok(tree_is_probe(probes[i]), "%s is asked for everywhere",
		   probes[i]);
	for (i = 0; i < COUNT(names); i++)
		ok(!tree_is_probe(names[i]), "%s is not", names[i]);
}

/* ---- names ------------------------------------------------------------- */

struct name_row {
	const char *folder, *component;
	int r;
	enum tree_guess guess;
	bool fixed, file_only;
	const char *key;	/* NULL: no URL */
};

static void check_name(struct tree *t, const struct name_row *row)
{
	struct tree_node *parent = tree_root(t);
	struct tree_name n = { 0 };
	int r;

	if (*row->folder &&
	    !ok(tree_enter_folder(t, row->folder, &parent) == 0, "folder %s",
		row->folder))
		return;
	r = tree_name(t, parent, row->component, &n);
	is_int(r, row->r, "%s / %s", row->folder, row->component);
	if (r == 0) {
		is_int(n.guess, row->guess, "… its guess");
		is_int(n.fixed, row->fixed, "… fixed");
		is_int(n.file_only, row->file_only, "… file only");
		is_str(n.url ? n.url->key : NULL, row->key, "… its URL");
	}
	tree_name_fini(&n);
	tree_forget(t, parent, 1);
}

static void test_names(void)
{
	static const struct name_row rows[] = {
		/* the root */
		{ "", "http", 0, TREE_FOLDER, true, false, NULL },
		{ "", "https", 0, TREE_FOLDER, true, false, NULL },
		{ "", "http:", 0, TREE_FOLDER, true, false, NULL },
		{ "", "https:", 0, TREE_FOLDER, true, false, NULL },
		{ "", "film.mp4", 0, TREE_FILE, false, true,
		  "https://h.example/a?b" },
		{ "", "folder", 0, TREE_FILE, false, true,
		  "https://h.example/x" },
		{ "", "ftp", -ENOENT, 0, 0, 0, NULL },
		{ "", "other.mp4", -ENOENT, 0, 0, 0, NULL },
		{ "", ".git", -ENOENT, 0, 0, 0, NULL },
		/* hosts */
		{ "https", "h.example", 0, TREE_FOLDER, true, false, NULL },
		{ "https:", "h.example", 0, TREE_FOLDER, true, false, NULL },
		{ "https", "film.mp4", 0, TREE_FOLDER, true, false, NULL },
		{ "https", "nas", -ENOENT, 0, 0, 0, NULL },
		{ "https", ".git", -ENOENT, 0, 0, 0, NULL },
		{ "https", "autorun.inf", -ENOENT, 0, 0, 0, NULL },
		{ "https", "h.example:99999", -ENOENT, 0, 0, 0, NULL },
		/* below them */
		{ "https/h.example", "film.mp4", 0, TREE_FILE, false, false,
		  "https://h.example/film.mp4" },
		{ "https:/H.example", "film.mp4", 0, TREE_FILE, false, false,
		  "https://h.example/film.mp4" },
		{ "https/h.example", "films", 0, TREE_FOLDER, false, false,
		  "https://h.example/films" },
		{ "https/h.example", "v1.5", 0, TREE_FOLDER, false, false,
		  "https://h.example/v1.5" },
		{ "https/h.example", "get..", 0, TREE_FILE, false, true,
		  "https://h.example/get" },
		{ "https/h.example", "get?id=1", 0, TREE_FILE, false, false,
		  "https://h.example/get?id=1" },
		{ "https/h.example/d", "a b.mp4", 0, TREE_FILE, false, false,
		  "https://h.example/d/a%20b.mp4" },
		{ "https/h.example/d", ".git", 0, TREE_NOTHING, false, false,
		  "https://h.example/d/.git" },
		{ "https/h.example/d", ".git..", 0, TREE_FILE, false, true,
		  "https://h.example/d/.git" },
		{ "https/h.example/d", "._film.mp4", 0, TREE_NOTHING, false,
		  false, "https://h.example/d/._film.mp4" },
	};
	static const struct name_row below[] = {
		{ "", "b.mp4", 0, TREE_FILE, false, false,
		  "https://h.example/top/b.mp4" },
		{ "", "http", 0, TREE_FOLDER, false, false,
		  "https://h.example/top/http" },
		{ "", "film.mp4", 0, TREE_FILE, false, true,
		  "https://h.example/a?b" },
		{ "d", "film.mp4", 0, TREE_FILE, false, false,
		  "https://h.example/top/d/film.mp4" },
		{ "", ".git", 0, TREE_NOTHING, false, false,
		  "https://h.example/top/.git" },
	};
	struct tree *t = make(NULL);
	size_t i;

	for (i = 0; i < COUNT(rows); i++)
		check_name(t, &rows[i]);
	tree_free(t);
	t = make("https://h.example/top/");
	for (i = 0; i < COUNT(below); i++)
		check_name(t, &below[i]);
	tree_free(t);
}

static void test_shortened(void)
{
	static const char hash[] = "film%~0123456789abcdef0123456789abcdef";
	struct tree *t = make(NULL);
	struct tree_node *parent;
	struct tree_name n;

	tree_enter_folder(t, "https/h.example", &parent);
	is_int(tree_name(t, parent, hash, &n), 0, "a shortened name");
	ok(n.shortened && !n.url, "… whose URL the store alone knows");
	is_int(n.guess, TREE_NOTHING, "… and nothing else");
	tree_name_fini(&n);
	tree_forget(t, parent, 1);
	tree_free(t);
}

static void test_stored(void)
{
	static const struct {
		const char *base, *path, *name;
	} rows[] = {
		{ NULL, "https", "https" },
		{ NULL, "https:", "https" },
		{ NULL, "http:/H.example", "http/h.example" },
		{ NULL, "https/h.example/a%20b", "https/h.example/a b" },
		{ NULL, "https:/h.example/d/e", "https/h.example/d/e" },
		{ NULL, "https:/h.example/x%~0123456789abcdef0123456789abcdef",
		  "https/h.example/x%~0123456789abcdef0123456789abcdef" },
		{ "https://h.example/top", "", "https/h.example/top" },
		{ "https://h.example/", "", "https/h.example" },
		{ "https://h.example/top/", "d/e", "https/h.example/top/d/e" },
		{ "https://h.example/top/",
		  "x%~0123456789abcdef0123456789abcdef",
		  "https/h.example/top/x%~0123456789abcdef0123456789abcdef" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tree *t = make(rows[i].base);
		char *name = NULL;

		is_int(tree_stored(t, rows[i].path, &name), 0,
		       "stored name of \"%s\"", rows[i].path);
		is_str(name, rows[i].name, "… what it is");
		free(name);
		tree_free(t);
	}
}

/* ---- inodes ------------------------------------------------------------ */

static void test_folders(void)
{
	struct tree *t = make(NULL);
	struct tree_node *a, *b, *c;

	tree_enter_folder(t, "https/h.example", &a);
	tree_enter_folder(t, "https/h.example", &b);
	tree_enter_folder(t, "https:/h.example", &c);
	ok(a == b, "one path, one inode");
	ok(a != c, "another spelling of a folder is another inode");
	is_uint(a->depth, 2, "depth");
	is_uint(tree_root(t)->depth, 0, "depth of the root");
	tree_forget(t, tree_root(t), 1);
	tree_forget(t, a, 1);
	tree_enter_folder(t, "https/h.example", &b);
	ok(a == b, "kept until all references are back");
	tree_forget(t, a, 2);
	tree_forget(t, c, 1);
	tree_free(t);
}

static void test_generations(void)
{
	struct tree_facts one = { .generation = 1000, .size = 5 };
	struct tree_facts two = { .generation = 2000, .size = 7 };
	struct tree_facts out;
	struct tree *t = make(NULL);
	struct tree_node *a, *b, *c;
	struct url *u;

	url_parse("https://h.example/f", &u);
	tree_enter_file(t, u, NULL, &a);
	tree_enter_file(t, u, NULL, &b);
	ok(a == b, "unknown is one inode");
	tree_facts(t, a, &out);
	is_uint(out.generation, 0, "that has no generation");

	is_int(tree_learn(t, a, &one), 0, "it learns its first");
	is_int(tree_learn(t, a, &two), -ESTALE, "another is another inode's");
	tree_facts(t, a, &out);
	is_uint(out.size, 5, "and changes nothing");
	one.cached = 3;
	is_int(tree_learn(t, a, &one), 0, "its own is news");
	tree_facts(t, a, &out);
	is_uint(out.cached, 3, "that is remembered");

	tree_enter_file(t, u, &one, &b);
	ok(a == b, "looked up as this generation: the same inode");
	tree_enter_file(t, u, &two, &c);
	ok(a != c, "as another: another");

	tree_enter_file(t, u, NULL, &b);
	ok(b != a && b != c, "as unknown (dropped, say): a third");
	is_int(tree_learn(t, b, &two), -ESTALE,
	       "which can't become one that there is");
	tree_forget(t, c, 1);
	tree_enter_file(t, u, &two, &c);
	ok(b == c, "a lookup of a new generation takes over the one that waits");

	ok(!tree_facts(t, a, &out), "not open");
	tree_opened(t, a);
	tree_opened(t, a);
	tree_closed(t, a);
	ok(tree_facts(t, a, &out), "open until the last one is closed");
	tree_closed(t, a);
	ok(!tree_facts(t, a, &out), "closed");
	tree_forget(t, a, 3);
	tree_forget(t, b, 2);
	url_free(u);
	tree_free(t);
}

/* More inodes than buckets, forgotten in another order. */
static void test_many(void)
{
	enum { N = 5000 };
	static struct tree_node *nodes[N];
	struct tree *t = make(NULL);
	struct tree_node *again;
	unsigned wrong = 0, i;
	char path[64];

	for (i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "https/h.example/%u", i);
		wrong += tree_enter_folder(t, path, &nodes[i]) != 0;
	}
	for (i = 0; i < N; i += 2)
		tree_forget(t, nodes[i], 1);
	for (i = 1; i < N; i += 2) {
		snprintf(path, sizeof(path), "https/h.example/%u", i);
		wrong += tree_enter_folder(t, path, &again) != 0 ||
			 again != nodes[i];
	}
	is_uint(wrong, 0, "%u inodes are found again", (unsigned)N);
	tree_free(t);	/* with what the kernel has not given back */
}

int main(void)
{
	test_hosts();
	test_probes();
	test_names();
	test_shortened();
	test_stored();
	test_folders();
	test_generations();
	test_many();
	return done_testing();
}
