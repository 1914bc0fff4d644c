/* main: puts the parts together, and takes them apart in the right order. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cache/log.h"
#include "cache/setting.h"
#include "http/control.h"
#include "http/serve.h"
#include "hangup.h"
#include "mount.h"
#include "notify.h"
#include "options.h"

#define EXIT_USAGE 2

struct program {
	struct options options;
	struct conf conf;
	char *folder;		/* it was started in, for relative paths */
	char *mountpoint, *mount_options;
	struct cache *cache;
	struct serve *serve;
	struct control *control;
	struct mount *mount;
	struct notify *watchdog;
	struct hangup *hangup;
	bool attached;
	int parent;		/* where the parent waits for one byte, or -1 */
};

/* One line for the user, before anything runs that logs. Returns -1. */
static __attribute__((format(printf, 1, 2))) int say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("spoolfs: ", stderr);
	vfprintf(stderr, fmt, args);
	putc('\n', stderr);
	va_end(args);
	return -1;
}

/* The same with a malloc'd reason, or lack of memory. */
static int say_free(char *reason)
{
	say("%s", reason ? reason : strerror(ENOMEM));
	free(reason);
	return -1;
}

/* ---- before anything runs ---------------------------------------------- */

/* The ini and what the command line puts over it, over the defaults in *c. */
static int read_settings(const struct program *p, struct conf *c,
			 char **mount_options, char **error)
{
	const struct options *o = &p->options;
	char *path = o->config ? setting_path(o->config, p->folder) :
				 conf_default_path();
	int r = o->config && !path ? -ENOMEM : 0;

	if (path)
		r = conf_read(c, path, o->config, error);
	free(path);
	if (r == 0)
		r = options_apply(o, c, p->folder, mount_options, error);
	if (r < 0)
		return r;
	if (o->debug)
		c->log_level = LOG_LEVEL_DEBUG;
	if (!o->no_mount)
		mount_limit_timeout(c);
	return 0;
}

/* For cache_reload. */
static int read_again(void *program, struct conf *out, char **error)
{
	char *mount_options = NULL;
	struct conf c;
	int r = conf_init(&c);

	if (r < 0)
		return r;
	r = read_settings(program, &c, &mount_options, error);
	free(mount_options);
	if (r < 0)
		conf_fini(&c);
	else
		*out = c;
	return r;
}

static int load_settings(struct program *p)
{
	char *error = NULL;

	p->folder = getcwd(NULL, 0);
	if (!p->folder)		/* gone: "/" is as good as any */
		p->folder = strdup("/");
	if (!p->folder || read_settings(p, &p->conf, &p->mount_options, &error))
		return say_free(error);
	if (p->options.no_mount && !p->conf.http.n)
		return say("--no-mount and http=off leave nothing to do");
	return 0;
}

