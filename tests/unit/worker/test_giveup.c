/* SPDX-License-Identifier: MIT */
/*
 * Requests that the loop answers itself, on a socket pair in the place of a
 * client; the test is the thread, and the monitor.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../src/worker/lastout_priv.h"
#include "../cmocka_all.h"
#include "gthreadd/base/log.h"

#define BLOCK 60000 /* more than a small socket takes, less than is refused */
#define JOBS  2

struct fixture {
	struct gt_worker w;
	struct gt_settings settings;
	struct gt_trust trust;
	struct gt_listener listener;
	struct gt_board board;
	struct gt_conn *c;
	struct gt_exchange *ex;
	struct gt_pool_thread thread;
	struct gt_cell cell; /* what the board says of it */
	struct gt_job job[JOBS];
	int client;
	char got[BLOCK + 4096];
};

/* A request that is queued. */
static int
start(void **state)
{
	static struct fixture f;
	const struct sockaddr sa = {.sa_family = AF_UNIX};
	struct gt_worker *w = &f.w;
	const int small = 4096;
	int fd[2];

	memset(&f, 0, sizeof(f));
	*state = &f;
	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	gt_log_set_level(GT_LOG_CRITICAL);
	f.listener.is_unix = true;
	w->settings = w->service.settings = &f.settings;
	w->service.trust = &f.trust;
	w->board = &f.board;
	w->state = GT_WORKER_ENDED; /* nothing is accepted */
	w->threads = &f.thread;
	w->nthreads = 1;
	f.thread.cell = &f.cell;
	gt_mutex_init(&w->monitor.lock);
	gt_cond_init(&w->monitor.wake);
	w->monitor.job = f.job;
	w->monitor.room = JOBS;
	TAILQ_INIT(&w->conns);
	gt_queue_init(&w->queue, &w->service.mailbox);
	if (gt_loop_init(w) != GT_OK ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0 ||
	    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) < 0)
		return -1;
	f.client = fd[1];
	gt_conn_open(w, fd[0], &f.listener, &sa);
	f.c = TAILQ_FIRST(&w->conns);
	if ((f.ex = gt_loop_take_exchange(w)) == NULL)
		return -1;
	f.ex->conn = f.c;
	f.ex->peer = &f.c->peer;
	f.c->ex = f.ex;
	f.c->body.state = GT_BODY_DONE;
	gt_conn_dispatch(f.c);
	w->batch = w->batch_last = NULL; /* the test has it */
	w->nbatch = 0;
	return 0;
}

/* The thread gives the request back, if the loop has none of it yet. */
static int
end(void **state)
{
	struct fixture *f = *state;
	struct gt_conn *c;

	gt_assert_loop();
	gt_exchange_give_back(f->ex);
	for (int i = 0; i < 3; i++)
		gt_loop_turn(&f->w, false);
	while ((c = TAILQ_FIRST(&f->w.conns)) != NULL)
		gt_conn_close(c, "test");
	gt_loop_fini(&f->w);
	gt_queue_fini(&f->w.queue);
	gt_cond_fini(&f->w.monitor.wake);
	gt_mutex_fini(&f->w.monitor.lock);
	close(f->client);
	return 0;
}

/* All that the client has been sent. */
static size_t
receive(struct fixture *f)
{
	size_t n = 0;
	ssize_t k;

	while ((k = recv(f->client, f->got + n, sizeof(f->got) - 1 - n,
	                 MSG_DONTWAIT)) > 0)
		n += (size_t)k;
	f->got[n] = '\0';
	return n;
}

