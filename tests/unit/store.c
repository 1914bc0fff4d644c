/* The store on a real folder: the life of a resource, names that stand in each
 * other's way, what strangers may have put there. recover.c has the crashes. */
#include "config.h"

#include "cache/store.h"
#include "tests/scratch.h"
#include "tests/tap.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>


static mode_t mode_of(const char *path)
{
	struct stat st;

	return fstatat(scratch_at, path, &st, 0) ? 0 : st.st_mode & 07777;
}

static void test_lock(void)
{
	char path[PATH_MAX + 64], text[256] = "", want[64];
	struct store *a = NULL, *b = NULL;
	struct stat mine, st;
	bool was_open[100] = { false };
	int fd, leaks = 0, status;

	for (fd = 3; fd < 100; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	snprintf(path, sizeof(path), "%s/deep/er/cache", scratch);
	is_int(store_open(path, &a), 0, "a folder is made with its parents");
	ok(mode_of("deep/er/cache") == 0700 &&
	   mode_of("deep/er/cache/lock") == 0600, "and is private");
	is_int(store_open(path, &b), -EBUSY, "a second store is refused");
	ok(!b, "and not given out");
	if (fork() == 0)
		_exit(store_open(path, &b) == -EBUSY ? 0 : 1);
	wait(&status);
	is_int(status, 0, "in another process as well");

	is_int(store_announce(a, "mount", "/mnt/x = y"), 0, "announce");
	is_int(store_announce(a, "http", "a\npid=1"), -EINVAL, "only lines");
	is_int(store_announce(a, "a=b", "c"), -EINVAL, "only keys");
	fd = openat(scratch_at, "deep/er/cache/lock", O_RDONLY);
	ok(read(fd, text, sizeof(text) - 1) > 0, "the lock can be read");
	snprintf(want, sizeof(want), "pid=%d\nmount=/mnt/x = y\n",
		 (int)getpid());
	is_str(text, want, "and says who and where");
	fstat(fd, &mine);
	close(fd);
	for (fd = 3; fd < 100; fd++)
		leaks += !was_open[fd] && fstat(fd, &st) == 0 &&
			 st.st_dev == mine.st_dev &&
			 !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	is_int(leaks, 0, "no descriptor of it reaches another program");

	store_close(a);
	store_close(NULL);
	ok(fstatat(scratch_at, "deep/er/cache/lock", &st, 0) == 0 &&
	   st.st_size == 0, "after close the lock says nothing");
	is_int(store_open(path, &a), 0, "and is free");
	store_close(a);

	unlinkat(scratch_at, "deep/er/cache/lock", 0);
	mkfifoat(scratch_at, "deep/er/cache/lock", 0600);
	ok(store_open(path, &a) < 0, "a FIFO is no lock");
	unlinkat(scratch_at, "deep/er/cache/lock", 0);
	symlinkat("../../../victim", scratch_at, "deep/er/cache/lock");
	ok(store_open(path, &a) < 0 && !scratch_type("victim"),
	   "neither is a symlink");
	unlinkat(scratch_at, "deep/er/cache/lock", 0);
	unlinkat(scratch_at, "deep/er/cache", AT_REMOVEDIR);
	unlinkat(scratch_at, "deep/er", AT_REMOVEDIR);
	scratch_put("deep/er", "", 0);
	is_int(store_open(path, &a), -ENOTDIR, "a file is no folder");
	unlinkat(scratch_at, "deep/er", 0);
	unlinkat(scratch_at, "deep", AT_REMOVEDIR);
}

static void test_life(void)
{
	struct statvfs vfs = { 0 };
	struct stat st;
	int fd, fd2;

	is_int(loaded(FILM, 1), -ENOENT, "nothing is known at first");
	is_int(store_data(store, FILM, false), -ENOENT, "no data either");
	fd = make(FILM, 1, 4000);
	ok(fd >= 0 && scratch_type(FILM ".part") == S_IFREG &&
	   scratch_type(FILM ".meta") == S_IFREG && !scratch_type(FILM),
	   "incomplete: .part and .meta");
	ok(mode_of("https") == 0700 && mode_of("https/h/films") == 0700 &&
	   mode_of(FILM ".part") == 0600 && mode_of(FILM ".meta") == 0600,
	   "all of it private");
	is_int(loaded(FILM, 1), 4000, "it loads, and its bytes are there");

	pattern_write(fd, 1, 4000, SIZE);
	is_int(loaded(FILM, 1), 4000, "what is not saved is not claimed");
	is_int(save(FILM, 1, SIZE, fd), 0, "complete");
	ok(scratch_type(FILM) == S_IFREG && !scratch_type(FILM ".part"),
	   "then the data has its final name");
	is_int(loaded(FILM, 1), SIZE, "and loads");
	is_int(save(FILM, 1, SIZE, fd), 0, "saved once more");
	is_int(loaded(FILM, 1), SIZE, "still there");
	is_int(save(FILM, 1, 3000, fd), 0, "less is present again");
	ok(!scratch_type(FILM) && scratch_type(FILM ".part") == S_IFREG,
	   "then it has no final name any more");
	is_int(save(FILM, 1, SIZE, fd), 0, "and complete again");

	fd2 = make(FILM, 2, 100);
	ok(fd2 >= 0 && !scratch_type(FILM), "a new generation replaces all");
	is_int(loaded(FILM, 2), 100, "and loads");
	ok(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == SIZE,
	   "who has the old one open keeps it");
	close(fd);
	is_int(store_drop(store, FILM), 0, "drop");
	is_int(save(FILM, 2, 100, fd2), -ESTALE, "what is dropped stays so");
	close(fd2);
	is_int(store_drop(store, FILM), 0, "nothing to drop is no error");
	ok(store_statvfs(store, &vfs) == 0 && vfs.f_bsize, "statvfs");
	clear("life");
}

static void test_keys(void)
{
	struct store_record r = { .generation = 77 };

	made(FILM, 1, 10);
	is_int(store_load(store, FILM, "https://other/", &r), -EEXIST,
	       "another URL's name");
	ok(r.generation == 77 && loaded(FILM, 1) == 10,
	   "output untouched, record kept");
	is_int(store_load(store, FILM, NULL, &r), 0, "any key");
	is_str(r.key, FILM, "is what it is");
	store_record_fini(&r);
	clear("keys");
}

static void test_save_refuses(void)
{
	int old, fd, other;
	struct stat st;

	old = make(FILM, 1, 500);
	fd = make(FILM, 2, 600);
	is_int(save(FILM, 1, 500, old), -ESTALE,
	       "an old generation can't save any more");
	is_int(loaded(FILM, 2), 600, "and has not");
	close(old);
	other = make(FILM "2", 3, 100);
	is_int(save(FILM, 2, 50, other), -ESTALE, "nor another name's data");
	close(other);
	store_drop(store, FILM "2");
	is_int(save(FILM, 2, 700, fd), -ESTALE, "data shorter than claimed");
	is_int(save(FILM, 0, 600, fd), -EINVAL, "no generation");
	is_int(save(FILM, 2, SIZE + 1, fd), -EINVAL, "more than the size");
	is_int(save(FILM, 2, 600, -1), -EINVAL, "a file without data");
	is_int(save(FILM, 2, 600, 99), -EBADF, "a bad descriptor");
	is_int(loaded(FILM, 2), 600, "the old record stands");
	pattern_write(fd, 2, 600, SIZE + 100);
	is_int(save(FILM, 2, SIZE, fd), 0, "data longer than the resource");
	ok(fstat(fd, &st) == 0 && st.st_size == SIZE && loaded(FILM, 2) == SIZE,
	   "is cut to it when complete");
	close(fd);
	clear("save refuses");
}

/* A disk that takes no more. */
static void test_full(void)
{
	struct rlimit old, small;
	int fd = make(FILM, 1, 500), err, created;

	pattern_write(fd, 1, 500, SIZE);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 50;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	err = save(FILM, 1, SIZE, fd);
	created = save_directory("https/h/dir");
	setrlimit(RLIMIT_FSIZE, &old);
	is_int(err, -EFBIG, "a record can't be written");
	is_int(created, -EFBIG, "nor that of a directory");
	is_int(loaded(FILM, 1), 500, "the old one stands");
	ok(!scratch_type("https/h/films/.%tmp.film.mp4") &&
	   !scratch_type("https/h/.%tmp.dir"), "no attempt is left");
	is_int(save(FILM, 1, SIZE, fd), 0, "later it can");
	close(fd);
	clear("full disk");
}

/* PATH is a file and PATH/child as well. */
static void test_conflict(void)
{
	struct store_record r;
	int fd, child;

	fd = make(FILM, 1, SIZE);
	is_int(made(CHILD, 2, 10), 0, "a child of a finished file");
	ok(scratch_type(FILM) == S_IFDIR &&
	   scratch_type(FILM "%file") == S_IFREG &&
	   scratch_type(FILM ".meta") == S_IFREG, "makes it step aside");
	ok(loaded(FILM, 1) == SIZE && loaded(CHILD, 2) == 10, "both load");
	is_int(save(FILM, 1, SIZE, fd), 0, "the file is saved there");
	ok(loaded(FILM, 1) == SIZE && loaded(CHILD, 2) == 10, "both load");
	is_int(save(FILM, 1, 50, fd), 0, "as less");
	ok(loaded(FILM, 1) == 50 && scratch_type(FILM ".part") == S_IFREG &&
	   !scratch_type(FILM "%file"), "it is a .part again");
	is_int(save(FILM, 1, SIZE, fd), 0, "and finished");
	ok(loaded(FILM, 1) == SIZE && scratch_type(FILM "%file") == S_IFREG,
	   "aside, for the folder is still there");
	is_int(store_drop(store, CHILD), 0, "the child goes");
	ok(!scratch_type(FILM) && loaded(FILM, 1) == SIZE,
	   "so does its folder, not the file");
	is_int(save(FILM, 1, SIZE, fd), 0, "which can be saved");
	is_int(made(CHILD, 3, 10), 0, "a child again");
	is_int(store_drop(store, FILM), 0, "the file goes");
	is_int(loaded(CHILD, 3), 10, "not its child");
	close(fd);

	fd = make(FILM, 4, SIZE);
	ok(fd >= 0 && scratch_type(FILM "%file") == S_IFREG &&
	   loaded(FILM, 4) == SIZE, "a file finished where a folder is");
	close(fd);
	store_drop(store, CHILD);
	scratch_put(FILM, "x", 1);
	child = make(CHILD, 5, 10);
	ok(child >= 0 && loaded(FILM, 4) == SIZE,
	   "what is aside is not replaced by a stranger");
	close(child);
	clear("conflict");

	made(FILM, 6, SIZE);
	ok(save_directory(CHILD) == 0 && loaded(FILM, 6) == SIZE,
	   "a directory record makes folders too");
	is_int(store_load(store, CHILD, CHILD, &r), 0, "and loads");
	store_record_fini(&r);
	clear("conflict with a directory");
}

static void test_foreign(void)
{
	made(FILM, 1, SIZE);
	put_version(FILM ".meta", '3');
	is_int(loaded(FILM, 1), -EPROTO, "a record of another version");
	is_int(made(FILM, 2, 10), -EEXIST, "is not replaced");
	is_int(made(CHILD, 2, 10), -EEXIST, "nor is its data moved");
	is_int(save_directory(FILM), -EEXIST, "nor made a directory");
	is_int(store_drop(store, FILM), -EEXIST, "nor dropped");
	ok(scratch_type(FILM) == S_IFREG && scratch_type(FILM ".meta"),
	   "it is left alone");
	unlinkat(scratch_at, FILM ".meta", 0);
	clear("foreign");
}

static void test_directory(void)
{
	struct store_record r;

	is_int(save_directory(FILM), 0, "a directory record");
	ok(scratch_type(FILM ".meta") == S_IFREG && !scratch_type(FILM),
	   "is a record alone");
	ok(store_load(store, FILM, FILM, &r) == 0 &&
	   r.kind == STORE_DIRECTORY && r.generation == 5, "and loads");
	store_record_fini(&r);
	ok(!store_is_folder(store, FILM) && store_is_folder(store, "https/h"),
	   "it is no folder on disk");
	is_int(made(FILM, 1, 10), 0, "a file takes its place");
	is_int(loaded(FILM, 1), 10, "and loads");
	is_int(save_directory(FILM), 0, "and the other way round");
	ok(store_load(store, FILM, FILM, &r) == 0 &&
	   r.kind == STORE_DIRECTORY && !scratch_type(FILM ".part"),
	   "the data goes then");
	store_record_fini(&r);
	clear("directory");
}

/* Symlinks planted at every place of a name. The victim stays as it is. */
static void test_symlinks(void)
{
	static const char *const folders[] = {
		"https", "https/h", "https/h/films",
	};
	static const char *const files[] = {
		FILM ".part", FILM ".meta", FILM, FILM "%file",
		"https/h/films/.%tmp.film.mp4",
	};
	char target[PATH_MAX + 16], text[8] = "";
	int fd;

	snprintf(target, sizeof(target), "%s/victim", scratch);
	mkdirat(scratch_at, "victim", 0700);
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < i; k++)
			mkdirat(scratch_at, folders[k], 0700);
		symlinkat(target, scratch_at, folders[i]);
		ok(made(FILM, 1, 10) < 0 && save_directory(FILM) < 0,
		   "%s is a link: nothing is made", folders[i]);
		ok(loaded(FILM, 1) == -ENOENT &&
		   !store_is_folder(store, folders[i]) &&
		   store_drop(store, FILM) == 0, "nor found");
		unlinkat(scratch_at, folders[i], 0);
		store_drop(store, FILM);
	}
	is_int(unlinkat(scratch_at, "victim", AT_REMOVEDIR), 0,
	       "the folder they led to is as empty as before");

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		scratch_put("victim", "victim", 6);
		for (size_t k = 0; k < 3; k++)
			mkdirat(scratch_at, folders[k], 0700);
		symlinkat(target, scratch_at, files[i]);
		ok(loaded(FILM, 1) == -ENOENT &&
		   store_data(store, FILM, true) < 0 &&
		   store_data(store, FILM, false) < 0,
		   "%s is a link: nothing is there", files[i]);
		if (!scratch_type(files[i]))
			symlinkat(target, scratch_at, files[i]);
		ok(made(FILM, 1, SIZE) == 0 && loaded(FILM, 1) == SIZE,
		   "it is replaced, not followed");
		store_drop(store, FILM);
		fd = openat(scratch_at, "victim", O_RDONLY);
		ok(read(fd, text, 7) == 6 && !strcmp(text, "victim"),
		   "where it led nothing changed");
		close(fd);
		unlinkat(scratch_at, files[i], 0);
		unlinkat(scratch_at, "victim", 0);
		clear("symlink");
	}
}

