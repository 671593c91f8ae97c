/* SPDX-License-Identifier: MIT */
/*
 * The rules about the GIL, thread roles and locks, in a form that clang's
 * -Wthread-safety checks. gcc ignores them; debug builds assert them (check.h).
 * Nothing of Python is needed here: the GIL is an abstract capability.
 * See doc/threads.md.
 */
#ifndef GTHREADD_BASE_ANNOT_H
#define GTHREADD_BASE_ANNOT_H

#if defined(__clang__)
#define GT_TSA(x) __attribute__((x))
#else
#define GT_TSA(x)
#endif

#define GT_MUST_CHECK   __attribute__((warn_unused_result))
#define GT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GT_NORETURN     __attribute__((noreturn))
#define GT_COLD         __attribute__((cold))

struct GT_TSA(capability("GIL")) gt_gil_cap {
	char unused;
};
struct GT_TSA(capability("role")) gt_role_cap {
	char unused;
};

/* Names for the analysis; the objects do not exist. */
extern struct gt_gil_cap gt_gil;
extern struct gt_role_cap gt_loop_role;    /* a worker's main thread */
extern struct gt_role_cap gt_pool_role;    /* a worker's pool threads */
extern struct gt_role_cap gt_monitor_role; /* a worker's monitor thread */
extern struct gt_role_cap gt_master_role;  /* the master's only thread */

/* Caller holds the GIL. */
#define GT_NEEDS_GIL GT_TSA(requires_capability(gt_gil))
/* May block: the caller must not hold the GIL. */
#define GT_NO_GIL    GT_TSA(locks_excluded(gt_gil))
#define GT_TAKES_GIL GT_TSA(acquire_capability(gt_gil))
#define GT_GIVES_GIL GT_TSA(release_capability(gt_gil))

#define GT_ON_LOOP    GT_TSA(requires_capability(gt_loop_role))
#define GT_ON_POOL    GT_TSA(requires_capability(gt_pool_role))
#define GT_ON_MONITOR GT_TSA(requires_capability(gt_monitor_role))
#define GT_ON_MASTER  GT_TSA(requires_capability(gt_master_role))

/* Caller holds the lock l (a struct gt_mutex *). */
#define GT_REQUIRES(l) GT_TSA(requires_capability(l))

#endif
