/* SPDX-License-Identifier: MIT */
/* Pieces of Python source, and their results. */
#include "gthreadd/python/pyobj.h"

#include "../cmocka_all.h"

#include <stdlib.h>

#include "gthreadd/python/interp.h"

/* The main thread has the GIL from the first line to the last. */
#define UNCHECKED GT_TSA(no_thread_safety_analysis)

static struct gt_settings settings;
static char none[] = "";

UNCHECKED static void
source_sees_its_names_and_gives_its_result(void **state)
{
	char a[] = "a", b[] = "\xc3\xa4";
	char *v[] = {a, b};
	const struct gt_strv list = {v, 2};
	PyObject *result;

	(void)state;
	result =
	    gt_pyobj_eval("result = len(list) * factor\n",
	                  Py_BuildValue("{s:N,s:i}", "list",
	                                gt_pyobj_list(&list), "factor", 21));
	assert_non_null(result);
	assert_int_equal(PyLong_AsLong(result), 42);
	Py_DECREF(result);
}

UNCHECKED static void
source_without_a_result_gives_none(void **state)
{
	PyObject *result = gt_pyobj_eval("x = max(1, 2)\n", PyDict_New());

	(void)state;
	assert_ptr_equal(result, Py_None);
	Py_DECREF(result);
}

UNCHECKED static void
what_the_source_raises_is_raised(void **state)
{
	(void)state;
	assert_null(gt_pyobj_eval("result = 1\n1 / 0\n", PyDict_New()));
	assert_true(PyErr_ExceptionMatches(PyExc_ZeroDivisionError));
	PyErr_Clear();
}

UNCHECKED static void
without_names_nothing_is_run(void **state)
{
	(void)state;
	PyErr_SetString(PyExc_ValueError, "as it was");
	assert_null(gt_pyobj_eval("raise KeyError\n", NULL));
	assert_true(PyErr_ExceptionMatches(PyExc_ValueError));
	PyErr_Clear();
}

UNCHECKED int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(source_sees_its_names_and_gives_its_result),
	    cmocka_unit_test(source_without_a_result_gives_none),
	    cmocka_unit_test(what_the_source_raises_is_raised),
	    cmocka_unit_test(without_names_nothing_is_run),
	};
	int failed;

	settings.chdir = settings.virtualenv = none;
	if (gt_interp_start(&settings) != GT_OK)
		return EXIT_FAILURE;
	failed = cmocka_run_group_tests_name("python pyobj", tests, NULL, NULL);
	gt_interp_stop(true);
	return failed;
}