/* Things that are no files where files should be: errors, no hanging. */
static void test_strange_files(void)
{
	made(FILM, 1, 10);
	unlinkat(scratch_at, FILM ".meta", 0);
	mkfifoat(scratch_at, FILM ".meta", 0600);
	is_int(loaded(FILM, 1), -ENOENT, "a FIFO is no record");
	made(FILM, 1, 10);
	unlinkat(scratch_at, FILM ".part", 0);
	mkfifoat(scratch_at, FILM ".part", 0600);
	is_int(store_data(store, FILM, false), -ENOENT, "nor data");
	is_int(loaded(FILM, 1), -ENOENT, "nor loaded");
	made(FILM, 1, 10);
	unlinkat(scratch_at, FILM ".meta", 0);
	mkdirat(scratch_at, FILM ".meta", 0700);
	ok(loaded(FILM, 1) < 0 && made(FILM, 1, 10) < 0,
	   "a folder in the place of a record is an error");
	unlinkat(scratch_at, FILM ".meta", AT_REMOVEDIR);
	clear("strange files");
}

static void test_names(void)
{
	static const char *const bad[] = {
		"", "https", "film.mp4", "ftp/h/x", "httpsx/h/x", "htt/h/x",
		"/https/h/x", "https/h/x/", "https//x", "https/h/./x",
		"https/h/../x", "https/h/..", "https/h/x.meta",
		"https/h/x.part", "https/h/x.meta/y", "https/h/x%file",
		"https/h/.%tmp.x", "lock",
	};
	char deep[STORE_DEPTH_MAX * 2 + 32] = "https", wide[300] = "https/h/";
	struct store_record r;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (store_create(store, bad[i]) != -EINVAL ||
		    store_load(store, bad[i], NULL, &r) != -EINVAL ||
		    store_data(store, bad[i], true) != -EINVAL ||
		    save_directory(bad[i]) != -EINVAL ||
		    store_drop(store, bad[i]) != -EINVAL) {
			wrong++;
			diag("taken: \"%s\"", bad[i]);
		}
	}
	is_int(wrong, 0, "names that are none are refused");
	for (int i = 1; i < STORE_DEPTH_MAX; i++)
		strcat(deep, "/d");
	ok(made(deep, 1, 10) == 0 && loaded(deep, 1) == 10, "a deep name");
	ok(store_drop(store, deep) == 0 && !scratch_type("https"),
	   "and all its folders gone again");
	strcat(deep, "/d");
	is_int(made(deep, 1, 10), -ENAMETOOLONG, "too deep");
	memset(wide + 8, 'w', 200);
	ok(made(wide, 1, SIZE) == 0 && loaded(wide, 1) == SIZE, "a wide name");
	store_drop(store, wide);
	wide[208] = 'w';
	is_int(made(wide, 1, 10), -EINVAL, "too wide");
	ok(made("https/h/.hidden?q=%s~", 1, 10) == 0 &&
	   loaded("https/h/.hidden?q=%s~", 1) == 10, "an odd one");
	store_drop(store, "https/h/.hidden?q=%s~");
	clear("names");
}

