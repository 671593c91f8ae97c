/* SPDX-License-Identifier: MIT */
/*
 * The rules of the dispatch without Python: threads here "hold the GIL" when
 * they say so.
 */
#include <stdlib.h>
#include <unistd.h>

#include "../../../src/worker/worker_priv.h"
#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"

static struct gt_exchange ex[8];
static struct gt_mailbox mailbox;
static _Atomic int calls; /* of a loop that sleeps */

static void
wake(void *arg)
{
	atomic_fetch_add(&calls, 1);
	gt_queue_rouse(arg);
}

static int
start(void **state)
{
	static struct gt_queue q;

	gt_role_set(GT_ROLE_LOOP);
	gt_mailbox_init(&mailbox, wake, &q);
	atomic_store(&calls, 0);
	gt_queue_init(&q, &mailbox);
	for (size_t i = 0; i < 8; i++)
		ex[i].next = NULL;
	*state = &q;
	return 0;
}

static int
end(void **state)
{
	gt_queue_fini(*state);
	return 0;
}

/* The tests play the holder of the GIL. */
#define AS_HOLDER                \
	gt_assert_loop();        \
	gt_check_gil_held(true); \
	gt_assert_gil()

static void
requests_are_taken_in_the_order_they_came(void **state)
{
	struct gt_queue *q = *state;
	struct gt_exchange *got;

	AS_HOLDER;
	ex[0].next = &ex[1];
	gt_queue_give(q, &ex[0], &ex[1], 2);
	gt_queue_give(q, &ex[2], &ex[2], 1);
	for (int i = 0; i < 3; i++) {
		assert_true(gt_queue_take_first(q, &got));
		assert_ptr_equal(got, &ex[i]);
	}
	assert_false(gt_queue_take_first(q, &got));
}

static void
a_holder_goes_on_while_requests_are_queued(void **state)
{
	struct gt_queue *q = *state;
	struct gt_pool_thread t = {.took_us = 0};
	struct gt_exchange *got;

	AS_HOLDER;
	ex[0].next = &ex[1];
	gt_queue_give(q, &ex[0], &ex[1], 2);
	assert_true(gt_queue_take_first(q, &got));
	/* Past the quantum, but nobody else is mid-request. */
	assert_int_equal(gt_queue_take_next(q, &t, 3000, &got), GT_TAKE_WORK);
	assert_ptr_equal(got, &ex[1]);
	assert_int_equal(gt_queue_take_next(q, &t, 9000, &got), GT_TAKE_EMPTY);
}

/* Beside as many preempted threads a holder goes on for us, and no longer. */
static void
expect_turn(struct gt_queue *q, int others, int64_t us)
{
	struct gt_pool_thread t = {.took_us = 1000000};
	struct gt_exchange *got;

	AS_HOLDER;
	for (int i = 0; i < 3 + others; i++)
		gt_queue_give(q, &ex[i], &ex[i], 1);
	for (int i = 0; i < 1 + others; i++)
		assert_true(gt_queue_take_first(q, &got));
	assert_int_equal(gt_queue_take_next(q, &t, t.took_us + us - 100, &got),
	                 GT_TAKE_WORK);
	assert_int_equal(gt_queue_take_next(q, &t, t.took_us + us + 100, &got),
	                 GT_TAKE_YIELD);
}

static void
a_holder_yields_when_another_is_mid_request(void **state)
{
	expect_turn(*state, 1, 1000);
}

static void
a_holder_yields_before_python_forces_it(void **state)
{
	expect_turn(*state, 0, 4000);
}

static void
the_load_counts_queued_and_running(void **state)
{
	struct gt_queue *q = *state;
	struct gt_exchange *got;
	size_t queued;

	AS_HOLDER;
	ex[0].next = &ex[1];
	gt_queue_give(q, &ex[0], &ex[1], 2);
	assert_int_equal(gt_queue_load(q, &queued), 2);
	assert_int_equal(queued, 2);
	assert_true(gt_queue_take_first(q, &got));
	assert_int_equal(gt_queue_load(q, &queued), 2);
	assert_int_equal(queued, 1);
}

