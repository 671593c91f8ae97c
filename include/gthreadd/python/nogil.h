/* SPDX-License-Identifier: MIT */
/*
 * What a free-threaded CPython (PEP 703) needs, which has no GIL to order
 * threads; where there is one, all this comes to nothing. Includes Python.h:
 * only python and wsgi may include this.
 */
#ifndef GTHREADD_PYTHON_NOGIL_H
#define GTHREADD_PYTHON_NOGIL_H

#include "gthreadd/python/pyobj.h"

/*
 * Inside a section, one thread at a time is with the object o, as with the
 * GIL; of use only where Python has none, nothing else where it has one. Like
 * the GIL it opens while the thread waits, and may open while code of the app
 * runs. They end in the reverse order of their beginnings. o may be NULL, and
 * must outlive the section.
 * https://docs.python.org/3/c-api/synchronization.html
 */
struct gt_pyobj_section;
static inline void gt_pyobj_section_begin(struct gt_pyobj_section *s,
                                          PyObject *o);
static inline void gt_pyobj_section_end(struct gt_pyobj_section *s);
/*
 * The items of a list or tuple, for PySequence_Fast_ITEMS, that no other
 * thread changes before this one lets the GIL go, or at all where there is
 * none. New reference; NULL: exception.
 */
static inline PyObject *gt_pyobj_items(PyObject *o);
/* Module m needs no GIL: without this, importing it would turn the GIL on. */
static inline void gt_pyobj_needs_no_gil(PyObject *m);

#ifdef Py_GIL_DISABLED

#define GT_FREE_THREADED true

struct gt_pyobj_section {
	PyCriticalSection section;
	bool has_begun;
};

static inline void
gt_pyobj_section_begin(struct gt_pyobj_section *s, PyObject *o)
{
	if ((s->has_begun = o != NULL))
		PyCriticalSection_Begin(&s->section, o);
}

static inline void
gt_pyobj_section_end(struct gt_pyobj_section *s)
{
	if (s->has_begun)
		PyCriticalSection_End(&s->section);
}

static inline PyObject *
gt_pyobj_items(PyObject *o)
{
	if (PyList_Check(o))
		return PyList_AsTuple(o);
	Py_INCREF(o);
	return o;
}

static inline void
gt_pyobj_needs_no_gil(PyObject *m)
{
	(void)PyUnstable_Module_SetGIL(m, Py_MOD_GIL_NOT_USED);
}

#else

#define GT_FREE_THREADED false

struct gt_pyobj_section {
	PyObject *o;
};

static inline void
gt_pyobj_section_begin(struct gt_pyobj_section *s, PyObject *o)
{
	s->o = o;
}

static inline void
gt_pyobj_section_end(struct gt_pyobj_section *s)
{
	s->o = NULL;
}

static inline PyObject *
gt_pyobj_items(PyObject *o)
{
	Py_INCREF(o);
	return o;
}

static inline void
gt_pyobj_needs_no_gil(PyObject *m)
{
	(void)m;
}

#endif

#endif
