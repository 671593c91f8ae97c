/* SPDX-License-Identifier: MIT */
/*
 * Assertions. GT_ASSERT is compiled under GT_DEBUG only: it states what a
 * reader may rely on, it never guards against input. Builds with sanitizers.
 *
 * Each thread has at most one role. clang knows it from the annotations;
 * every function that is reached through a pointer (libevent callback,
 * PyCFunction, thread entry) opens with the assertion that tells clang so and,
 * in debug builds, checks it.
 */
#ifndef GTHREADD_BASE_CHECK_H
#define GTHREADD_BASE_CHECK_H

#include <stdbool.h>

#include "gthreadd/base/annot.h"

enum gt_role {
	GT_ROLE_NONE,
	GT_ROLE_LOOP,
	GT_ROLE_POOL,
	GT_ROLE_MONITOR,
	GT_ROLE_MASTER,
};

#ifdef GT_DEBUG
#define GT_ASSERT(cond) \
	((cond) ? (void)0 : gt_check_failed(__FILE__, __LINE__, #cond))
#else
#define GT_ASSERT(cond) ((void)0)
#endif

/*
 * Sanitizers are to see each object that is allocated, so none comes from a
 * pool of our own; and leaks, so processes end in the orderly way.
 */
#ifdef GT_SANITIZE
#define GT_IS_SANITIZED true
#else
#define GT_IS_SANITIZED false
#endif

GT_NORETURN GT_COLD void gt_check_failed(const char *file, int line,
                                         const char *what);

/* Give the calling thread its role; once per thread. */
void gt_role_set(enum gt_role role);

void gt_assert_loop(void) GT_TSA(assert_capability(gt_loop_role));
void gt_assert_pool(void) GT_TSA(assert_capability(gt_pool_role));
void gt_assert_monitor(void) GT_TSA(assert_capability(gt_monitor_role));
void gt_assert_master(void) GT_TSA(assert_capability(gt_master_role));
/* The calling thread holds the GIL. */
void gt_assert_gil(void) GT_TSA(assert_capability(gt_gil));

/* Book-keeping of python/gil.c and base/lock.c for the assertions. */
void gt_check_gil_held(bool held);
void gt_check_locks_held(int change);
/* No gt_mutex is held by the calling thread: it may wait for the GIL. */
void gt_assert_no_lock(void);

#endif
