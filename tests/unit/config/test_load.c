/* SPDX-License-Identifier: MIT */
/*
 * Files, environment and arguments to one snapshot: precedence, origins,
 * paths, relations, reports. Runs in a directory of its own.
 */
#include "../cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/config/config_priv.h"

#define NO_ENV   ((const char *const[]){NULL})
#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct gt_config *c;
static const struct gt_settings *v;
static char *report, *printed;
static char dir[] = "/tmp/test_load.XXXXXX";

static int
fini(void **state)
{
	(void)state;
	gt_config_destroy(c);
	free(report);
	free(printed);
	c = NULL;
	v = NULL;
	report = printed = NULL;
	unlink("x.ini");
	unlink("gunicorn.conf.py");
	return 0;
}

static int
enter_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL && chdir(dir) == 0 &&
	               mkdir("sub", 0777) == 0
	           ? 0
	           : -1;
}

static int
leave_dir(void **state)
{
	(void)state;
	return rmdir("sub") == 0 && chdir("/") == 0 ? rmdir(dir) : -1;
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool
has_colon(const char *value, const char **why)
{
	*why = "no colon";
	return strchr(value, ':') != NULL;
}

static const struct gt_config_check checks[] = {
    {"wsgi-app", has_colon}, {"pythonpath", has_colon}, {NULL, NULL}};

static struct gt_config_host host;

/* What the load before this one had to say is gone. */
static FILE *
open_report(void)
{
	static size_t n;
	FILE *err;

	free(report);
	report = NULL;
	err = open_memstream(&report, &n);
	assert_non_null(err);
	return err;
}

static enum gt_err
try_load(const struct gt_config_check *k, const char *line,
         const char *const env[])
{
	static char program[] = "gthreadd";
	struct gt_arena mem = {0};
	struct gt_strv argv = {0}, envp = {0};
	const char *why;
	FILE *err = open_report();
	enum gt_err rc;

	assert_int_equal(gt_strv_add(&mem, &argv, program), GT_OK);
	assert_int_equal(gt_split_words(&mem, line, &argv, &why), GT_OK);
	assert_int_equal(gt_strv_add(&mem, &argv, NULL), GT_OK);
	for (; *env != NULL; env++)
		assert_int_equal(
		    gt_strv_add(&mem, &envp,
		                gt_arena_strdup(&mem, gt_str_of(*env))),
		    GT_OK);
	assert_int_equal(gt_strv_add(&mem, &envp, NULL), GT_OK);
	host.checks = k;
	rc = gt_config_load((int)argv.n - 1, argv.v, envp.v, &host, err, &c);
	gt_arena_fini(&mem); /* nothing of it may be kept */
	assert_int_equal(fclose(err), 0);
	return rc;
}

static void
load(const char *line, const char *const env[])
{
	if (try_load(NULL, line, env) != GT_OK)
		fail_msg("%s", report);
	assert_string_equal(report, "");
	v = gt_config_settings(c);
}

static void
assert_fails(const char *line, const char *const env[], const char *want)
{
	assert_int_equal(try_load(NULL, line, env), GT_INVALID);
	assert_null(c);
	assert_string_equal(report, want);
}

static void
assert_printed(const char *line)
{
	size_t n;
	FILE *out;

	if (printed == NULL) {
		out = open_memstream(&printed, &n);
		assert_non_null(out);
		gt_config_print(c, out);
		assert_int_equal(fclose(out), 0);
	}
	if (strstr(printed, line) == NULL)
		fail_msg("no '%s' in:\n%s", line, printed);
}

static const char *
warning(size_t i)
{
	const char *const *w;

	assert_true(gt_config_warnings(c, &w) > i);
	return w[i];
}

static void
preload_gives_way_to_reload(void **state)
{
	(void)state;
	load("--preload a:b", NO_ENV);
	assert_true(v->preload);
	fini(state);
	load("--preload --reload a:b", NO_ENV);
	assert_false(v->preload);
	assert_string_equal(warning(0), "preload has no effect with reload");
	assert_printed("(follows from reload)");
}

static void
defaults_are_those_of_the_table(void **state)
{
	(void)state;
	load("a:b", NO_ENV);
	assert_string_equal(v->app, "a:b");
	assert_int_equal(v->bind.n, 1);
	assert_string_equal(v->bind.v[0], "127.0.0.1:8000");
	assert_int_equal(v->workers, 1);
	assert_int_equal(v->threads, 4);
	assert_int_equal(v->queue_size, 8);
	assert_int_equal(v->keep_alive_ms, 75000);
	assert_int_equal(v->body_buffer, 65536);
	assert_int_equal(v->umask, 022);
	assert_int_equal(v->socket_mode, 0666);
	assert_int_equal(v->switch_interval_ms, 5);
	assert_int_equal(v->worker_class, GT_CLASS_GTHREAD);
	assert_int_equal(v->log_level, 1);
	assert_true(v->sendfile);
	assert_string_equal(v->chdir, dir);
	assert_string_equal(v->error_logfile, "-");
	assert_string_equal(v->access_logfile, "");
	assert_int_equal(gt_config_action(c), GT_ACTION_RUN);
}

static void
each_level_overrides_the_one_below(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nthreads = 3\nbacklog = 3\n"
	                    "timeout = 3\nworkers = 3\n");
	load("-c x.ini --backlog 6 a:b",
	     ENV("WEB_CONCURRENCY=2",
	         "GUNICORN_CMD_ARGS=--threads 4 "
	         "--backlog 4 --timeout 4",
	         "GTHREADD_ARGS=--backlog 5 --timeout 5"));
	assert_int_equal(v->workers, 3);
	assert_int_equal(v->threads, 4);
	assert_int_equal(v->timeout_ms, 5000);
	assert_int_equal(v->backlog, 6);
	assert_printed("workers = 3                                     "
	               "(x.ini:5)\n");
	assert_printed("(environment GUNICORN_CMD_ARGS)");
	assert_printed("(environment GTHREADD_ARGS)");
	assert_printed("backlog = 6                                     "
	               "(command line)\n");
	assert_printed("umask = 022                                     "
	               "(default)\n");
	assert_printed("queue-size = 8 ");
}