/* Absolute, a folder, and not a mount whose daemon has died. */
static int find_mountpoint(struct program *p)
{
	const char *given = p->options.mountpoint;
	struct stat st;
	int r = mount_clear_stale(given);

	if (r < 0)
		return say("%s: a dead mount is in the way: %s", given,
			   strerror(-r));
	p->mountpoint = realpath(given, NULL);
	if (!p->mountpoint || stat(p->mountpoint, &st) < 0)
		return say("%s: %s", given, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return say("%s: %s", given, strerror(ENOTDIR));
	return 0;
}

/* Each cached file that is open needs a descriptor, each client one. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- becoming a daemon ------------------------------------------------- */

/* The parent's part: its end says whether the mount stands. */
static int wait_for_child(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Fork, before there are threads. 1: this is the parent, done, with *status;
 * 0: go on; -1: said. */
static int fork_daemon(struct program *p, int *status)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return say("pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return say("fork: %s", strerror(errno));
	if (pid > 0) {
		close(fds[1]);
		*status = wait_for_child(fds[0]);
		return 1;
	}
	close(fds[0]);
	p->parent = fds[1];
	setsid();
	return 0;
}

/* The terminal of a daemon gets what is wrong, no news. */
static void log_to_terminal(const struct program *p)
{
	enum log_level level = p->conf.log_level;

	if (p->parent >= 0 && level > LOG_LEVEL_WARNING)
		level = LOG_LEVEL_WARNING;
	log_open(level, false);
}

/* Leave the terminal and let the parent go. */
static void detach(struct program *p)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd;

	log_open(p->conf.log_level, true);
	for (fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	if (write(p->parent, "", 1) < 0)
		log_debug(LOG_CORE, "nobody waits for the start: %m");
	close(p->parent);
	p->parent = -1;
}

/* ---- signals ----------------------------------------------------------- */

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

static struct mount *ending;

static void on_stop_signal(int number)
{
	(void)number;
	mount_end(ending);
}

static int loop_until_signal(struct program *p)
{
	struct sigaction action = { .sa_handler = on_stop_signal };
	sigset_t set;
	int r;

	stop_signals(&set);
	ending = p->mount;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	r = mount_loop(p->mount);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return r;
}

static int wait_for_signal(void)
{
	sigset_t set;
	int number;

	stop_signals(&set);
	return -sigwait(&set, &number);
}

/* ---- the run ----------------------------------------------------------- */

static int start_cache(struct program *p)
{
	const char *dir = p->conf.cache_dir;
	int r;

	r = cache_start(&p->conf, &p->cache);
	if (r == -EBUSY)
		return say("%s: another spoolfs uses this cache (%s/lock says "
			   "which); -o cache_dir=... gives this one its own",
			   dir, dir);
	if (r < 0)
		return say("%s: %s", dir, strerror(-r));
	cache_on_reload(p->cache, read_again, p);
	return 0;
}

static int start_http(struct program *p)
{
	char *error = NULL;

	if (!p->conf.http.n)
		return 0;
	if (serve_start(p->cache, &p->conf, &p->serve, &error) == 0)
		return 0;
	say("%s; another port (-o http=ADDRESS:PORT, 0 for any)%s helps",
	    error ? error : strerror(ENOMEM),
	    p->options.no_mount ? "" : " or -o http=off");
	free(error);
	return -1;
}

static int start_mount(struct program *p)
{
	char *error = NULL;
	int r;

	if (p->options.no_mount)
		return 0;
	r = mount_create(p->cache, &p->conf, p->options.url, p->mount_options,
			 &p->mount, &error);
	if (r == 0) {
		p->attached = true;
		r = mount_attach(p->mount, p->mountpoint, &error);
		p->attached = r == 0;
	}
	return r < 0 ? say_free(error) : 0;
}

/* One that could only be in the usual place is not worth more than a warning: a
 * cache folder may be where no sockets can be. */
static int start_control(struct program *p)
{
	const struct conf *conf = &p->conf;
	bool usual = conf->control && strcmp(conf->control, "auto") == 0;
	const char *http = p->serve ? serve_address(p->serve) : NULL;
	const struct control_setup setup = {
		.cache_dir = conf->cache_dir,
		.path = usual ? NULL : conf->control,
		.http = http && strncmp(http, "http:", 5) == 0 ? http : NULL,
		.mount = p->mount ? p->mountpoint : NULL,
		.base = p->mount ? p->options.url : NULL,
	};
	char *error = NULL;
	int r;

	if (!conf->control)
		return 0;
	r = control_start(p->cache, &setup, &p->control, &error);
	if (r < 0 && !usual)
		return say_free(error);
	if (r < 0)
		log_warn(LOG_HTTP, "%s; spoolctl can't command this one",
			 error ? error : strerror(ENOMEM));
	free(error);
	return 0;
}

/* The lock file first: who has read the address may look there. */
static void announce(struct program *p)
{
	if (p->serve)
		cache_announce(p->cache, "http", serve_address(p->serve));
	if (p->mount)
		cache_announce(p->cache, "mount", p->mountpoint);
	if (p->mount && p->options.url)
		cache_announce(p->cache, "base", p->options.url);
	if (p->control)
		cache_announce(p->cache, "control", control_path(p->control));
	if (p->serve) {
		puts(serve_address(p->serve));
		fflush(stdout);
	}
	if (p->parent >= 0)
		detach(p);
	if (p->serve)
		log_info(LOG_HTTP, "serving at %s", serve_address(p->serve));
	if (p->mount)
		log_info(LOG_FUSE, "mounted at %s", p->mountpoint);
}

static bool is_alive(void *cache, int timeout_ms)
{
	return cache_alive(cache, timeout_ms);
}

/* To a service manager. It takes us for dead if the watchdog that it has asked
 * for can't be started, so going on without would be no better. */
static int report(struct program *p)
{
	int r = notify_watch(is_alive, p->cache, &p->watchdog);

	if (r < 0)
		return r;
	if (p->mount && p->serve)
		notify_status("Mounted at %s, serving at %s", p->mountpoint,
			      serve_address(p->serve));
	else if (p->mount)
		notify_status("Mounted at %s", p->mountpoint);
	else
		notify_status("Serving at %s", serve_address(p->serve));
	notify_send("READY=1");
	return 0;
}

/* Parked requests are answered first, while mount and endpoint can still take
 * the answers. */
static void stop(struct program *p)
{
	if (p->cache)
		cache_stop(p->cache);
	control_stop(p->control);
	serve_stop(p->serve);
	if (p->attached)
		mount_detach(p->mount);
	mount_free(p->mount);
	cache_free(p->cache);
}

static int run(struct program *p)
{
	sigset_t set;
	int r;

	stop_signals(&set);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);	/* threads inherit it */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a limit of file sizes is an EFBIG */
	log_to_terminal(p);
	raise_limits();
	r = chdir("/") < 0 ? say("/: %s", strerror(errno)) : 0;
	if (r == 0)
		r = start_cache(p);
	if (r == 0)
		r = start_http(p);
	if (r == 0)
		r = start_mount(p);
	if (r == 0)
		r = start_control(p);
	if (r == 0) {
		announce(p);
		r = hangup_watch(p->cache, &p->hangup);
		if (r == 0)
			r = report(p);
		if (r == 0)
			r = p->mount ? loop_until_signal(p) : wait_for_signal();
		if (r < 0)
			log_error(LOG_CORE, "%s", strerror(-r));
		hangup_unwatch(p->hangup);
		notify_unwatch(p->watchdog);
		notify_send("STOPPING=1");
		log_info(LOG_CORE, "ending");
	}
	stop(p);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int mount_or_serve(struct program *p)
{
	int status = EXIT_FAILURE;

	if (conf_init(&p->conf) < 0)
		return say_free(NULL), EXIT_FAILURE;
	if (load_settings(p) == 0 &&
	    (p->options.no_mount || find_mountpoint(p) == 0) &&
	    (p->options.foreground || fork_daemon(p, &status) == 0))
		status = run(p);
	conf_fini(&p->conf);
	free(p->folder);
	free(p->mountpoint);
	free(p->mount_options);
	return status;
}

int main(int argc, char **argv)
{
	struct program p = { .parent = -1 };
	char *error;
	int status = EXIT_SUCCESS;

	if (options_parse(argc, argv, &p.options, &error) < 0) {
		say("%s (see spoolfs --help)",
		    error ? error : strerror(ENOMEM));
		free(error);
		return EXIT_USAGE;
	}
	if (p.options.help)
		options_help(stdout);
	else if (p.options.version)
		puts("spoolfs " PACKAGE_VERSION);
	else
		status = mount_or_serve(&p);
	options_fini(&p.options);
	return status;
}
