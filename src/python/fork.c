/* SPDX-License-Identifier: MIT */
/*
 * Forking with Python: its own preparations before and after, and two forks in
 * a row, so that the child belongs to another process.
 */
#include <Python.h>

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/python/fork.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/pyobj.h"

/* Only what is async-signal-safe: other threads may have held locks. */
static void
fork_again(void (*born)(void *arg, pid_t pid), void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		return;
	born(arg, pid < 0 ? -errno : pid);
	_exit(0);
}

int
gt_pyfork_orphan(void (*born)(void *arg, pid_t pid), void *arg)
{
	pid_t middle, done;
	int saved;

	PyOS_BeforeFork();
	middle = fork();
	if (middle == 0) {
		fork_again(born, arg);
		PyOS_AfterFork_Child();
		return 0;
	}
	saved = errno;
	PyOS_AfterFork_Parent();
	errno = saved;
	if (middle < 0)
		return -1;
	do
		done = waitpid(middle, NULL, 0);
	while (done < 0 && errno == EINTR);
	return 1;
}

void
gt_pyfork_freeze(void)
{
	if (gt_pyobj_run("gc", "freeze", "()") != GT_OK)
		gt_pyerr_log(GT_LOG_WARNING, "gc.freeze() failed");
}

static PyObject *threads(void) GT_NEEDS_GIL;
static size_t add_names(PyObject *list, char *out, size_t size) GT_NEEDS_GIL;

/* threading.enumerate(); NULL: exception. */
static PyObject *
threads(void)
{
	PyObject *m = PyImport_ImportModule("threading"), *list = NULL;

	if (m != NULL)
		list = PyObject_CallMethod(m, "enumerate", NULL);
	Py_XDECREF(m);
	return list;
}

/* Of all but the one that runs this. */
static size_t
add_names(PyObject *list, char *out, size_t size)
{
	unsigned long self = PyThread_get_thread_ident();
	size_t len = 0, n = 0;

	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
		PyObject *t = PyList_GET_ITEM(list, i), *octets = NULL;
		PyObject *ident = PyObject_GetAttrString(t, "ident");
		PyObject *name = PyObject_GetAttrString(t, "name");

		if (name != NULL && PyUnicode_Check(name))
			octets = gt_pyobj_utf8(name);
		if (octets != NULL && ident != NULL &&
		    (ident == Py_None ||
		     PyLong_AsUnsignedLongMask(ident) != self)) {
			if (len < size)
				len +=
				    (size_t)snprintf(out + len, size - len,
				                     "%s%s", n > 0 ? ", " : "",
				                     PyBytes_AS_STRING(octets));
			n++;
		}
		PyErr_Clear();
		Py_XDECREF(octets);
		Py_XDECREF(name);
		Py_XDECREF(ident);
	}
	return n;
}

size_t
gt_pyfork_threads(char *out, size_t size)
{
	PyObject *list = threads();
	size_t n = 0;

	out[0] = '\0';
	if (list != NULL && PyList_Check(list))
		n = add_names(list, out, size);
	PyErr_Clear();
	Py_XDECREF(list);
	return n;
}
