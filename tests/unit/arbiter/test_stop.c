/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/stats/board.h"
#include "harness.h"

static int
ignores_everything(const struct gt_child *child)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	return serve(child);
}

static void
quick_stop_kills_after_one_second(void **state)
{
	(void)state;
	start_server(ignores_everything);
	next_report(10);
	assert_in_range(time_to_end(SIGINT), 950, 9000);
	assert_true(log_has("within 1s of a quick stop"));
}

static void
second_term_hastens_a_graceful_stop(void **state)
{
	(void)state;
	start_server(ignores_everything);
	next_report(10);
	tell(SIGTERM);
	usleep(500000);
	assert_true(server_runs());
	assert_in_range(time_to_end(SIGTERM), 950, 9000);
}

static void
graceful_stop_kills_a_second_after_graceful_timeout(void **state)
{
	(void)state;
	settings.graceful_timeout_ms = 600;
	start_server(ignores_everything);
	next_report(10);
	assert_in_range(time_to_end(SIGTERM), 1550, 9000);
	assert_true(log_has("not ended within graceful-timeout"));
}

static volatile sig_atomic_t told;

static void
note_signal(int number)
{
	told = number;
}

static int
takes_its_time(const struct gt_child *child)
{
	struct gt_board *b;

	signal(SIGTERM, note_signal);
	signal(SIGQUIT, note_signal);
	b = say_ready(child);
	report(child, "serving");
	while (!told) {
		beat(b);
		usleep(10000);
	}
	report(child, told == SIGTERM ? "TERM" : "QUIT");
	usleep(300000);
	report(child, "finished");
	gt_board_unmap(b);
	return 0;
}

static void
graceful_stop_waits_for_the_workers(void **state)
{
	(void)state;
	start_serving(takes_its_time);
	tell(SIGTERM);
	assert_string_equal(next_report(5).text, "TERM");
	assert_string_equal(next_report(5).text, "finished");
	assert_int_equal(end_of_server(5), 0);
	assert_false(log_has("is killed"));
	assert_false(log_has("[ERROR]"));
}

static void
quick_stop_tells_ready_workers_quit(void **state)
{
	(void)state;
	start_serving(takes_its_time);
	tell(SIGINT);
	assert_string_equal(next_report(5).text, "QUIT");
	assert_int_equal(end_of_server(5), 0);
}

static void
master_without_workers_runs_and_ends(void **state)
{
	(void)state;
	settings.workers = 0;
	start_server(serve);
	usleep(300000);
	assert_true(server_runs());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SERVER_TEST(quick_stop_kills_after_one_second),
	    SERVER_TEST(second_term_hastens_a_graceful_stop),
	    SERVER_TEST(graceful_stop_kills_a_second_after_graceful_timeout),
	    SERVER_TEST(graceful_stop_waits_for_the_workers),
	    SERVER_TEST(quick_stop_tells_ready_workers_quit),
	    SERVER_TEST(master_without_workers_runs_and_ends),
	};

	return cmocka_run_group_tests_name("stop", tests, make_dir, remove_dir);
}
