#include "config.h"

#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "log.h"
#include "text.h"

/* How often it is looked whether a program has ended. */
#define LOOK_MS 100
#define LINE_MAX_BYTES 400
/* What is taken of its output at a time: as much as a pipe holds. */
#define OUTPUT_AT_ONCE 65536

static const char head[] = "spoolfs-hooks 1\n";

/* A file for which the program is to be run. */
struct job {
	struct job *next;
	char *url;
	uint64_t generation;
	enum { NOTED, LEFT_OVER, DUE } state;
};

struct running {
	pid_t pid;		/* 0: free */
	int out;		/* what it prints, or -1 */
	char label[160];
	char line[LINE_MAX_BYTES];
	size_t len;
};

struct hooks {
	struct cache *cache;
	const char *dir;
	pthread_t thread;
	bool started;
	int wake;		/* eventfd */

	pthread_mutex_t lock;
	struct job *jobs;	/* oldest first */
	size_t n;
	bool stopping;

	struct running running[HOOKS_AT_ONCE];	/* the thread's */
};

static void wake(struct hooks *h)
{
	const uint64_t one = 1;

	if (write(h->wake, &one, sizeof(one)) < 0)
		log_debug(LOG_CORE, "on_complete: %m");
}

/* ---- who is noted ------------------------------------------------------------ */

static void write_locked(struct hooks *h)
{
	const struct job *j;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err;

	if (f) {
		fputs(head, f);
		for (j = h->jobs; j; j = j->next)
			fprintf(f, "%016" PRIx64 " %s\n", j->generation, j->url);
	}
	err = !f || fclose(f) ? -ENOMEM :
				text_write(h->dir, HOOKS_FILE, text, len);
	if (err)
		log_warn(LOG_STORE, "%s: %s: a crash would forget programs "
			 "that are due", HOOKS_FILE, strerror(-err));
	free(text);
}

static bool add_locked(struct hooks *h, const char *url, uint64_t generation,
		       int state)
{
	struct job *j = calloc(1, sizeof(*j)), **p;

	if (j)
		j->url = strdup(url);
	if (!j || !j->url || h->n >= HOOKS_MAX) {
		if (j)
			free(j->url);
		free(j);
		return false;
	}
	j->generation = generation;
	j->state = state;
	for (p = &h->jobs; *p; p = &(*p)->next)
		;
	*p = j;
	h->n++;
	return true;
}

static void strike_locked(struct hooks *h, struct job *j)
{
	struct job **p;

	for (p = &h->jobs; *p != j; p = &(*p)->next)
		;
	*p = j->next;
	h->n--;
	free(j->url);
	free(j);
}

static struct job *find_locked(struct hooks *h, uint64_t generation)
{
	struct job *j;

	for (j = h->jobs; j && j->generation != generation; j = j->next)
		;
	return j;
}

static const char *program(struct cache *c, const char *key)
{
	return conf_origin(cache_conf(c), key)->on_complete;
}

bool hooks_note(struct hooks *h, const struct entry *e, uint64_t generation)
{
	bool noted;

	if (!h || !program(h->cache, e->url->key))
		return false;
	pthread_mutex_lock(&h->lock);
	noted = find_locked(h, generation) ||
		add_locked(h, e->url->sent, generation, NOTED);
	if (noted)
		write_locked(h);
	pthread_mutex_unlock(&h->lock);
	if (!noted)
		log_warn(LOG_CORE, "%s: on_complete is not run: too much is due",
			 e->label);
	return noted;
}

void hooks_settle(struct hooks *h, uint64_t generation, bool good)
{
	struct job *j;

	pthread_mutex_lock(&h->lock);
	j = find_locked(h, generation);
	if (j && good)
		j->state = DUE;
	else if (j)	/* noted anew, when it can be saved */
		strike_locked(h, j);
	pthread_mutex_unlock(&h->lock);
	wake(h);
}

/* One line of the file, without its end. */
static bool take_line_locked(struct hooks *h, const char *line)
{
	uint64_t generation;
	struct url *u;
	char *end;

	errno = 0;
	generation = strtoull(line, &end, 16);
	if (end != line + 16 || *end != ' ' || errno || url_parse(end + 1, &u))
		return false;
	url_free(u);
	return add_locked(h, end + 1, generation, LEFT_OVER);
}

