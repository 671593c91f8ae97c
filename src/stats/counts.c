/* SPDX-License-Identifier: MIT */
/* Counters on the board, and their sums. Any thread, no locks. */
#include "gthreadd/stats/counts.h"

#include "gthreadd/stats/board.h"

const int64_t gt_bound_us[GT_BOUNDS] = {
    1000,   5000,   10000,   25000,   50000,   100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

static unsigned
bucket_of(int64_t us)
{
	unsigned i = 0;

	while (i < GT_BOUNDS && us > gt_bound_us[i])
		i++;
	return i;
}

static uint64_t
clamp(int64_t us)
{
	return us > 0 ? (uint64_t)us : 0;
}

void
gt_count_wait(struct gt_counts *c, int64_t us)
{
	gt_count_add(c, GT_COUNT_WAIT_US, clamp(us));
	gt_count_add(c, GT_COUNT_WAIT + bucket_of(us), 1);
}

void
gt_count_run(struct gt_counts *c, int64_t us, int64_t gil_us)
{
	gt_count_add(c, GT_COUNT_RUN_US, clamp(us));
	gt_count_add(c, GT_COUNT_RUN + bucket_of(us), 1);
	gt_count_add(c, GT_COUNT_GIL_US, clamp(gil_us));
}

void
gt_count_response(struct gt_counts *c, unsigned status, uint64_t received,
                  uint64_t sent)
{
	unsigned class = status / 100;

	gt_count_add(c, GT_COUNT_RESPONSES + (class > 5 ? 0 : class), 1);
	gt_count_add(c, GT_COUNT_RECEIVED, received);
	gt_count_add(c, GT_COUNT_SENT, sent);
}

static void
add_set(struct gt_tally *t, const struct gt_counts *c)
{
	for (unsigned i = 0; i < GT_COUNTS; i++)
		t->n[i] += gt_count_get(&c->n[i]);
}

void
gt_tally_add(struct gt_tally *t, const struct gt_board *b)
{
	t->accepted += gt_count_get(&b->accepted);
	t->requests += gt_count_get(&b->requests);
	t->unanswered += gt_count_get(&b->unanswered);
	t->log_dropped += gt_count_get(&b->log_dropped);
	add_set(t, &b->counts);
	for (unsigned i = 0; i < gt_board_threads(b); i++)
		add_set(t, &b->cell[i].counts);
}
