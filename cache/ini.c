#include "config.h"

#include "conf.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "given.h"
#include "setting.h"
#include "url.h"

/* inih takes lines of some 200 bytes, which is short for a signed URL. Some
 * builds of it (Debian's) let a program ask for more at run time; with the
 * others the limit stays, and is told like any other. */
extern int ini_max_line __attribute__((weak));
#define LINE_BYTES (URL_MAX + 512)

/* One file being read. */
struct reader {
	char *folder;			/* of the file, absolute */
	struct conf scratch;
	char *next, *end;		/* what is left of the text */
	char *line;			/* the line that inih has in hand */
	unsigned number;		/* its number, from 1 */

	enum conf_section section;
	void *base;			/* the struct that keys go to */
	unsigned section_number;
	unsigned *seen;			/* line of each key of the table in
					   this section, 0 none */

	unsigned secret_number;		/* line of the first secret, or 0 */
	unsigned program_number;	/* of the first program to run, or 0 */
	int err;			/* the first error; nothing is read
					   after it */
	unsigned err_number;		/* its line, 0: of no line */
	char *reason;
};

__attribute__((format(printf, 3, 4)))
static void refuse(struct reader *r, unsigned number, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	free(r->reason);
	if (vasprintf(&r->reason, fmt, args) < 0)
		r->reason = NULL;
	va_end(args);
	r->err = r->reason ? -EINVAL : -ENOMEM;
	r->err_number = number;
}

/* ---- sections ------------------------------------------------------------ */

/* Room for one more struct in an array of n; it is zeroed. NULL: no memory. */
static void *append(void *array, size_t *n, size_t size)
{
	char **v = array;
	char *more = realloc(*v, (*n + 1) * size);

	if (!more)
		return NULL;
	*v = more;
	return memset(more + (*n)++ * size, 0, size);
}

/* prefix: NULL for all others; taken over. */
static void add_origin(struct reader *r, char *prefix)
{
	struct conf *c = &r->scratch;
	struct conf_origin *o;

	for (size_t i = 0; i < c->n_origins; i++) {
		const char *other = c->origins[i].prefix;

		if (other && prefix ? strcmp(other, prefix) : other != prefix)
			continue;
		refuse(r, r->number, "[origin \"%s\"] is given twice",
		       prefix ? prefix : "*");
		free(prefix);
		return;
	}
	o = append(&c->origins, &c->n_origins, sizeof(*o));
	if (!o) {
		r->err = -ENOMEM;
		free(prefix);
		return;
	}
	o->prefix = prefix;
	r->err = setting_defaults(CONF_ORIGIN, o);
	r->section = CONF_ORIGIN;
	r->base = o;
}

static void begin_origin(struct reader *r, const char *text)
{
	struct url *u;
	char *prefix;
	int err = 0;

	if (strcmp(text, "*") == 0) {
		add_origin(r, NULL);
		return;
	}
	err = url_parse(text, &u);
	if (err == -ENOMEM) {
		r->err = err;
		return;
	}
	if (err || strchr(u->key, '?')) {
		refuse(r, r->number, "[origin]: not * nor a URL of http or "
		       "https without user name and query");
	} else {
		prefix = u->key;
		u->key = NULL;
		add_origin(r, prefix);
	}
	if (!err)
		url_free(u);
}

static void begin_file(struct reader *r, const char *text)
{
	struct conf *c = &r->scratch;
	struct conf_file *f;

	if (!given_is_section(text)) {
		refuse(r, r->number, "[file]: not the name of a file (one "
		       "component, none of http, https)");
		return;
	}
	for (size_t i = 0; i < c->n_files; i++) {
		if (strcmp(c->files[i].name, text) != 0)
			continue;
		refuse(r, r->number, "[file \"%s\"] is given twice", text);
		return;
	}
	f = append(&c->files, &c->n_files, sizeof(*f));
	if (f)
		f->name = strdup(text);
	if (!f || !f->name)
		r->err = -ENOMEM;
	r->section = CONF_FILE;
	r->base = f;
}

