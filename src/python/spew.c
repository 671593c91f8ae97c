/* SPDX-License-Identifier: MIT */
/*
 * The setting spew: each line of Python code is written to standard error as
 * it is run. A trace function belongs to one thread, so every thread sets it.
 */
#include "gthreadd/python/spew.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/pyobj.h"

static const char source[] =
    "import linecache, os, sys, threading\n"
    "def trace(frame, event, arg):\n"
    "    if event == 'line':\n"
    "        code, number = frame.f_code, frame.f_lineno\n"
    "        text = linecache.getline(code.co_filename, number)\n"
    "        name = frame.f_globals.get('__name__')\n"
    "        line = '%s:%d: %s\\n' % (name, number, text.rstrip())\n"
    "        os.write(2, line.encode('utf-8', 'backslashreplace'))\n"
    "    return trace\n"
    "threading.settrace(trace)\n"
    "sys.settrace(trace)\n";

void
gt_spew_start(void)
{
	PyObject *done = gt_pyobj_eval(source, PyDict_New());

	if (done == NULL)
		gt_pyerr_log(GT_LOG_WARNING, "spew cannot trace");
	Py_XDECREF(done);
}