/* What a daemon before us has left to be done. */
static void read_left_over(struct hooks *h)
{
	char *text, *line, *next;
	size_t len;
	int err = text_read(h->dir, HOOKS_FILE, &text, &len);
	bool good;

	if (err == -ENOENT)
		return;
	good = !err && strncmp(text, head, strlen(head)) == 0;
	for (line = good ? text + strlen(head) : NULL; line && *line && good;
	     line = next) {
		next = strchr(line, '\n');
		good = next;
		if (next)
			*next++ = '\0';
		good = good && take_line_locked(h, line);
	}
	if (!err)
		free(text);
	if (!good)
		log_warn(LOG_STORE, "%s/%s: can't be used", h->dir, HOOKS_FILE);
}

/* ---- one program ------------------------------------------------------------- */

static char *variable(const char *name, const char *value)
{
	char *text = NULL;

	if (!value || asprintf(&text, "%s=%s", name, value) < 0)
		return NULL;
	return text;
}

/* NULL-terminated, malloc'd as its strings; NULL: no memory. */
static char **environment(const char *path, const char *url)
{
	static const char *const kept[] = { "PATH", "HOME", "USER", "LANG" };
	char **env = calloc(7, sizeof(*env));
	size_t n = 0;

	for (size_t i = 0; env && i < 4; i++) {
		const char *value = getenv(kept[i]);

		if (!value && i == 0)
			value = "/usr/local/bin:/usr/bin:/bin";
		env[n] = variable(kept[i], value);
		n += env[n] != NULL;
	}
	if (env && (env[n] = variable("SPOOLFS_PATH", path)))
		n++;
	if (env)
		env[n] = variable("SPOOLFS_URL", url);
	return env;
}

static void free_all(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static int set_up(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr,
		  int out)
{
	sigset_t none, usual;
	int err;

	sigemptyset(&none);
	sigfillset(&usual);
	sigdelset(&usual, SIGPIPE);	/* its output may outlive us */
	err = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY,
					       0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(files, out, 1);
	if (!err)
		err = posix_spawn_file_actions_adddup2(files, out, 2);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(files, 3);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &usual);
	if (!err)
		err = posix_spawnattr_setpgroup(attr, 0);
	if (!err)
		err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
					       POSIX_SPAWN_SETSIGDEF |
					       POSIX_SPAWN_SETPGROUP);
	return -err;
}

/* 0 with *pid; -errno. */
static int spawn(const char *command, const char *path, const char *key,
		 const char *url, int out, pid_t *pid)
{
	char *argv[] = { (char *)command, (char *)path, (char *)key, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	char **env = environment(path, url);
	int err = env ? 0 : -ENOMEM;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	if (!err)
		err = set_up(&files, &attr, out);
	if (!err)
		err = -posix_spawn(pid, command, &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	free_all(env);
	return err;
}

static int start(struct running *r, const char *command, const char *path,
		 const struct url *u)
{
	int fds[2], err;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	err = spawn(command, path, u->key, u->sent, fds[1], &r->pid);
	close(fds[1]);
	if (err) {
		r->pid = 0;
		close(fds[0]);
		return err;
	}
	r->out = fds[0];
	r->len = 0;
	url_redact(u->sent, r->label, sizeof(r->label));
	return 0;
}

static void say_line(struct running *r)
{
	if (r->len)
		log_info(LOG_CORE, "%s: on_complete: %.*s", r->label,
			 (int)r->len, r->line);
	r->len = 0;
}

static void listen_to(struct running *r)
{
	char buf[4096];
	ssize_t n;

	for (size_t taken = 0; r->out >= 0 && taken < OUTPUT_AT_ONCE;
	     taken += sizeof(buf)) {
		n = read(r->out, buf, sizeof(buf));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(r->out);
			r->out = -1;
		}
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\n' || r->len == sizeof(r->line))
				say_line(r);
			if (buf[i] != '\n')
				r->line[r->len++] = buf[i];
		}
	}
}