static void
environment_changes_defaults(void **state)
{
	(void)state;
	load("a:b", ENV("WEB_CONCURRENCY=2", "PORT=81", "VIRTUAL_ENV=/venv",
	                "SENDFILE=0"));
	assert_int_equal(v->workers, 2);
	assert_string_equal(v->bind.v[0], "0.0.0.0:81");
	assert_string_equal(v->virtualenv, "/venv");
	assert_false(v->sendfile);
	assert_printed("(environment WEB_CONCURRENCY)");
	assert_int_equal(v->forwarded_allow_ips.n, 2);
	fini(state);
	load("a:b", ENV("WEB_CONCURRENCY=", "PORT=", "SENDFILE=Y",
	                "FORWARDED_ALLOW_IPS="));
	assert_int_equal(v->forwarded_allow_ips.n, 0);
	assert_int_equal(v->workers, 1);
	assert_string_equal(v->bind.v[0], "127.0.0.1:8000");
	assert_true(v->sendfile);
}

static void
a_bad_variable_is_reported_by_its_name(void **state)
{
	(void)state;
	assert_fails("a:b",
	             ENV("WEB_CONCURRENCY=two", "PORT=x", "GTHREADD_ARGS='",
	                 "GUNICORN_CMD_ARGS=-w x --foo"),
	             "gthreadd: environment GUNICORN_CMD_ARGS: option '--foo' "
	             "is unknown\n"
	             "gthreadd: environment GTHREADD_ARGS: a ' is not closed\n"
	             "gthreadd: environment WEB_CONCURRENCY: setting "
	             "'workers': 'two' is not a number\n"
	             "gthreadd: environment PORT: setting 'bind': "
	             "'0.0.0.0:x': port must be a number from 0 to 65535\n"
	             "gthreadd: environment GUNICORN_CMD_ARGS: setting "
	             "'workers': 'x' is not a number\n");
}

static void
a_higher_list_replaces_and_a_repeated_one_grows(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nbind = :1, :2\nbind = :3\n"
	                    "pythonpath = /p\n");
	load("-c x.ini a:b", NO_ENV);
	assert_int_equal(v->bind.n, 3);
	assert_string_equal(v->bind.v[2], ":3");
	gt_config_destroy(c);
	load("-c x.ini -b :4 a:b -b :5", NO_ENV);
	assert_int_equal(v->bind.n, 2);
	assert_string_equal(v->bind.v[0], ":4");
	assert_string_equal(v->bind.v[1], ":5");
	assert_string_equal(v->pythonpath.v[0], "/p");
	assert_printed("bind = :4 ");
	assert_printed("bind = :5 ");
}

