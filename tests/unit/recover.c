/* Whatever a crash leaves behind: every state of a name on the disk, a kill
 * and an error at every step. After each the store gives the old record or the
 * new one, and every byte it claims is there. */
#include "config.h"

#include "cache/store.h"
#include "tests/scratch.h"
#include "tests/tap.h"
#include "tests/trap.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ---- states on the disk ------------------------------------------------- */

/* What may stand there, and what must come of it. Records: M of all bytes, m
 * of half, D of a directory, x damaged, o empty, 0 zeros, 2 of an unknown
 * version. Data: a all, h half, l one byte too many, d a folder. */
static const struct state {
	const char *what;
	char meta;
	const char *data[3];	/* .part, final, aside: "", "h" half, "a" all,
				   "l" longer, "d" a folder */
	int want;		/* of load */
	const char *after[3];	/* "": none; "f" a file; "d" a folder */
} states[] = {
	{ "finished, not renamed", 'M', { "a", "", "" }, SIZE,
	  { "", "f", "" } },
	{ "finished, not renamed, a folder there", 'M', { "a", "d", "" }, SIZE,
	  { "", "d", "f" } },
	{ "finished", 'M', { "", "a", "" }, SIZE, { "", "f", "" } },
	{ "finished, aside", 'M', { "", "d", "a" }, SIZE, { "", "d", "f" } },
	{ "finished, aside, folder not made", 'M', { "", "", "a" }, SIZE,
	  { "", "", "f" } },
	{ "finished, stray .part", 'M', { "h", "a", "" }, SIZE,
	  { "", "f", "" } },
	{ "finished, aside, stray .part", 'M', { "h", "d", "a" }, SIZE,
	  { "", "d", "f" } },
	{ "finished, stray file aside", 'M', { "", "a", "h" }, SIZE,
	  { "", "f", "" } },
	{ "finished, aside, somebody else's final", 'M', { "", "h", "a" }, SIZE,
	  { "", "", "f" } },
	{ "finished, short", 'M', { "", "h", "" }, -ENOENT, { "", "", "" } },
	{ "finished, too long", 'M', { "", "l", "" }, -ENOENT,
	  { "", "", "" } },
	{ "finished, all short", 'M', { "h", "h", "h" }, -ENOENT,
	  { "", "", "" } },
	{ "finished, no data", 'M', { "", "", "" }, -ENOENT, { "", "", "" } },
	{ "finished, no data, a folder there", 'M', { "", "d", "" }, -ENOENT,
	  { "", "d", "" } },
	{ "half", 'm', { "h", "", "" }, SIZE / 2, { "f", "", "" } },
	{ "half, more data", 'm', { "a", "", "" }, SIZE / 2, { "f", "", "" } },
	{ "half, final name came first", 'm', { "", "a", "" }, SIZE / 2,
	  { "f", "", "" } },
	{ "half, put aside", 'm', { "", "d", "a" }, SIZE / 2, { "f", "d", "" } },
	{ "half, stray final", 'm', { "h", "a", "" }, SIZE / 2,
	  { "f", "", "" } },
	{ "half, no data", 'm', { "", "", "" }, -ENOENT, { "", "", "" } },
	{ "no record", 0, { "h", "a", "" }, -ENOENT, { "f", "f", "" } },
	{ "damaged record", 'x', { "h", "", "" }, -ENOENT, { "", "", "" } },
	{ "damaged record, a folder there", 'x', { "h", "d", "a" }, -ENOENT,
	  { "", "d", "" } },
	{ "empty record", 'o', { "", "a", "" }, -ENOENT, { "", "", "" } },
	{ "record of zeros", '0', { "", "a", "" }, -ENOENT, { "", "", "" } },
	{ "unknown version", '2', { "h", "a", "" }, -EPROTO, { "f", "f", "" } },
	{ "directory", 'D', { "", "", "" }, 0, { "", "", "" } },
	{ "directory, stray data", 'D', { "h", "a", "a" }, 0, { "", "", "" } },
	{ "directory and a folder", 'D', { "h", "d", "" }, 0, { "", "d", "" } },
};

static const char *const data_names[3] = {
	FILM ".part", FILM, FILM "%file",
};

static void put_meta(char what)
{
	struct store_record r = record_of(FILM, 1, what == 'm' ? SIZE / 2 :
					  SIZE, SIZE);
	char *text = NULL, zeros[512] = { 0 };
	size_t len = 0;

	if (what == 'D') {
		extent_fini(&r.present);
		r.kind = STORE_DIRECTORY;
	}
	store_format(&r, &text, &len);
	if (what == 'x')
		text[len / 2] ^= 4;
	if (what == '2')
		put_version(FILM ".meta", '3');
	else if (what == '0' || what == 'o')
		scratch_put(FILM ".meta", zeros, what == '0' ? 512 : 0);
	else
		scratch_put(FILM ".meta", text, len);
	free(text);
	store_record_fini(&r);
}

