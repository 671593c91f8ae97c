/* SPDX-License-Identifier: MIT */
/* Loading an application: specs, hints, failures. */
#include "gthreadd/python/pyobj.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/log.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/wsgi/wsgi.h"

static struct gt_settings settings;
static char logged[16384], none[] = "", dir[] = "/tmp/test_app.XXXXXX";

static void
keep_log(void *arg, const char *line, size_t n)
{
	size_t have = strlen(logged);

	(void)arg;
	if (n > sizeof(logged) - have - 1)
		n = sizeof(logged) - have - 1;
	memcpy(logged + have, line, n);
	logged[have + n] = '\0';
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static enum gt_err
load(const char *spec)
{
	char text[256];
	struct gt_app *app = NULL;
	enum gt_err rc;

	gt_assert_gil();
	snprintf(text, sizeof(text), "%s", spec);
	logged[0] = '\0';
	settings.app = text;
	settings.paste = none;
	rc = gt_app_load(&settings, true, &app);
	assert_null(PyErr_Occurred());
	if (rc == GT_OK)
		gt_app_destroy(app);
	return rc;
}

static void
assert_fails(const char *spec, const char *says)
{
	assert_int_equal(load(spec), GT_PYTHON);
	if (strstr(logged, says) == NULL)
		fail_msg("%s: no \"%s\" in: %s", spec, says, logged);
}

static void
specs_are_checked_without_python(void **state)
{
	static const char *const good[] = {"m",
	                                   "m:app",
	                                   "pkg.mod:app",
	                                   "pkg.mod:obj.app",
	                                   "m:make(1)",
	                                   "m:make()",
	                                   "m:a.make('x, y', k=[1])",
	                                   "hello.py",
	                                   "_m1:_a1",
	                                   "m\xc3\xa9:app"};
	static const char *const bad[] = {
	    "",      ":app",  "m:",      "a/b.py:app", "1m",
	    "m:1a",  "m..n",  "m.:app",  ".m",         "m:a b",
	    "m:a(1", "m:(1)", "m-n:app", "m:a:b"};
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (gt_app_check_syntax(good[i], &why) != GT_OK)
			fail_msg("%s: %s", good[i], why);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (gt_app_check_syntax(bad[i], &why) != GT_INVALID)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(why);
	}
}

static void
names_and_factories_are_found(void **state)
{
	(void)state;
	write_file("good.py", "def application(e, s): pass\n"
	                      "class ns: app = application\n"
	                      "def make(*a, **k):\n"
	                      "    assert (a, k) in [((), {}), ((1, 'x, y'), "
	                      "{'k': [None, -2]})]\n"
	                      "    return application\n");
	assert_int_equal(load("good"), GT_OK);
	assert_int_equal(load("good:application"), GT_OK);
	assert_int_equal(load("good:ns.app"), GT_OK);
	assert_int_equal(load("good:make()"), GT_OK);
	assert_int_equal(load("good:make(1, 'x, y', k=[None, -2])"), GT_OK);
}

static void
import_errors_show_the_traceback(void **state)
{
	(void)state;
	write_file("broken.py", "import nowhere_to_be_found\n");
	write_file("syntax.py", "def x(:\n");
	assert_fails("broken", "module 'broken' cannot be imported");
	assert_non_null(strstr(logged, "Traceback"));
	assert_non_null(strstr(logged, "nowhere_to_be_found"));
	assert_fails("syntax", "SyntaxError");
	assert_fails("missing_module", "No module named 'missing_module'");
}

static void
a_file_name_gets_a_hint(void **state)
{
	(void)state;
	write_file("hello.py", "x = 1\n");
	assert_int_equal(chdir(dir), 0);
	assert_fails("hello.py", "did you mean 'hello:application'?");
}

static void
a_dot_in_the_place_of_the_colon_gets_a_hint(void **state)
{
	(void)state;
	write_file("dotted.py", "def app(e, s): pass\n");
	assert_fails("dotted.app", "did you mean 'dotted:app'?");
	assert_fails("dotted.none", "'dotted' is not a package");
	assert_null(strstr(logged, "did you mean"));
}

static void
a_missing_name_gets_a_hint(void **state)
{
	(void)state;
	write_file("names.py", "def app(e, s): pass\ndata = 5\n");
	assert_fails("names", "has no 'application': did you mean "
	                      "'names:app'?");
	assert_fails("names:ap", "did you mean 'names:app'?");
	assert_fails("names:data", "'names:data' is int, which is not "
	                           "callable");
	assert_fails("names:make()", "has no 'make()'");
}

static void
a_failing_factory_is_reported(void **state)
{
	(void)state;
	write_file("fact.py", "def make(a): raise RuntimeError('boom')\n"
	                      "def nil(): pass\n");
	assert_fails("fact:make(1)", "factory 'fact:make(1)' failed");
	assert_non_null(strstr(logged, "RuntimeError: boom"));
	assert_fails("fact:make()", "missing 1 required positional");
	assert_fails("fact:nil()", "NoneType, which is not callable");
	assert_fails("fact:make(nil)", "literal arguments");
	assert_fails("fact:make(__import__('os'))", "literal arguments");
	assert_fails("fact:make(**{})", "literal arguments");
}

static void
an_exit_at_import_is_a_failure(void **state)
{
	(void)state;
	write_file("exits.py", "import sys\nsys.exit(7)\n");
	assert_fails("exits", "ended the process at import");
	assert_non_null(strstr(logged, "SystemExit: 7"));
}

/* The GIL is held from start to stop. */
GT_TSA(no_thread_safety_analysis)
int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(specs_are_checked_without_python),
	    cmocka_unit_test(names_and_factories_are_found),
	    cmocka_unit_test(import_errors_show_the_traceback),
	    cmocka_unit_test(a_file_name_gets_a_hint),
	    cmocka_unit_test(a_dot_in_the_place_of_the_colon_gets_a_hint),
	    cmocka_unit_test(a_missing_name_gets_a_hint),
	    cmocka_unit_test(a_failing_factory_is_reported),
	    cmocka_unit_test(an_exit_at_import_is_a_failure),
	};
	char command[64];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	settings.chdir = dir;
	settings.virtualenv = none;
	settings.request_id_header = none;
	gt_module_register();
	if (gt_interp_start(&settings) != GT_OK)
		return 1;
	(void)PyRun_SimpleString("import sys\n"
	                         "sys.dont_write_bytecode = True\n");
	gt_log_set_sink(keep_log, NULL);
	failed = cmocka_run_group_tests_name("wsgi app", tests, NULL, NULL);
	gt_log_set_sink(NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	if (system(command) != 0)
		failed++;
	gt_interp_stop(true);
	return failed;
}