static void
config_may_stand_in_the_environment(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nthreads = 9\nwsgi-app = a:b\n");
	load("", ENV("GTHREADD_ARGS=-c x.ini", "GUNICORN_CMD_ARGS=-c y.ini"));
	assert_int_equal(v->threads, 9);
	fini(state);
	assert_fails("-c z.ini a:b", ENV("GTHREADD_ARGS=-c x.ini"),
	             "gthreadd: command line: setting 'config': cannot read "
	             "z.ini: No such file or directory\n");
	/* the application may be named in what was not understood */
	assert_fails("-c z.ini", NO_ENV,
	             "gthreadd: command line: setting 'config': cannot read "
	             "z.ini: No such file or directory\n");
	assert_fails(
	    "--wokers 4 a:b", NO_ENV,
	    "gthreadd: command line: option '--wokers' is unknown (did "
	    "you mean '--workers'?)\n");
}

static void
all_errors_are_reported(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nworkers = 4 # four\nwokers = 1\n"
	                    "threads\n[x]\n[env]\nA\n");
	assert_fails(
	    "-c x.ini --threads 0 --user no-such-user -g no-such-group", NO_ENV,
	    "gthreadd: x.ini:3: setting 'wokers': is unknown (did you mean "
	    "'workers'?)\n"
	    "gthreadd: x.ini:4: 'threads' has no value: NAME = VALUE is "
	    "needed\n"
	    "gthreadd: x.ini:5: section [x] is unknown\n"
	    "gthreadd: x.ini:7: [env] needs NAME = VALUE\n"
	    "gthreadd: x.ini:2: setting 'workers': '4 # four' is not a number "
	    "(a comment must stand on a line of its own)\n"
	    "gthreadd: command line: setting 'threads': must be at least 1\n"
	    "gthreadd: command line: setting 'wsgi-app': is missing: name the "
	    "application, as in gthreadd MODULE:NAME\n"
	    "gthreadd: command line: setting 'user': 'no-such-user': there is "
	    "no such user\n"
	    "gthreadd: command line: setting 'group': 'no-such-group': there "
	    "is no such group\n");
}

static void
a_comment_behind_a_value_gets_a_hint(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nlog-level = info # x\n"
	                    "user = no-such-user ; y\nbind = :1 # z\n"
	                    "wsgi-app = a # b\n");
	assert_int_equal(try_load(checks, "-c x.ini -w '4 # 5'", NO_ENV),
	                 GT_INVALID);
	assert_string_equal(
	    report,
	    "gthreadd: x.ini:2: setting 'log-level': 'info # x' is none of "
	    "debug, info, warning, error, critical "
	    "(a comment must stand on a line of its own)\n"
	    "gthreadd: x.ini:4: setting 'bind': ':1 # z': port must be a "
	    "number from 0 to 65535 (a comment must stand on a line of its "
	    "own)\n"
	    "gthreadd: x.ini:5: setting 'wsgi-app': no colon (a comment must "
	    "stand on a line of its own)\n"
	    "gthreadd: command line: setting 'workers': '4 # 5' is not a "
	    "number\n"
	    "gthreadd: x.ini:3: setting 'user': 'no-such-user ; y': there is "
	    "no such user (a comment must stand on a line of its own)\n");
}

static void
checks_of_higher_layers_are_asked(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nwsgi-app = app\n"
	                    "pythonpath = a:b, c, d:e\n");
	assert_int_equal(try_load(checks, "-c x.ini --pythonpath f", NO_ENV),
	                 GT_INVALID);
	assert_string_equal(
	    report, "gthreadd: x.ini:2: setting 'wsgi-app': no colon\n"
	            "gthreadd: x.ini:3: setting 'pythonpath': no colon\n"
	            "gthreadd: command line: setting 'pythonpath': no colon\n");
	fini(state);
	assert_int_equal(try_load(checks, "a:b --pythonpath c:d", NO_ENV),
	                 GT_OK);
}

