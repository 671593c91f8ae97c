/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/net/listener.h"
#include "gthreadd/stats/board.h"
#include "harness.h"

static int
exits_3(const struct gt_child *child)
{
	report(child, "tried");
	return GT_EXIT_BOOT;
}

static int
exits_4(const struct gt_child *child)
{
	report(child, "tried");
	return GT_EXIT_APP;
}

static int
crashes(const struct gt_child *child)
{
	report(child, "tried");
	signal(SIGABRT, SIG_DFL);
	raise(SIGKILL);
	return 0;
}

static void
worker_that_cannot_boot_ends_the_server_after_one_try(void **state)
{
	(void)state;
	start_server(exits_3);
	assert_int_equal(end_of_server(10), GT_EXIT_BOOT);
	assert_int_equal(count_reports(50), 1);
	assert_true(log_has("server cannot start: a worker could not boot"));
}

static void
app_that_cannot_be_imported_ends_the_server_with_4(void **state)
{
	(void)state;
	settings.workers = 2;
	start_server(exits_4);
	assert_int_equal(end_of_server(10), GT_EXIT_APP);
	assert_true(count_reports(50) <= 2);
	assert_true(log_has("could not import the application"));
}

static void
worker_that_crashes_while_booting_ends_the_server_with_3(void **state)
{
	(void)state;
	start_server(crashes);
	assert_int_equal(end_of_server(10), GT_EXIT_BOOT);
	assert_true(log_has("was killed by another process or the kernel"));
}

static int
never_ready(const struct gt_child *child)
{
	report(child, "tried");
	signal(SIGTERM, SIG_IGN);
	while (sleep(60) < 60)
		continue;
	return 0;
}

static void
worker_that_is_never_ready_is_killed_with_the_reason(void **state)
{
	(void)state;
	settings.boot_timeout_ms = 300;
	start_server(never_ready);
	assert_int_equal(end_of_server(10), GT_EXIT_BOOT);
	assert_true(log_has("killed by the master: it was not ready within "
	                    "boot-timeout"));
}

/* The first worker serves; those that replace it cannot boot. */
static int
only_the_first_boots(const struct gt_child *child)
{
	if (child->age == 1)
		return serve(child);
	report(child, "tried");
	return GT_EXIT_APP;
}

static void
once_ready_boot_errors_are_retried_with_growing_pauses(void **state)
{
	unsigned tries;

	(void)state;
	start_server(only_the_first_boots);
	kill(next_report(10).pid, SIGKILL);
	/* At about 0, 0.1, 0.3, 0.7, 1.5 s after the first one. */
	tries = count_reports(2200);
	assert_in_range(tries, 3, 6);
	assert_true(server_runs());
}

static int
loop_stops(const struct gt_child *child)
{
	struct gt_board *b;

	if (child->age > 1)
		return serve(child);
	b = say_ready(child);
	for (;;) {
		atomic_store(&b->gil_beat_us, gt_clock_us());
		usleep(10000);
	}
}

static int
gil_is_held(const struct gt_child *child)
{
	struct gt_board *b;

	if (child->age > 1)
		return serve(child);
	b = say_ready(child);
	signal(SIGABRT, SIG_IGN);
	for (;;) {
		atomic_store(&b->loop_beat_us, gt_clock_us());
		usleep(10000);
	}
}

static void
worker_whose_loop_stops_is_aborted_and_replaced(void **state)
{
	(void)state;
	settings.timeout_ms = 400;
	start_server(loop_stops);
	assert_int_equal(next_report(10).age, 2);
	assert_true(log_has("timed out: its loop has stopped"));
	expect_log("was aborted by the master");
	/* The good one stays. */
	assert_int_equal(count_reports(1000), 0);
}