static void put_data(const char *name, char what)
{
	int fd;

	if (what == 'd') {
		mkdirat(scratch_at, name, 0700);
		return;
	}
	fd = openat(scratch_at, name, O_CREAT | O_RDWR, 0600);
	pattern_write(fd, 1, 0, what == 'h' ? SIZE / 2 :
		      what == 'a' ? SIZE : SIZE + 1);
	close(fd);
}

static bool is_as(const char *name, char want)
{
	mode_t type = scratch_type(name);

	return type == (want == 'f' ? S_IFREG : want == 'd' ? S_IFDIR : 0);
}

static void build_state(const struct state *t)
{
	for (const char *d = "https\0https/h\0https/h/films\0"; *d;
	     d += strlen(d) + 1)
		mkdirat(scratch_at, d, 0700);
	if (t->meta)
		put_meta(t->meta);
	for (int i = 0; i < 3; i++)
		if (*t->data[i])
			put_data(data_names[i], *t->data[i]);
}

static void clear_state(const char *what)
{
	unlinkat(scratch_at, FILM ".meta", 0);
	for (int i = 0; i < 3; i++) {
		unlinkat(scratch_at, data_names[i], AT_REMOVEDIR);
		unlinkat(scratch_at, data_names[i], 0);
	}
	clear(what);
}

static void test_states(void)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		const struct state *t = &states[i];
		struct store_record r = { 0 };
		int got;

		build_state(t);
		if (t->meta == 'D') {
			got = store_load(store, FILM, FILM, &r);
			if (r.kind != STORE_DIRECTORY)
				got = -EISDIR;
			store_record_fini(&r);
		} else {
			got = loaded(FILM, 1);
		}
		is_int(got, t->want, "%s: loads", t->what);
		for (int k = 0; k < 3; k++)
			ok(is_as(data_names[k], *t->after[k]), "%s: %s after",
			   t->what, data_names[k]);
		clear_state(t->what);

		/* Whatever stands there: a new generation is a new one. */
		build_state(t);
		got = made(FILM, 9, 100);
		is_int(got, t->meta == '2' ? -EEXIST : 0, "%s: creates",
		       t->what);
		is_int(loaded(FILM, 9), t->meta == '2' ? -EPROTO : 100,
		       "%s: and that loads", t->what);
		is_int(store_drop(store, FILM), t->meta == '2' ? -EEXIST : 0,
		       "%s: drops", t->what);
		clear_state(t->what);
	}
}

/* ---- a kill and an error at every step ---------------------------------- */

enum before { NOTHING, HALF, WHOLE, N_BEFORE };
static const char *const before_names[] = { "nothing", "half", "whole" };

static void set_up(enum before before)
{
	if (before != NOTHING)
		made(FILM, 1, before == HALF ? SIZE / 2 : SIZE);
}

/* What may be known of a name: bits. */
enum {
	NONE = 1, OLD = 2, HALF2 = 4, WHOLE2 = 8, CHILD3 = 16, WRONG = 32,
};

/* The steps of a life, and what FILM and CHILD may be while each is under way
 * and what they are when it was done. */
enum { CREATE, SAVE_HALF, SAVE_WHOLE, MAKE_CHILD, DROP_CHILD, DROP, N_STEPS };

static const struct {
	const char *name;
	int film_during, film_after, child_during, child_after;
} steps[N_STEPS] = {
	{ "create", OLD | NONE, NONE, NONE, NONE },
	{ "save half", NONE | HALF2, HALF2, NONE, NONE },
	{ "save whole", HALF2 | WHOLE2, WHOLE2, NONE, NONE },
	{ "make child", WHOLE2, WHOLE2, NONE | CHILD3, CHILD3 },
	{ "drop child", WHOLE2, WHOLE2, NONE | CHILD3, NONE },
	{ "drop", WHOLE2 | NONE, NONE, NONE, NONE },
};

