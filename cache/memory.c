#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "memory.h"

#define PIECES_MAX 512

struct memory {
	int fd;
	struct extent_set in;
	/* in order of arrival, a ring */
	struct extent pieces[PIECES_MAX];
	unsigned first, n;
};

struct memory *memory_new(void)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fd = memfd_create("spoolfs", MFD_CLOEXEC);
	if (m->fd < 0) {
		free(m);
		return NULL;
	}
	return m;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	close(m->fd);
	extent_fini(&m->in);
	free(m);
}

static int drop_oldest(struct memory *m, struct extent_set *present)
{
	struct extent old = m->pieces[m->first];
	int err = extent_remove(present, old.start, old.end);

	if (!err)
		err = extent_remove(&m->in, old.start, old.end);
	if (err)
		return err;
	m->first = (m->first + 1) % PIECES_MAX;
	m->n--;
	fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  (off_t)old.start, (off_t)(old.end - old.start));
	return 0;
}

int memory_put(struct memory *m, const void *data, size_t len, uint64_t off,
	       struct extent_set *present)
{
	int err;

	while (m->n && (m->n == PIECES_MAX || m->in.total + len > MEMORY_MAX)) {
		err = drop_oldest(m, present);
		if (err)
			return err;
	}
	err = io_write(m->fd, data, len, off);
	if (!err)
		err = extent_add(&m->in, off, off + len);
	if (err)
		return err;
	m->pieces[(m->first + m->n++) % PIECES_MAX] =
		(struct extent){ off, off + len };
	return 0;
}

uint64_t memory_run(const struct memory *m, uint64_t off)
{
	return m ? extent_run(&m->in, off) : 0;
}

uint64_t memory_total(const struct memory *m)
{
	return m ? m->in.total : 0;
}

uint64_t memory_next(const struct memory *m, uint64_t off)
{
	return m ? extent_next(&m->in, off) : UINT64_MAX;
}

int memory_get(const struct memory *m, void *buf, size_t len, uint64_t off)
{
	return io_read(m->fd, buf, len, off);
}

int memory_present(const struct memory *m, struct extent_set *out)
{
	const struct extent_set none = { 0 };

	return extent_copy(out, m ? &m->in : &none);
}

int memory_subtract(const struct memory *m, struct extent_set *present)
{
	size_t i;
	int err = 0;

	for (i = 0; m && i < m->in.n && !err; i++)
		err = extent_remove(present, m->in.v[i].start, m->in.v[i].end);
	return err;
}
