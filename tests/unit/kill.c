/* A program that saves and saves, killed at random moments: each time the
 * record is there, is what the program was last promised, or more, and every
 * byte it claims is there. The next one goes on with it. */
#include "config.h"

#include "cache/store.h"
#include "tests/scratch.h"
#include "tests/tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

/* What the child has been promised. */
struct promise {
	volatile uint64_t generation;	/* 0: it is being made or dropped */
	volatile uint64_t total;
};

static uint64_t chance(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A new generation, or the one that is there. Its data. */
static int begin_life(struct store_record *r, struct promise *p, uint64_t seed)
{
	int fd;

	if (store_load(store, FILM, FILM, r) == 0 && !store_record_complete(r))
		return store_data(store, FILM, false);
	store_record_fini(r);
	p->generation = 0;
	if (seed % 3 == 0)
		store_drop(store, FILM);
	if (seed % 4 == 0)
		made(CHILD, 8, 100);
	if (seed % 4 == 1)
		store_drop(store, CHILD);
	*r = record_of(FILM, seed | 1, 0, SIZE);
	fd = store_create(store, FILM);
	return fd;
}

static void live_for_ever(struct promise *p, int pipe_fd, uint64_t seed)
{
	struct store_record r = { 0 };

	if (store_open(scratch, &store))
		_exit(1);
	for (;;) {
		int fd = begin_life(&r, p, chance(&seed));

		if (fd < 0)
			_exit(2);
		while (!store_record_complete(&r)) {
			uint64_t start = chance(&seed) % SIZE;
			uint64_t end = start + chance(&seed) % 1500;

			if (end > SIZE)
				end = SIZE;
			pattern_write(fd, r.generation, start, end);
			extent_add(&r.present, start, end);
			if (store_save(store, FILM, &r, fd))
				_exit(3);
			p->total = r.present.total;
			p->generation = r.generation;
			if (write(pipe_fd, "", 1) != 1)
				_exit(4);
		}
		close(fd);
		store_record_fini(&r);
	}
}

/* True when FILM is what was promised, or more. */
static bool promise_kept(const struct promise *p)
{
	struct store_record r = { 0 };
	int fd = -1, err = store_load(store, FILM, FILM, &r);
	bool good = !err || (err == -ENOENT && !p->generation);

	if (!err) {
		fd = store_data(store, FILM, store_record_complete(&r));
		good = fd >= 0 && pattern_holds(fd, &r) &&
		       (!p->generation || (r.generation == p->generation &&
					   r.present.total >= p->total));
	}
	if (fd >= 0)
		close(fd);
	store_record_fini(&r);
	return good;
}

static void test_random_kills(void)
{
	struct promise *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t seed = 88172645463325252;
	int kept = 0, ended = 0, child, status;

	for (int round = 0; p != MAP_FAILED && round < 50; round++) {
		struct timespec pause = { 0, chance(&seed) % 3000000 };
		int pipes[2], saves = 1 + chance(&seed) % 40;
		char c;
		pid_t pid;

		store_close(store);
		store = NULL;
		if (pipe(pipes))
			break;
		pid = fork();
		if (pid == 0)
			live_for_ever(p, pipes[1], chance(&seed));
		close(pipes[1]);
		while (saves-- && read(pipes[0], &c, 1) == 1)
			;
		nanosleep(&pause, NULL);	/* any moment of a save */
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		close(pipes[0]);
		ended += !WIFSIGNALED(status);
		if (store_open(scratch, &store))
			break;
		child = loaded(CHILD, 8);
		kept += promise_kept(p) && (child == 100 || child == -ENOENT);
	}
	is_int(ended, 0, "50 children save until they are killed");
	is_int(kept, 50, "the record is there each time, and true");
	clear("random kills");
}

int main(void)
{
	if (!scratch_make())
		return skip_all("no folder for temporary files");
	is_int(store_open(scratch, &store), 0, "open");
	test_random_kills();
	store_close(store);
	scratch_remove();
	return done_testing();
}