static void end_section(struct reader *r)
{
	const struct conf_file *f = r->base;

	if (!r->err && r->section == CONF_FILE && !f->url)
		refuse(r, r->section_number, "[file \"%s\"] has no url",
		       f->name);
}

/* Headings are not left to inih: it cuts them at 49 bytes and at the first
 * ']', and URLs go past both. */
static void begin_section(struct reader *r, char *line)
{
	size_t n, len = strcspn(line + 1, " \t\"]"), gap, table_len;
	char *name = line + 1 + len, *close;
	bool origin = len == 6 && !memcmp(line + 1, "origin", 6);
	bool file = len == 4 && !memcmp(line + 1, "file", 4);

	end_section(r);
	if (r->err)
		return;
	gap = strspn(name, " \t");
	close = name[gap] == '"' ? strstr(name + gap + 1, "\"]") : NULL;
	n = close ? strspn(close + 2, " \t") : 0;
	if ((!origin && !file) || !close || !strchr(";#", close[2 + n])) {
		refuse(r, r->number,
		       "not a section: [origin \"URL\"] or [file \"NAME\"]");
		return;
	}
	*close = '\0';
	r->section_number = r->number;
	conf_table(&table_len);
	memset(r->seen, 0, table_len * sizeof(*r->seen));
	if (origin)
		begin_origin(r, name + gap + 1);
	else
		begin_file(r, name + gap + 1);
}

/* ---- keys ---------------------------------------------------------------- */

static void unknown_key(struct reader *r, const char *name)
{
	const char *hint = "";

	if (conf_find(CONF_GLOBAL, name))
		hint = "; it belongs above the first section";
	else if (conf_find(CONF_ORIGIN, name))
		hint = "; it belongs below [origin \"URL\"]";
	else if (conf_find(CONF_FILE, name))
		hint = "; it belongs below [file \"NAME\"]";
	refuse(r, r->number, "unknown key \"%s\"%s", name, hint);
}

/* A comment behind the value, as inih sees it. */
static bool has_inline_comment(const char *line)
{
	for (const char *s = line; (s = strchr(s, ';')); s++)
		if (s > line && (s[-1] == ' ' || s[-1] == '\t'))
			return true;
	return false;
}

/* Its value is a header. */
static bool is_header(const struct conf_key *k)
{
	return k->type == CONF_HEADER || k->type == CONF_RESPONSE_HEADER;
}

static bool is_secret(const struct conf_key *k, const char *value)
{
	return is_header(k) || k->type == CONF_TOKEN ||
	       (k->type == CONF_PROXY && strchr(value, '@'));
}

static void take_pair(struct reader *r, const struct conf_key *k,
		      const char *value)
{
	size_t n;
	unsigned *seen = &r->seen[k - conf_table(&n)];
	char *why = NULL;

	if (*seen && !conf_is_repeatable(k)) {
		refuse(r, r->number, "%s is given twice, first in line %u",
		       k->name, *seen);
		return;
	}
	*seen = r->number;
	if (is_header(k) && has_inline_comment(r->line)) {
		refuse(r, r->number, "%s: a ';' after a space would begin a "
		       "comment; take out the space%s", k->name,
		       k->type == CONF_HEADER ? ", or use header_file" : "");
		return;
	}
	r->err = setting_assign(k, r->base, value, r->folder, &why);
	if (why)
		refuse(r, r->number, "%s: %s", k->name, why);
	free(why);
	if (is_secret(k, value) && !r->secret_number)
		r->secret_number = r->number;
	if (k->type == CONF_PROGRAM && !r->program_number)
		r->program_number = r->number;
}

static int on_pair(void *user, const char *section, const char *name,
		   const char *value)
{
	struct reader *r = user;
	const struct conf_key *k = conf_find(r->section, name);

	(void)section;		/* a stand-in: see next_line */
	if (r->err)
		return 0;
	if (k)
		take_pair(r, k, value);
	else
		unknown_key(r, name);
	return r->err == 0;
}

