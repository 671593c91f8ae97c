/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/net/channel.h"

struct ends {
	int fd[2];
};

static int
open_pair(void **state)
{
	static struct ends e;

	*state = &e;
	return gt_channel_pair(e.fd) == GT_OK ? 0 : -1;
}

static int
close_pair(void **state)
{
	struct ends *e = *state;

	gt_fd_close(&e->fd[0]);
	gt_fd_close(&e->fd[1]);
	return 0;
}

static void
both_ends_are_nonblocking_and_close_on_exec(void **state)
{
	struct ends *e = *state;

	for (int i = 0; i < 2; i++) {
		assert_true(fcntl(e->fd[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(e->fd[i], F_GETFD) & FD_CLOEXEC);
	}
}

static void
recv_gives_what_was_sent_one_message_a_packet(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg a = {.type = GT_CHANNEL_READY,
	                           .value = 1ULL << 63};
	struct gt_channel_msg got;

	assert_int_equal(gt_channel_send(e->fd[0], &a), GT_OK);
	assert_int_equal(gt_channel_send(e->fd[0], &a), GT_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gt_channel_recv(e->fd[1], &got), GT_OK);
		assert_int_equal(got.type, GT_CHANNEL_READY);
		assert_true(got.value == 1ULL << 63);
		assert_int_equal(got.nfds, 0);
	}
	assert_int_equal(gt_channel_recv(e->fd[1], &got), GT_AGAIN);
}

static void
descriptors_arrive_in_order_and_close_on_exec(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_REOPEN, .nfds = 2}, got;
	int a[2], b[2];
	char c[2] = "";

	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	msg.fds[0] = a[1];
	msg.fds[1] = b[1];
	assert_int_equal(gt_channel_send(e->fd[0], &msg), GT_OK);
	assert_int_equal(gt_channel_recv(e->fd[1], &got), GT_OK);
	assert_int_equal(got.type, GT_CHANNEL_REOPEN);
	assert_int_equal(got.nfds, 2);
	assert_int_equal(write(got.fds[0], "a", 1), 1);
	assert_int_equal(write(got.fds[1], "b", 1), 1);
	assert_int_equal(read(a[0], c, 1), 1);
	assert_int_equal(c[0], 'a');
	assert_int_equal(read(b[0], c, 1), 1);
	assert_int_equal(c[0], 'b');
	for (int i = 0; i < 2; i++) {
		assert_true(fcntl(got.fds[i], F_GETFD) & FD_CLOEXEC);
		close(got.fds[i]);
		close(a[i]);
		close(b[i]);
	}
}

/* A process without descriptors left is not one whose master is gone. */
static void
a_message_whose_descriptors_have_no_room_is_not_the_end(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_REOPEN, .nfds = 1}, got;
	struct rlimit old, none;
	int lowest = dup(e->fd[0]);

	msg.fds[0] = e->fd[0];
	assert_int_equal(gt_channel_send(e->fd[0], &msg), GT_OK);
	msg = (struct gt_channel_msg){.type = GT_CHANNEL_DRAIN, .value = 7};
	assert_int_equal(gt_channel_send(e->fd[0], &msg), GT_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)lowest;
	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(gt_channel_recv(e->fd[1], &got), GT_INVALID);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(got.type, GT_CHANNEL_REOPEN);
	assert_int_equal(got.nfds, 0);
	assert_int_equal(gt_channel_recv(e->fd[1], &got), GT_OK);
	assert_int_equal(got.type, GT_CHANNEL_DRAIN);
	assert_true(got.value == 7);
}

static void
send_says_again_when_the_other_end_does_not_read(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_READY};
	enum gt_err rc = GT_OK;
	int sent = 0;

	for (; sent < 1000000 && rc == GT_OK; sent++)
		rc = gt_channel_send(e->fd[0], &msg);
	assert_int_equal(rc, GT_AGAIN);
	assert_int_equal(gt_channel_recv(e->fd[1], &msg), GT_OK);
	assert_int_equal(gt_channel_send(e->fd[0], &msg), GT_OK);
}

static void
recv_says_eof_after_the_last_message(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_READY};

	assert_int_equal(gt_channel_send(e->fd[0], &msg), GT_OK);
	gt_fd_close(&e->fd[0]);
	assert_int_equal(gt_channel_recv(e->fd[1], &msg), GT_OK);
	assert_int_equal(gt_channel_recv(e->fd[1], &msg), GT_EOF);
}

static void
recv_says_eof_when_the_other_end_left_messages_unread(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_READY};

	assert_int_equal(gt_channel_send(e->fd[1], &msg), GT_OK);
	gt_fd_close(&e->fd[0]);
	assert_int_equal(gt_channel_recv(e->fd[1], &msg), GT_EOF);
}

static void
send_says_gone_and_raises_no_signal(void **state)
{
	struct ends *e = *state;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_READY};

	gt_fd_close(&e->fd[1]);
	assert_int_equal(gt_channel_send(e->fd[0], &msg), GT_GONE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
	    T(both_ends_are_nonblocking_and_close_on_exec),
	    T(recv_gives_what_was_sent_one_message_a_packet),
	    T(descriptors_arrive_in_order_and_close_on_exec),
	    T(a_message_whose_descriptors_have_no_room_is_not_the_end),
	    T(send_says_again_when_the_other_end_does_not_read),
	    T(recv_says_eof_after_the_last_message),
	    T(recv_says_eof_when_the_other_end_left_messages_unread),
	    T(send_says_gone_and_raises_no_signal),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
