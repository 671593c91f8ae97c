/* SPDX-License-Identifier: MIT */
/*
 * The board: what a worker shows of itself to the master (and to anybody who
 * may read its memory file). One memfd per worker: a header and one cell per
 * pool thread. The worker writes, others only read; nothing in it is trusted.
 * Stamps: microseconds of CLOCK_MONOTONIC; 0 = never.
 */
#ifndef GTHREADD_STATS_BOARD_H
#define GTHREADD_STATS_BOARD_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/stats/counts.h"

#define GT_BOARD_MAGIC 0x31647467u /* "gtd1" */
#define GT_CELL_TEXT   200

enum gt_cell_state {
	GT_CELL_PARKED,  /* waits for work */
	GT_CELL_HEIR,    /* waits for the GIL */
	GT_CELL_RUNNING, /* in the app */
	GT_CELL_WAITING, /* in a request, waits for its client */
};
#define GT_CELL_STATES (GT_CELL_WAITING + 1)

static inline bool
gt_cell_state_is_busy(enum gt_cell_state s)
{
	return s == GT_CELL_RUNNING || s == GT_CELL_WAITING;
}

/* "parked", "heir", "running", "waiting"; "?": another process wrote it. */
const char *gt_cell_state_name(enum gt_cell_state s);

/*
 * What a thread does. The writer is that thread alone. The text is atomic
 * words, so that a reader in another process (or under TSan) never races: the
 * seqlock only has to tell that the parts belong together.
 */
struct gt_cell {
	alignas(64) _Atomic uint32_t seq; /* odd while the rest is written */
	_Atomic uint32_t state;           /* enum gt_cell_state */
	_Atomic uint64_t request;   /* number of the current or last one */
	_Atomic int64_t since_us;   /* when this state began */
	_Atomic int64_t started_us; /* when the request was popped */
	_Atomic uint64_t done;      /* requests finished */
	_Atomic int64_t waited_us;  /* of this request, for its client */
	_Atomic uint32_t text_len;
	_Atomic uint64_t text[GT_CELL_TEXT / 8]; /* see gt_cell_copy */
	struct gt_counts counts;                 /* of this thread */
};

struct gt_board {
	uint32_t magic;
	uint32_t threads; /* cells behind this header; gt_board_threads() */
	_Atomic int32_t pid;
	_Atomic uint32_t ready;     /* 1: serving, 2: draining */
	_Atomic uint32_t saturated; /* all threads busy past
	                               saturation-warning */
	_Atomic int64_t loop_beat_us;
	_Atomic int64_t gil_beat_us;  /* the monitor had the GIL */
	_Atomic uint64_t connections; /* open now */
	_Atomic uint64_t parked;      /* of them idle between requests */
	_Atomic uint64_t accepted;    /* since start */
	_Atomic uint64_t requests;    /* dispatched since start */
	_Atomic uint64_t unanswered;  /* connections closed without an answer,
	                                 or in the middle of one */
	_Atomic uint64_t queued;      /* waiting for a thread now */
	_Atomic uint64_t log_dropped; /* log lines that had no room */
	struct gt_counts counts;      /* of the loop */
	struct gt_cell cell[];
};

/* Master: make the memory file for threads cells. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_board_create(unsigned threads, int *fd);
/*
 * Map it (read-only or writable). Errors: GT_SYS, GT_INVALID (not a board, or
 * its size does not match its header).
 */
GT_MUST_CHECK enum gt_err gt_board_map(int fd, bool writable,
                                       struct gt_board **out);
void gt_board_unmap(struct gt_board *b);
/* Cells of b, as counted when it was mapped: safe whatever b says now. */
unsigned gt_board_threads(const struct gt_board *b);
size_t gt_board_size(unsigned threads);

/*
 * Writers. A request begins (state RUNNING; its target is cut to what
 * GT_CELL_TEXT leaves) and ends when the next one begins or the state becomes
 * PARKED or HEIR: then it counts as done.
 */
void gt_cell_begin(struct gt_cell *c, uint64_t request, int64_t now_us,
                   struct gt_str method, struct gt_str target,
                   struct gt_str peer);
void gt_cell_set(struct gt_cell *c, enum gt_cell_state state, int64_t now_us);

/* A consistent copy of a cell. false: it was being written all the time. */
struct gt_cell_copy {
	enum gt_cell_state state;
	uint64_t request;
	int64_t since_us;
	int64_t started_us;
	int64_t waited_us;
	uint64_t done;
	char text[GT_CELL_TEXT + 2]; /* "GET /path", NUL, peer, NUL */
};
bool gt_cell_read(const struct gt_cell *c, struct gt_cell_copy *out);
/* Who sent the request: an address, or "unix". */
const char *gt_cell_peer(const struct gt_cell_copy *c);
/* In a request? Then *age_us is its time in the app, waits for its client not
 * counted. */
bool gt_cell_is_busy(const struct gt_cell_copy *c, int64_t now_us,
                     int64_t *age_us);

#endif