/* ---- lines --------------------------------------------------------------- */

/* The next line of the text, as a string of its own without its end. */
static char *cut_line(struct reader *r)
{
	char *line = r->next, *stop;

	stop = memchr(line, '\n', r->end - line);
	r->next = stop ? stop + 1 : r->end;
	if (!stop)
		stop = r->end;
	r->number++;
	if (memchr(line, '\0', stop - line)) {
		refuse(r, r->number, "a NUL byte");
		return NULL;
	}
	*stop = '\0';
	if (r->number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	return line;
}

/* inih's fgets. It gets lines without indentation, which would make them
 * belong to the one before, without comments, whose length does not matter,
 * and a short heading in place of each that was understood here. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	char *line = NULL;

	if (!r->err && r->next < r->end)
		line = cut_line(r);
	if (!line)
		return NULL;
	line += strspn(line, " \t\r\v\f");
	r->line = line;
	if (*line == '[') {
		begin_section(r, line);
		return r->err ? NULL : strcpy(buf, "[section]");
	}
	if (*line == ';' || *line == '#')
		return strcpy(buf, "");
	if (strlen(line) > (size_t)size - 3) {
		refuse(r, r->number, "longer than %d bytes", size - 3);
		return NULL;
	}
	return strcpy(buf, line);
}

static void read_text(struct reader *r, bool open_to_others,
		      bool written_by_others)
{
	int bad_line;

	if (&ini_max_line)
		ini_max_line = LINE_BYTES;
	bad_line = ini_parse_stream(next_line, r, on_pair, r);
	if (bad_line < 0)
		r->err = -ENOMEM;
	/* inih reads on after a line it does not understand. */
	if (bad_line > 0 && (!r->err || (unsigned)bad_line < r->err_number))
		refuse(r, bad_line, "neither \"KEY = VALUE\" nor a section");
	end_section(r);
	if (!r->err && r->secret_number && open_to_others)
		refuse(r, r->secret_number, "holds a secret and others may "
		       "read or write the file: chmod 600");
	if (!r->err && r->program_number && written_by_others)
		refuse(r, r->program_number, "names a program to run and "
		       "others may write the file: chmod go-w");
}

static char *folder_of(const char *path)
{
	char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *folder = setting_path(path, cwd ? cwd : "/");
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (slash)
		slash[slash == folder] = '\0';
	free(cwd);
	return folder;
}

static int report(const struct reader *r, const char *path, char **error)
{
	*error = NULL;
	if (r->err == -ENOMEM || !r->reason)
		return -ENOMEM;
	if (!r->err_number)
		return setting_refuse(error, r->err, "%s: %s", path, r->reason);
	return setting_refuse(error, r->err, "%s:%u: %s", path, r->err_number,
			      r->reason);
}

int conf_read(struct conf *c, const char *path, bool must_exist, char **error)
{
	struct reader r = { .section = CONF_GLOBAL };
	char *text = NULL;
	bool open_to_others = false, written_by_others = false;
	size_t len, table_len;

	r.err = setting_read_file(path, &text, &len, &open_to_others,
				  &written_by_others, &r.reason);
	if (r.err == -ENOENT && !must_exist) {
		free(r.reason);
		return 0;
	}
	if (r.err)
		goto out;
	conf_table(&table_len);
	r.seen = calloc(table_len, sizeof(*r.seen));
	r.folder = folder_of(path);
	if (!r.seen || !r.folder || conf_copy(&r.scratch, c)) {
		r.err = -ENOMEM;
		goto out;
	}
	r.base = &r.scratch;
	r.next = text;
	r.end = text + len;
	read_text(&r, open_to_others, written_by_others);
	if (!r.err) {
		conf_fini(c);
		*c = r.scratch;
		memset(&r.scratch, 0, sizeof(r.scratch));
	}
out:
	if (r.err)
		r.err = report(&r, path, error);
	conf_fini(&r.scratch);
	free(r.reason);
	free(r.folder);
	free(r.seen);
	free(text);
	return r.err;
}