static void
a_queued_request_is_answered_and_not_run(void **state)
{
	struct fixture *f = *state;

	gt_assert_loop();
	gt_conn_give_up(f->c, GT_EX_QUEUED, 503, "queue-timeout");
	assert_true(receive(f) > 0);
	assert_memory_equal(f->got, "HTTP/1.1 503 ", 13);
	assert_false(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
}

/* 503 says that it was not run: it may be sent again. */
static void
a_request_that_runs_by_now_is_not_answered_as_if_it_did_not(void **state)
{
	struct fixture *f = *state;

	gt_assert_loop();
	assert_true(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
	gt_conn_give_up(f->c, GT_EX_QUEUED, 503, "queue-timeout");
	assert_int_equal(receive(f), 0);
	assert_int_equal(gt_exchange_state(f->ex), GT_EX_RUNNING);
	assert_ptr_equal(f->c->ex, f->ex);
}

static void
a_running_request_is_answered_with_its_id(void **state)
{
	struct fixture *f = *state;

	gt_assert_loop();
	f->w.service.id_header = GT_STR("X-Id");
	f->ex->request_id = GT_STR("some-id");
	assert_true(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
	gt_conn_give_up(f->c, GT_EX_RUNNING, 504, "request-timeout");
	assert_true(receive(f) > 0);
	assert_memory_equal(f->got, "HTTP/1.1 504 ", 13);
	assert_non_null(strstr(f->got, "\r\nX-Id: some-id\r\n"));
}

/* Its rest was not published yet when the loop gave it up. */
static void
a_response_that_has_begun_is_cut_and_not_answered(void **state)
{
	struct fixture *f = *state;
	struct gt_buf *own = &f->ex->out.own;
	size_t n;

	gt_assert_loop();
	assert_true(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
	assert_int_equal(gt_buf_reserve(own, BLOCK), GT_OK);
	memset(own->p, 'x', BLOCK);
	own->len = BLOCK;
	assert_false(gt_conn_send_now(f->ex));
	gt_conn_give_up(f->c, GT_EX_RUNNING, 504, "request-timeout");
	n = receive(f);
	assert_in_range(n, 1, BLOCK - 1);
	assert_int_equal(strspn(f->got, "x"), n);
	assert_int_equal(recv(f->client, f->got, 1, MSG_DONTWAIT), 0);
}

/* The thread has run the request for two seconds, one more than it may. */
static void
check_overdue(struct fixture *f)
{
	int64_t now = gt_loop_now(&f->w);

	gt_assert_loop();
	f->settings.request_timeout_ms = 1000;
	f->settings.interrupt_timeout_ms = 5000;
	gt_cell_begin(&f->cell, f->ex->number, now - 2000000, GT_STR("GET"),
	              GT_STR("/"), GT_STR(""));
	f->w.looked_us = now; /* the process did not stand still */
	gt_overdue_check(&f->w);
}

static void
assert_thread_is_seen_to(const struct fixture *f)
{
	assert_int_equal(f->w.monitor.njobs, 2);
	assert_int_equal(f->job[0].kind, GT_JOB_SHOW);
	assert_int_equal(f->job[1].kind, GT_JOB_RAISE);
	for (int i = 0; i < 2; i++) {
		assert_ptr_equal(f->job[i].thread, &f->thread);
		assert_int_equal(f->job[i].request, f->ex->number);
	}
}

static void
a_request_that_takes_too_long_is_answered_once(void **state)
{
	struct fixture *f = *state;

	gt_assert_loop();
	assert_true(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
	check_overdue(f);
	assert_true(receive(f) > 0);
	assert_memory_equal(f->got, "HTTP/1.1 504 ", 13);
	assert_thread_is_seen_to(f);
	check_overdue(f);
	assert_int_equal(receive(f), 0);
	assert_thread_is_seen_to(f);
}

static void
a_thread_whose_request_was_given_up_before_is_seen_to_all_the_same(void **state)
{
	struct fixture *f = *state;

	gt_assert_loop();
	assert_true(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
	gt_conn_give_up(f->c, GT_EX_RUNNING, 503, "worker ends");
	assert_true(receive(f) > 0);
	assert_memory_equal(f->got, "HTTP/1.1 503 ", 13);
	check_overdue(f);
	assert_int_equal(receive(f), 0);
	assert_thread_is_seen_to(f);
}

static void
a_monitor_with_no_room_costs_no_answer(void **state)
{
	struct fixture *f = *state;

	gt_assert_loop();
	f->w.monitor.njobs = JOBS;
	assert_true(gt_exchange_move(f->ex, GT_EX_QUEUED, GT_EX_RUNNING));
	check_overdue(f);
	assert_true(receive(f) > 0);
	assert_memory_equal(f->got, "HTTP/1.1 504 ", 13);
	assert_int_equal(f->w.monitor.njobs, JOBS);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
	    T(a_queued_request_is_answered_and_not_run),
	    T(a_request_that_runs_by_now_is_not_answered_as_if_it_did_not),
	    T(a_running_request_is_answered_with_its_id),
	    T(a_response_that_has_begun_is_cut_and_not_answered),
	    T(a_request_that_takes_too_long_is_answered_once),
	    T(a_thread_whose_request_was_given_up_before_is_seen_to_all_the_same),
	    T(a_monitor_with_no_room_costs_no_answer),
	};

	return cmocka_run_group_tests_name("giveup", tests, NULL, NULL);
}
