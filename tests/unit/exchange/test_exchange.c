/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../cmocka_all.h"
#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

static struct gt_settings settings = {.response_buffer = 65536};
static struct gt_service service = {.settings = &settings};

static void
no_wake(void *arg)
{
	(void)arg;
}

static int
make(void **state)
{
	struct gt_exchange *ex;

	gt_role_set(GT_ROLE_LOOP);
	gt_mailbox_init(&service.mailbox, no_wake, NULL);
	atomic_init(&service.released, NULL);
	assert_int_equal(gt_exchange_create(&service, &ex), GT_OK);
	*state = ex;
	return 0;
}

static int
unmake(void **state)
{
	gt_exchange_destroy(*state);
	return 0;
}

static void
only_the_named_state_moves(void **state)
{
	struct gt_exchange *ex = *state;

	atomic_store(&ex->state, GT_EX_QUEUED);
	assert_false(gt_exchange_move(ex, GT_EX_RUNNING, GT_EX_SENDING));
	assert_true(gt_exchange_move(ex, GT_EX_QUEUED, GT_EX_RUNNING));
	assert_int_equal(gt_exchange_state(ex), GT_EX_RUNNING);
}

static void
a_send_and_a_timeout_exclude_each_other(void **state)
{
	struct gt_exchange *ex = *state;

	atomic_store(&ex->state, GT_EX_RUNNING);
	assert_true(gt_exchange_move(ex, GT_EX_RUNNING, GT_EX_SENDING));
	assert_false(gt_exchange_move(ex, GT_EX_RUNNING, GT_EX_ABANDONED));
	assert_true(gt_exchange_settle(ex));
	assert_int_equal(atomic_load(&ex->state), GT_EX_IDLE);
}

static void
attention_survives_moves_and_stops_settling(void **state)
{
	struct gt_exchange *ex = *state;

	atomic_store(&ex->state, GT_EX_RUNNING | GT_EX_ATTENTION);
	assert_true(gt_exchange_move(ex, GT_EX_RUNNING, GT_EX_SENDING));
	assert_false(gt_exchange_settle(ex));
	gt_exchange_give_back(ex);
	assert_int_equal(gt_exchange_state(ex), GT_EX_DONE);
	assert_true(atomic_load(&ex->state) & GT_EX_ATTENTION);
}

static void
a_sent_parcel_waits_for_the_gil(void **state)
{
	struct gt_exchange *ex = *state;
	struct gt_parcel *pc = calloc(1, sizeof(*pc));

	gt_assert_loop();
	ex->out.parcel = pc;
	gt_exchange_reset(ex);
	assert_null(ex->out.parcel);
	assert_ptr_equal(atomic_load(&service.released), pc);
	free(pc);
}

static void
reset_forgets_the_request(void **state)
{
	struct gt_exchange *ex = *state;

	gt_assert_loop();
	assert_int_equal(gt_buf_add(&ex->head, "GET", 3), GT_OK);
	assert_int_equal(gt_inbox_open(ex, 10), GT_OK);
	ex->failed = ex->logged = true;
	ex->thread = 3;
	gt_exchange_reset(ex);
	assert_int_equal(ex->head.len, 0);
	assert_null(ex->in.ring);
	assert_false(ex->in.has_body);
	assert_false(ex->failed);
	assert_int_equal(ex->thread, 0);
}

static void
gone_is_seen_from_either_side(void **state)
{
	struct gt_exchange *ex = *state;

	gt_assert_loop();
	assert_int_equal(gt_inbox_open(ex, 10), GT_OK);
	assert_false(gt_exchange_is_gone(ex));
	gt_inbox_fail(ex, GT_GONE);
	assert_true(gt_exchange_is_gone(ex));
	gt_exchange_reset(ex);
	gt_outbox_fail(ex);
	assert_true(gt_exchange_is_gone(ex));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, make, unmake)
	    T(only_the_named_state_moves),
	    T(a_send_and_a_timeout_exclude_each_other),
	    T(attention_survives_moves_and_stops_settling),
	    T(a_sent_parcel_waits_for_the_gil),
	    T(reset_forgets_the_request),
	    T(gone_is_seen_from_either_side),
#undef T
	};

	return cmocka_run_group_tests_name("exchange/exchange", tests, NULL,
	                                   NULL);
}
