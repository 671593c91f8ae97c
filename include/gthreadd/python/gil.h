/* SPDX-License-Identifier: MIT */
/*
 * The GIL. Each thread makes its thread state once and keeps it; taking and
 * giving are PyEval_RestoreThread and PyEval_SaveThread on it. Python-free.
 */
#ifndef GTHREADD_PYTHON_GIL_H
#define GTHREADD_PYTHON_GIL_H

#include <stdint.h>

#include "gthreadd/base/annot.h"

/*
 * Make the calling thread's state (PyGILState_Ensure, so that extensions
 * which use that API find it), name it for `threading` (NULL: leave it), and
 * let the GIL go again. fini: throw the state away.
 */
void gt_gil_thread_init(const char *name) GT_NO_GIL;
void gt_gil_thread_fini(void) GT_NO_GIL;

void gt_gil_take(void) GT_TAKES_GIL;
void gt_gil_give(void) GT_GIVES_GIL;

/*
 * Around something that may block inside a request. resume returns how long
 * it waited for the GIL and adds it to the thread's sum.
 */
void gt_gil_pause(void) GT_GIVES_GIL;
int64_t gt_gil_resume(void) GT_TAKES_GIL;
/* The calling thread's sum of waits in resume since it was last asked, us. */
int64_t gt_gil_waited_us(void);

/*
 * First line of every function that Python calls: the caller has the GIL,
 * also when it is a thread of the app, of which check.h has not been told.
 */
void gt_gil_entered(void) GT_TSA(assert_capability(gt_gil));

#endif
