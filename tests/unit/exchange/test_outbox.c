/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../cmocka_all.h"
#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

#define MARK   1000
#define STREAM 200000

static struct gt_settings settings = {.response_buffer = MARK};
static struct gt_service service = {.settings = &settings};

static void
no_wake(void *arg)
{
	(void)arg;
}

static struct gt_exchange *
make(void)
{
	struct gt_exchange *ex;

	gt_role_set(GT_ROLE_LOOP);
	gt_mailbox_init(&service.mailbox, no_wake, NULL);
	assert_int_equal(gt_exchange_create(&service, &ex), GT_OK);
	return ex;
}

static enum gt_err
publish(struct gt_exchange *ex, const char *p, size_t n)
{
	assert_int_equal(gt_buf_add(&ex->out.own, p, n), GT_OK);
	return gt_outbox_publish(ex);
}

static void
pieces_are_joined_until_the_loop_takes_them(void **state)
{
	struct gt_exchange *ex = make();

	(void)state;
	gt_assert_loop();
	assert_int_equal(publish(ex, "one ", 4), GT_OK);
	assert_int_equal(publish(ex, "two", 3), GT_OK);
	assert_ptr_equal(gt_mailbox_take(&service.mailbox), ex);
	gt_outbox_take(ex);
	assert_int_equal(ex->out.drain.len, 7);
	assert_memory_equal(ex->out.drain.p, "one two", 7);
	gt_exchange_destroy(ex);
}

static void
what_is_being_sent_is_not_disturbed(void **state)
{
	struct gt_exchange *ex = make();

	(void)state;
	gt_assert_loop();
	assert_int_equal(publish(ex, "one", 3), GT_OK);
	gt_outbox_take(ex);
	gt_outbox_sent(ex, 1);
	assert_int_equal(publish(ex, "two", 3), GT_OK);
	gt_outbox_take(ex);
	assert_memory_equal(ex->out.drain.p, "one", 3);
	gt_outbox_sent(ex, 2);
	gt_outbox_take(ex);
	assert_memory_equal(ex->out.drain.p, "two", 3);
	gt_mailbox_take(&service.mailbox);
	gt_exchange_destroy(ex);
}

static void
a_slow_client_makes_the_writer_wait(void **state)
{
	struct gt_exchange *ex = make();
	char big[MARK] = {0};

	(void)state;
	gt_assert_loop();
	assert_int_equal(publish(ex, big, MARK - 1), GT_OK);
	assert_int_equal(publish(ex, big, 1), GT_FULL);
	gt_outbox_take(ex);
	gt_outbox_sent(ex, MARK / 2);
	assert_int_equal(gt_outbox_wait(ex), GT_OK);
	gt_mailbox_take(&service.mailbox);
	gt_exchange_destroy(ex);
}

static void
nobody_writes_to_a_client_that_left(void **state)
{
	struct gt_exchange *ex = make();
	char big[MARK] = {0};

	(void)state;
	gt_assert_loop();
	assert_int_equal(publish(ex, big, MARK), GT_FULL);
	gt_outbox_fail(ex);
	assert_int_equal(gt_outbox_wait(ex), GT_GONE);
	assert_int_equal(publish(ex, "x", 1), GT_GONE);
	gt_mailbox_take(&service.mailbox);
	gt_exchange_destroy(ex);
}

static void *
write_stream(void *arg)
{
	struct gt_exchange *ex = arg;
	enum gt_err rc = GT_OK;
	char octet;

	for (size_t i = 0; i < STREAM && rc == GT_OK; i++) {
		octet = (char)i;
		if (gt_buf_add(&ex->out.own, &octet, 1) != GT_OK)
			break;
		if (i % 7 != 0 && i != STREAM - 1)
			continue;
		if ((rc = gt_outbox_publish(ex)) == GT_FULL)
			rc = gt_outbox_wait(ex);
	}
	gt_exchange_give_back(ex);
	return NULL;
}

static void
a_stream_arrives_whole_and_in_order(void **state)
{
	struct gt_exchange *ex = make();
	struct gt_outbox *out = &ex->out;
	struct gt_thread t;
	size_t got = 0, most = 0;

	(void)state;
	gt_assert_loop();
	assert_int_equal(gt_thread_create(&t, "writer", write_stream, ex),
	                 GT_OK);
	while (got < STREAM) {
		gt_outbox_take(ex);
		for (size_t i = out->drained; i < out->drain.len; i++)
			assert_int_equal(out->drain.p[i], (char)got++);
		if (out->drain.len > most)
			most = out->drain.len;
		gt_outbox_sent(ex, out->drain.len - out->drained);
	}
	gt_thread_join(&t);
	assert_true(most <= MARK + 7);
	gt_mailbox_take(&service.mailbox);
	gt_exchange_destroy(ex);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_are_joined_until_the_loop_takes_them),
	    cmocka_unit_test(what_is_being_sent_is_not_disturbed),
	    cmocka_unit_test(a_slow_client_makes_the_writer_wait),
	    cmocka_unit_test(nobody_writes_to_a_client_that_left),
	    cmocka_unit_test(a_stream_arrives_whole_and_in_order),
	};

	return cmocka_run_group_tests_name("exchange/outbox", tests, NULL,
	                                   NULL);
}