static void
paths_are_absolute_against_chdir(void **state)
{
	char want[128];

	(void)state;
	load("--chdir sub -p ./x.pid --log-file logs/e --access-logfile - "
	     "--virtualenv /venv --pythonpath .//./a,/b,. -b unix:s.sock "
	     "-b unix:@abs -b unix:/c a:b",
	     NO_ENV);
	snprintf(want, sizeof(want), "%s/sub", dir);
	assert_string_equal(v->chdir, want);
	assert_string_equal(v->pythonpath.v[2], want);
	snprintf(want, sizeof(want), "%s/sub/x.pid", dir);
	assert_string_equal(v->pid, want);
	snprintf(want, sizeof(want), "%s/sub/logs/e", dir);
	assert_string_equal(v->error_logfile, want);
	assert_string_equal(v->access_logfile, "-");
	assert_string_equal(v->virtualenv, "/venv");
	snprintf(want, sizeof(want), "%s/sub/a", dir);
	assert_string_equal(v->pythonpath.v[0], want);
	assert_string_equal(v->pythonpath.v[1], "/b");
	snprintf(want, sizeof(want), "unix:%s/sub/s.sock", dir);
	assert_string_equal(v->bind.v[0], want);
	assert_string_equal(v->bind.v[1], "unix:@abs");
	assert_string_equal(v->bind.v[2], "unix:/c");
}

static void
the_name_of_the_directory_is_kept(void **state)
{
	char link[64], pwd[80];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(pwd, sizeof(pwd), "PWD=%s", link);
	assert_int_equal(symlink(dir, link), 0);
	load("a:b", ENV(pwd));
	assert_string_equal(v->chdir, link);
	fini(state);
	load("a:b", ENV("PWD=/tmp")); /* a lie */
	assert_string_equal(v->chdir, dir);
	assert_int_equal(unlink(link), 0);
}

static void
chdir_must_be_a_directory(void **state)
{
	(void)state;
	assert_fails("--chdir /no/such a:b", NO_ENV,
	             "gthreadd: command line: setting 'chdir': '/no/such': No "
	             "such file or directory\n");
	fini(state);
	assert_fails("--chdir /dev/null a:b", NO_ENV,
	             "gthreadd: command line: setting 'chdir': '/dev/null': is "
	             "not a directory\n");
}

static void
a_unix_path_too_long_after_chdir_is_reported(void **state)
{
	(void)state;
	assert_fails(
	    "-b unix:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx a:b",
	    NO_ENV,
	    "gthreadd: command line: setting 'bind': path of a unix socket "
	    "may have 107 octets at most\n");
}

static void
sync_is_one_thread_without_keep_alive(void **state)
{
	(void)state;
	load("-k sync a:b", NO_ENV);
	assert_int_equal(v->worker_class, GT_CLASS_SYNC);
	assert_int_equal(v->threads, 1);
	assert_int_equal(v->keep_alive_ms, 0);
	assert_int_equal(v->queue_size, 2);
	assert_printed("threads = 1                                     "
	               "(follows from worker-class)\n");
	fini(state);
	load("-k sync --threads 1 --keep-alive 5 a:b", NO_ENV);
	assert_int_equal(v->keep_alive_ms, 0);
	assert_string_equal(warning(0),
	                    "keep-alive has no effect with worker-class sync");
}

static void
sync_with_threads_means_gthread(void **state)
{
	(void)state;
	load("-k sync --threads 2 a:b", NO_ENV);
	assert_int_equal(v->worker_class, GT_CLASS_GTHREAD);
	assert_int_equal(v->threads, 2);
	assert_int_equal(v->keep_alive_ms, 75000);
	assert_string_equal(warning(0),
	                    "worker-class sync with threads=2 means gthread");
}

static void
zero_is_replaced_where_it_means_a_number(void **state)
{
	(void)state;
	load("--limit-request-line 0 --limit-request-fields 0 "
	     "--limit-request-field_size 0 --queue-size 3 --umask 077 a:b",
	     NO_ENV);
	assert_int_equal(v->limit_request_line, 65536);
	assert_int_equal(v->limit_request_fields, 32768);
	assert_int_equal(v->limit_request_field_size, 65536);
	assert_int_equal(v->queue_size, 3);
	assert_int_equal(v->socket_mode, 0600);
	fini(state);
	load("--socket-mode 660 --queue-size 0 --threads 5 --log-file '' a:b",
	     NO_ENV);
	assert_int_equal(v->socket_mode, 0660);
	assert_int_equal(v->queue_size, 10);
	assert_string_equal(v->error_logfile, "-");
}

