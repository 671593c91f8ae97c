/* SPDX-License-Identifier: MIT */
/*
 * What a thread sends itself in the middle of a request, on a socket pair in
 * the place of a client.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../src/worker/lastout_priv.h"
#include "../cmocka_all.h"

#define BLOCK 60000 /* more than a small socket takes, less than is refused */

struct fixture {
	int client;
	struct gt_service service;
	struct gt_conn conn;
	struct gt_exchange *ex;
};

static int
start(void **state)
{
	static struct fixture f;
	const int small = 4096;
	int fd[2];

	f = (struct fixture){0};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0 ||
	    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) <
	        0 ||
	    gt_exchange_create(&f.service, &f.ex) != GT_OK ||
	    gt_buf_reserve(&f.ex->out.own, BLOCK) != GT_OK)
		return -1;
	f.conn.fd = fd[0];
	f.client = fd[1];
	f.ex->conn = &f.conn;
	memset(f.ex->out.own.p, 'x', BLOCK);
	atomic_store(&f.ex->state, GT_EX_RUNNING);
	*state = &f;
	return 0;
}

static int
end(void **state)
{
	struct fixture *f = *state;

	gt_exchange_destroy(f->ex);
	close(f->conn.fd);
	close(f->client);
	return 0;
}

static void
a_block_that_is_sent_whole_has_answered(void **state)
{
	struct fixture *f = *state;

	f->ex->out.own.len = 100;
	assert_true(gt_conn_send_now(f->ex));
	assert_true(f->ex->answered);
	assert_false(f->ex->out.published);
	assert_int_equal(gt_exchange_state(f->ex), GT_EX_RUNNING);
}

/*
 * Between here and the publishing of the rest the loop may give the request
 * up: an answer of its own would stand in the middle of this one.
 */
static void
a_block_that_is_sent_in_part_is_no_longer_the_loops_to_answer(void **state)
{
	struct fixture *f = *state;

	f->ex->out.own.len = BLOCK;
	assert_false(gt_conn_send_now(f->ex));
	assert_in_range(f->ex->out.own.len, 1, BLOCK - 1);
	assert_false(f->ex->answered);
	assert_true(f->ex->out.published);
	assert_int_equal(gt_exchange_state(f->ex), GT_EX_RUNNING);
}

static void
a_block_of_which_nothing_is_sent_leaves_the_answer_to_all(void **state)
{
	struct fixture *f = *state;

	while (send(f->conn.fd, f->ex->out.own.p, BLOCK, MSG_NOSIGNAL) > 0)
		;
	f->ex->out.own.len = 100;
	assert_false(gt_conn_send_now(f->ex));
	assert_int_equal(f->ex->out.own.len, 100);
	assert_false(f->ex->out.published);
}

static void
an_abandoned_request_sends_nothing(void **state)
{
	struct fixture *f = *state;
	char c;

	atomic_store(&f->ex->state, GT_EX_ABANDONED);
	f->ex->out.own.len = 100;
	assert_false(gt_conn_send_now(f->ex));
	assert_int_equal(recv(f->client, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(gt_exchange_state(f->ex), GT_EX_ABANDONED);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
	    T(a_block_that_is_sent_whole_has_answered),
	    T(a_block_that_is_sent_in_part_is_no_longer_the_loops_to_answer),
	    T(a_block_of_which_nothing_is_sent_leaves_the_answer_to_all),
	    T(an_abandoned_request_sends_nothing),
	};

	return cmocka_run_group_tests_name("lastout", tests, NULL, NULL);
}
