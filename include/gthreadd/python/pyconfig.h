/* SPDX-License-Identifier: MIT */
/*
 * Gunicorn's Python configs. Python-free.
 */
#ifndef GTHREADD_PYTHON_PYCONFIG_H
#define GTHREADD_PYTHON_PYCONFIG_H

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

/*
 * Run what (an absolute path, or "python:MODULE") and write its globals to fd
 * as records (config/load.h); an exception that it raises is written too.
 * Errors: GT_PYTHON (nothing could be written; logged).
 */
GT_MUST_CHECK enum gt_err gt_pyconfig_write(const char *what,
                                            int fd) GT_NEEDS_GIL;

#endif
