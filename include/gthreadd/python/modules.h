/* SPDX-License-Identifier: MIT */
/*
 * What Python has imported. Python-free.
 */
#ifndef GTHREADD_PYTHON_MODULES_H
#define GTHREADD_PYTHON_MODULES_H

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/settings.h"

/* Called with the GIL; path is valid during the call. */
typedef void gt_modules_visit(void *arg, const char *path);

/*
 * Visit the absolute path of the file of each module in sys.modules, and what
 * the patterns in globs match (Python's glob, ** included) at the moment.
 * Errors: GT_PYTHON (logged).
 */
GT_MUST_CHECK enum gt_err gt_modules_files(const struct gt_strv *globs,
                                           gt_modules_visit *visit,
                                           void *arg) GT_NEEDS_GIL;

#endif
