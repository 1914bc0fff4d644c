/* documents: every setting is where people look for it, and nothing else is.
 *
 * The table of conf.h against spoolfs.ini(5), spoolfs(1) and the example in
 * contrib/. Run with --example it prints what the example has to be. */
#include "config.h"

#include "cache/conf.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

static bool is_key(const char *word)
{
	return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyz_")] == 0;
}

static char *read_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text = NULL;
	size_t room = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	in = fopen(path, "re");
	if (!in || getdelim(&text, &room, '\0', in) < 0) {
		free(text);
		text = NULL;
	}
	if (in)
		fclose(in);
	ok(text, "%s can be read", name);
	return text ? text : strdup("");
}

static bool in_table(const char *name)
{
	size_t n;
	const struct conf_key *key = conf_table(&n);

	for (; n; n--, key++)
		if (strcmp(key->name, name) == 0)
			return true;
	return false;
}

/* ---- manuals ------------------------------------------------------------- */

/* The first word of an item (mdoc(7)) that is no macro, into word. */
static bool item_word(const char *line, char word[64])
{
	if (strncmp(line, ".It ", 4) != 0)
		return false;
	for (line += 4; *line && *line != '\n'; line += strcspn(line, " \n")) {
		line += strspn(line, " ");
		snprintf(word, 64, "%.*s", (int)strcspn(line, " \n"), line);
		if (strlen(word) != 2 || word[0] < 'A' || word[0] > 'Z')
			return true;
	}
	return false;
}

/* Does the page have an item about key? */
static bool has_item(const char *page, const char *key)
{
	char word[64];

	for (; page; page = strchr(page, '\n')) {
		page += *page == '\n';
		if (item_word(page, word) && strcmp(word, key) == 0)
			return true;
	}
	return false;
}

static void test_manuals(void)
{
	char *program = read_source("fs/spoolfs.1");
	char *page = read_source("fs/spoolfs.ini.5");
	char word[64];
	const char *p;
	size_t n;
	const struct conf_key *key = conf_table(&n);

	for (; n; n--, key++) {
		ok(has_item(page, key->name), "spoolfs.ini(5) explains %s",
		   key->name);
		if (key->section == CONF_GLOBAL)
			ok(has_item(program, key->name),
			   "spoolfs(1) names %s", key->name);
	}
	for (p = page; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (item_word(p, word) && is_key(word))
			ok(in_table(word), "there is a setting %s", word);
	}
	free(page);
	free(program);
}

/* ---- the example ---------------------------------------------------------- */

static void test_example(void)
{
	char *page = read_source("contrib/spoolfs.ini"), *want = NULL;
	size_t len;
	FILE *out = open_memstream(&want, &len);

	if (out) {
		conf_example(out);
		fclose(out);
	}
	is_str(page, want, "contrib/spoolfs.ini is what --example prints");
	free(page);
	free(want);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--example") == 0) {
		conf_example(stdout);
		return 0;
	}
	test_manuals();
	test_example();
	return done_testing();
}
