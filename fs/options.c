#include "config.h"

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cache/url.h"

static __attribute__((format(printf, 2, 3))) int
fail(char **error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vasprintf(error, fmt, args) < 0)
		*error = NULL;
	va_end(args);
	return *error ? -EINVAL : -ENOMEM;
}

/* ---- the command line -------------------------------------------------- */

static int setting_add(struct options *o, char *text)
{
	char **v;

	if (!*text) {
		free(text);
		return 0;
	}
	v = reallocarray(o->settings, o->n_settings + 1, sizeof(*v));
	if (!v) {
		free(text);
		return -ENOMEM;
	}
	o->settings = v;
	v[o->n_settings++] = text;
	return 0;
}

/* "a,b=c\,d": a comma ends an option, a backslash takes the next character
 * as it is. */
static int settings_split(struct options *o, const char *list)
{
	int r = 0;

	while (r == 0 && *list) {
		char *text = malloc(strlen(list) + 1), *to = text;

		if (!text)
			return -ENOMEM;
		while (*list && *list != ',') {
			if (*list == '\\' && list[1])
				list++;
			*to++ = *list++;
		}
		*to = '\0';
		list += *list == ',';
		r = setting_add(o, text);
	}
	return r;
}

enum { OPTION_NO_MOUNT = 256 };

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "no-mount", no_argument, NULL, OPTION_NO_MOUNT },
	{ NULL, 0, NULL, 0 },
};

static int refuse_option(char **argv, char **error)
{
	const struct option *o;

	for (o = long_options; o->name; o++)
		if (o->val == optopt)
			return fail(error, "--%s takes no value", o->name);
	if (optopt)
		return fail(error, "unknown option -%c", optopt);
	return fail(error, "unknown option %s", argv[optind - 1]);
}

static int take_option(struct options *o, int c, char **argv, char **error)
{
	switch (c) {
	case 'c':
		o->config = optarg;
		return 0;
	case 'd':
		o->debug = o->foreground = true;
		return 0;
	case 'f':
		o->foreground = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case 'o':
		return settings_split(o, optarg);
	case 'V':
		o->version = true;
		return 0;
	case OPTION_NO_MOUNT:
		o->no_mount = true;
		return 0;
	case ':':
		return fail(error, "-%c wants a value", optopt);
	default:
		return refuse_option(argv, error);
	}
}

/* What mount(8) gives as the device when there is no URL. */
static bool is_no_url(const char *s)
{
	return !*s || !strcmp(s, "none") || !strcmp(s, "spoolfs");
}

static int take_arguments(struct options *o, int n, char **v, char **error)
{
	if (o->help || o->version)
		return 0;
	if (o->no_mount)
		return n ? fail(error, "--no-mount takes no MOUNTPOINT") : 0;
	if (n == 0)
		return fail(error, "no MOUNTPOINT given");
	if (n > 2)
		return fail(error, "one argument too many: %s", v[2]);
	if (n == 2 && !is_no_url(v[0]))
		o->url = v[0];
	o->mountpoint = v[n - 1];
	if (n == 1 && strstr(v[0], "://"))
		return fail(error, "no MOUNTPOINT given for %s", v[0]);
	return 0;
}

int options_parse(int argc, char **argv, struct options *out, char **error)
{
	struct options o = { 0 };
	int c, r = 0;

	*error = NULL;
	opterr = 0;
	optind = 0;
	while (r == 0 && (c = getopt_long(argc, argv, ":c:dfho:V",
					  long_options, NULL)) != -1)
		r = take_option(&o, c, argv, error);
	if (r == 0)
		r = take_arguments(&o, argc - optind, argv + optind, error);
	if (r < 0)
		options_fini(&o);
	else
		*out = o;
	return r;
}

void options_fini(struct options *o)
{
	size_t i;

	for (i = 0; i < o->n_settings; i++)
		free(o->settings[i]);
	free(o->settings);
	*o = (struct options){ 0 };
}

/* ---- -o ---------------------------------------------------------------- */

enum kind { UNKNOWN, FOR_LIBFUSE, TOLERATED };

