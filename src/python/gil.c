/* SPDX-License-Identifier: MIT */
/*
 * Thread states and the GIL. A thread of ours makes its state once; a thread
 * of the app may pause and resume too (it waits in wsgi.input). Knows nothing
 * of requests.
 */
#include <Python.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/pyobj.h"

/* What clang cannot follow: the GIL goes by other names here. */
#define UNCHECKED GT_TSA(no_thread_safety_analysis)

static _Thread_local PyThreadState *state; /* while the GIL is not held */
static _Thread_local PyGILState_STATE ensured;
static _Thread_local int64_t waited_us;

/*
 * The name of a thread that Python did not start: current_thread() makes a
 * daemonic object for it, so nobody waits for it at the end.
 */
static void
name_thread(const char *name)
{
	PyObject *threading, *thread = NULL, *text = NULL;
	bool done = false;

	if ((threading = PyImport_ImportModule("threading")) != NULL)
		thread = PyObject_CallMethod(threading, "current_thread", NULL);
	if (thread != NULL && (text = PyUnicode_FromString(name)) != NULL)
		done = PyObject_SetAttrString(thread, "name", text) == 0;
	if (!done)
		PyErr_Clear();
	Py_XDECREF(text);
	Py_XDECREF(thread);
	Py_XDECREF(threading);
}

UNCHECKED void
gt_gil_thread_init(const char *name)
{
	gt_assert_no_lock();
	ensured = PyGILState_Ensure();
	gt_check_gil_held(true);
	if (name != NULL)
		name_thread(name);
	gt_check_gil_held(false);
	state = PyEval_SaveThread();
}

UNCHECKED void
gt_gil_thread_fini(void)
{
	gt_assert_no_lock();
	PyEval_RestoreThread(state);
	PyGILState_Release(ensured);
	state = NULL;
}

UNCHECKED void
gt_gil_take(void)
{
	gt_assert_no_lock();
	PyEval_RestoreThread(state);
	gt_check_gil_held(true);
}

UNCHECKED void
gt_gil_give(void)
{
	gt_check_gil_held(false);
	state = PyEval_SaveThread();
}

void
gt_gil_pause(void)
{
	gt_gil_give();
}

int64_t
gt_gil_resume(void)
{
	int64_t from = gt_clock_us(), us;

	gt_gil_take();
	us = gt_clock_us() - from;
	waited_us += us;
	return us;
}

int64_t
gt_gil_waited_us(void)
{
	int64_t us = waited_us;

	waited_us = 0;
	return us;
}

UNCHECKED void
gt_gil_entered(void)
{
	GT_ASSERT(PyGILState_Check());
	gt_check_gil_held(true);
}
