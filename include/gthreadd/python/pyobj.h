/* SPDX-License-Identifier: MIT */
/*
 * Small helpers on Python objects, and the differences between the versions
 * of CPython. Includes Python.h: only python and wsgi may include this.
 */
#ifndef GTHREADD_PYTHON_PYOBJ_H
#define GTHREADD_PYTHON_PYOBJ_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/config/settings.h"

/* Strings of the old kind had to be made ready before use. */
#if PY_VERSION_HEX < 0x030c0000
#define GT_PYOBJ_READY(o) (PyUnicode_READY(o) == 0)
#else
#define GT_PYOBJ_READY(o) (true)
#endif

/* What the names of programs and folders have behind the version. */
#ifdef Py_GIL_DISABLED
#define GT_PYOBJ_ABI "t"
#else
#define GT_PYOBJ_ABI ""
#endif

/* A static type cannot name its size and base any shorter. */
#define GT_PYOBJ_HEAD_INIT PyVarObject_HEAD_INIT(NULL, 0)

/* A method table wants PyCFunction, whatever the function takes. */
#define GT_PYOBJ_METHOD(f) ((PyCFunction)(void (*)(void))(f))

/* Octets to a native string: each octet is the code point of its value. */
static inline PyObject *
gt_pyobj_latin1(struct gt_str s)
{
	return PyUnicode_DecodeLatin1(s.p, (Py_ssize_t)s.n, NULL);
}

/*
 * The octets of a native string, borrowed. false: o is no str, or has
 * characters beyond latin-1; no exception is set.
 */
static inline bool
gt_pyobj_octets(PyObject *o, struct gt_str *out)
{
	if (!PyUnicode_Check(o) || !GT_PYOBJ_READY(o) ||
	    PyUnicode_KIND(o) != PyUnicode_1BYTE_KIND)
		return false;
	out->p = (const char *)PyUnicode_1BYTE_DATA(o);
	out->n = (size_t)PyUnicode_GET_LENGTH(o);
	return true;
}

/* Is str o exactly these octets? */
static inline bool
gt_pyobj_is(PyObject *o, struct gt_str s)
{
	struct gt_str have;

	return gt_pyobj_octets(o, &have) && gt_str_eq(have, s);
}

/* Is this the only reference but n - 1 known ones? */
static inline bool
gt_pyobj_has_refs(PyObject *o, Py_ssize_t n)
{
	return Py_REFCNT(o) == n;
}

/* dict[key], a new reference. NULL: not there, or an exception. */
#if PY_VERSION_HEX >= 0x030d0000
static inline PyObject *
gt_pyobj_dict_get(PyObject *dict, PyObject *key)
{
	PyObject *value;

	(void)PyDict_GetItemRef(dict, key, &value);
	return value;
}
#else
static inline PyObject *
gt_pyobj_dict_get(PyObject *dict, PyObject *key)
{
	PyObject *value = PyDict_GetItemWithError(dict, key);

	Py_XINCREF(value);
	return value;
}
#endif

/*
 * An attribute that may be missing: *out is NULL then. Errors: GT_PYTHON (an
 * exception other than AttributeError is set).
 */
GT_MUST_CHECK enum gt_err gt_pyobj_attr(PyObject *o, const char *name,
                                        PyObject **out) GT_NEEDS_GIL;
/* The octets of s as UTF-8; lone surrogates are escaped. NULL: exception. */
PyObject *gt_pyobj_utf8(PyObject *s) GT_NEEDS_GIL;
/* sys.path.insert(at, path). Errors: GT_PYTHON (exception set). */
GT_MUST_CHECK enum gt_err gt_pyobj_path_insert(Py_ssize_t at,
                                               const char *path) GT_NEEDS_GIL;
/* module.name(args), fmt as in Py_BuildValue; result dropped. */
GT_MUST_CHECK enum gt_err gt_pyobj_run(const char *module, const char *name,
                                       const char *fmt, ...) GT_NEEDS_GIL;
/* A list of str, as file names are decoded. NULL: exception. */
PyObject *gt_pyobj_list(const struct gt_strv *v) GT_NEEDS_GIL;
/*
 * Run Python source; globals, which are taken, are its names. Returns what it
 * has called `result`, else None. NULL: exception, also when globals is NULL.
 */
PyObject *gt_pyobj_eval(const char *source, PyObject *globals) GT_NEEDS_GIL;

#endif
