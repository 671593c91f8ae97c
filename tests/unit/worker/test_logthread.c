/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/worker/logthread_priv.h"
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
	assert_int_equal(
	    gt_logthread_create(err[1], acc[1], NULL, &dropped, &lt), GT_OK);
	gt_logthread_give(lt, GT_LOG_KIND_ACCESS, "one\n", 4);
	gt_logthread_give(lt, GT_LOG_KIND_ACCESS, "two\n", 4);
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
	    gt_logthread_create(STDERR_FILENO, acc[1], NULL, &dropped, &lt),
	    GT_OK);
	/* Nobody reads the pipe: this thread must not wait all the same. */
	for (i = 0; i < 100; i++)
		gt_logthread_give(lt, GT_LOG_KIND_ACCESS, line, sizeof(line));
	assert_true(atomic_load(&dropped) >= 60);
	close(acc[0]); /* the thread's write fails, it goes on */
	gt_logthread_destroy(lt);
	close(acc[1]);
}

/* Read from fd until want was seen; true. */
static bool
reads(int fd, const char *want)
{
	static char buf[2 * 1024 * 1024];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(buf) - 1 && poll(&p, 1, 5000) > 0 &&
	       (n = read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		have += (size_t)n;
		buf[have] = '\0';
		if (strstr(buf, want) != NULL)
			return true;
	}
	return false;
}

static void
a_full_pipe_does_not_hold_up_the_other_log(void **state)
{
	_Atomic uint64_t dropped = 0;
	struct gt_logthread *lt;
	static char line[65536];
	int err[2], acc[2];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(pipe2(err, O_NONBLOCK), 0);
	assert_int_equal(pipe2(acc, O_NONBLOCK), 0);
	assert_int_equal(
	    gt_logthread_create(err[1], acc[1], NULL, &dropped, &lt), GT_OK);
	for (int i = 0; i < 10; i++)
		gt_logthread_give(lt, GT_LOG_KIND_ACCESS, line, sizeof(line));
	gt_log_error("still here");
	assert_true(reads(err[0], "still here\n"));
	gt_logthread_give(lt, GT_LOG_KIND_ACCESS, "last\n", 5);
	assert_true(reads(acc[0], "x\nlast\n"));
	assert_int_equal(atomic_load(&dropped), 0);
	gt_logthread_destroy(lt);
	for (int i = 0; i < 2; i++) {
		close(err[i]);
		close(acc[i]);
	}
}

static void
drops_are_reported_when_the_log_takes_lines_again(void **state)
{
	_Atomic uint64_t dropped = 0;
	struct gt_logthread *lt;
	static char line[65536];
	int err[2], full;

	(void)state;
	memset(line, 'y', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(pipe2(err, O_NONBLOCK), 0);
	assert_true((full = open("/dev/full", O_WRONLY)) >= 0);
	assert_int_equal(gt_logthread_create(err[1], full, NULL, &dropped, &lt),
	                 GT_OK);
	for (int i = 0; i < 3; i++)
		gt_logthread_give(lt, GT_LOG_KIND_ACCESS, "lost\n", 5);
	assert_true(reads(err[0], "[WARNING] log lines dropped: "));
	assert_int_equal(atomic_load(&dropped), 3);
	for (int i = 0; i < 40; i++)
		gt_logthread_give(lt, GT_LOG_KIND_ERROR, line, sizeof(line));
	assert_true(reads(err[0], "\ny"));
	gt_logthread_destroy(lt); /* the rest of the report, at the latest */
	assert_true(atomic_load(&dropped) > 3);
	for (int i = 0; i < 2; i++)
		close(err[i]);
	close(full);
}

/* The report cannot be written either: it must not be one more of its own. */
static void
a_full_disk_is_counted_and_not_tried_for_ever(void **state)
{
	_Atomic uint64_t dropped = 0;
	struct gt_logthread *lt;
	char text[256] = "";
	int fd[2], full;

	(void)state;
	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	assert_true((full = open("/dev/full", O_WRONLY)) >= 0);
	assert_int_equal(gt_logthread_create(full, -1, NULL, &dropped, &lt),
	                 GT_OK);
	gt_log_error("one");
	while (atomic_load(&dropped) < 1)
		sched_yield();
	/* The disk has room again. */
	assert_int_equal(dup2(fd[1], full), full);
	gt_log_error("two");
	gt_logthread_destroy(lt);
	assert_true(read(fd[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "[ERROR] two\n"));
	assert_non_null(strstr(text, "log lines dropped: 1 "));
	assert_int_equal(atomic_load(&dropped), 1);
	close(full);
	close(fd[0]);
	close(fd[1]);
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
		if (gt_logthread_create(STDERR_FILENO, -1, NULL, &dropped,
		                        &lt) != GT_OK)
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
	    cmocka_unit_test(a_full_pipe_does_not_hold_up_the_other_log),
	    cmocka_unit_test(drops_are_reported_when_the_log_takes_lines_again),
	    cmocka_unit_test(a_full_disk_is_counted_and_not_tried_for_ever),
	    cmocka_unit_test(the_deadline_ends_the_process),
	};

	return cmocka_run_group_tests_name("worker/logthread", tests, NULL,
	                                   NULL);
}
