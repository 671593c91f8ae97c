/* SPDX-License-Identifier: MIT */
/*
 * The control socket and the metrics, as the master has them: what only they
 * show and remember. Part of arbiter_priv.h, which includes it.
 */
#ifndef GTHREADD_CONTROL_PRIV_H
#define GTHREADD_CONTROL_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/net/listener.h"
#include "gthreadd/stats/counts.h"

struct event;
struct gt_arbiter;
struct gt_ctl;
struct gt_ctl_call;
struct gt_generation;
struct gt_proc;
struct gt_stacks;

enum gt_end {
#define GT_END(id, label, text) GT_END_##id,
#include "tbl/ends.def"
#undef GT_END
	GT_END_COUNT
};

/* A request of the control socket that waits for the end of a reload. */
struct gt_waiter {
	struct gt_ctl_call *call;
	unsigned trial; /* it wants to know of this one */
	bool took_over; /* the new generation has */
	TAILQ_ENTRY(gt_waiter) link;
};
TAILQ_HEAD(gt_waiters, gt_waiter);

/* The control socket, and what only it shows; see control.c. */
struct gt_control {
	struct gt_ctl *ctl; /* NULL: there is none */
	int64_t started_us;
	int log_level;               /* asked for; -1: as the settings say */
	struct gt_listeners metrics; /* of metrics-bind */
	pid_t metrics_pid;           /* who serves it; 0: nobody */
	int metrics_fd;              /* channel to it; -1: none */
	struct event *metrics_event;
	int64_t metrics_at_us;    /* not started again before */
	struct gt_stacks *stacks; /* a round of questions; NULL: none */
	uint64_t rounds;          /* that there were */
	uint64_t ends[GT_END_COUNT];
	uint64_t reloads[2];  /* that succeeded, that failed */
	struct gt_tally dead; /* of workers that have ended */
	unsigned trials;      /* reloads begun */
	struct gt_waiters waiters;
	char *detail; /* what is wrong with new settings; NULL: nothing */
	int64_t reloaded_us;  /* the last reload ended; 0: there was none */
	char reload_why[512]; /* that it failed; "": it did not */
};

/* control.c */
/* Errors: GT_INVALID, GT_SYS, GT_NOMEM; why tells. */
GT_MUST_CHECK enum gt_err gt_control_init(struct gt_arbiter *a, char *why,
                                          size_t n) GT_ON_MASTER;
void gt_control_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* In a child: its descriptors are the master's. */
void gt_control_leave(struct gt_arbiter *a);
/* Now and then. */
void gt_control_look(struct gt_arbiter *a) GT_ON_MASTER;
/* The level of a worker of g. */
int gt_control_log_level(const struct gt_arbiter *a,
                         const struct gt_generation *g);
/* A reload begins; the new generation takes over; it has ended (why: failed).
 */
void gt_control_trial(struct gt_arbiter *a) GT_ON_MASTER;
void gt_control_took_over(struct gt_arbiter *a) GT_ON_MASTER;
void gt_control_reloaded(struct gt_arbiter *a, const char *why) GT_ON_MASTER;
/* Nobody can wait for a reload any more. */
void gt_control_stopping(struct gt_arbiter *a) GT_ON_MASTER;
/* What is wrong with the settings that were tried. */
void gt_control_note(struct gt_arbiter *a, const char *text) GT_ON_MASTER;
/* p has ended: count why. */
void gt_control_bury(struct gt_arbiter *a, const struct gt_proc *p,
                     int status) GT_ON_MASTER;
/* p is forgotten: what it has counted is kept. */
void gt_control_inherit(struct gt_arbiter *a,
                        const struct gt_proc *p) GT_ON_MASTER;
extern const char *const gt_end_labels[GT_END_COUNT];
/* Can requests be served? Else why not. */
bool gt_control_health(const struct gt_arbiter *a, char *why, size_t n);
/* Append the answer to GET /metrics. Errors: GT_NOMEM. (metrics.c) */
GT_MUST_CHECK enum gt_err gt_control_metrics(const struct gt_arbiter *a,
                                             struct gt_buf *out) GT_ON_MASTER;
/*
 * metricsd.c: open metrics-bind. When an address is still the other master's,
 * it is tried again later. Errors: GT_INVALID, GT_SYS; why tells.
 */
GT_MUST_CHECK enum gt_err gt_metricsd_init(struct gt_arbiter *a, char *why,
                                           size_t n) GT_ON_MASTER;
void gt_metricsd_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* In another child: its descriptors are the master's. */
void gt_metricsd_leave(struct gt_arbiter *a);
/* Between two turns of the loop: start it, if it is not there. */
void gt_metricsd_step(struct gt_arbiter *a) GT_ON_MASTER;
/* Was pid its process? */
bool gt_metricsd_reap(struct gt_arbiter *a, pid_t pid) GT_ON_MASTER;
/* stacks.c: ask all workers for the stacks of their threads. */
void gt_stacks_ask(struct gt_arbiter *a, struct gt_ctl_call *call) GT_ON_MASTER;
/* p has written those of that round. */
void gt_stacks_take(struct gt_arbiter *a, const struct gt_proc *p,
                    uint64_t number) GT_ON_MASTER;
/* In a child: its files are the master's. */
void gt_stacks_leave(struct gt_arbiter *a);
/* Answer with what there is. */
void gt_stacks_stop(struct gt_arbiter *a) GT_ON_MASTER;
/* Append the answer to GET /status. Errors: GT_NOMEM. (status.c) */
GT_MUST_CHECK enum gt_err gt_control_status(const struct gt_arbiter *a,
                                            struct gt_buf *out) GT_ON_MASTER;

#endif
