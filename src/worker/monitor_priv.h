/* SPDX-License-Identifier: MIT */
/*
 * The monitor thread: what is done under the GIL for the server itself.
 * Included by worker_priv.h.
 */
#ifndef GTHREADD_WORKER_MONITOR_PRIV_H
#define GTHREADD_WORKER_MONITOR_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/lock.h"
#include "gthreadd/wsgi/hooks.h"

struct gt_pool_thread;
struct gt_worker;

/* ---- monitor.c ---- */

enum gt_job_kind {
	GT_JOB_STACKS, /* write all stacks to fd, answer the master by value */
	GT_JOB_ABORT,  /* we are about to be killed: log all stacks */
	GT_JOB_HOOK,   /* call the hook of that value */
	GT_JOB_SHOW,   /* log the stack of thread, if it still runs request */
	GT_JOB_RAISE,  /* the same, but raise RequestTimeout in it */
};

struct gt_job {
	enum gt_job_kind kind;
	int fd; /* owned */
	uint64_t value;
	struct gt_pool_thread *thread;
	uint64_t request;
};

struct gt_monitor {
	struct gt_worker *worker;
	struct gt_thread thread;
	struct gt_mutex lock;
	struct gt_cond wake;
	/* all under lock */
	bool stop;
	struct gt_job *job; /* a ring; owned */
	size_t room, first, njobs;
	unsigned hooks_done; /* jobs of hooks */
	struct gt_cond hook_done;
};

GT_MUST_CHECK enum gt_err gt_monitor_start(struct gt_worker *w);
void gt_monitor_stop(struct gt_worker *w) GT_NO_GIL;
/*
 * Have something done under the GIL, as soon as it can be had. false: too
 * much waits already; the caller keeps what the job owns.
 */
GT_MUST_CHECK bool gt_monitor_ask(struct gt_worker *w,
                                  const struct gt_job *job) GT_ON_LOOP;
/*
 * Have the monitor call a hook, if it is set, and wait for that until then at
 * most. false: it has not ended by then.
 */
bool gt_monitor_run_hook(struct gt_worker *w, enum gt_hook hook,
                         int64_t until_us) GT_ON_LOOP GT_NO_GIL;

/* ---- inspect.c ---- */

/* Append what all threads are doing. */
void gt_inspect_all(struct gt_worker *w, struct gt_buf *out) GT_NEEDS_GIL;
/* Append the stack of one thread. */
void gt_inspect_one(struct gt_worker *w, const struct gt_pool_thread *t,
                    struct gt_buf *out) GT_NEEDS_GIL;

#endif
