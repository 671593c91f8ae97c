/* SPDX-License-Identifier: MIT */
/* Records of a gunicorn Python config to settings, and to an INI file. */
#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/config/hooks.h"

#include "../../../src/config/config_priv.h"

static const char *records; /* what the child writes */
static struct gt_config *c;
static char *report;

/* In the child, in the place of Python. */
static int
write_records(const struct gt_pyconfig *ask)
{
	const char *p = records;
	ssize_t n = 0;

	for (; *p != '\0' && n >= 0; p += n)
		n = write(ask->fd, p, strlen(p));
	return 0;
}

static int
hang(const struct gt_pyconfig *ask)
{
	(void)ask;
	for (int i = 0; i < 1000; i++)
		pause();
	return 0;
}

static int
fini(void **state)
{
	(void)state;
	gt_config_destroy(c);
	free(report);
	c = NULL;
	report = NULL;
	return 0;
}

static enum gt_err
load_with(int (*entry)(const struct gt_pyconfig *), const char *option,
          const char *file)
{
	static struct gt_config_host host;
	char program[] = "gthreadd", quick[] = "--boot-timeout=100ms";
	char patient[] = "--boot-timeout=60";
	char *timeout = entry == hang ? quick : patient;
	char *argv[] = {program, strdup(option), strdup(file), timeout, NULL};
	char *env[] = {NULL};
	FILE *err;
	enum gt_err rc;
	size_t n;

	host.read_python = entry;
	err = open_memstream(&report, &n);
	assert_non_null(err);
	rc = gt_config_load(4, argv, env, &host, err, &c);
	assert_int_equal(fclose(err), 0);
	free(argv[1]);
	free(argv[2]);
	return rc;
}

static enum gt_err
try_load(const char *text)
{
	records = text;
	return load_with(write_records, "-c", "/g.py");
}

static const struct gt_settings *
load(const char *text)
{
	if (try_load(text) != GT_OK)
		fail_msg("%s", report);
	return gt_config_settings(c);
}

static const char *
import(const char *text)
{
	records = text;
	if (load_with(write_records, "--import-gunicorn", "/g.py") != GT_OK)
		fail_msg("%s", report);
	return gt_config_import(c);
}

static void
values_of_every_kind_become_settings(void **state)
{
	const struct gt_settings *v;

	(void)state;
	v = load("s\t1\twsgi_app\ta:b\n"
	         "i\t2\tworkers\t3\n"
	         "b\t3\tdaemon\ttrue\n"
	         "L\t4\tbind\t2\nl\t4\tbind\t:1\nl\t4\tbind\t:2\n"
	         "i\t5\tumask\t23\n"
	         "s\t6\tkeepalive\t1.5\n"
	         "c\t7\tworker_class\tgunicorn.workers.gthread.ThreadWorker\n"
	         "D\t8\tsecure_scheme_headers\t1\n"
	         "d\t8\tsecure_scheme_headers\tX-A=b\n"
	         "s\t9\taccess_log_format\ta\\\\b\\nc\n"
	         ".\n");
	assert_string_equal(v->app, "a:b");
	assert_int_equal(v->workers, 3);
	assert_true(v->daemon);
	assert_int_equal(v->bind.n, 2);
	assert_int_equal(v->umask, 027);
	assert_int_equal(v->keep_alive_ms, 1500);
	assert_int_equal(v->secure_scheme_headers.n, 1);
	assert_string_equal(v->secure_scheme_headers.v[0], "X-A=b");
	assert_string_equal(v->access_logformat, "a\\b\nc");
}

static void
none_is_the_default_and_empty_is_empty(void **state)
{
	const struct gt_settings *v;

	(void)state;
	v = load("s\t1\twsgi_app\ta:b\n"
	         "n\t2\tpidfile\t\n"
	         "L\t3\tforwarded_allow_ips\t0\n.\n");
	assert_string_equal(v->pid, "");
	assert_int_equal(v->forwarded_allow_ips.n, 0);
}

static void
mistakes_have_file_and_line(void **state)
{
	(void)state;
	assert_int_equal(try_load("s\t1\twsgi_app\ta:b\n"
	                          "s\t2\tworkers\tmany # x\n"
	                          "L\t3\ttimeout\t1\nl\t3\ttimeout\t1\n"
	                          "f\t4\tuser\t\n"
	                          "s\t5\tkeyfile\tx\n.\n"),
	                 GT_INVALID);
	assert_string_equal(
	    report,
	    "gthreadd: /g.py:3: setting 'timeout': must be one value, not a "
	    "list or dict\n"
	    "gthreadd: /g.py:4: setting 'user': must be a text, a number, a "
	    "bool or a list\n"
	    "gthreadd: /g.py:5: setting 'keyfile': this build does not have "
	    "TLS: a proxy in front can do it\n"
	    "gthreadd: /g.py:2: setting 'workers': 'many # x' is not a "
	    "number\n");
}

static void
names_of_the_files_own_are_left_alone(void **state)
{
	const char *const *w;

	(void)state;
	load("s\t1\twsgi_app\ta:b\n"
	     "s\t2\tlog\tx\ni\t3\tcores\t4\nf\t4\thelper\t\n"
	     "o\t5\tparser\tArgumentParser\n.\n");
	assert_int_equal(gt_config_warnings(c, &w), 0);
}

