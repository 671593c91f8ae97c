/* SPDX-License-Identifier: MIT */
/*
 * What the threads of Python are doing, as text. Python-free.
 *
 *   Thread gthreadd-3 (request="GET /report 10.0.0.7" age_ms=61200):
 *     File "/srv/app/views.py", line 31, in report
 *     File "/srv/app/db.py", line 7, in query
 *
 * Outermost call first, as in a traceback. No Python code runs and no lock
 * of Python's is waited for, so this works in a process that is in trouble.
 */
#ifndef GTHREADD_PYTHON_STACKS_H
#define GTHREADD_PYTHON_STACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"

/* The name of the calling thread for the functions below; never 0. */
unsigned long gt_stacks_self(void);

/*
 * What the caller knows of a thread: text for its heading into out[0..n).
 * false: nothing. Called with the GIL held.
 */
typedef bool gt_stacks_about(void *arg, unsigned long thread, char *out,
                             size_t n);

/*
 * Append the stack of one thread, or of all threads that run Python code
 * (thread 0). about may be NULL. Returns how many were appended: a thread
 * without a frame of Python has none. Memory that is lacking shortens it.
 */
size_t gt_stacks_add(struct gt_buf *out, unsigned long thread,
                     gt_stacks_about *about, void *arg) GT_NEEDS_GIL;

#endif
