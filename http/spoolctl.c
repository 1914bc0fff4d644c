/* spoolctl: the command line. ctl.h says how the rest is made. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define SELECT (CTL_ACTIVE | CTL_INACTIVE | CTL_PARTIAL)
#define ANY INT_MAX

static const struct command {
	const char *name, *args;
	int min, max;		/* how many arguments */
	unsigned flags;		/* besides CTL_JSON */
	int (*run)(struct ctl *ctl);	/* exit status */
	const char *help;
} commands[] = {
	{ "status", "", 0, 0, 0, ctl_status, "how the running spoolfs is" },
	{ "ls", "[URL...]", 0, ANY, SELECT, ctl_ls,
	  "what is cached, of these URLs and below them" },
	{ "info", "URL", 1, 1, 0, ctl_info, "all that is known of it" },
	{ "url", "URL", 1, 1, 0, ctl_url, "its address at the HTTP endpoint" },
	{ "path", "URL", 1, 1, 0, ctl_path, "its path in the mount" },
	{ "get", "URL...", 1, ANY, CTL_OUTPUT | CTL_BACKGROUND, ctl_get,
	  "bring all of it into the cache" },
	{ "stop", "URL...", 1, ANY, 0, ctl_stop, "end what get has begun" },
	{ "watch", "", 0, 0, 0, ctl_watch, "see what happens" },
	{ "pin", "URL...", 1, ANY, 0, ctl_pin, "never evict it" },
	{ "unpin", "URL...", 1, ANY, 0, ctl_unpin, "evict it like others" },
	{ "validate", "URL...", 1, ANY, 0, ctl_validate,
	  "ask the origin whether it still holds" },
	{ "reset", "URL...", 1, ANY, 0, ctl_reset, "drop it and bring it anew" },
	{ "rm", "[URL...]", 0, ANY, SELECT | CTL_ALL | CTL_OLDER, ctl_rm,
	  "drop it from the cache" },
	{ "add", "NAME URL", 2, 2, 0, ctl_add, "give it a name" },
	{ "remove", "NAME", 1, 1, 0, ctl_remove, "take a name away" },
	{ "names", "", 0, 0, 0, ctl_names, "the names and their URLs" },
	{ "reload", "", 0, 0, 0, ctl_reload, "read the settings again" },
	{ "log-level", "LEVEL", 1, 1, 0, ctl_log_level,
	  "log from error, warning, info or debug on" },
};

static const struct flag {
	enum ctl_flag flag;
	char letter;
	const char *name, *value, *help;
} flags[] = {
	{ CTL_JSON, 'j', "json", NULL,
	  "JSON, one object a line; also before COMMAND" },
	{ CTL_ACTIVE, 'a', "active", NULL, "ls, rm: what is in use" },
	{ CTL_INACTIVE, 'i', "inactive", NULL, "ls, rm: what is not in use" },
	{ CTL_PARTIAL, 'p', "partial", NULL, "ls, rm: what is not complete" },
	{ CTL_ALL, 'A', "all", NULL, "rm: everything that is not pinned" },
	{ CTL_OLDER, 'O', "older", "AGE",
	  "rm: what was not used for 90s, 15m, 2h, 7d or 4w" },
	{ CTL_OUTPUT, 'o', "output", "FILE", "get: copy it there" },
	{ CTL_BACKGROUND, 'b', "background", NULL, "get: begin, do not wait" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- help -------------------------------------------------------------------------------- */

static void print_help(void)
{
	char left[64];

	puts("usage: spoolctl [-j] [-c FILE] [-o KEY=VALUE] COMMAND "
	     "[OPTION...] [ARGUMENT...]\n\ncommands:");
	for (size_t i = 0; i < COUNT(commands); i++)
		printf("  %-9s %-9s %s\n", commands[i].name, commands[i].args,
		       commands[i].help);
	puts("\noptions of commands:");
	for (size_t i = 0; i < COUNT(flags); i++) {
		snprintf(left, sizeof(left), "-%c, --%s%s%s", flags[i].letter,
			 flags[i].name, flags[i].value ? " " : "",
			 flags[i].value ? flags[i].value : "");
		printf("  %-19s %s\n", left, flags[i].help);
	}
	puts("\noptions:\n"
	     "  -c FILE             settings from FILE, not from the usual place\n"
	     "  -o KEY=VALUE        one setting, as for spoolfs\n"
	     "  --help              this text\n"
	     "  --version           the version");
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "spoolctl: %s%s; see spoolctl --help\n", why, what);
	return EXIT_USAGE;
}

/* ---- settings ------------------------------------------------------------------------------ */

/* Settings said on the command line win over the file, wherever they stand:
 * two passes over argv. */
struct options {
	unsigned flags;		/* CTL_JSON or none */
	const char *file;
	const char **settings;	/* room for argc of them */
	size_t n_settings;
};

static int set(const char *text, struct conf *conf, char **error)
{
	char *key = strdup(text), *value = key ? strchr(key, '=') : NULL;
	int rc = -ENOENT;

	if (!key)
		return -ENOMEM;
	if (value) {
		*value++ = '\0';
		rc = conf_set(conf, key, value, error);
	}
	free(key);
	if (rc == -ENOENT && !*error)
		ctl_complain("-o %s: no such setting", text);
	return rc;
}

static int load_settings(const struct options *o, struct conf *conf)
{
	char *usual = o->file ? NULL : conf_default_path();
	const char *file = o->file ? o->file : usual;
	char *error = NULL;
	int rc = file ? conf_read(conf, file, o->file != NULL, &error) : 0;

	free(usual);
	for (size_t i = 0; rc == 0 && i < o->n_settings; i++)
		rc = set(o->settings[i], conf, &error);
	if (error)
		ctl_complain("%s", error);
	else if (rc < 0 && rc != -ENOENT)
		ctl_complain("%s", strerror(-rc));
	free(error);
	return rc;
}

/* ---- a command ------------------------------------------------------------------------------- */

/* "90s", "15m", "2h", "7d", "4w" in seconds; -1: none of these. */
static time_t parse_age(const char *text)
{
	static const struct {
		char unit;
		time_t seconds;
	} units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 604800 },
	};
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || n > INT32_MAX || end[0] == '\0' || end[1] != '\0')
		return -1;
	for (size_t i = 0; i < COUNT(units); i++)
		if (units[i].unit == *end)
			return (time_t)n * units[i].seconds;
	return -1;
}

