/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/stats/board.h"
#include "harness.h"

/*
 * n begin to serve, the first of age to, and n are drained, the first of age
 * from. Reports of different workers may cross.
 */
static void
expect_changes(unsigned n, unsigned from, unsigned to)
{
	unsigned served = 0, drained = 0;
	struct report r;

	while (served < n || drained < n) {
		r = next_report(10);
		if (strcmp(r.text, "serving") == 0) {
			assert_in_range(r.age, to, to + n - 1);
			served++;
		} else if (strcmp(r.text, "drain") == 0) {
			assert_in_range(r.age, from, from + n - 1);
			drained++;
		}
	}
}

static void
hup_replaces_one_by_one_the_oldest_first(void **state)
{
	(void)state;
	settings.workers = 3;
	start_serving(serve);
	tell(SIGHUP);
	expect_changes(3, 1, 4);
	expect_log("reload is complete, generation 2 workers=3");
	assert_int_equal(count_reports(200), 0);
}

static void
surge_boots_so_many_at_a_time(void **state)
{
	unsigned serving = 0;

	(void)state;
	settings.workers = 4;
	settings.reload_surge = 4;
	start_serving(serve);
	tell(SIGHUP);
	for (int i = 0; i < 9; i++) /* 4 drains, and the canary's "reopen" */
		serving += strcmp(next_report(10).text, "serving") == 0;
	assert_int_equal(serving, 4);
	assert_int_equal(count_reports(200), 0);
}

/* Workers after the first two cannot boot, until there is a file. */
static int
boots_when_allowed(const struct gt_child *child)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/go", test_dir);
	if (child->age <= 2 || access(path, F_OK) == 0)
		return serve(child);
	report(child, "tried");
	return GT_EXIT_APP;
}

static void
canary_that_cannot_boot_is_not_tried_again(void **state)
{
	char path[64];

	(void)state;
	settings.workers = 2;
	start_serving(boots_when_allowed);
	tell(SIGHUP);
	assert_int_equal(expect("tried"), 3);
	assert_int_equal(count_reports(500), 0);
	assert_true(log_has("reload failed, generation 1 serves on: could not "
	                    "import the application"));
	snprintf(path, sizeof(path), "%s/go", test_dir);
	fclose(fopen(path, "w"));
	tell(SIGHUP);
	expect_changes(2, 1, 4);
	unlink(path);
}

static int
hangs_after_the_first(const struct gt_child *child)
{
	if (child->age == 1)
		return serve(child);
	report(child, "hangs");
	for (;;)
		pause();
}

static void
canary_that_hangs_is_killed_and_hups_meanwhile_are_one(void **state)
{
	(void)state;
	settings.boot_timeout_ms = 500;
	start_serving(hangs_after_the_first);
	tell(SIGHUP);
	assert_int_equal(expect("hangs"), 2);
	for (int i = 0; i < 3; i++) {
		tell(SIGHUP);
		usleep(20000);
	}
	assert_int_equal(expect("hangs"), 3);
	assert_int_equal(count_reports(1200), 0);
	assert_true(log_has("serves on: was killed by the master: it was not "
	                    "ready within boot-timeout"));
}

static void
workers_asked_for_during_a_trial_come_after_it(void **state)
{
	(void)state;
	settings.boot_timeout_ms = 500;
	start_serving(hangs_after_the_first);
	tell(SIGHUP);
	assert_int_equal(expect("hangs"), 2);
	tell(SIGTTIN);
	assert_int_equal(expect("hangs"), 3);
	assert_true(log_has("reload failed"));
	assert_true(log_has("workers=2"));
}

static void
ttou_ends_the_oldest_but_not_the_last(void **state)
{
	(void)state;
	settings.workers = 2;
	start_serving(serve);
	tell(SIGTTOU);
	assert_int_equal(expect("drain"), 1);
	tell(SIGTTOU);
	assert_int_equal(count_reports(300), 0);
	tell(SIGTTIN);
	assert_int_equal(expect("serving"), 3);
}

/* The first asks for a successor and serves on. */
static int
gets_tired(const struct gt_child *child)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_RECYCLE,
	                                   .value = GT_RECYCLE_RSS};
	struct gt_board *b;

	if (child->age > 1)
		return serve(child);
	b = say_ready(child);
	if (gt_channel_send(child->channel_fd, &msg) != GT_OK)
		_exit(92);
	gt_board_unmap(b);
	return serve(child);
}

static void
tired_worker_goes_when_its_successor_is_ready(void **state)
{
	(void)state;
	start_server(gets_tired);
	for (int i = 0; i < 3; i++) /* both serve, the first is drained */
		next_report(10);
	assert_int_equal(count_reports(200), 0);
	assert_true(log_has("is told to end"));
	assert_true(log_has("is to be replaced: max-rss"));
}

static int
ignores_drain(const struct gt_child *child)
{
	struct gt_board *b;

	if (child->age > 1)
		return serve(child);
	b = say_ready(child);
	report(child, "serving");
	for (;;) {
		beat(b);
		usleep(10000);
	}
}

static void
worker_that_does_not_drain_is_killed_after_its_time(void **state)
{
	(void)state;
	settings.graceful_timeout_ms = 200;
	start_serving(ignores_drain);
	tell(SIGHUP);
	assert_int_equal(expect("serving"), 2);
	assert_string_equal(next_report(10).text, "reopen 1");
	expect_log("was killed by the master: it had not ended "
	           "within graceful-timeout");
	assert_int_equal(count_reports(200), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SERVER_TEST(hup_replaces_one_by_one_the_oldest_first),
	    SERVER_TEST(surge_boots_so_many_at_a_time),
	    SERVER_TEST(canary_that_cannot_boot_is_not_tried_again),
	    SERVER_TEST(canary_that_hangs_is_killed_and_hups_meanwhile_are_one),
	    SERVER_TEST(workers_asked_for_during_a_trial_come_after_it),
	    SERVER_TEST(ttou_ends_the_oldest_but_not_the_last),
	    SERVER_TEST(tired_worker_goes_when_its_successor_is_ready),
	    SERVER_TEST(worker_that_does_not_drain_is_killed_after_its_time),
	};

	return cmocka_run_group_tests_name("road", tests, make_dir, remove_dir);
}