struct parker {
	struct gt_queue *q;
	struct gt_pool_thread t;
	struct gt_thread thread;
	_Atomic int result; /* 0: parked, 1: heir, 2: closed */
};

static void *
park(void *arg)
{
	struct parker *p = arg;

	atomic_store(&p->result, gt_queue_park(p->q, &p->t) ? 1 : 2);
	return NULL;
}

static bool
is_parked(struct gt_queue *q, const struct gt_pool_thread *t)
{
	bool parked;

	gt_mutex_lock(&q->lock);
	parked = q->parked == t;
	gt_mutex_unlock(&q->lock);
	return parked;
}

static void
park_one(struct parker *p, struct gt_queue *q)
{
	p->q = q;
	atomic_init(&p->result, 0);
	gt_sem_init(&p->t.wake);
	assert_int_equal(gt_thread_create(&p->thread, "park", park, p), GT_OK);
	while (!is_parked(q, &p->t))
		usleep(100);
}

/* Whoever plays the holder of the GIL may wait: nobody needs it here. */
GT_TSA(no_thread_safety_analysis)
static void
join(struct parker *p)
{
	gt_thread_join(&p->thread);
}

static void
one_thread_at_a_time_goes_for_the_gil(void **state)
{
	struct gt_queue *q = *state;
	static struct parker a, b;
	struct gt_exchange *got;

	AS_HOLDER;
	park_one(&a, q);
	park_one(&b, q);
	for (int i = 0; i < 3; i++)
		gt_queue_give(q, &ex[i], &ex[i], 1);
	join(&b); /* the last that parked */
	assert_int_equal(atomic_load(&b.result), 1);
	assert_int_equal(atomic_load(&a.result), 0);
	/* The heir pops and makes the other one the heir. */
	assert_true(gt_queue_take_first(q, &got));
	join(&a);
	assert_int_equal(atomic_load(&a.result), 1);
}

static void
who_parks_with_work_queued_becomes_the_heir(void **state)
{
	struct gt_queue *q = *state;
	struct gt_pool_thread t = {.took_us = 0};

	gt_assert_loop();
	gt_check_gil_held(false);
	gt_queue_give(q, &ex[0], &ex[0], 1);
	assert_true(gt_queue_park(q, &t));
}

static void
closing_sends_everybody_home(void **state)
{
	struct gt_queue *q = *state;
	static struct parker a, b;

	gt_assert_loop();
	park_one(&a, q);
	park_one(&b, q);
	gt_queue_close(q);
	gt_thread_join(&a.thread);
	gt_thread_join(&b.thread);
	assert_int_equal(atomic_load(&a.result), 2);
	assert_int_equal(atomic_load(&b.result), 2);
	assert_false(gt_queue_park(q, &a.t));
}

static void
the_loop_is_called_once_when_the_load_has_fallen(void **state)
{
	struct gt_queue *q = *state;
	struct gt_pool_thread t = {.took_us = 0};
	struct gt_exchange *got;

	AS_HOLDER;
	for (int i = 0; i < 4; i++)
		gt_queue_give(q, &ex[i], &ex[i], 1);
	assert_false(gt_queue_call_at(q, 4));
	assert_true(gt_queue_call_at(q, 2));
	assert_true(gt_mailbox_may_sleep(&mailbox));
	assert_true(gt_queue_take_first(q, &got));
	assert_int_equal(gt_queue_take_next(q, &t, 0, &got), GT_TAKE_WORK);
	assert_int_equal(atomic_load(&calls), 0); /* 3 are left */
	assert_int_equal(gt_queue_take_next(q, &t, 0, &got), GT_TAKE_WORK);
	assert_int_equal(atomic_load(&calls), 1);
	assert_false(gt_mailbox_may_sleep(&mailbox));
	gt_mailbox_woke(&mailbox);
	assert_true(gt_mailbox_may_sleep(&mailbox));
	assert_int_equal(gt_queue_take_next(q, &t, 0, &got), GT_TAKE_WORK);
	assert_int_equal(gt_queue_take_next(q, &t, 0, &got), GT_TAKE_EMPTY);
	assert_int_equal(atomic_load(&calls), 1);
}

