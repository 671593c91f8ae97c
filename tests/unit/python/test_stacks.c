/* SPDX-License-Identifier: MIT */
/* Stacks of threads as text. */
#include "gthreadd/python/pyobj.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/check.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/python/stacks.h"

/* What clang cannot follow: the GIL is held where Python calls. */
#define UNCHECKED GT_TSA(no_thread_safety_analysis)

static struct gt_settings settings;
static char none[] = "";
static char text[65536]; /* of the last call */
static size_t count;

static bool
tell_own(void *arg, unsigned long thread, char *out, size_t n)
{
	if (thread != *(unsigned long *)arg)
		return false;
	snprintf(out, n, "request=\"GET /\"");
	return true;
}

static void
keep(struct gt_buf *out)
{
	assert_true(out->len < sizeof(text));
	if (out->len > 0)
		memcpy(text, out->p, out->len);
	text[out->len] = '\0';
	gt_buf_fini(out);
}

/* look(thread): called from Python, so that there are frames. */
static PyObject *
look(PyObject *self, PyObject *arg)
{
	unsigned long own = gt_stacks_self();
	struct gt_buf out = {0};

	(void)self;
	gt_gil_entered();
	count = gt_stacks_add(&out, PyLong_AsUnsignedLong(arg), tell_own, &own);
	assert_null(PyErr_Occurred());
	keep(&out);
	Py_RETURN_NONE;
}

static PyMethodDef look_def = {"look", look, METH_O, NULL};

static void
run(const char *source)
{
	PyObject *dict = PyModule_GetDict(PyImport_AddModule("__main__"));
	PyObject *done = PyRun_String(source, Py_file_input, dict, dict);

	if (done == NULL)
		PyErr_Print();
	assert_non_null(done);
	Py_DECREF(done);
}

static void
calls_are_listed_outermost_first(void **state)
{
	(void)state;
	run("def inner(): look(0)\n"
	    "def outer(): inner()\n"
	    "outer()\n");
	assert_int_equal(count, 1);
	assert_string_equal(text, "Thread MainThread (request=\"GET /\"):\n"
	                          "  File \"<string>\", line 3, in <module>\n"
	                          "  File \"<string>\", line 2, in outer\n"
	                          "  File \"<string>\", line 1, in inner\n");
}

static const char begin_waiter[] =
    "import threading\n"
    "gate, there = threading.Event(), threading.Event()\n"
    "def wait_here():\n"
    "    there.set()\n"
    "    gate.wait()\n"
    "t = threading.Thread(target=wait_here, name='na\\u00efve\\udc80')\n"
    "t.start()\n"
    "there.wait()\n";

static void
every_thread_has_its_name(void **state)
{
	(void)state;
	run(begin_waiter);
	run("look(0)");
	assert_int_equal(count, 2);
	assert_non_null(strstr(text, "Thread MainThread (request"));
	assert_non_null(strstr(text, "Thread na\xc3\xafve\\udc80:\n"));
	assert_non_null(strstr(text, ", in wait_here\n"));
	run("gate.set(); t.join()");
}

static void
one_thread_is_asked_for_by_its_identity(void **state)
{
	(void)state;
	run(begin_waiter);
	run("look(t.ident)");
	assert_int_equal(count, 1);
	assert_null(strstr(text, "MainThread"));
	assert_non_null(strstr(text, ", in wait_here\n"));
	run("gate.set(); t.join(); look(t.ident)");
	assert_int_equal(count, 0);
	assert_string_equal(text, "");
}

/* What a thread that is stuck in threading would keep others from. */
static void
no_lock_of_threading_is_waited_for(void **state)
{
	(void)state;
	run("with threading._active_limbo_lock: look(0)");
	assert_int_equal(count, 1);
	assert_non_null(strstr(text, "Thread MainThread"));
}

static void
a_deep_stack_shows_its_innermost_calls(void **state)
{
	size_t lines = 0;

	(void)state;
	run("def down(n):\n"
	    "    return down(n - 1) if n else look(0)\n"
	    "down(300)\n");
	for (const char *p = text; (p = strstr(p, ", in down\n")) != NULL; p++)
		lines++;
	assert_int_equal(lines, 100);
	assert_non_null(strstr(text, "  ...\n"));
	assert_null(strstr(text, "<module>"));
}

static void
without_threading_the_identity_is_the_name(void **state)
{
	(void)state;
	run("import sys\n"
	    "saved = sys.modules.pop('threading')\n"
	    "look(0)\n"
	    "sys.modules['threading'] = saved\n");
	assert_int_equal(count, 1);
	assert_memory_equal(text, "Thread 0x", 9);
}

UNCHECKED int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls_are_listed_outermost_first),
	    cmocka_unit_test(every_thread_has_its_name),
	    cmocka_unit_test(one_thread_is_asked_for_by_its_identity),
	    cmocka_unit_test(no_lock_of_threading_is_waited_for),
	    cmocka_unit_test(a_deep_stack_shows_its_innermost_calls),
	    cmocka_unit_test(without_threading_the_identity_is_the_name),
	};
	PyObject *function;
	int failed;

	settings.chdir = settings.virtualenv = none;
	if (gt_interp_start(&settings) != GT_OK)
		return EXIT_FAILURE;
	PyRun_SimpleString("import threading");
	function = PyCFunction_New(&look_def, NULL);
	PyModule_AddObject(PyImport_AddModule("__main__"), "look", function);
	failed =
	    cmocka_run_group_tests_name("python stacks", tests, NULL, NULL);
	gt_interp_stop(true);
	return failed;
}