static const struct flag *find_flag(int letter)
{
	for (size_t i = 0; i < COUNT(flags); i++)
		if (flags[i].letter == letter)
			return &flags[i];
	return NULL;
}

/* Options of a command may stand anywhere behind it; "--" ends them. 0, or
 * EXIT_USAGE. */
static int parse_command(const struct command *cmd, int argc, char **argv,
			 struct ctl *ctl)
{
	struct option longs[COUNT(flags) + 1] = { { 0 } };
	const struct flag *flag;
	int opt;

	for (size_t i = 0; i < COUNT(flags); i++)
		longs[i] = (struct option){
			flags[i].name,
			flags[i].value ? required_argument : no_argument,
			NULL, flags[i].letter,
		};
	optind = 0;
	while ((opt = getopt_long(argc, argv, "jaipAO:o:b", longs, NULL)) >= 0) {
		flag = find_flag(opt);
		if (!flag)
			return usage("bad option: ", argv[optind - 1]);
		if (!((cmd->flags | CTL_JSON) & flag->flag))
			return usage("no such option of this command: --",
				     flag->name);
		ctl->flags |= flag->flag;
		if (flag->flag == CTL_OUTPUT)
			ctl->output = optarg;
		if (flag->flag == CTL_OLDER &&
		    (ctl->older = parse_age(optarg)) < 0)
			return usage("no age: ", optarg);
	}
	ctl->args = argv + optind;
	ctl->n_args = argc - optind;
	if (ctl->n_args < cmd->min || ctl->n_args > cmd->max)
		return usage("wrong number of arguments for ", cmd->name);
	return 0;
}

static int run_command(const struct options *o, int argc, char **argv)
{
	const struct command *cmd = commands;
	const struct command *end = cmd + COUNT(commands);
	struct ctl ctl = { .flags = o->flags };
	int status;

	if (argc == 0)
		return usage("no command", "");
	while (cmd < end && strcmp(cmd->name, argv[0]) != 0)
		cmd++;
	if (cmd == end)
		return usage("no such command: ", argv[0]);
	status = parse_command(cmd, argc, argv, &ctl);
	if (status)
		return status;
	if (conf_init(&ctl.conf) < 0)
		return ctl_complain("%s", strerror(ENOMEM));
	status = load_settings(o, &ctl.conf) < 0 ? EXIT_FAILURE
						 : cmd->run(&ctl);
	conf_fini(&ctl.conf);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = ctl_complain("standard output: %s", strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .settings = calloc((size_t)argc + 1,
						sizeof(*o.settings)) };
	int opt, status;

	if (!o.settings)
		return ctl_complain("%s", strerror(ENOMEM));
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+c:o:hjV", longs, NULL)) >= 0) {
		if (opt == 'c') {
			o.file = optarg;
		} else if (opt == 'o') {
			o.settings[o.n_settings++] = optarg;
		} else if (opt == 'j') {
			o.flags |= CTL_JSON;
		} else if (opt == 'h') {
			print_help();
			goto done;
		} else if (opt == 'V') {
			puts("spoolctl " PACKAGE_VERSION);
			goto done;
		} else {
			status = usage("bad option: ", argv[optind - 1]);
			goto out;
		}
	}
	status = run_command(&o, argc - optind, argv + optind);
	goto out;
done:
	status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
out:
	free(o.settings);
	return status;
}