static void
secrets_are_not_printed(void **state)
{
	(void)state;
	write_file("x.ini", "[env]\nDB = pg://u:hunter2@h\nE =\n");
	load("-c x.ini --print-config", NO_ENV);
	assert_int_equal(v->env.n, 2);
	assert_string_equal(v->env.v[0], "DB=pg://u:hunter2@h");
	assert_printed("env = DB=*** ");
	assert_printed("env = E=*** ");
	assert_null(strstr(printed, "hunter2"));
	fini(state);
	write_file("x.ini", "[gthreadd]\nenv = hunter2\n");
	assert_fails("-c x.ini -e hunter2 a:b", NO_ENV,
	             "gthreadd: x.ini:2: setting 'env': must be NAME=VALUE\n"
	             "gthreadd: command line: setting 'env': must be "
	             "NAME=VALUE\n");
}

static void
python_configs_need_python(void **state)
{
	static const char *const paths[] = {"g.py", "file:g", "python:g"};
	char line[64], want[256];

	for (size_t i = 0; i < 3; i++) {
		snprintf(line, sizeof(line), "-c %s a:b", paths[i]);
		snprintf(want, sizeof(want),
		         "gthreadd: command line: setting 'config': '%s' "
		         "needs Python to be read\n",
		         paths[i]);
		assert_fails(line, NO_ENV, want);
		fini(state);
	}
}

static void
a_gunicorn_config_beside_is_warned_about_without_c(void **state)
{
	const char *const *w;

	(void)state;
	write_file("gunicorn.conf.py", "workers = 3\n");
	load("a:b", NO_ENV);
	assert_int_equal(v->workers, 1);
	assert_int_equal(gt_config_warnings(c, &w), 1);
	assert_non_null(strstr(w[0], "-c"));
	gt_config_destroy(c);
	write_file("x.ini", "[gthreadd]\n");
	load("-c x.ini a:b", NO_ENV);
	assert_int_equal(gt_config_warnings(c, &w), 0);
}

static void
a_setting_twice_in_the_file_is_warned_about(void **state)
{
	(void)state;
	write_file("x.ini", "[gthreadd]\nworkers = 1\nworkers = 2\n");
	load("-c x.ini a:b", NO_ENV);
	assert_int_equal(v->workers, 2);
	assert_string_equal(warning(0),
	                    "x.ini:3: setting 'workers' was given in line 2 "
	                    "already; this one holds");
}

static void
help_and_version_work_whatever_is_wrong(void **state)
{
	(void)state;
	load("--help --wokers -c z.ini", ENV("WEB_CONCURRENCY=x"));
	assert_int_equal(gt_config_action(c), GT_ACTION_HELP);
	fini(state);
	load("--version --wokers", NO_ENV);
	assert_int_equal(gt_config_action(c), GT_ACTION_VERSION);
}

static void
help_names_every_setting(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	assert_non_null(out);
	gt_config_help(out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < GT_SETTINGS; i++)
		assert_non_null(strstr(text, gt_setting_table[i].name));
	for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1)
		assert_true(strcspn(p, "\n") <= 80);
	free(text);
}

/* The sample with every setting switched on says what the defaults say. */
static void
the_sample_file_is_valid(void **state)
{
	char path[256], line[256];
	const char *src = getenv("top_srcdir");
	FILE *in, *out = fopen("x.ini", "w");

	(void)state;
	snprintf(path, sizeof(path), "%s/conf/gthreadd.ini",
	         src == NULL ? "." : src);
	if ((in = fopen(path, "r")) == NULL || out == NULL)
		fail_msg("cannot open %s: set top_srcdir", path);
	while (fgets(line, sizeof(line), in) != NULL)
		fputs(line[0] == '#' && line[1] >= 'a' ? line + 1 : line, out);
	fclose(in);
	fclose(out);
	load("-c x.ini --print-config", NO_ENV);
	assert_int_equal(v->threads, 4);
	assert_int_equal(c->origins[GT_S_app].level, GT_LEVEL_INI);
	assert_int_equal(c->origins[GT_S_log_level].level, GT_LEVEL_INI);
}

static char program[] = "gthreadd", option[] = "-c", file[] = "x.ini",
            threads[] = "--threads=3";
static char *command[] = {program, option, file, threads, NULL};
static char *no_env[] = {NULL};

