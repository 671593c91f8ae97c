/* SPDX-License-Identifier: MIT */
/* Threads and the GIL; exceptions as text. */
#include "gthreadd/python/nogil.h"
#include "gthreadd/python/pyerr.h"

#include "../cmocka_all.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/lock.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"

/* One test holds, gives and takes the GIL in turns. */
#define UNCHECKED GT_TSA(no_thread_safety_analysis)

static struct gt_settings settings;
static char none[] = "";

static bool
holds(const char *expression)
{
	PyObject *dict = PyModule_GetDict(PyImport_AddModule("__main__"));
	PyObject *value = PyRun_String(expression, Py_eval_input, dict, dict);
	bool is = value != NULL && PyObject_IsTrue(value) == 1;

	Py_XDECREF(value);
	PyErr_Clear();
	return is;
}

static void *
named_thread(void *arg)
{
	bool *ok = arg;

	gt_gil_thread_init("gthreadd-3");
	gt_gil_take();
	*ok = holds("__import__('threading').current_thread().name == "
	            "'gthreadd-3'") &&
	      holds("__import__('threading').current_thread().daemon");
	gt_gil_give();
	gt_gil_take(); /* the same state serves again */
	*ok = *ok && holds("True");
	gt_gil_give();
	gt_gil_thread_fini();
	return NULL;
}

UNCHECKED static void
a_thread_has_its_name_and_keeps_its_state(void **state)
{
	struct gt_thread t;
	bool ok = false;

	(void)state;
	gt_assert_gil();
	assert_int_equal(gt_thread_create(&t, "x", named_thread, &ok), GT_OK);
	gt_gil_pause();
	gt_thread_join(&t);
	gt_gil_resume();
	assert_true(ok);
}

static atomic_bool is_held, is_wanted;

/* Until a while after it is wanted. */
static void *
hold_gil(void *arg)
{
	struct timespec t = {0, 20000000};

	(void)arg;
	gt_gil_thread_init(NULL);
	gt_gil_take();
	atomic_store(&is_held, true);
	while (!atomic_load(&is_wanted))
		sched_yield();
	nanosleep(&t, NULL);
	gt_gil_give();
	gt_gil_thread_fini();
	return NULL;
}

UNCHECKED static int64_t
wait_for_holder(void)
{
	struct gt_thread t;
	int64_t us;

	atomic_store(&is_held, false);
	atomic_store(&is_wanted, false);
	assert_int_equal(gt_thread_create(&t, "x", hold_gil, NULL), GT_OK);
	gt_gil_pause();
	while (!atomic_load(&is_held))
		sched_yield();
	atomic_store(&is_wanted, true);
	us = gt_gil_resume();
	assert_true(gt_gil_waited_us() == us);
	assert_true(gt_gil_waited_us() == 0);
	gt_gil_pause();
	gt_thread_join(&t);
	gt_gil_resume();
	(void)gt_gil_waited_us();
	return us;
}

UNCHECKED static void
resume_measures_the_wait(void **state)
{
	int64_t us = 0;

	(void)state;
	if (GT_FREE_THREADED)
		skip(); /* nobody waits */
	gt_assert_gil();
	(void)gt_gil_waited_us();
	/* On a busy machine this thread may come after the holder's end. */
	for (int i = 0; i < 50 && us <= 1000; i++)
		us = wait_for_holder();
	assert_true(us > 1000);
}

static void
raise_it(const char *source)
{
	PyObject *dict = PyModule_GetDict(PyImport_AddModule("__main__"));

	assert_null(PyRun_String(source, Py_file_input, dict, dict));
}

static void
an_exception_is_printed_as_python_prints_it(void **state)
{
	struct gt_buf out = {0};

	(void)state;
	gt_assert_gil();
	raise_it(
	    "try: 1 / 0\nexcept Exception as e: raise KeyError('k') from e");
	gt_pyerr_take(&out);
	assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
	assert_non_null(strstr(out.p, "Traceback (most recent call last)"));
	assert_non_null(strstr(out.p, "ZeroDivisionError: division by zero"));
	assert_non_null(strstr(out.p, "direct cause"));
	assert_non_null(strstr(out.p, "KeyError: 'k'\n"));
	assert_null(PyErr_Occurred());
	gt_buf_fini(&out);
}

static void
a_broken_traceback_module_leaves_type_and_message(void **state)
{
	struct gt_buf out = {0};

	(void)state;
	gt_assert_gil();
	raise_it("import sys\nsaved = sys.modules['traceback']\n"
	         "sys.modules['traceback'] = None\n"
	         "raise ValueError('m\\udc80')");
	gt_pyerr_take(&out);
	assert_int_equal(out.len, strlen("ValueError: m\\udc80\n"));
	assert_memory_equal(out.p, "ValueError: m\\udc80\n", out.len);
	out.len = 0;
	raise_it("class Bad(BaseException):\n"
	         "    def __str__(self): raise SystemExit\n"
	         "raise Bad()");
	gt_pyerr_take(&out);
	assert_non_null(out.p);
	assert_memory_equal(out.p, "Bad\n", 4);
	assert_null(PyErr_Occurred());
	assert_true(holds("not sys.modules.update(traceback=saved)"));
	gt_buf_fini(&out);
}

static void
without_an_exception_nothing_is_said(void **state)
{
	struct gt_buf out = {0};

	(void)state;
	gt_assert_gil();
	gt_pyerr_take(&out);
	assert_int_equal(out.len, 0);
}

UNCHECKED int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_thread_has_its_name_and_keeps_its_state),
	    cmocka_unit_test(resume_measures_the_wait),
	    cmocka_unit_test(an_exception_is_printed_as_python_prints_it),
	    cmocka_unit_test(a_broken_traceback_module_leaves_type_and_message),
	    cmocka_unit_test(without_an_exception_nothing_is_said),
	};
	int failed;

	settings.chdir = settings.virtualenv = none;
	if (gt_interp_start(&settings) != GT_OK)
		return EXIT_FAILURE;
	PyRun_SimpleString("import traceback");
	failed = cmocka_run_group_tests_name("python gil", tests, NULL, NULL);
	gt_interp_stop(true);
	return failed;
}