struct listing {
	char text[512];
	int calls, stop_at;
};

/* "a/ b " for folder a and file b. */
static int list_one(void *ctx, const char *component, bool is_folder)
{
	struct listing *l = ctx;
	size_t n = strlen(l->text);

	store_is_folder(store, "https/h");	/* the store is not locked */
	snprintf(l->text + n, sizeof(l->text) - n, "%s%s ", component,
		 is_folder ? "/" : "");
	return ++l->calls == l->stop_at ? 42 : 0;
}

static bool lists(const char *name, int n, const char *const *want)
{
	struct listing l = { .calls = 0 };
	char text[600], item[100];
	bool good = store_list(store, name, list_one, &l) == 0 && l.calls == n;

	snprintf(text, sizeof(text), " %s", l.text);
	for (int i = 0; i < n; i++) {
		snprintf(item, sizeof(item), " %s ", want[i]);
		good = good && strstr(text, item);
	}
	if (!good)
		diag("%s: \"%s\"", name, l.text);
	return good;
}

static void test_list(void)
{
	struct listing l = { .stop_at = 2 };

	ok(lists("", 0, NULL), "an empty store");
	is_int(store_list(store, "https", list_one, &l), -ENOENT, "no folder");
	is_int(store_list(store, "..", list_one, &l), -ENOENT, "no name");
	made(FILM, 1, SIZE);
	made(CHILD, 2, 10);
	made("https/h/films/half.mp4", 3, 10);
	save_directory("https/h/films/dir");
	save_directory("https/h/films/both");
	made("https/h/films/both/x", 4, 10);
	made("https/h/films/foreign", 5, SIZE);
	put_version("https/h/films/foreign.meta", '3');
	scratch_put("https/h/films/stray", "", 0);
	scratch_put("https/h/films/stray2.part", "", 0);
	scratch_put("https/h/films/.%tmp.x", "", 0);
	scratch_put("https/h/films/broken.meta", "", 0);
	scratch_put("https/h/films/.meta", "", 0);
	symlinkat("film.mp4.meta", scratch_at, "https/h/films/link.meta");
	mkdirat(scratch_at, "lost+found", 0700);
	scratch_put("x.meta", "spoolfs-meta 1\nkind: file\n", 26);
	ok(lists("", 1, (const char *[]){ "https/" }), "the top");
	ok(lists("https", 1, (const char *[]){ "h/" }), "the hosts");
	ok(lists("https/h/films", 5, (const char *[]){
		 "film.mp4", "film.mp4/", "half.mp4", "dir/", "both/" }),
	   "files by their records, folders, each once");
	ok(lists(FILM, 1, (const char *[]){ "child" }), "below a file");
	is_int(store_list(store, "https/h/films", list_one, &l), 42,
	       "the caller can stop it");
	is_int(l.calls, 2, "at once");
	is_int(store_list(store, "https/h/films/dir", list_one, &l), -ENOENT,
	       "a directory record is no folder");
	ok(store_is_folder(store, "") && store_is_folder(store, "https") &&
	   store_is_folder(store, FILM) && !store_is_folder(store, "http") &&
	   !store_is_folder(store, "https/h/films/half.mp4") &&
	   !store_is_folder(store, "lost+found") &&
	   !store_is_folder(store, "https/h/.."), "what is a folder");
	scratch_remove_below();
	clear("list");
}

