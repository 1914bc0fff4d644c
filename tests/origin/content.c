/* content: the bytes behind a path, and what names their version. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "origin.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

/* The finaliser of splitmix64: a bijection that mixes well. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t content_word(uint64_t seed, uint64_t version, uint64_t index)
{
	return mix(mix(seed + version * GOLDEN) + index * GOLDEN);
}

static void generate(const struct content *k, unsigned char *buf, size_t len,
		     uint64_t off)
{
	uint64_t word;
	size_t n, in, i;

	for (; !(off % 8) && len >= 8; off += 8, buf += 8, len -= 8) {
		word = htole64(content_word(k->seed, k->version, off / 8));
		memcpy(buf, &word, 8);
	}
	while (len) {
		word = content_word(k->seed, k->version, off / 8);
		in = (size_t)(off % 8);
		n = 8 - in < len ? 8 - in : len;
		for (i = 0; i < n; i++)
			buf[i] = (unsigned char)(word >> (8 * (in + i)));
		buf += n;
		off += n;
		len -= n;
	}
}

static void read_file(const struct content *k, char *buf, size_t len,
		      uint64_t off)
{
	ssize_t n;

	while (len) {
		n = pread(k->fd, buf, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	memset(buf, 0, len);
}

static void read_text(const struct content *k, char *buf, size_t len,
		      uint64_t off)
{
	size_t n = 0;

	if (off < k->size)
		n = k->size - off < len ? (size_t)(k->size - off) : len;
	memcpy(buf, k->text + (n ? off : 0), n);
	memset(buf + n, 0, len - n);
}

void content_read(const struct content *k, void *buf, size_t len,
		  uint64_t off)
{
	if (k->text)
		read_text(k, buf, len, off);
	else if (k->fd >= 0)
		read_file(k, buf, len, off);
	else
		generate(k, buf, len, off);
}

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {
		{ ".mp4", "video/mp4" }, { ".mkv", "video/x-matroska" },
		{ ".webm", "video/webm" }, { ".mp3", "audio/mpeg" },
		{ ".ts", "video/mp2t" }, { ".txt", "text/plain" },
		{ ".m3u8", "application/vnd.apple.mpegurl" },
		{ ".mpd", "application/dash+xml" },
		{ ".html", "text/html" }, { ".jpg", "image/jpeg" },
	};
	const char *dot = strrchr(path, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcasecmp(types[i][0], dot))
			return types[i][1];
	return "application/octet-stream";
}

/* "SIZE/SEED", anything but a digit behind the seed is for the looks. */
static bool open_generated(const char *spec, struct content *k)
{
	const char *end;

	if (!parse_size(spec, &end, &k->size) || *end != '/' ||
	    !parse_size(end + 1, &end, &k->seed))
		return false;
	/* One second later for each version, from 2024-01-01. */
	k->mtime = (time_t)(1704067200 + k->version);
	snprintf(k->tag, sizeof(k->tag), "%" PRIx64 "-%" PRIx64 "-%" PRIu64,
		 k->size, k->seed, k->version);
	return true;
}

static bool climbs(const char *path)
{
	const char *p;

	for (p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
	return false;
}

static int open_file(const char *root, const char *path, struct content *k)
{
	struct stat st;
	char *full;
	int fd;

	if (!root || climbs(path))
		return 404;
	if (asprintf(&full, "%s/%s", root, path) < 0)
		return 500;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	free(full);
	if (fd < 0)
		return errno == EACCES ? 403 : 404;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		if (!S_ISDIR(st.st_mode))
			return 403;
		return path[strlen(path) - 1] == '/' ? 404 : 301;
	}
	k->fd = fd;
	k->size = (uint64_t)st.st_size;
	k->mtime = st.st_mtime;
	snprintf(k->tag, sizeof(k->tag), "%" PRIx64 "-%" PRIx64 "-%" PRIu64,
		 (uint64_t)st.st_mtim.tv_sec * 1000000000 +
		 (uint64_t)st.st_mtim.tv_nsec, k->size, k->version);
	return 0;
}

int content_open(const struct rule *r, const char *root, const char *path,
		 uint64_t version, struct content *out)
{
	const char *spec = r->gen;
	int status = 0;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	out->version = version;
	out->type = type_of(r->file ? r->file : path);
	if (!spec && !r->file && !strncmp(path, "/gen/", 5))
		spec = path + 5;
	if (r->body) {
		out->text = r->body;
		out->size = strlen(r->body);
		out->mtime = (time_t)(1704067200 + version);
		snprintf(out->tag, sizeof(out->tag), "text-%" PRIu64, version);
	} else if (spec) {
		status = open_generated(spec, out) ? 0 : 404;
	} else {
		status = open_file(root, r->file ? r->file : path, out);
	}
	return status;
}

void content_close(struct content *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}