static int step(int i, int *fd)
{
	int child;

	switch (i) {
	case CREATE:
		*fd = store_create(store, FILM);
		return *fd < 0 ? *fd : 0;
	case SAVE_HALF:
		pattern_write(*fd, 2, 0, SIZE / 2);
		return save(FILM, 2, SIZE / 2, *fd);
	case SAVE_WHOLE:
		pattern_write(*fd, 2, SIZE / 2, SIZE);
		return save(FILM, 2, SIZE, *fd);
	case MAKE_CHILD:
		child = make(CHILD, 3, SIZE);
		if (child >= 0)
			close(child);
		return child < 0 ? child : 0;
	case DROP_CHILD:
		return store_drop(store, CHILD);
	default:
		return store_drop(store, FILM);
	}
}

static int known_of(const char *name, enum before before)
{
	struct store_record r;
	bool complete, holds;
	int fd, err = store_load(store, name, name, &r);
	uint64_t g, n;

	if (err)
		return err == -ENOENT ? NONE : WRONG;
	complete = store_record_complete(&r);
	fd = store_data(store, name, complete);
	holds = fd >= 0 && pattern_holds(fd, &r);
	if (fd >= 0)
		close(fd);
	g = r.generation;
	n = r.present.total;
	store_record_fini(&r);
	if (!holds)
		return WRONG;
	if (g == 1 && n == (before == HALF ? SIZE / 2 : SIZE))
		return OLD;
	if (g == 2)
		return n == SIZE ? WHOLE2 : n == SIZE / 2 ? HALF2 : WRONG;
	return g == 3 && n == SIZE ? CHILD3 : WRONG;
}

/* The store goes on as if nothing had been: nothing that is left stands in the
 * way, and everything can be removed. */
static bool goes_on(void)
{
	bool good = made(FILM, 7, SIZE) == 0 && made(CHILD, 8, 100) == 0 &&
		    loaded(FILM, 7) == SIZE && loaded(CHILD, 8) == 100;

	store_drop(store, FILM);
	store_drop(store, CHILD);
	return good && scratch_count() == 0;
}

struct progress {
	int done;		/* steps */
	bool finished;
};

static void live_until_killed(struct progress *p, unsigned at)
{
	int fd = -1;

	if (store_open(scratch, &store))
		_exit(1);
	trap_set(at, 0);
	for (int i = 0; i < N_STEPS; i++) {
		if (step(i, &fd))
			_exit(1);
		p->done = i + 1;
	}
	p->finished = true;
	_exit(0);
}

/* Kills at the at-th call. False: the life was over before. */
static bool kill_at(enum before before, unsigned at, struct progress *p)
{
	int film, child, i, status;
	pid_t pid;

	set_up(before);
	store_close(store);
	*p = (struct progress){ 0 };
	pid = fork();
	if (pid == 0)
		live_until_killed(p, at);
	waitpid(pid, &status, 0);
	is_int(store_open(scratch, &store), 0, "the lock is free again");
	i = p->done;
	film = known_of(FILM, before);
	child = known_of(CHILD, before);
	if (p->finished)
		ok(WIFEXITED(status) && !WEXITSTATUS(status) && film == NONE,
		   "nothing more to kill after %s", before_names[before]);
	else
		ok(WIFSIGNALED(status) && film & steps[i].film_during &&
		   child & steps[i].child_during,
		   "%s, killed at call %u, in \"%s\": film %d, child %d",
		   before_names[before], at, steps[i].name, film, child);
	ok(goes_on(), "and on it goes");
	return !p->finished;
}

static void test_kill_everywhere(void)
{
	struct progress *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (enum before b = 0; p != MAP_FAILED && b < N_BEFORE; b++) {
		unsigned at = 1;

		while (kill_at(b, at, p))
			at++;
		ok(at > 40, "%u calls killed", at - 1);
	}
}

/* The at-th call fails. A step that fails leaves what was, or (what removes)
 * nothing; one that succeeds has done its work; whatever is left of temporary
 * names is no record. False: no call was left to fail. */
static bool fail_at(enum before before, unsigned at, int error)
{
	int film, child, err = 0, fd = -1, i, was_film, was_child;
	char call[16];

	set_up(before);
	trap_set(at, error);
	for (i = 0; i < N_STEPS && !err && !trap_sprung; i++)
		err = step(i, &fd);
	trap_at = 0;
	if (fd >= 0)
		close(fd);
	if (!trap_sprung) {
		ok(!err && goes_on(), "no more calls to fail after %s",
		   before_names[before]);
		return false;
	}
	snprintf(call, sizeof(call), "%s", trap_call);
	i--;
	was_film = i == CREATE ? OLD | NONE : i == DROP ? WHOLE2 | NONE :
		   steps[i - 1].film_after;
	was_child = i == DROP_CHILD || i == MAKE_CHILD ? CHILD3 | NONE :
		    steps[i].child_after;
	film = known_of(FILM, before);
	child = known_of(CHILD, before);
	if (err)
		ok(film & was_film && child & was_child,
		   "%s, %s %s (call %u) in \"%s\": %d; film %d, child %d",
		   before_names[before], call, strerrorname_np(error), at,
		   steps[i].name, err, film, child);
	else
		ok(film & steps[i].film_after && child & steps[i].child_after,
		   "%s, %s %s (call %u) does not hurt \"%s\": film %d, child "
		   "%d", before_names[before], call, strerrorname_np(error), at,
		   steps[i].name, film, child);
	if (!strcmp(call, "fdatasync"))
		is_int(err, -EIO, "data that is not flushed is suspect");
	ok(goes_on(), "and on it goes");
	return true;
}

