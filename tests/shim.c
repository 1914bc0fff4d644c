/* shim: a clock that jumps, a disk and a kernel that fail, for one process,
 * while it runs. Preloaded by end-to-end tests (e2e/shim.py), which map
 * $SPOOL_SHIM, a file of 16 bytes that holds a struct shim, and write to it.
 *
 * The wall clock alone is moved: the monotonic clock never jumps. The disk
 * fails for descriptors of what is at or below $SPOOL_SHIM_DIR, with `error`,
 * EIO when that is 0. The kernel takes no backing file (FUSE passthrough).
 * libmicrohttpd gets a first thread, and after a while no second one. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FAIL_WRITE = 1, FAIL_READ = 2, FAIL_SYNC = 4, FAIL_NAME = 8,
       FAIL_MAKE = 16, FAIL_REMOVE = 32, FAIL_BACKING = 64,
       CUT = 128, /* at the worst moment: files that are written to */
       FAIL_THREAD = 256 };

struct shim {
	int64_t clock_s;	/* added to the wall clock */
	uint32_t fail;		/* FAIL_… */
	int32_t error;
};

static const volatile struct shim *shim;
static const char *folder;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SPOOL_SHIM");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p;

	folder = getenv("SPOOL_SHIM_DIR");
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*shim), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		shim = p;
}

/* Whether this is to happen to what fd is. */
static bool strikes(int fd, uint32_t how)
{
	char link[64], path[4096];
	ssize_t n;

	if (!shim || !folder || !(shim->fail & how))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strncmp(path, folder, strlen(folder)) == 0;
}

static bool fails(int fd, uint32_t how)
{
	if (!strikes(fd, how))
		return false;
	errno = shim->error ? shim->error : EIO;
	return true;
}

/* The real one. Through a pointer of the function's own type, by way of the
 * detour that POSIX gives for dlsym. */
#define REAL(name) \
	static __typeof__(&name) real; \
	if (!real) \
		*(void **)&real = dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *t)
{
	REAL(clock_gettime);
	int r = real(clock, t);

	if (r == 0 && shim &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec += shim->clock_s;
	return r;
}

time_t time(time_t *out)
{
	REAL(time);
	time_t t = real(NULL) + (shim ? shim->clock_s : 0);

	if (out)
		*out = t;
	return t;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	REAL(gettimeofday);
	int r = real(t, zone);

	if (r == 0 && shim)
		t->tv_sec += shim->clock_s;
	return r;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	REAL(pwrite);
	if (strikes(fd, CUT) && ftruncate(fd, 0) < 0)
		return -1;
	return fails(fd, FAIL_WRITE) ? -1 : real(fd, buf, n, off);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	REAL(write);
	return fails(fd, FAIL_WRITE) ? -1 : real(fd, buf, n);
}

ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	REAL(pread);
	return fails(fd, FAIL_READ) ? -1 : real(fd, buf, n, off);
}

ssize_t pread64(int fd, void *buf, size_t n, off64_t off)
{
	REAL(pread64);
	return fails(fd, FAIL_READ) ? -1 : real(fd, buf, n, off);
}

ssize_t read(int fd, void *buf, size_t n)
{
	REAL(read);
	return fails(fd, FAIL_READ) ? -1 : real(fd, buf, n);
}

ssize_t sendfile64(int out, int in, off64_t *off, size_t n)
{
	REAL(sendfile64);
	return fails(in, FAIL_READ) ? -1 : real(out, in, off, n);
}

int fsync(int fd)
{
	REAL(fsync);
	return fails(fd, FAIL_SYNC) ? -1 : real(fd);
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	return fails(fd, FAIL_SYNC) ? -1 : real(fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	REAL(renameat);
	return fails(to_dir, FAIL_NAME) ? -1 : real(from_dir, from, to_dir, to);
}

int ftruncate(int fd, off_t size)
{
	REAL(ftruncate);
	return fails(fd, FAIL_WRITE) ? -1 : real(fd, size);
}

int openat(int dir, const char *path, int flags, ...)
{
	REAL(openat);
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	/* O_TMPFILE has O_DIRECTORY's bit in it. */
	if ((flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) &&
	    fails(dir, FAIL_MAKE))
		return -1;
	return real(dir, path, flags, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	REAL(mkdirat);
	return fails(dir, FAIL_MAKE) ? -1 : real(dir, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
	REAL(unlinkat);
	return fails(dir, FAIL_REMOVE) ? -1 : real(dir, path, flags);
}

int ioctl(int fd, unsigned long request, ...)
{
	REAL(ioctl);
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (shim && shim->fail & FAIL_BACKING &&
	    request == _IOC(_IOC_WRITE, 229, 1, 16)) {
		errno = ENOMEM;
		return -1;
	}
	return real(fd, request, arg);
}

int pthread_create(pthread_t *restrict out, const pthread_attr_t *restrict attr,
		   void *(*start)(void *), void *restrict arg)
{
	REAL(pthread_create);
	const struct timespec later = { .tv_nsec = 300000000 };
	static atomic_uint count;
	Dl_info who;

	if (shim && shim->fail & FAIL_THREAD &&
	    dladdr(*(void **)&start, &who) && who.dli_fname &&
	    strstr(who.dli_fname, "microhttpd") &&
	    atomic_fetch_add(&count, 1) > 0) {
		nanosleep(&later, NULL);
		return EAGAIN;
	}
	return real(out, attr, start, arg);
}