static void
worker_that_keeps_the_gil_and_ignores_abort_is_killed(void **state)
{
	int64_t began = gt_clock_us(), took;

	(void)state;
	settings.timeout_ms = 400;
	start_server(gil_is_held);
	/* The successor does not wait for its end. */
	assert_int_equal(next_report(10).age, 2);
	took = gt_clock_us() - began;
	assert_true(took >= 400000 && took < 3000000);
	assert_true(log_has("timed out: its GIL is held"));
	expect_log("was killed by the master: its GIL is held");
	took = gt_clock_us() - began;
	assert_true(took >= 2400000);
	assert_int_equal(count_reports(200), 0);
}

static void
upgrade_to_an_unknown_program_is_refused(void **state)
{
	(void)state;
	start_serving(serve);
	tell(SIGUSR2);
	usleep(300000);
	assert_true(server_runs());
	assert_true(log_has("upgrade refused: the path of the program"));
}

static void
usr1_opens_the_logs_again_here_and_in_the_workers(void **state)
{
	char moved[80], access_log[80];

	(void)state;
	snprintf(moved, sizeof(moved), "%s/log.1", test_dir);
	snprintf(access_log, sizeof(access_log), "%s/access", test_dir);
	settings.access_logfile = access_log;
	start_serving(serve);
	assert_int_equal(rename(log_path, moved), 0);
	tell(SIGUSR1);
	assert_string_equal(next_report(5).text, "reopen 2");
	assert_true(log_has("through the worker"));
	tell(SIGTERM);
	assert_int_equal(end_of_server(5), 0);
	assert_true(log_has("shutting down: master"));
	unlink(moved);
	unlink(access_log);
}

static void
start_is_told_in_gunicorns_manner(void **state)
{
	(void)state;
	start_server(serve);
	next_report(10);
	tell(SIGTERM);
	assert_int_equal(end_of_server(5), 0);
	assert_true(log_has("[INFO] starting gthreadd "));
	assert_true(log_has("[INFO] listening at: http://127.0.0.1:"));
	assert_true(log_has("[INFO] using worker: gthread"));
	assert_true(log_has("[INFO] handling signal: TERM"));
}

static void
held_pid_file_and_bad_address_are_refused_with_1(void **state)
{
	char path[64], spec[] = "192.0.2.1:80", *specs[] = {spec};
	pid_t first;

	(void)state;
	snprintf(path, sizeof(path), "%s/pid", test_dir);
	settings.pid = path;
	first = start_server(serve);
	next_report(10);
	start_server(serve);
	assert_int_equal(end_of_server(10), GT_EXIT_CONFIG);
	assert_true(log_has("already running"));
	kill(first, SIGTERM);
	assert_int_equal(waitpid(first, NULL, 0), first);
	assert_int_equal(access(path, F_OK), -1);

	settings.bind = (struct gt_strv){.v = specs, .n = 1};
	start_server(serve);
	assert_int_equal(end_of_server(10), GT_EXIT_CONFIG);
	assert_true(log_has("cannot listen on 192.0.2.1:80"));
	assert_int_equal(access(path, F_OK), -1);
}

static int
report_listeners(const struct gt_child *child)
{
	char text[300];

	snprintf(text, sizeof(text), "%zu %d %s %s", child->listeners->n,
	         child->listeners->v[0].fd, child->listeners->v[0].text,
	         getenv("LISTEN_FDS") == NULL ? "unset" : "set");
	report(child, text);
	return serve(child);
}

/* Runs in the server's process, as systemd would have left it. */
static int
run_with_listen_fds(int fd, const char *n, bool is_for_us)
{
	const struct gt_child_ops ops = {.worker = report_listeners};
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", is_for_us ? (int)getpid() : 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", n, 1);
	if (dup2(fd, 3) != 3)
		return 70;
	return gt_arbiter_run(&settings, NULL, &ops);
}

