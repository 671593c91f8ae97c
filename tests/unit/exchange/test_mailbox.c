/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "../cmocka_all.h"
#include "gthreadd/base/check.h"
#include "gthreadd/base/lock.h"
#include "gthreadd/exchange/exchange.h"

#define THREADS    4
#define PER_THREAD 2000

static _Atomic int wakes;

static void
count_wake(void *arg)
{
	(void)arg;
	atomic_fetch_add(&wakes, 1);
}

static struct gt_service *
make_service(void)
{
	static struct gt_settings settings = {.response_buffer = 65536};
	static struct gt_service service;

	gt_role_set(GT_ROLE_LOOP);
	service = (struct gt_service){.settings = &settings};
	gt_mailbox_init(&service.mailbox, count_wake, NULL);
	atomic_store(&wakes, 0);
	return &service;
}

static void
what_is_posted_comes_oldest_first(void **state)
{
	struct gt_service *sv = make_service();
	struct gt_exchange *ex[3], *got;

	(void)state;
	gt_assert_loop();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(gt_exchange_create(sv, &ex[i]), GT_OK);
		gt_exchange_post(ex[i]);
	}
	got = gt_mailbox_take(&sv->mailbox);
	for (int i = 0; i < 3; i++, got = got->next_posted)
		assert_ptr_equal(got, ex[i]);
	assert_null(got);
	assert_null(gt_mailbox_take(&sv->mailbox));
	for (int i = 0; i < 3; i++)
		gt_exchange_destroy(ex[i]);
}

static void
an_exchange_is_listed_once(void **state)
{
	struct gt_service *sv = make_service();
	struct gt_exchange *ex, *got;

	(void)state;
	gt_assert_loop();
	assert_int_equal(gt_exchange_create(sv, &ex), GT_OK);
	gt_exchange_post(ex);
	gt_exchange_post(ex);
	gt_exchange_give_back(ex);
	got = gt_mailbox_take(&sv->mailbox);
	assert_ptr_equal(got, ex);
	assert_null(got->next_posted);
	assert_int_equal(gt_exchange_open_post(got), GT_EX_DONE);
	gt_exchange_destroy(ex);
}

static void
only_a_sleeping_loop_is_woken(void **state)
{
	struct gt_service *sv = make_service();
	struct gt_exchange *ex;

	(void)state;
	gt_assert_loop();
	assert_int_equal(gt_exchange_create(sv, &ex), GT_OK);
	gt_exchange_post(ex);
	assert_int_equal(atomic_load(&wakes), 0);
	assert_false(gt_mailbox_may_sleep(&sv->mailbox));
	gt_mailbox_take(&sv->mailbox);
	gt_exchange_open_post(ex);
	assert_true(gt_mailbox_may_sleep(&sv->mailbox));
	gt_exchange_post(ex);
	assert_int_equal(atomic_load(&wakes), 1);
	gt_mailbox_woke(&sv->mailbox);
	gt_mailbox_take(&sv->mailbox);
	gt_exchange_destroy(ex);
}

static void
a_called_loop_takes_a_turn(void **state)
{
	struct gt_service *sv = make_service();

	(void)state;
	gt_assert_loop();
	gt_mailbox_call(&sv->mailbox);
	assert_int_equal(atomic_load(&wakes), 0);
	assert_false(gt_mailbox_may_sleep(&sv->mailbox));
	gt_mailbox_woke(&sv->mailbox);
	assert_true(gt_mailbox_may_sleep(&sv->mailbox));
	gt_mailbox_call(&sv->mailbox);
	assert_int_equal(atomic_load(&wakes), 1);
	gt_mailbox_woke(&sv->mailbox);
	assert_null(gt_mailbox_take(&sv->mailbox));
	assert_true(gt_mailbox_may_sleep(&sv->mailbox));
}

static void *
post_many(void *arg)
{
	struct gt_exchange *const *ex = arg;

	for (int i = 0; i < PER_THREAD; i++)
		gt_exchange_give_back(ex[i]);
	return NULL;
}

static void
nothing_is_lost_between_threads(void **state)
{
	struct gt_service *sv = make_service();
	struct gt_exchange **ex, *got, *next;
	struct gt_thread threads[THREADS];
	int taken = 0, n = THREADS * PER_THREAD;

	(void)state;
	gt_assert_loop();
	ex = calloc((size_t)n, sizeof(*ex));
	for (int i = 0; i < n; i++)
		assert_int_equal(gt_exchange_create(sv, &ex[i]), GT_OK);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(gt_thread_create(&threads[i], "post",
		                                  post_many,
		                                  ex + i * PER_THREAD),
		                 GT_OK);
	while (taken < n) {
		got = gt_mailbox_take(&sv->mailbox);
		for (; got != NULL; got = next, taken++) {
			next = got->next_posted;
			assert_int_equal(gt_exchange_open_post(got),
			                 GT_EX_DONE);
			gt_exchange_destroy(got);
		}
	}
	for (int i = 0; i < THREADS; i++)
		gt_thread_join(&threads[i]);
	free(ex);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_posted_comes_oldest_first),
	    cmocka_unit_test(an_exchange_is_listed_once),
	    cmocka_unit_test(only_a_sleeping_loop_is_woken),
	    cmocka_unit_test(a_called_loop_takes_a_turn),
	    cmocka_unit_test(nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests_name("exchange/mailbox", tests, NULL,
	                                   NULL);
}
