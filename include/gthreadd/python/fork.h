/* SPDX-License-Identifier: MIT */
/*
 * Forking a process that has Python in it. Main thread, GIL held throughout.
 * Python-free.
 */
#ifndef GTHREADD_PYTHON_FORK_H
#define GTHREADD_PYTHON_FORK_H

#include <stddef.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

/*
 * Fork a child whose parent is not this process but the next one above that
 * adopts orphans. 0 in it, 1 here, -1: it failed (errno). born is called in a
 * process between the two, with the child's pid, or -errno: it must not touch
 * Python.
 */
int gt_pyfork_orphan(void (*born)(void *arg, pid_t pid),
                     void *arg) GT_NEEDS_GIL;
/* What there is now will hardly be freed: keep the collector off its pages. */
void gt_pyfork_freeze(void) GT_NEEDS_GIL;
/*
 * Names of the threads that a fork would leave behind, "a, b" in out (cut);
 * returns how many there are.
 */
size_t gt_pyfork_threads(char *out, size_t size) GT_NEEDS_GIL;

#endif