static void test_fail_everywhere(void)
{
	static const int errors[] = { EIO, ENOSPC, EMFILE };

	for (enum before b = 0; b < N_BEFORE; b++)
		for (unsigned at = 1; fail_at(b, at, errors[(at + b) % 3]);
		     at++)
			;
}

/* ---- what a power cut may do -------------------------------------------- */

/* The calls of a function that change the disk or flush it, in order. */
static const char *trace_of(int (*fn)(int fd), int fd)
{
	trap_trace[0] = '\0';
	trap_tracing = true;
	fn(fd);
	trap_tracing = false;
	return trap_trace;
}

static int save_half(int fd)
{
	return save(FILM, 1, SIZE / 2, fd);
}

static int save_whole(int fd)
{
	return save(FILM, 1, SIZE, fd);
}

static int create(int fd)
{
	return dup2(store_create(store, FILM), fd);
}

static int drop(int fd)
{
	(void)fd;
	return store_drop(store, FILM);
}

/* No test can cut the power; but what is flushed, and when, can be seen. */
#define UNLINKS " unlinkat:film.mp4.meta unlinkat:film.mp4.part " \
	"unlinkat:film.mp4 unlinkat:film.mp4%file unlinkat:.%tmp.film.mp4"
#define WRITE_RECORD " unlinkat:.%tmp.film.mp4 write fsync " \
	"renameat:film.mp4.meta"

static void test_flushes(void)
{
	int fd = open("/dev/null", O_RDONLY);

	is_str(trace_of(create, fd), " mkdirat:https mkdirat:h mkdirat:films"
	       UNLINKS, "a new name: nothing to flush");
	pattern_write(fd, 1, 0, SIZE);
	is_str(trace_of(save_half, fd), " fdatasync" WRITE_RECORD,
	       "data, then the record, then its name");
	is_str(trace_of(save_whole, fd), " fdatasync" WRITE_RECORD
	       " renameat:film.mp4", "the final name comes last");
	is_str(trace_of(save_half, fd), " fdatasync renameat:film.mp4.part"
	       WRITE_RECORD, "and goes first");
	is_str(trace_of(create, fd), UNLINKS " fsync",
	       "a new generation: the old one is flushed away");
	is_str(trace_of(drop, fd), UNLINKS " fsync unlinkat:films unlinkat:h "
	       "unlinkat:https", "a drop is flushed");
	close(fd);
	clear("flushes");
}

/* Loading while the disk or memory for descriptors fails must not drop good
 * data, finished, half or with the final name to be given. */
static void test_load_fails(void)
{
	for (int state = 0; state < 3; state++) {
		unsigned at = 1;
		bool sprung = true;

		for (; sprung; at++) {
			struct store_record r = { 0 };
			int err;

			made(FILM, 1, state == 0 ? SIZE / 2 : SIZE);
			if (state == 2)
				renameat(scratch_at, FILM, scratch_at,
					 FILM ".part");
			trap_set(at, EIO);
			err = store_load(store, FILM, FILM, &r);
			sprung = trap_sprung;
			trap_at = 0;
			store_record_fini(&r);
			if (sprung)
				ok(err != -ENOENT && loaded(FILM, 1) ==
				   (state ? SIZE : SIZE / 2),
				   "state %d: %s fails in a load (%d), and "
				   "nothing is lost", state, trap_call, err);
			store_drop(store, FILM);
		}
		ok(at > 5, "%u calls of a load", at - 1);
	}
	clear("load fails");
}

int main(void)
{
	if (!scratch_make())
		return skip_all("no folder for temporary files");
	is_int(store_open(scratch, &store), 0, "open");
	test_states();
	test_kill_everywhere();
	test_fail_everywhere();
	test_flushes();
	test_load_fails();
	store_close(store);
	scratch_remove();
	return done_testing();
}
