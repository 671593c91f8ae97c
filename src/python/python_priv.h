/* SPDX-License-Identifier: MIT */
/* What the python layer keeps to itself. Python-free. */
#ifndef GTHREADD_PYTHON_PRIV_H
#define GTHREADD_PYTHON_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

#define GT_VENV_PATH 4096 /* octets of a path and its NUL */

/* A virtual environment (PEP 405) that this libpython can use. */
struct gt_venv {
	char python[GT_VENV_PATH]; /* its bin/python3 */
	char home[GT_VENV_PATH];   /* of the Python it was made with */
	bool is_foreign;           /* made with another build than ours */
};

/*
 * Look at the environment at path for the Python version "3.11" whose
 * interpreter is own_python. Errors: GT_INVALID; why (n octets) tells in one
 * line which component is wrong and how.
 */
GT_MUST_CHECK enum gt_err gt_venv_read(const char *path, const char *version,
                                       const char *own_python,
                                       struct gt_venv *out, char *why,
                                       size_t n);

#endif
