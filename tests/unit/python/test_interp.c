/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping the interpreter. One process can do it once, so each
 * test looks at a child of its own.
 */
#include "gthreadd/python/pyobj.h"

#include "../cmocka_all.h"

#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"

/* Each child holds the GIL until it ends. */
/* Where the interpreter that we embed is installed, as Python code. */
#define PREFIX "os.path.dirname(os.path.dirname('" GT_PYTHON_PATH "'))"

#define UNCHECKED GT_TSA(no_thread_safety_analysis)

static struct gt_settings settings;
static char none[] = "", root[] = "/tmp/test_interp.XXXXXX";
static char folder_a[64], folder_b[64], venv_path[64];
static char *paths[] = {folder_a, folder_b};

/* In the child: is it so? */
static bool
holds(const char *expression)
{
	PyObject *dict = PyModule_GetDict(PyImport_AddModule("__main__"));
	PyObject *value;

	PyRun_SimpleString("import sys, os, threading");
	value = PyRun_String(expression, Py_eval_input, dict, dict);
	if (value == NULL || PyObject_IsTrue(value) != 1) {
		PyErr_Print();
		fprintf(stderr, "false: %s\n", expression);
		(void)PyRun_SimpleString("print(sys.path, sys.prefix, "
		                         "sys.executable, file=sys.stderr)");
		return false;
	}
	Py_DECREF(value);
	return true;
}

static void
in_child(int (*test)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(test());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

UNCHECKED static void
start(void)
{
	if (gt_interp_start(&settings) != GT_OK)
		_exit(2);
}

UNCHECKED static int
check_path(void)
{
	settings.chdir = root;
	settings.pythonpath = (struct gt_strv){paths, 2};
	settings.switch_interval_ms = 20;
	start();
	return !(holds("sys.path[0].startswith('/tmp/test_interp')") &&
	         holds("sys.path[1].endswith('/a')") &&
	         holds("sys.path[2].endswith('/b')") &&
	         holds("'lib-dynload' in ''.join(sys.path[3:])") &&
	         holds("sys.argv == ['gthreadd']") &&
	         holds("sys.getswitchinterval() == 0.02") &&
	         holds("sys.executable == '" GT_PYTHON_PATH "'"));
}

static void
paths_come_in_their_order(void **state)
{
	(void)state;
	in_child(check_path);
}

UNCHECKED static int
check_signals(void)
{
	const int sigs[] = {SIGTERM, SIGINT, SIGUSR1};
	char names[64];
	bool none_yet, some;

	start();
	none_yet = !gt_interp_signals(sigs, 3, names, sizeof(names));
	PyRun_SimpleString("import signal\n"
	                   "signal.signal(signal.SIGTERM, lambda *a: 0)\n"
	                   "signal.signal(signal.SIGUSR1, lambda *a: 0)\n");
	some = gt_interp_signals(sigs, 3, names, sizeof(names));
	return !(none_yet && some && strcmp(names, "SIGTERM, SIGUSR1") == 0);
}

static void
handlers_of_python_code_are_named(void **state)
{
	(void)state;
	in_child(check_signals);
}

UNCHECKED static int
check_venv(void)
{
	settings.virtualenv = venv_path;
	start();
	return !(holds("sys.prefix.endswith('/v')") &&
	         holds("sys.base_prefix == " PREFIX) &&
	         holds("sys.executable.endswith('/v/bin/python3')") &&
	         holds("__import__('only_here').x == 5") &&
	         holds("not any('dist-packages' in p for p in sys.path)"));
}

static void
a_virtualenv_is_entered(void **state)
{
	(void)state;
	in_child(check_venv);
}

UNCHECKED static int
check_foreign_venv(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd),
	         "sed -i 's,^home.*,home = /opt/o,' "
	         "%s/pyvenv.cfg",
	         venv_path);
	if (system(cmd) != 0)
		return 3;
	settings.virtualenv = venv_path;
	start();
	return !(holds("sys.prefix.endswith('/v')") &&
	         holds("sys.executable.endswith('/v/bin/python3')") &&
	         holds("os.__file__.startswith(" PREFIX " + '/lib/')") &&
	         holds("__import__('only_here').x == 5") &&
	         holds("not any('dist-packages' in p for p in sys.path)"));
}

static void
a_virtualenv_of_another_build_keeps_our_library(void **state)
{
	(void)state;
	in_child(check_foreign_venv);
}

UNCHECKED static int
check_broken_venv(void)
{
	settings.virtualenv = root;
	return gt_interp_start(&settings) != GT_PYTHON;
}

static void
a_broken_virtualenv_is_refused(void **state)
{
	(void)state;
	in_child(check_broken_venv);
}

UNCHECKED static int
check_stop(void)
{
	char text[32] = "", out[96];
	FILE *f;

	settings.chdir = root;
	start();
	PyRun_SimpleString(
	    "import atexit, threading, time, sys\n"
	    "f = open(sys.path[0] + '/out', 'w', 1)\n"
	    "def late():\n    time.sleep(0.1); f.write('thread ')\n"
	    "threading.Thread(target=late).start()\n"
	    "atexit.register(lambda: f.write('atexit\\n'))\n");
	gt_interp_stop(false);
	snprintf(out, sizeof(out), "%s/out", root);
	f = fopen(out, "r");
	if (f == NULL || fgets(text, sizeof(text), f) == NULL)
		return 1;
	fclose(f);
	return strcmp(text, "thread atexit\n") != 0;
}

static void
stop_joins_threads_and_runs_atexit(void **state)
{
	(void)state;
	in_child(check_stop);
}

static int
make_folders(void **state)
{
	char command[512];

	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	settings.chdir = settings.virtualenv = none;
	snprintf(folder_a, sizeof(folder_a), "%s/a", root);
	snprintf(folder_b, sizeof(folder_b), "%s/b", root);
	snprintf(venv_path, sizeof(venv_path), "%s/v", root);
	snprintf(command, sizeof(command),
	         "mkdir %s/a %s/b && %s -m venv --without-pip %s && "
	         "for d in %s/lib/python*/site-packages; do "
	         "echo 'x = 5' >$d/only_here.py; done",
	         root, root, GT_PYTHON_PATH, venv_path, venv_path);
	return system(command);
}

static int
remove_folders(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_come_in_their_order),
	    cmocka_unit_test(handlers_of_python_code_are_named),
	    cmocka_unit_test(a_virtualenv_is_entered),
	    cmocka_unit_test(a_virtualenv_of_another_build_keeps_our_library),
	    cmocka_unit_test(a_broken_virtualenv_is_refused),
	    cmocka_unit_test(stop_joins_threads_and_runs_atexit),
	};

	return cmocka_run_group_tests_name("python interp", tests, make_folders,
	                                   remove_folders);
}
