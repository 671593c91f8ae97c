/* SPDX-License-Identifier: MIT */
/*
 * What the threads of a worker are doing, for logs and for the master: the
 * stacks of Python, and beside them the requests on the board. The monitor's.
 */
#include <stdio.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/python/stacks.h"
#include "worker_priv.h"

static const struct gt_pool_thread *
find_thread(const struct gt_worker *w, unsigned long ident)
{
	for (unsigned i = 0; i < w->nthreads; i++)
		if (w->threads[i].ident == ident)
			return &w->threads[i];
	return NULL;
}

static bool
describe_thread(void *arg, unsigned long ident, char *out, size_t n)
{
	const struct gt_pool_thread *t = find_thread(arg, ident);
	struct gt_cell_copy cell;

	if (t == NULL || !gt_cell_read(t->cell, &cell) ||
	    !gt_cell_state_is_busy(cell.state))
		return false;
	snprintf(out, n, "request=\"%s\" age_ms=%lld%s", cell.text,
	         (long long)(gt_clock_us() - cell.started_us) / 1000,
	         cell.state == GT_CELL_WAITING ? " waits for its client" : "");
	return true;
}

void
gt_inspect_one(struct gt_worker *w, const struct gt_pool_thread *t,
               struct gt_buf *out)
{
	gt_stacks_add(out, t->ident, describe_thread, w);
}

void
gt_inspect_all(struct gt_worker *w, struct gt_buf *out)
{
	gt_stacks_add(out, 0, describe_thread, w);
	for (unsigned i = 0; i < w->nthreads; i++) {
		struct gt_cell_copy cell;

		if (gt_cell_read(w->threads[i].cell, &cell) &&
		    !gt_cell_state_is_busy(cell.state) &&
		    gt_buf_addf(out, "Thread gthreadd-%u: %s\n", i + 1,
		                cell.state == GT_CELL_HEIR ? "waits for the GIL"
		                                           : "idle") != GT_OK)
			return;
	}
}
