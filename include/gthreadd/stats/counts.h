/* SPDX-License-Identifier: MIT */
/*
 * Counters of a worker. Each thread that counts has a set of its own on the
 * board, so an addition is a load and a store without a lock; who reads adds
 * the sets up. The master keeps the sums of workers that have ended, so that
 * no total ever falls.
 */
#ifndef GTHREADD_STATS_COUNTS_H
#define GTHREADD_STATS_COUNTS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

struct gt_board;

/* Bounds of a histogram's buckets; the last bucket has none. */
#define GT_BOUNDS  12
#define GT_BUCKETS (GT_BOUNDS + 1)
extern const int64_t gt_bound_us[GT_BOUNDS];

/* Places in a set; "+ n" marks a run of them. */
enum gt_count {
	GT_COUNT_RESPONSES, /* + class of the status, 1 to 5; 0: none */
	GT_COUNT_RECEIVED = GT_COUNT_RESPONSES + 6, /* octets */
	GT_COUNT_SENT,                              /* octets of bodies */
	GT_COUNT_GIL_US,
	GT_COUNT_WAIT_US, /* in the queue, and */
	GT_COUNT_WAIT,    /* + bucket: how many waited so long */
	GT_COUNT_RUN_US = GT_COUNT_WAIT + GT_BUCKETS,  /* with a thread, and */
	GT_COUNT_RUN,                                  /* + bucket */
	GT_COUNT_TIMEOUTS = GT_COUNT_RUN + GT_BUCKETS, /* + enum gt_timeout */
	GT_COUNTS = GT_COUNT_TIMEOUTS + 6
};

enum gt_timeout {
	GT_TIMEOUT_HEADER,
	GT_TIMEOUT_BODY,
	GT_TIMEOUT_WRITE,
	GT_TIMEOUT_KEEP_ALIVE,
	GT_TIMEOUT_QUEUE,
	GT_TIMEOUT_REQUEST,
};

struct gt_counts {
	alignas(64) _Atomic uint64_t n[GT_COUNTS];
};

static inline uint64_t
gt_count_get(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* By the owner of c alone. */
static inline void
gt_count_add(struct gt_counts *c, unsigned i, uint64_t by)
{
	atomic_store_explicit(&c->n[i], gt_count_get(&c->n[i]) + by,
	                      memory_order_relaxed);
}

/* A request was popped after so long, or is done with its thread. */
void gt_count_wait(struct gt_counts *c, int64_t us);
void gt_count_run(struct gt_counts *c, int64_t us, int64_t gil_us);
/* status 0: the client got none. */
void gt_count_response(struct gt_counts *c, unsigned status, uint64_t received,
                       uint64_t sent);

/* Everything that a board counts, added up. */
struct gt_tally {
	uint64_t n[GT_COUNTS];
	uint64_t accepted;
	uint64_t requests;
	uint64_t unanswered;
	uint64_t log_dropped;
};

void gt_tally_add(struct gt_tally *t, const struct gt_board *b);

#endif
