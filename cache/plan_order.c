#include "config.h"

#include "plan_view.h"

bool order_missing(const struct plan *p)
{
	const struct extent_set *o = p->in->ordered;
	struct extent hole;

	for (size_t i = 0; o && i < o->n; i++)
		if (extent_hole(p->in->present, o->v[i].start,
				least(o->v[i].end, p->limit), &hole))
			return true;
	return false;
}

bool order_holds(const struct plan *p, const struct extent *f)
{
	const struct extent_set *o = p->in->ordered;

	for (size_t i = 0; o && i < o->n; i++)
		if (o->v[i].start < f->end && f->start < o->v[i].end)
			return true;
	return false;
}

/* The first that is neither here nor on its way. */
static bool ordered_gap(const struct plan *p, struct extent *gap)
{
	const struct extent_set *o = p->in->ordered;

	for (size_t i = 0; o && i < o->n; i++)
		if (view_gap(p, o->v[i].start, least(o->v[i].end, p->limit),
			     gap))
			return true;
	return false;
}

static bool is_read(const struct plan *p)
{
	for (size_t i = 0; i < p->in->n_cursors; i++)
		if (!view_idle(p, &p->in->cursors[i]))
			return true;
	return false;
}

/* Where nobody reads, with as many connections as pay; else with one beside the
 * readers' own, which is the first to go. The last free place is for a jump. */
bool order_next(const struct plan *p, struct extent *piece)
{
	unsigned spare = p->in->max_flights > 2;
	unsigned lanes = is_read(p) ? 1 : p->lanes;

	if (p->waiting || p->running + spare >= p->in->max_flights ||
	    view_busy(p, 0, p->limit) >= lanes || !ordered_gap(p, piece))
		return false;
	piece->end = least(piece->end,
			   plus(piece->start, lanes > 1 || p->in->crowded ?
					p->longest : PLAN_FILL_CHUNK));
	return true;
}
