/* trap: the calls that touch the disk, made to fail or to be the last one.
 *
 * A program that includes this has its own openat, read, write … which do what
 * those of the C library do until a trap is set; but nothing is flushed.
 */
#ifndef SPOOL_TESTS_TRAP_H
#define SPOOL_TESTS_TRAP_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned trap_at;	/* the how manieth call; 0: none */
static int trap_errno;		/* 0: the process is killed */
static bool trap_sprung;
static const char *trap_call;
static bool trap_tracing;	/* note changes and flushes in trap_trace */
static char trap_trace[4096];

static inline bool trapped(const char *call)
{
	if (!trap_at || --trap_at)
		return false;
	trap_sprung = true;
	trap_call = call;
	if (!trap_errno)
		raise(SIGKILL);
	errno = trap_errno;
	return true;
}

static inline bool trapped_change(const char *call, const char *path)
{
	size_t n = strlen(trap_trace);

	if (trap_tracing)
		snprintf(trap_trace + n, sizeof(trap_trace) - n, " %s%s%s",
			 call, *path ? ":" : "", path);
	return trapped(call);
}

static inline void trap_set(unsigned at, int error)
{
	trap_at = at;
	trap_errno = error;
	trap_sprung = false;
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return trapped("openat") ? -1 :
	       syscall(SYS_openat, dir, path, flags | O_LARGEFILE, mode);
}

/* Not by its own system call, for the kernel has another struct stat. */
int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	int follow = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
	int fd, r = -1;

	if (trapped("fstatat"))
		return -1;
	fd = syscall(SYS_openat, dir, path, O_PATH | O_CLOEXEC | follow);
	if (fd >= 0) {
		r = fstat(fd, st);
		close(fd);
	}
	return r;
}

ssize_t read(int fd, void *buf, size_t len)
{
	return trapped("read") ? -1 : syscall(SYS_read, fd, buf, len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	/* A kill finds half of it written. */
	if (trap_at == 1 && !trap_errno)
		syscall(SYS_write, fd, buf, len / 2);
	return trapped_change("write", "") ? -1 : syscall(SYS_write, fd, buf, len);
}

/* What is written outlives a kill without being flushed. */
int fsync(int fd)
{
	(void)fd;
	return trapped_change("fsync", "") ? -1 : 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return trapped_change("fdatasync", "") ? -1 : 0;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return trapped_change("renameat", to) ? -1 :
	       syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
	return trapped_change("unlinkat", path) ? -1 :
	       syscall(SYS_unlinkat, dir, path, flags);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return trapped_change("mkdirat", path) ? -1 : syscall(SYS_mkdirat, dir, path, mode);
}

#endif
