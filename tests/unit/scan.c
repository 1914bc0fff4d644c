/* What takes room in the cache folder: sizes and times as the disk has them,
 * and what a crash leaves, which is swept away, while nothing else is. */
#include "config.h"

#include "cache/store.h"
#include "tests/scratch.h"
#include "tests/tap.h"
#include "tests/trap.h"

#include <errno.h>
#include <sys/wait.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define SPARSE "https/h/films/long.mp4"

static struct stat stat_of(const char *path)
{
	struct stat st = { 0 };

	fstatat(scratch_at, path, &st, AT_SYMLINK_NOFOLLOW);
	return st;
}

static uint64_t room_of(const char *path)
{
	return stat_of(path).st_blocks * UINT64_C(512);
}

/* ---- what is found --------------------------------------------------------- */

static struct found {
	char name[256];
	uint64_t bytes;
	time_t used;
} found[8];
static size_t n_found;

static int find(void *ctx, const char *name, uint64_t bytes, time_t used)
{
	struct found *f = &found[n_found];

	(void)ctx;
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->bytes = bytes;
	f->used = used;
	return ++n_found == COUNT(found);
}

static const struct found *find_all(const char *name)
{
	n_found = 0;
	is_int(store_scan(store, find, NULL), 0, "scan");
	for (size_t i = 0; i < n_found; i++)
		if (!strcmp(found[i].name, name))
			return &found[i];
	return NULL;
}

static void test_use(void)
{
	uint64_t bytes = 1;
	time_t before;

	is_int(store_use(store, FILM, 1000, &bytes), -ENOENT, "nothing there");
	is_int(store_use(store, "film.mp4", 1000, &bytes), -EINVAL, "no name");
	save_directory(FILM);
	is_int(store_use(store, FILM, 1000, &bytes), -ENOENT, "a folder");
	is_uint(bytes, 1, "output untouched");
	made(FILM, 1, SIZE);
	before = stat_of(FILM).st_mtime;
	is_int(store_use(store, FILM, 1000, &bytes), 0, "a file is used");
	is_uint(bytes, room_of(FILM) + room_of(FILM ".meta"), "it takes");
	is_int(stat_of(FILM ".meta").st_mtime, 1000, "its record says when");
	is_int(stat_of(FILM).st_mtime, before, "its data does not");
	is_int(loaded(FILM, 1), SIZE, "and loads");
	put_version(FILM ".meta", '7');
	before = stat_of(FILM ".meta").st_mtime;
	is_int(store_use(store, FILM, 1000, &bytes), 0, "of another version");
	is_int(stat_of(FILM ".meta").st_mtime, before, "is left alone");
	scratch_remove_below();
}

static void test_scan(void)
{
	const struct found *f;
	struct store_record r;
	uint64_t bytes;
	int fd;

	ok(!find_all(FILM) && !n_found, "nothing there");
	made(FILM, 1, SIZE);
	made(CHILD, 2, 4000);		/* FILM is a folder as well */
	save_directory("https/h/folder");
	r = record_of(SPARSE, 3, 0, UINT64_C(1) << 32);
	extent_add(&r.present, UINT64_C(3) << 30, (UINT64_C(3) << 30) + 65536);
	fd = store_create(store, SPARSE);
	pattern_write(fd, 3, r.present.v[0].start, r.present.v[0].end);
	is_int(store_save(store, SPARSE, &r, fd), 0, "a sparse file");
	store_record_fini(&r);
	close(fd);
	store_use(store, CHILD, 2000, &bytes);
	put_version("https/h/other.meta", '3');
	scratch_put("https/h/other", "x", 1);
	scratch_put("https/h/lonely.meta", "x", 1);
	scratch_put("https/h/theirs", "x", 1);

	f = find_all(FILM);
	ok(f && f->bytes == room_of(FILM "%file") + room_of(FILM ".meta") &&
	   f->used == stat_of(FILM ".meta").st_mtime, "what has stepped aside");
	f = find_all(CHILD);
	ok(f && f->bytes == room_of(CHILD ".part") + room_of(CHILD ".meta") &&
	   f->used == 2000, "below it");
	f = find_all(SPARSE);
	ok(f && f->bytes >= 65536 && f->bytes < 1 << 20, "a hole takes no room");
	ok(find_all("https/h/other"), "of another version");
	is_uint(n_found, 4, "nothing else");
	ok(scratch_type("https/h/theirs") && scratch_type("https/h/lonely.meta"),
	   "and all is as it was");
	is_int(store_peek(store, FILM, &r), 0, "peek");
	is_str(r.url, FILM, "says what it is");
	store_record_fini(&r);
	is_int(store_peek(store, "https/h/other", &r), -EPROTO, "as a load");
	scratch_remove_below();
}

/* ---- what is swept ---------------------------------------------------------- */

