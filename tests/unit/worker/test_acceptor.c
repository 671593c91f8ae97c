/* SPDX-License-Identifier: MIT */
/* How many connections are accepted at a time, by a loop without threads. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../src/worker/worker_priv.h"
#include "../cmocka_all.h"

#define CLIENTS   12
#define MOST_LOAD 4 /* a thread and three in the queue */

struct fixture {
	struct gt_worker w;
	struct gt_settings settings;
	struct gt_trust trust;
	struct gt_child child;
	struct gt_listener listener;
	struct gt_listeners listeners;
	struct gt_board board;
	int client[CLIENTS];
	int roster_fd;
};

static int
listen_and_connect(struct fixture *f)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa);

	/* An abstract name of the kernel's choice. */
	f->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(f->listener.fd, (void *)&sa, sizeof(sa.sun_family)) < 0 ||
	    listen(f->listener.fd, CLIENTS) < 0 ||
	    getsockname(f->listener.fd, (void *)&sa, &len) < 0)
		return -1;
	for (size_t i = 0; i < CLIENTS; i++) {
		f->client[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(f->client[i], (void *)&sa, len) < 0)
			return -1;
	}
	return 0;
}

static int
start(void **state)
{
	static struct fixture f;
	struct gt_worker *w = &f.w;

	memset(&f, 0, sizeof(f));
	gt_role_set(GT_ROLE_LOOP);
	f.settings.worker_connections = 8;
	f.listener.slot = GT_LISTENER_ALL;
	f.listener.is_unix = true;
	f.listeners = (struct gt_listeners){.v = &f.listener, .n = 1};
	f.child = (struct gt_child){.settings = &f.settings,
	                            .listeners = &f.listeners};
	f.trust.proxy_mode = GT_PROXY_OFF;
	w->settings = w->service.settings = &f.settings;
	w->service.trust = &f.trust;
	w->child = &f.child;
	w->board = &f.board;
	w->nthreads = 1;
	w->queue_size = MOST_LOAD - 1;
	TAILQ_INIT(&w->conns);
	gt_queue_init(&w->queue, &w->service.mailbox);
	*state = &f;
	if (gt_roster_create(&f.roster_fd) != GT_OK ||
	    gt_roster_map(f.roster_fd, &w->roster) != GT_OK ||
	    gt_loop_init(w) != GT_OK || listen_and_connect(&f) < 0)
		return -1;
	return gt_acceptor_start(w) == GT_OK ? 0 : -1;
}

static int
end(void **state)
{
	struct fixture *f = *state;
	struct gt_conn *c;

	gt_assert_loop();
	while ((c = TAILQ_FIRST(&f->w.conns)) != NULL)
		gt_conn_close(c, "test");
	gt_acceptor_stop(&f->w, 0);
	free(f->w.acceptors);
	gt_loop_fini(&f->w);
	gt_queue_fini(&f->w.queue);
	gt_roster_unmap(f->w.roster);
	close(f->roster_fd);
	for (size_t i = 0; i < CLIENTS; i++)
		close(f->client[i]);
	return 0;
}

/* One turn of the events alone, as the load looked at its beginning. */
static void
turn(struct fixture *f, size_t load_now)
{
	struct gt_worker *w = &f->w;

	gt_assert_loop();
	gt_acceptor_admit(w, 0);
	atomic_store(&w->queue.queued, load_now);
	event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
no_more_are_accepted_than_may_all_ask_at_once(void **state)
{
	struct fixture *f = *state;

	turn(f, 0);
	assert_int_equal(f->w.nconns, MOST_LOAD);
}

static void
no_more_are_accepted_than_worker_connections(void **state)
{
	struct fixture *f = *state;

	f->settings.worker_connections = 3;
	turn(f, 0);
	assert_int_equal(f->w.nconns, 3);
	turn(f, 0);
	assert_int_equal(f->w.nconns, 3);
}

static void
none_are_accepted_at_the_limit_of_the_load(void **state)
{
	struct fixture *f = *state;

	turn(f, MOST_LOAD - 1);
	assert_int_equal(f->w.nconns, 1);
	turn(f, MOST_LOAD);
	assert_int_equal(f->w.nconns, 1);
}

/*
 * What is queued and what runs are two numbers: a request that changes from
 * one to the other between two looks is in both.
 */
static void
none_are_accepted_when_the_load_seems_to_be_above_the_limit(void **state)
{
	struct fixture *f = *state;

	turn(f, MOST_LOAD + 1);
	assert_int_equal(f->w.nconns, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
	    T(no_more_are_accepted_than_may_all_ask_at_once),
	    T(no_more_are_accepted_than_worker_connections),
	    T(none_are_accepted_at_the_limit_of_the_load),
	    T(none_are_accepted_when_the_load_seems_to_be_above_the_limit),
	};

	return cmocka_run_group_tests_name("acceptor", tests, NULL, NULL);
}