static void
a_near_miss_and_a_foreign_name_are_warned_of(void **state)
{
	const char *const *w;

	(void)state;
	load("s\t1\twsgi_app\ta:b\ni\t2\tworker\t4\n"
	     "s\t3\tworker_tmp_dir\t/x\n.\n");
	assert_int_equal(gt_config_warnings(c, &w), 2);
	assert_string_equal(w[0], "/g.py:2: 'worker' is no setting (did you "
	                          "mean 'workers'?)");
	assert_string_equal(w[1], "/g.py:3: setting 'worker-tmp-dir' has no "
	                          "effect: heartbeats are in shared memory");
}

static void
functions_with_names_of_hooks_become_hooks(void **state)
{
	(void)state;
	load("s\t1\twsgi_app\ta:b\nf\t2\tpost_fork\t\n"
	     "s\t3\tpre_request\tshop.hooks.begin\n"
	     "f\t4\tpost_frok\t\n.\n");
	assert_string_equal(
	    gt_hook_spec(gt_config_settings(c), GT_HOOK_post_fork),
	    "file:/g.py:post_fork");
	assert_string_equal(
	    gt_hook_spec(gt_config_settings(c), GT_HOOK_pre_request),
	    "shop.hooks:begin");
	fini(state);
	records = "s\t1\twsgi_app\ta:b\nf\t2\tpost_fork\t\n.\n";
	assert_int_equal(load_with(write_records, "-c", "python:shop.conf"),
	                 GT_OK);
	assert_string_equal(
	    gt_hook_spec(gt_config_settings(c), GT_HOOK_post_fork),
	    "shop.conf:post_fork");
	fini(state);
	assert_non_null(strstr(import("f\t2\tpost_fork\t\n.\n"),
	                       "\n[hooks]\n"
	                       "post_fork = file:/g.py:post_fork\n"));
}

static void
a_file_that_fails_is_reported_with_its_traceback(void **state)
{
	(void)state;
	assert_int_equal(try_load("!\nTraceback:\n  x\nError: \x1b\n.\n"),
	                 GT_INVALID);
	assert_string_equal(report,
	                    "gthreadd: command line: /g.py: the file failed\n"
	                    "Traceback:\n  x\nError: ?\n");
}

static void
a_child_that_ends_early_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(try_load("i\t1\tworkers\t3\n"), GT_INVALID);
	assert_string_equal(report, "gthreadd: command line: /g.py: cannot be "
	                            "run: its process ended early\n");
}

static void
a_child_that_hangs_is_given_up(void **state)
{
	(void)state;
	assert_int_equal(load_with(hang, "-c", "python:g"), GT_INVALID);
	assert_string_equal(report,
	                    "gthreadd: command line: python:g: the file takes "
	                    "longer than boot-timeout, 30 s at most\n");
}

static void
without_python_there_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(load_with(NULL, "-c", "file:g.py"), GT_INVALID);
	assert_string_equal(report, "gthreadd: command line: setting "
	                            "'config': 'file:g.py' needs Python to be "
	                            "read\n");
}

static void
the_same_records_make_an_ini_file(void **state)
{
	const char *text;

	(void)state;
	text = import("i\t1\tworkers\t3\nL\t2\traw_env\t1\n"
	              "l\t2\traw_env\tA=b=c\ni\t3\tumask\t0\n"
	              "s\t4\tworker_tmp_dir\t/x\ns\t5\tworker_class\tgevent\n"
	              "L\t6\tforwarded_allow_ips\t0\ni\t7\tkeepalive\t5\n.\n");
	assert_string_equal(
	    text,
	    "# Settings of gthreadd, made from /g.py. See gthreadd.ini(5).\n"
	    "[gthreadd]\n"
	    "workers = 3\n"
	    "umask = 00\n"
	    "# worker-tmp-dir = /x\n"
	    "#   without effect: heartbeats are in shared memory\n"
	    "# worker-class = gevent\n"
	    "#   'gevent' is none of gthread, sync\n"
	    "forwarded-allow-ips = \n"
	    "keep-alive = 5\n"
	    "# Not set, and 4 here; gunicorn's default is 1: applications "
	    "that were not written for threads need it\n"
	    "#threads = 1\n"
	    "\n[env]\n"
	    "A = b=c\n");
}

static void
an_import_of_a_broken_file_is_an_error(void **state)
{
	(void)state;
	records = "!\nError\n.\n";
	assert_int_equal(load_with(write_records, "--import-gunicorn", "/g.py"),
	                 GT_INVALID);
	assert_non_null(strstr(report, "/g.py: the file failed\nError\n"));
}

#define T(f) cmocka_unit_test_teardown(f, fini)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(values_of_every_kind_become_settings),
	    T(none_is_the_default_and_empty_is_empty),
	    T(mistakes_have_file_and_line),
	    T(names_of_the_files_own_are_left_alone),
	    T(a_near_miss_and_a_foreign_name_are_warned_of),
	    T(functions_with_names_of_hooks_become_hooks),
	    T(a_file_that_fails_is_reported_with_its_traceback),
	    T(a_child_that_ends_early_is_an_error),
	    T(a_child_that_hangs_is_given_up),
	    T(without_python_there_is_an_error),
	    T(the_same_records_make_an_ini_file),
	    T(an_import_of_a_broken_file_is_an_error),
	};

	return cmocka_run_group_tests_name("config gunicorn", tests, NULL,
	                                   NULL);
}