/* Until the file system's clock has gone on. */
static void tick(void)
{
	struct stat before, now;

	scratch_put("tick", "", 0);
	before = stat_of("tick");
	do {
		unlinkat(scratch_at, "tick", 0);
		scratch_put("tick", "", 0);
		now = stat_of("tick");
	} while (now.st_ctim.tv_sec == before.st_ctim.tv_sec &&
		 now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	unlinkat(scratch_at, "tick", 0);
}

static void reopen(void)
{
	tick();
	store_close(store);
	store = NULL;
	is_int(store_open(scratch, &store), 0, "open again");
}

static const struct {
	const char *what, *path;
	mode_t mode;
	bool late, swept;
} strays[] = {
	{ "data without a record", "https/h/a.part", 0600, false, true },
	{ "a record on its way", "https/h/.%tmp.a", 0600, false, true },
	{ "the same of this life", "https/h/b.part", 0600, true, false },
	{ "and this", "https/h/.%tmp.b", 0600, true, false },
	{ "others may read it", "https/h/c.part", 0644, false, false },
	{ "executable", "https/h/d.part", 0700, false, false },
	{ "setgid", "https/h/e.part", 02600, false, false },
	{ "no name that we make", "https/h/f.meta.part", 0600, false, false },
	{ "nor this", "https/h/.part", 0600, false, false },
	{ "nor this one", "https/h/.%tmp.", 0600, false, false },
	{ "complete", "https/h/g", 0600, false, false },
	{ "aside", "https/h/g%file", 0600, false, false },
	{ "not below a scheme", "h.part", 0600, false, false },
	{ "where names are no host's", "ftp/h/i.part", 0600, false, false },
	{ "in a folder that is no name", "https/j.part/k.part", 0600, false,
	  false },
};

static void test_sweep(void)
{
	char linked[] = "https/h/linked.part";

	reopen();
	for (const char *const *f = (const char *const[]){ "https", "https/h",
	     "ftp", "ftp/h", "https/j.part", "http", "http/x", "http/x/y",
	     NULL }; *f; f++)
		mkdirat(scratch_at, *f, 0700);
	for (int late = 0; late <= 1; late++) {
		for (size_t i = 0; i < COUNT(strays); i++) {
			if (strays[i].late != late)
				continue;
			scratch_put(strays[i].path, "x", 1);
			fchmodat(scratch_at, strays[i].path, strays[i].mode, 0);
		}
		if (late)
			break;
		scratch_put("http/x/y/only.part", "x", 1);
		scratch_put(linked, "x", 1);
		linkat(scratch_at, linked, scratch_at, "kept", 0);
		symlinkat("g", scratch_at, "https/h/symlink.part");
		mkfifoat(scratch_at, "https/h/fifo.part", 0600);
		made("https/h/films/kept.mp4", 1, 100);
		reopen();
	}
	find_all("");
	is_uint(n_found, 1, "one record");
	for (size_t i = 0; i < COUNT(strays); i++)
		ok(!scratch_type(strays[i].path) == strays[i].swept, "%s: %s",
		   strays[i].what, strays[i].swept ? "swept" : "stays");
	ok(!scratch_type("http"), "folders that this empties go");
	ok(scratch_type(linked) && scratch_type("https/h/symlink.part") &&
	   scratch_type("https/h/fifo.part"), "what has two names, or is none");
	is_int(loaded("https/h/films/kept.mp4", 1), 100,
	       "data with a record stays");
	scratch_remove_below();
}

/* ---- a crash while a file goes ------------------------------------------------ */

static bool kill_drop_at(unsigned at)
{
	int status = 0, have;
	pid_t pid;

	made(FILM, 1, SIZE);
	store_close(store);
	pid = fork();
	if (pid == 0) {
		if (store_open(scratch, &store))
			_exit(1);
		trap_set(at, 0);
		_exit(store_drop(store, FILM) ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	store = NULL;
	tick();
	is_int(store_open(scratch, &store), 0, "the lock is free again");
	find_all("");
	have = loaded(FILM, 1);
	ok(have == SIZE || have == -ENOENT, "killed at call %u: %d", at, have);
	if (have == -ENOENT)
		ok(!scratch_type(FILM) && !scratch_type(FILM ".part") &&
		   !scratch_type(FILM ".meta"), "whole or gone");
	scratch_remove_below();
	return WIFSIGNALED(status);
}

static void test_crash(void)
{
	unsigned at = 1;

	while (kill_drop_at(at))
		at++;
	ok(at > 10, "%u calls of a removal", at - 1);
}

int main(void)
{
	if (!scratch_make())
		return skip_all("no folder for temporary files");
	is_int(store_open(scratch, &store), 0, "open");
	test_use();
	test_scan();
	test_sweep();
	test_crash();
	store_close(store);
	scratch_remove();
	return done_testing();
}