static void test_scratch(void)
{
	int fd = store_scratch(store), fd2 = store_scratch(store);
	char c = 0;

	ok(fd >= 0 && fd2 >= 0 && pwrite(fd, "x", 1, 1 << 20) == 1 &&
	   pread(fd, &c, 1, 1 << 20) == 1 && c == 'x' &&
	   pread(fd2, &c, 1, 0) == 0, "data without a name");
	is_uint(scratch_count(), 0, "has none");
	close(fd);
	close(fd2);
}

/* Names that are each other's folders, at once. */
static void *worker(void *arg)
{
	const char *name = arg;
	intptr_t wrong = 0;

	for (int i = 1; i <= 100; i++) {
		wrong += made(name, i, SIZE / 2) != 0;
		wrong += loaded(name, i) != SIZE / 2;
		wrong += made(name, i + 1, SIZE) != 0;
		wrong += loaded(name, i + 1) != SIZE;
		wrong += store_drop(store, name) != 0;
		wrong += loaded(name, i + 1) != -ENOENT;
	}
	return (void *)wrong;
}

static void test_threads(void)
{
	static char names[4][64] = { FILM, CHILD, CHILD "/grandchild",
				     "https/h/films" };
	pthread_t threads[4];
	void *wrong;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, worker, names[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		is_int((intptr_t)wrong, 0, "%s among others", names[i]);
	}
	clear("threads");
}

int main(void)
{
	if (!scratch_make())
		return skip_all("no folder for temporary files");
	umask(0);		/* modes are the store's own doing */
	test_lock();
	is_int(store_open(scratch, &store), 0, "open");
	test_life();
	test_keys();
	test_save_refuses();
	test_full();
	test_conflict();
	test_foreign();
	test_directory();
	test_symlinks();
	test_strange_files();
	test_names();
	test_list();
	test_scratch();
	test_threads();
	store_close(store);
	scratch_remove();
	return done_testing();
}