/* The file is one text at the start and another at the reload. */
static enum gt_err
reload(const char *first, const char *second)
{
	struct gt_config *old;
	enum gt_err rc;
	FILE *err = open_report();

	write_file("x.ini", first);
	assert_int_equal(gt_config_load(4, command, no_env, NULL, err, &old),
	                 GT_OK);
	write_file("x.ini", second);
	assert_int_equal(chdir("/"), 0); /* the start's directory counts */
	rc = gt_config_reload(old, NULL, err, &c);
	assert_int_equal(chdir(dir), 0);
	gt_config_destroy(old); /* nothing of it may be kept */
	assert_int_equal(fclose(err), 0);
	v = c == NULL ? NULL : gt_config_settings(c);
	return rc;
}

static void
reload_takes_the_new_file_under_the_old_arguments(void **state)
{
	(void)state;
	assert_int_equal(
	    reload("[gthreadd]\napp = a:b\nworkers = 2\nchdir = sub\n",
	           "[gthreadd]\napp = c:d\nthreads = 9\nchdir = sub\n"
	           "access-logfile = log\n"),
	    GT_OK);
	assert_string_equal(v->app, "c:d");
	assert_int_equal(v->workers, 1);
	assert_int_equal(v->threads, 3);
	assert_non_null(strstr(v->access_logfile, "/sub/log"));
	assert_int_equal(c->warnings.n, 0);
}

static void
reload_keeps_what_needs_a_restart_and_names_it(void **state)
{
	(void)state;
	assert_int_equal(reload("[gthreadd]\napp = a:b\n",
	                        "[gthreadd]\napp = a:b\nname = n\n"
	                        "backlog = 5\numask = 077\ndaemon = true\n"
	                        "chdir = sub\npid = p\nthreads = 2\n"),
	                 GT_OK);
	assert_string_equal(v->name, "");
	assert_string_equal(v->pid, "");
	assert_int_equal(v->backlog, 2048);
	assert_int_equal(v->umask, 022);
	assert_int_equal(v->socket_mode, 0666);
	assert_null(strstr(v->chdir, "/sub"));
	assert_false(v->daemon);
	assert_int_equal(c->warnings.n, 6);
	for (size_t i = 0; i < c->warnings.n; i++)
		assert_non_null(strstr(c->warnings.v[i], "needs a restart"));
}

static void
reload_reports_errors_with_their_line(void **state)
{
	(void)state;
	assert_int_equal(reload("[gthreadd]\napp = a:b\n",
	                        "[gthreadd]\napp = a:b\nworkers = x\n"),
	                 GT_INVALID);
	assert_null(c);
	assert_non_null(strstr(report, "x.ini:3: setting 'workers': "));
}

static void
no_list_needs_a_restart(void **state)
{
	(void)state;
	for (size_t i = 0; i < GT_SETTINGS; i++)
		assert_false(gt_setting_table[i].needs_restart &&
		             gt_setting_is_list(&gt_setting_table[i]));
}

#define T(f) cmocka_unit_test_teardown(f, fini)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(defaults_are_those_of_the_table),
	    T(preload_gives_way_to_reload),
	    T(each_level_overrides_the_one_below),
	    T(environment_changes_defaults),
	    T(a_bad_variable_is_reported_by_its_name),
	    T(a_higher_list_replaces_and_a_repeated_one_grows),
	    T(config_may_stand_in_the_environment),
	    T(all_errors_are_reported),
	    T(a_comment_behind_a_value_gets_a_hint),
	    T(checks_of_higher_layers_are_asked),
	    T(paths_are_absolute_against_chdir),
	    T(the_name_of_the_directory_is_kept),
	    T(chdir_must_be_a_directory),
	    T(a_unix_path_too_long_after_chdir_is_reported),
	    T(sync_is_one_thread_without_keep_alive),
	    T(sync_with_threads_means_gthread),
	    T(zero_is_replaced_where_it_means_a_number),
	    T(secrets_are_not_printed),
	    T(python_configs_need_python),
	    T(a_gunicorn_config_beside_is_warned_about_without_c),
	    T(a_setting_twice_in_the_file_is_warned_about),
	    T(help_and_version_work_whatever_is_wrong),
	    T(help_names_every_setting),
	    T(the_sample_file_is_valid),
	    T(reload_takes_the_new_file_under_the_old_arguments),
	    T(reload_keeps_what_needs_a_restart_and_names_it),
	    T(reload_reports_errors_with_their_line),
	    T(no_list_needs_a_restart),
	};

	return cmocka_run_group_tests_name("config load", tests, enter_dir,
	                                   leave_dir);
}
