#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/log.h"
#include "loop.h"

/* Handlers don't wait for the network, but they do for the disk. */
#define THREADS 16
/* So many wait for requests: where few programs read, nobody need be woken. */
#define WAITING 4

/* Interrupts a thread's wait for the next request. It can come just before
 * that wait begins, so it is sent until the thread has ended. */
#define KICK SIGUSR1
#define KICK_AGAIN_MS 1

static void on_kick(int number)
{
	(void)number;
}

int loop_init(struct loop *l, struct fuse_session *session)
{
	memset(l, 0, sizeof(*l));
	l->session = session;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->wanted, NULL);
	return sem_init(&l->over, 0, 0) < 0 ? -errno : 0;
}

void loop_destroy(struct loop *l)
{
	sem_destroy(&l->over);
	pthread_cond_destroy(&l->wanted);
	pthread_mutex_destroy(&l->lock);
}

void loop_end(struct loop *l)
{
	atomic_store(&l->ending, 1);
	sem_post(&l->over);
}

static void fail(struct loop *l, int error)
{
	int none = 0;

	atomic_compare_exchange_strong(&l->error, &none, error);
	loop_end(l);
}

/* n threads serve no more, or never did, because of this error. */
static void leave(struct loop *l, int n, int error)
{
	if (atomic_fetch_sub(&l->left, n) == n)
		fail(l, error);
}

/* Rest until one more has to wait for requests. */
static void begin_to_wait(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	l->resting++;
	while (l->waiting >= WAITING && !atomic_load(&l->ending))
		pthread_cond_wait(&l->wanted, &l->lock);
	l->resting--;
	l->waiting++;
	pthread_mutex_unlock(&l->lock);
}

static void end_to_wait(struct loop *l)
{
	bool nobody;

	pthread_mutex_lock(&l->lock);
	nobody = !--l->waiting && l->resting;
	pthread_mutex_unlock(&l->lock);
	if (nobody)
		pthread_cond_signal(&l->wanted);
}

/* Take requests and run them until the end. 0 or -errno. */
static int serve(struct loop *l, struct fuse_buf *buf)
{
	int r;

	while (!atomic_load(&l->ending)) {
		begin_to_wait(l);
		r = fuse_session_receive_buf(l->session, buf);
		end_to_wait(l);
		if (r == -EINTR || r == -EAGAIN)
			continue;
		/* What libfuse makes of ENODEV: it was unmounted, or ended by
		 * the machine's owner. */
		if (r == -ECONNABORTED)
			return 0;
		if (r <= 0)
			return r;
		fuse_session_process_buf(l->session, buf);
	}
	return 0;
}

static void *run(void *arg)
{
	struct loop *l = arg;
	struct fuse_buf buf = { 0 };
	int r;

	pthread_setname_np(pthread_self(), "fuse");
	r = serve(l, &buf);
	if (r != -ENOMEM || buf.mem)	/* else the others go on */
		fail(l, r);
	leave(l, 1, r);
	free(buf.mem);
	return NULL;
}

/* Start threads that no signal but the kick disturbs. Returns how many. */
static int start(struct loop *l, pthread_t *threads)
{
	struct sigaction action = { .sa_handler = on_kick };
	sigset_t all, old;
	int n, r = 0;

	sigaction(KICK, &action, NULL);
	sigfillset(&all);
	sigdelset(&all, KICK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	atomic_store(&l->left, THREADS);
	for (n = 0; n < THREADS; n++) {
		r = -pthread_create(&threads[n], NULL, run, l);
		if (r < 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (n < THREADS)
		leave(l, THREADS - n, r);
	return n;
}

static void stop(pthread_t thread)
{
	const struct timespec pause = { .tv_nsec = KICK_AGAIN_MS * 1000000 };

	while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
		pthread_kill(thread, KICK);
		nanosleep(&pause, NULL);
	}
}

int loop_run(struct loop *l)
{
	pthread_t threads[THREADS];
	int n = start(l, threads);

	if (n < THREADS)
		log_warn(LOG_FUSE, "%d of %d threads can't be had", THREADS - n,
			 THREADS);
	while (sem_wait(&l->over) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&l->lock);
	pthread_cond_broadcast(&l->wanted);
	pthread_mutex_unlock(&l->lock);
	while (n > 0)
		stop(threads[--n]);
	return atomic_load(&l->error);
}