static const struct mount_option {
	const char *name;
	enum kind kind;
	bool value;		/* NAME=… */
} mount_options_known[] = {
	{ "allow_other", FOR_LIBFUSE, false },
	{ "allow_root", FOR_LIBFUSE, false },
	{ "auto_unmount", FOR_LIBFUSE, false },
	{ "default_permissions", FOR_LIBFUSE, false },
	{ "fsname", FOR_LIBFUSE, true },
	{ "subtype", FOR_LIBFUSE, true },
	{ "max_read", FOR_LIBFUSE, true },
	{ "context", FOR_LIBFUSE, true },
	{ "fscontext", FOR_LIBFUSE, true },
	{ "defcontext", FOR_LIBFUSE, true },
	{ "rootcontext", FOR_LIBFUSE, true },
	{ "ro", FOR_LIBFUSE, false },
	{ "rw", FOR_LIBFUSE, false },
	{ "dev", FOR_LIBFUSE, false },
	{ "nodev", FOR_LIBFUSE, false },
	{ "suid", FOR_LIBFUSE, false },
	{ "nosuid", FOR_LIBFUSE, false },
	{ "exec", FOR_LIBFUSE, false },
	{ "noexec", FOR_LIBFUSE, false },
	{ "atime", FOR_LIBFUSE, false },
	{ "noatime", FOR_LIBFUSE, false },
	{ "sync", FOR_LIBFUSE, false },
	{ "async", FOR_LIBFUSE, false },
	{ "dirsync", FOR_LIBFUSE, false },
	{ "diratime", TOLERATED, false },
	{ "nodiratime", TOLERATED, false },
	{ "relatime", TOLERATED, false },
	{ "norelatime", TOLERATED, false },
	{ "strictatime", TOLERATED, false },
	{ "nostrictatime", TOLERATED, false },
	{ "lazytime", TOLERATED, false },
	{ "nolazytime", TOLERATED, false },
	{ "auto", TOLERATED, false },
	{ "noauto", TOLERATED, false },
	{ "defaults", TOLERATED, false },
	{ "user", TOLERATED, false },
	{ "user", TOLERATED, true },
	{ "nouser", TOLERATED, false },
	{ "users", TOLERATED, false },
	{ "owner", TOLERATED, false },
	{ "group", TOLERATED, false },
	{ "_netdev", TOLERATED, false },
	{ "nofail", TOLERATED, false },
	{ "comment", TOLERATED, true },
};

static enum kind kind_of(const char *key, bool value)
{
	const struct mount_option *o = mount_options_known;
	size_t n = sizeof(mount_options_known) / sizeof(*o);

	if (!strncmp(key, "x-", 2))
		return TOLERATED;
	for (; n; n--, o++)
		if (o->value == value && !strcmp(o->name, key))
			return o->kind;
	return UNKNOWN;
}

/* Append to a list of options, escaped as settings_split reads it. */
static int list_add(char **list, const char *text)
{
	size_t len = *list ? strlen(*list) : 0;
	char *more = realloc(*list, len + 2 * strlen(text) + 2), *to;

	if (!more)
		return -ENOMEM;
	*list = more;
	to = more + len;
	if (len)
		*to++ = ',';
	for (; *text; text++) {
		if (*text == ',' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return 0;
}

static int setting_apply(const char *text, struct conf *c, const char *folder,
			 char **list, char **error)
{
	const char *equals = strchr(text, '=');
	char *key = strndup(text, equals ? (size_t)(equals - text) :
					   strlen(text));
	int r;

	if (!key)
		return -ENOMEM;
	r = conf_set_in(c, folder, key, equals ? equals + 1 : "", error);
	if (r == -ENOENT) {
		switch (kind_of(key, equals)) {
		case FOR_LIBFUSE:
			r = list_add(list, text);
			break;
		case TOLERATED:
			r = 0;
			break;
		case UNKNOWN:
			r = fail(error, "-o %s: unknown option", text);
			break;
		}
	}
	free(key);
	return r;
}

/* How the mount is called in the list of mounts. */
static int list_add_names(const struct options *o, char **list)
{
	char url[512], name[sizeof(url) + 8];
	int r;

	snprintf(name, sizeof(name), "fsname=%s",
		 o->url ? url_redact(o->url, url, sizeof(url)) : "spoolfs");
	r = list_add(list, name);
	return r < 0 ? r : list_add(list, "subtype=spoolfs");
}

int options_apply(const struct options *o, struct conf *c, const char *folder,
		  char **mount_options, char **error)
{
	char *list = NULL;
	size_t i;
	int r = list_add_names(o, &list);	/* a later one wins */

	*error = NULL;
	for (i = 0; r == 0 && i < o->n_settings; i++)
		r = setting_apply(o->settings[i], c, folder, &list,
				  error);
	if (r < 0)
		free(list);
	else
		*mount_options = list;
	return r;
}

void options_help(FILE *out)
{
	fputs("usage: spoolfs [options] [URL] MOUNTPOINT\n"
	      "       spoolfs [options] --no-mount\n"
	      "\n"
	      "Mount remote files; keep what is read in a cache on disk, and\n"
	      "serve the same cache over HTTP on localhost.\n"
	      "\n"
	      "  -c FILE       settings, instead of the user's spoolfs.ini\n"
	      "  -d            log debug lines to the terminal; implies -f\n"
	      "  -f            stay in the foreground\n"
	      "  -o OPTION[,OPTION...]\n"
	      "  --no-mount    serve HTTP alone\n"
	      "  -h, --help\n"
	      "  -V, --version\n"
	      "\n"
	      "-o, settings (spoolfs.ini(5)):\n", out);
	conf_help(out);
	fputs("\n"
	      "-o, mount options: allow_other, allow_root, auto_unmount,\n"
	      "default_permissions, fsname=NAME, ro, noexec, noatime and others\n"
	      "of mount.fuse3(8); those of fstab(5) are tolerated.\n", out);
}
