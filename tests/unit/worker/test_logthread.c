/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/worker/worker_priv.h"
#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"

static void
lines_arrive_in_order_and_in_their_file(void **state)
{
	_Atomic uint64_t dropped = 0;
	struct gt_logthread *lt;
	char buf[256] = "";
	int err[2], acc[2];

	(void)state;
	assert_int_equal(pipe(err), 0);
	assert_int_equal(pipe(acc), 0);
	assert_int_equal(gt_logthread_create(err[1], acc[1], &dropped, &lt),
	                 GT_OK);
	gt_logthread_give(lt, GT_LOG_FILE_ACCESS, "one\n", 4);
	gt_logthread_give(lt, GT_LOG_FILE_ACCESS, "two\n", 4);
	gt_log_error("from base");
	gt_logthread_destroy(lt);
	assert_int_equal(read(acc[0], buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "one\ntwo\n", 8);
	assert_true(read(err[0], buf, sizeof(buf) - 1) > 0);
	assert_non_null(strstr(buf, "[ERROR] from base"));
	assert_int_equal(atomic_load(&dropped), 0);
	for (int i = 0; i < 2; i++) {
		close(err[i]);
		close(acc[i]);
	}
}

static void
a_full_ring_drops_and_counts_instead_of_waiting(void **state)
{
	_Atomic uint64_t dropped = 0;
	struct gt_logthread *lt;
	static char line[65536];
	int acc[2], i;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	memset(line, 'x', sizeof(line));
	assert_int_equal(pipe(acc), 0);
	assert_int_equal(
	    gt_logthread_create(STDERR_FILENO, acc[1], &dropped, &lt), GT_OK);
	/* Nobody reads the pipe: this thread must not wait all the same. */
	for (i = 0; i < 100; i++)
		gt_logthread_give(lt, GT_LOG_FILE_ACCESS, line, sizeof(line));
	assert_true(atomic_load(&dropped) >= 60);
	close(acc[0]); /* the thread's write fails, it goes on */
	gt_logthread_destroy(lt);
	close(acc[1]);
}

static void
the_deadline_ends_the_process(void **state)
{
	_Atomic uint64_t dropped = 0;
	struct gt_logthread *lt;
	int status = 0;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		if (gt_logthread_create(STDERR_FILENO, -1, &dropped, &lt) !=
		    GT_OK)
			_exit(1);
		gt_logthread_set_deadline(lt, gt_clock_us() + 50000, 42);
		pause();
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_arrive_in_order_and_in_their_file),
	    cmocka_unit_test(a_full_ring_drops_and_counts_instead_of_waiting),
	    cmocka_unit_test(the_deadline_ends_the_process),
	};

	return cmocka_run_group_tests_name("worker/logthread", tests, NULL,
	                                   NULL);
}