static void
sockets_of_systemd_come_first(void **state)
{
	const char *spec = "127.0.0.1:0";
	const struct gt_listen_options opt = {.backlog = 4};
	struct gt_listeners ls;
	char why[200], expected[200];
	struct report r;

	(void)state;
	assert_int_equal(
	    gt_listeners_open(&spec, 1, &opt, &ls, why, sizeof(why)), GT_OK);
	for (int is_for_us = 0; is_for_us < 2; is_for_us++) {
		pid_t pid;

		fflush(NULL);
		if ((pid = fork()) == 0)
			_exit(run_with_listen_fds(ls.v[0].fd, "1", is_for_us));
		r = next_report(10);
		snprintf(expected, sizeof(expected), "2 3 %s unset",
		         ls.v[0].text);
		if (is_for_us)
			assert_string_equal(r.text, expected);
		else
			assert_true(r.text[0] == '1');
		assert_string_equal(next_report(10).text, "serving");
		kill(pid, SIGTERM);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	gt_listeners_close(&ls, true);
}

static void
more_sockets_of_systemd_than_can_be_served_are_refused(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	if ((pid = fork()) == 0)
		_exit(run_with_listen_fds(STDIN_FILENO, "65", true));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), GT_EXIT_CONFIG);
	assert_true(log_has("more than 64 addresses to listen on"));
}

static int
check_says_4(const struct gt_child *child)
{
	return child->board_fd == -1 && child->channel_fd == -1 ? 4 : 99;
}

static int
check_crashes(const struct gt_child *child)
{
	(void)child;
	raise(SIGKILL);
	return 0;
}

static void
check_returns_the_exit_code_of_its_child(void **state)
{
	struct gt_child_ops ops = {.check = check_says_4};

	(void)state;
	gt_log_set_level(GT_LOG_CRITICAL + 1);
	assert_int_equal(gt_arbiter_check(&settings, &ops), 4);
	ops.check = check_crashes;
	assert_int_equal(gt_arbiter_check(&settings, &ops), GT_EXIT_BOOT);
	gt_log_set_level(GT_LOG_INFO);
}

static int
check_is_content(const struct gt_child *child)
{
	(void)child;
	return GT_EXIT_OK;
}

static void
check_looks_where_files_would_be(void **state)
{
	const struct gt_child_ops ops = {.check = check_is_content};
	char missing[] = "/nonexistent/pid";

	(void)state;
	gt_log_set_level(GT_LOG_CRITICAL + 1);
	assert_int_equal(gt_arbiter_check(&settings, &ops), GT_EXIT_OK);
	settings.pid = missing;
	assert_int_equal(gt_arbiter_check(&settings, &ops), GT_EXIT_CONFIG);
	gt_log_set_level(GT_LOG_INFO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SERVER_TEST(worker_that_cannot_boot_ends_the_server_after_one_try),
	    SERVER_TEST(app_that_cannot_be_imported_ends_the_server_with_4),
	    SERVER_TEST(
	        worker_that_crashes_while_booting_ends_the_server_with_3),
	    SERVER_TEST(worker_that_is_never_ready_is_killed_with_the_reason),
	    SERVER_TEST(once_ready_boot_errors_are_retried_with_growing_pauses),
	    SERVER_TEST(worker_whose_loop_stops_is_aborted_and_replaced),
	    SERVER_TEST(worker_that_keeps_the_gil_and_ignores_abort_is_killed),
	    SERVER_TEST(upgrade_to_an_unknown_program_is_refused),
	    SERVER_TEST(usr1_opens_the_logs_again_here_and_in_the_workers),
	    SERVER_TEST(start_is_told_in_gunicorns_manner),
	    SERVER_TEST(held_pid_file_and_bad_address_are_refused_with_1),
	    SERVER_TEST(sockets_of_systemd_come_first),
	    SERVER_TEST(more_sockets_of_systemd_than_can_be_served_are_refused),
	    SERVER_TEST(check_returns_the_exit_code_of_its_child),
	    SERVER_TEST(check_looks_where_files_would_be),
	};

	return cmocka_run_group_tests_name("arbiter", tests, make_dir,
	                                   remove_dir);
}
