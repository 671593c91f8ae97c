/* SPDX-License-Identifier: MIT */
/*
 * Tracing for debugging. Python-free.
 */
#ifndef GTHREADD_PYTHON_SPEW_H
#define GTHREADD_PYTHON_SPEW_H

#include "gthreadd/base/annot.h"

/*
 * From now on write each line of Python that this thread runs, and every
 * thread that `threading` starts, to standard error. A failure is logged.
 */
void gt_spew_start(void) GT_NEEDS_GIL;

#endif
