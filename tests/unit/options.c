/* options: the command line, and what becomes of -o. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/options.h"
#include "tests/tap.h"

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define ARGS_MAX 8

/* getopt reorders what it gets. */
static int parse(const char *const *args, struct options *o, char **error)
{
	static char *argv[ARGS_MAX + 2];
	int argc = 0;

	argv[argc++] = (char *)"spoolfs";
	for (; args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	argv[argc] = NULL;
	return options_parse(argc, argv, o, error);
}

static void test_arguments(void)
{
	static const struct {
		const char *args[ARGS_MAX];
		const char *url, *mountpoint;
	} rows[] = {
		{ { "m" }, NULL, "m" },
		{ { "http://h/", "m" }, "http://h/", "m" },
		{ { "none", "m" }, NULL, "m" },
		{ { "spoolfs", "m" }, NULL, "m" },
		{ { "", "m" }, NULL, "m" },
		{ { "none", "m", "-o", "rw" }, NULL, "m" },
		{ { "-f", "http://h/", "-d", "m" }, "http://h/", "m" },
		{ { "--", "-m" }, NULL, "-m" },
		{ { "--no-mount" }, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options o;
		char *error;

		if (!ok(parse(rows[i].args, &o, &error) == 0, "%s …",
			rows[i].args[0]))
			continue;
		is_str(o.url, rows[i].url, "… URL");
		is_str(o.mountpoint, rows[i].mountpoint, "… MOUNTPOINT");
		options_fini(&o);
	}
}

static void test_flags(void)
{
	static const char *const args[] = { "-d", "-c", "FILE", "m", NULL };
	struct options o;
	char *error;

	is_int(parse(args, &o, &error), 0, "-d -c FILE m");
	ok(o.debug && o.foreground, "-d is -f, too");
	is_str(o.config, "FILE", "-c");
	options_fini(&o);
}

static void test_refused(void)
{
	static const struct {
		const char *args[ARGS_MAX], *word;
	} rows[] = {
		{ { NULL }, "MOUNTPOINT" },
		{ { "a", "b", "c" }, "c" },
		{ { "http://h/" }, "MOUNTPOINT" },
		{ { "-x", "m" }, "-x" },
		{ { "--nonsense", "m" }, "--nonsense" },
		{ { "--help=1", "m" }, "--help" },
		{ { "--no-mount", "-xf" }, "-x" },
		{ { "m", "-o" }, "-o" },
		{ { "m", "-c" }, "-c" },
		{ { "--no-mount", "m" }, "--no-mount" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options o;
		char *error = NULL;

		is_int(parse(rows[i].args, &o, &error), -EINVAL, "refused: %s",
		       rows[i].args[0] ? rows[i].args[0] : "nothing");
		ok(error && strstr(error, rows[i].word), "… %s", error);
		free(error);
	}
}

/* -o LIST of one command line; *list: what libfuse gets. */
static int apply(const char *o1, const char *o2, struct conf *c, char **list,
		 char **error)
{
	const char *args[] = { "-o", o1, o2 ? "-o" : "m", o2 ? o2 : NULL,
			       o2 ? "m" : NULL, NULL };
	struct options o;
	int r = parse(args, &o, error);

	if (r == 0) {
		r = options_apply(&o, c, "/", list, error);
		options_fini(&o);
	}
	return r;
}

static void test_mount_options(void)
{
	static const struct {
		const char *given, *list;
	} rows[] = {
		{ "ro", "fsname=spoolfs,subtype=spoolfs,ro" },
		{ "allow_other,noexec",
		  "fsname=spoolfs,subtype=spoolfs,allow_other,noexec" },
		{ "fsname=a\\,b", "fsname=spoolfs,subtype=spoolfs,fsname=a\\,b" },
		{ "fsname=a\\\\b",
		  "fsname=spoolfs,subtype=spoolfs,fsname=a\\\\b" },
		{ "noauto,user,users,user=me,_netdev,nofail,defaults,"
		  "x-systemd.automount,x-gvfs-hide,comment=a b,relatime",
		  "fsname=spoolfs,subtype=spoolfs" },
		{ ",,ro,", "fsname=spoolfs,subtype=spoolfs,ro" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *list = NULL, *error = NULL;
		struct conf c;

		conf_init(&c);
		is_int(apply(rows[i].given, NULL, &c, &list, &error), 0,
		       "-o %s", rows[i].given);
		is_str(list, rows[i].list, "… for libfuse");
		free(list);
		free(error);
		conf_fini(&c);
	}
}

static void test_settings(void)
{
	char *list = NULL, *error = NULL;
	struct conf c;

	conf_init(&c);
	is_int(apply("http=off,read_timeout=7,ro", "read_timeout=8", &c, &list,
		     &error), 0, "settings");
	is_uint(c.http.n, 0, "http=off");
	is_uint(c.read_timeout, 8, "the last one counts");
	is_str(list, "fsname=spoolfs,subtype=spoolfs,ro",
	       "settings are no mount options");
	free(list);

	list = NULL;
	is_int(apply("cache_dir=/a\\,b", NULL, &c, &list, &error), 0,
	       "a comma in a value");
	is_str(c.cache_dir, "/a,b", "… arrives");
	free(list);
	conf_fini(&c);
}

static void test_unknown(void)
{
	static const char *const rows[] = {
		"nonsense", "nonsense=1", "ro=1", "fsname", "read_timeout=x",
		"read_timeout", "header=a: b",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *list = NULL, *error = NULL;
		struct conf c;

		conf_init(&c);
		is_int(apply(rows[i], NULL, &c, &list, &error), -EINVAL,
		       "-o %s is refused", rows[i]);
		ok(error && strstr(error, "-o "), "… %s", error);
		is_str(list, NULL, "… and nothing is left");
		free(error);
		conf_fini(&c);
	}
}

static void test_name_of_mount(void)
{
	static const char *const args[] = {
		"https://h.example/a,b/?token=1", "m", NULL,
	};
	struct options o;
	struct conf c;
	char *list = NULL, *error = NULL;

	conf_init(&c);
	is_int(parse(args, &o, &error), 0, "a URL");
	is_int(options_apply(&o, &c, "/", &list, &error), 0, "… applied");
	is_str(list, "fsname=https://h.example/a\\,b/,subtype=spoolfs",
	       "the mount has its name, without secrets");
	free(list);
	options_fini(&o);
	conf_fini(&c);
}

int main(void)
{
	test_arguments();
	test_flags();
	test_refused();
	test_mount_options();
	test_settings();
	test_unknown();
	test_name_of_mount();
	return done_testing();
}
