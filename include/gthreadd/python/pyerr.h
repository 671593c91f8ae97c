/* SPDX-License-Identifier: MIT */
/*
 * Exceptions as log entries. Includes Python.h: only python and wsgi may
 * include this.
 */
#ifndef GTHREADD_PYTHON_PYERR_H
#define GTHREADD_PYTHON_PYERR_H

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/log.h"
#include "gthreadd/python/pyobj.h"

/*
 * Take the current exception away and append its text to out, as Python
 * prints it: traceback, causes, notes; newline at the end. Never fails: when
 * the traceback module cannot, type and message remain, or the type alone.
 * Without a current exception nothing is appended.
 */
void gt_pyerr_take(struct gt_buf *out) GT_NEEDS_GIL;
/*
 * Take the current exception away and log it: the message, then the
 * traceback as it is. Nothing is formatted when level is off.
 */
void gt_pyerr_log(enum gt_log_level level, const char *fmt, ...) GT_NEEDS_GIL
    GT_PRINTF(2, 3);

#endif