/* Whether r has ended. */
static void reap(struct running *r)
{
	int status;

	if (!r->pid || waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	listen_to(r);
	say_line(r);
	if (r->out >= 0)	/* somebody it has left behind */
		close(r->out);
	if (WIFSIGNALED(status))
		log_warn(LOG_CORE, "%s: on_complete: killed by signal %d",
			 r->label, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		log_warn(LOG_CORE, "%s: on_complete: exit status %d", r->label,
			 WEXITSTATUS(status));
	r->pid = 0;
}

/* ---- the thread --------------------------------------------------------------- */

static struct running *free_place(struct hooks *h)
{
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		if (!h->running[i].pid)
			return &h->running[i];
	return NULL;
}

/* Whether the cache has this file, whole. */
static bool is_whole(struct cache *c, const struct job *j)
{
	struct cache_info info;
	bool whole;

	if (cache_peek(c, j->url, &info) < 0)
		return false;
	whole = info.complete && info.generation == j->generation;
	cache_info_fini(&info);
	return whole;
}

static void run(struct hooks *h, const struct job *j)
{
	const char *command;
	char *path = NULL, label[160];
	struct url *u;
	int err;

	if (!is_whole(h->cache, j) || url_parse(j->url, &u) < 0)
		return;		/* dropped since, or never came to be */
	command = program(h->cache, u->key);
	err = cache_path(h->cache, j->url, &path);
	if (!err && command)
		err = start(free_place(h), command, path, u);
	if (err)
		log_warn(LOG_CORE, "%s: on_complete: %s",
			 url_redact(j->url, label, sizeof(label)),
			 strerror(-err));
	free(path);
	url_free(u);
}

/* Start what is due, as far as there is place. */
static void run_due(struct hooks *h)
{
	struct job *j;

	pthread_mutex_lock(&h->lock);
	while (!h->stopping && free_place(h)) {
		for (j = h->jobs; j && j->state == NOTED; j = j->next)
			;
		if (!j)
			break;
		/* Jobs that are not NOTED any more are this thread's alone. */
		pthread_mutex_unlock(&h->lock);
		run(h, j);
		pthread_mutex_lock(&h->lock);
		strike_locked(h, j);
		write_locked(h);
	}
	pthread_mutex_unlock(&h->lock);
}

static void wait_for_news(struct hooks *h)
{
	struct pollfd fds[1 + HOOKS_AT_ONCE];
	int timeout = -1;
	uint64_t n;

	fds[0] = (struct pollfd){ .fd = h->wake, .events = POLLIN };
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		const struct running *r = &h->running[i];

		fds[1 + i] = (struct pollfd){
			.fd = r->pid ? r->out : -1, .events = POLLIN,
		};
		if (r->pid)
			timeout = LOOK_MS;
	}
	if (poll(fds, 1 + HOOKS_AT_ONCE, timeout) > 0 && fds[0].revents &&
	    read(h->wake, &n, sizeof(n)) < 0)
		log_debug(LOG_CORE, "on_complete: %m");
}

static void *hooks_main(void *arg)
{
	struct hooks *h = arg;
	bool stopping = false;

	pthread_setname_np(pthread_self(), "hooks");
	while (!stopping) {
		run_due(h);
		wait_for_news(h);
		for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
			if (h->running[i].pid)
				listen_to(&h->running[i]);
			reap(&h->running[i]);
		}
		pthread_mutex_lock(&h->lock);
		stopping = h->stopping;
		pthread_mutex_unlock(&h->lock);
	}
	return NULL;
}

/* ---- life --------------------------------------------------------------------- */

int hooks_start(struct cache *c, struct hooks **out)
{
	struct hooks *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->cache = c;
	h->dir = cache_conf(c)->cache_dir;
	pthread_mutex_init(&h->lock, NULL);
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		h->running[i].out = -1;
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = h->wake < 0 ? errno : 0;
	if (!err) {
		read_left_over(h);
		err = pthread_create(&h->thread, NULL, hooks_main, h);
	}
	h->started = !err;
	if (err) {
		hooks_free(h);
		return -err;
	}
	*out = h;
	return 0;
}

void hooks_stop(struct hooks *h)
{
	if (!h || !h->started)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_mutex_unlock(&h->lock);
	wake(h);
	pthread_join(h->thread, NULL);
	h->started = false;
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	hooks_stop(h);
	while (h->jobs)
		strike_locked(h, h->jobs);
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		if (h->running[i].out >= 0)
			close(h->running[i].out);
	if (h->wake >= 0)
		close(h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
