/* SPDX-License-Identifier: MIT */
/* Messages to a forkserver: what is sent arrives whole, or not at all. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/net/forkmsg.h"

static int fd[2];
static struct gt_fork_msg out, in;
static struct gt_fork_fds fds;

static int
setup(void **state)
{
	(void)state;
	memset(&out, 0, sizeof(out));
	memset(&in, 0x55, sizeof(in));
	fds.n = 0;
	return gt_channel_pair(fd) == GT_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	gt_fork_close(&fds);
	gt_fd_close(&fd[0]);
	gt_fd_close(&fd[1]);
	return 0;
}

static void
a_message_brings_its_workers(void **state)
{
	(void)state;
	out.type = GT_FORK_HOOK;
	out.hook = 3;
	out.before = -1;
	out.after = 7;
	out.nprocs = GT_FORK_PROCS;
	out.procs[GT_FORK_PROCS - 1].pid = 4711;
	assert_int_equal(gt_fork_send(fd[0], &out, NULL), GT_OK);
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_OK);
	assert_int_equal(in.type, GT_FORK_HOOK);
	assert_int_equal(in.hook, 3);
	assert_int_equal(in.before, -1);
	assert_int_equal(in.after, 7);
	assert_int_equal(in.nprocs, GT_FORK_PROCS);
	assert_int_equal(in.procs[GT_FORK_PROCS - 1].pid, 4711);
	assert_int_equal(fds.n, 0);
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_AGAIN);
}

static void
many_descriptors_go_with_one_message(void **state)
{
	struct gt_fork_fds sent;
	struct stat a, b;

	(void)state;
	sent.n = GT_FORK_FDS;
	for (size_t i = 0; i < sent.n; i++)
		sent.v[i] = fd[i % 2];
	out.type = GT_FORK_SPAWN;
	assert_int_equal(gt_fork_send(fd[0], &out, &sent), GT_OK);
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_OK);
	assert_int_equal(fds.n, GT_FORK_FDS);
	assert_int_equal(fstat(fds.v[GT_FORK_FDS - 1], &a), 0);
	assert_int_equal(fstat(fd[(GT_FORK_FDS - 1) % 2], &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(fds.v[0], F_GETFD) & FD_CLOEXEC);
}

static void
a_message_of_a_wrong_length_is_void_and_its_descriptors_are_closed(void **state)
{
	char octets[sizeof(out) + 8];

	(void)state;
	memset(octets, 0, sizeof(octets));
	assert_int_equal(send(fd[0], octets, 5, 0), 5);
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_INVALID);
	assert_int_equal(send(fd[0], octets, sizeof(octets), 0),
	                 sizeof(octets));
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_INVALID);
	out.nprocs = GT_FORK_PROCS;
	assert_int_equal(
	    send(fd[0], &out, offsetof(struct gt_fork_msg, procs), 0),
	    offsetof(struct gt_fork_msg, procs));
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_INVALID);
	assert_int_equal(fds.n, 0);
}

static void
the_end_is_told_apart(void **state)
{
	(void)state;
	gt_fd_close(&fd[0]);
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_EOF);
	assert_int_equal(gt_fork_send(fd[1], &out, NULL), GT_GONE);
}

static void
a_full_channel_says_again(void **state)
{
	enum gt_err rc;
	int n = 0;

	(void)state;
	out.nprocs = GT_FORK_PROCS;
	while ((rc = gt_fork_send(fd[0], &out, NULL)) == GT_OK)
		assert_true(++n < 10000);
	assert_int_equal(rc, GT_AGAIN);
	assert_int_equal(gt_fork_recv(fd[1], &in, &fds), GT_OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_message_brings_its_workers),
	    T(many_descriptors_go_with_one_message),
	    T(a_message_of_a_wrong_length_is_void_and_its_descriptors_are_closed),
	    T(the_end_is_told_apart),
	    T(a_full_channel_says_again),
	};

	return cmocka_run_group_tests_name("net forkmsg", tests, NULL, NULL);
}
