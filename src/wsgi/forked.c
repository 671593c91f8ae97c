/* SPDX-License-Identifier: MIT */
/*
 * A process that the application forks is a copy of the worker with one
 * thread. It may do what it likes, but it must not go on as a worker: it would
 * answer the client a second time, never end, and hold the sockets. So when it
 * comes back from the application it ends.
 */
#include <stdlib.h>
#include <unistd.h>

#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/python/pyerr.h"
#include "wsgi_priv.h"

#define CAPSULE "gthreadd.app"

/* There is no log thread in the new process: it writes for itself. */
static PyObject *
after_in_child(PyObject *self, PyObject *unused)
{
	struct gt_app *app = PyCapsule_GetPointer(self, CAPSULE);

	(void)unused;
	gt_gil_entered();
	if (app == NULL)
		return NULL;
	gt_log_set_sink(NULL, NULL);
	gt_log_set_tee(NULL, NULL);
	app->is_forked = true;
	Py_RETURN_NONE;
}

static PyMethodDef after_def = {"after_in_child", after_in_child, METH_NOARGS,
                                NULL};

static PyObject *make_arguments(struct gt_app *app) GT_NEEDS_GIL;

/* {"after_in_child": function}; NULL: exception. */
static PyObject *
make_arguments(struct gt_app *app)
{
	PyObject *capsule = PyCapsule_New(app, CAPSULE, NULL), *function;

	if (capsule == NULL)
		return NULL;
	function = PyCFunction_New(&after_def, capsule);
	Py_DECREF(capsule);
	return function == NULL
	           ? NULL
	           : Py_BuildValue("{s:N}", "after_in_child", function);
}

enum gt_err
gt_app_watch_forks(struct gt_app *app)
{
	PyObject *os = PyImport_ImportModule("os"), *add = NULL;
	PyObject *none = PyTuple_New(0), *args = make_arguments(app);
	PyObject *done = NULL;

	if (os != NULL)
		add = PyObject_GetAttrString(os, "register_at_fork");
	if (add != NULL && none != NULL && args != NULL)
		done = PyObject_Call(add, none, args);
	if (done == NULL)
		gt_pyerr_log(GT_LOG_ERROR, "forks cannot be watched");
	Py_XDECREF(args);
	Py_XDECREF(none);
	Py_XDECREF(add);
	Py_XDECREF(os);
	if (done == NULL)
		return GT_PYTHON;
	Py_DECREF(done);
	return GT_OK;
}

static int exit_code(void) GT_NEEDS_GIL;

/* What sys.exit() was called with, as python3 reads it. Takes the exception. */
static int
exit_code(void)
{
	PyObject *type, *value, *tb, *code = NULL;
	long n = 1;

	PyErr_Fetch(&type, &value, &tb);
	PyErr_NormalizeException(&type, &value, &tb);
	if (value != NULL)
		code = PyObject_GetAttrString(value, "code");
	if (code == Py_None)
		n = 0;
	else if (code != NULL && PyLong_Check(code))
		n = (long)(PyLong_AsUnsignedLongMask(code) & 0xff);
	else if (code != NULL)
		(void)PyFile_WriteObject(code, PySys_GetObject("stderr"),
		                         Py_PRINT_RAW);
	Py_XDECREF(code);
	return (int)n;
}

void
gt_fork_end(void)
{
	static const char what[] = "a process that the application has forked "
	                           "came back from it and is ended "
	                           "(os._exit() ends one)";
	int code = 1;

	if (PyErr_Occurred() == NULL)
		gt_log_error("%s", what);
	else if (PyErr_ExceptionMatches(PyExc_SystemExit))
		code = exit_code();
	else
		gt_pyerr_log(GT_LOG_ERROR, "%s", what);
	gt_interp_flush();
	_exit(code);
}