#define LONG_US 1000000
#define AGES_US (60 * INT64_C(1000000))

static void
the_loop_dozes_only_while_long_requests_wait(void **state)
{
	struct gt_queue *q = *state;

	AS_HOLDER;
	atomic_store(&q->run_us, LONG_US);
	gt_queue_give(q, &ex[0], &ex[0], 1);
	assert_false(gt_queue_doze(q, AGES_US)); /* one: its thread is up */
	gt_queue_give(q, &ex[1], &ex[1], 1);
	assert_false(gt_queue_doze(q, 0)); /* it does; nothing comes */
	atomic_store(&q->run_us, 1);
	assert_false(gt_queue_doze(q, AGES_US));
	assert_false(gt_queue_rouse(q));
}

static void
what_is_posted_already_keeps_the_loop_up(void **state)
{
	struct gt_queue *q = *state;

	AS_HOLDER;
	atomic_store(&q->run_us, LONG_US);
	ex[0].next = &ex[1];
	gt_queue_give(q, &ex[0], &ex[1], 2);
	gt_mailbox_call(&mailbox);
	assert_false(gt_queue_doze(q, AGES_US));
}

/* Once the loop dozes: take all that is queued, or post. */
static void *
take_all(void *arg)
{
	struct gt_queue *q = arg;
	struct gt_exchange *got;

	while (atomic_load(&mailbox.sleeping) == 0)
		usleep(100);
	gt_check_gil_held(true);
	gt_assert_gil();
	while (gt_queue_take_first(q, &got))
		;
	return NULL;
}

static void *
post_one(void *arg)
{
	(void)arg;
	while (atomic_load(&mailbox.sleeping) == 0)
		usleep(100);
	gt_mailbox_push(&mailbox, &ex[7]);
	return NULL;
}

static void
doze_beside(struct gt_queue *q, void *(*other)(void *))
{
	struct gt_thread thread;

	gt_assert_loop();
	atomic_store(&q->run_us, LONG_US);
	ex[0].next = &ex[1];
	gt_queue_give(q, &ex[0], &ex[1], 2);
	assert_int_equal(gt_thread_create(&thread, "other", other, q), GT_OK);
	assert_true(gt_queue_doze(q, AGES_US));
	gt_thread_join(&thread);
}

static void
the_loop_is_roused_when_nothing_is_queued_any_more(void **state)
{
	doze_beside(*state, take_all);
}

static void
the_loop_is_roused_when_something_is_posted(void **state)
{
	doze_beside(*state, post_one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	    T(requests_are_taken_in_the_order_they_came),
	    T(a_holder_goes_on_while_requests_are_queued),
	    T(a_holder_yields_when_another_is_mid_request),
	    T(a_holder_yields_before_python_forces_it),
	    T(the_load_counts_queued_and_running),
	    T(one_thread_at_a_time_goes_for_the_gil),
	    T(who_parks_with_work_queued_becomes_the_heir),
	    T(closing_sends_everybody_home),
	    T(the_loop_is_called_once_when_the_load_has_fallen),
	    T(the_loop_dozes_only_while_long_requests_wait),
	    T(what_is_posted_already_keeps_the_loop_up),
	    T(the_loop_is_roused_when_nothing_is_queued_any_more),
	    T(the_loop_is_roused_when_something_is_posted),
#undef T
	};

	return cmocka_run_group_tests_name("worker/queue", tests, NULL, NULL);
}
