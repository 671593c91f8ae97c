/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../cmocka_all.h"
#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

#define BODY (1024 * 1024 + 17)

static struct gt_settings settings = {.response_buffer = 65536};
static struct gt_service service = {.settings = &settings};

static void
no_wake(void *arg)
{
	(void)arg;
}

static struct gt_exchange *
make(size_t size)
{
	struct gt_exchange *ex;

	gt_role_set(GT_ROLE_LOOP);
	gt_mailbox_init(&service.mailbox, no_wake, NULL);
	assert_int_equal(gt_exchange_create(&service, &ex), GT_OK);
	gt_assert_loop();
	assert_int_equal(gt_inbox_open(ex, size), GT_OK);
	return ex;
}

GT_ON_LOOP static void
put(struct gt_exchange *ex, const char *text)
{
	char *p;

	assert_true(gt_inbox_room(ex, &p) >= strlen(text));
	memcpy(p, text, strlen(text));
	gt_inbox_filled(ex, strlen(text));
}

static void
octets_come_out_as_they_went_in(void **state)
{
	struct gt_exchange *ex = make(10);
	struct gt_str s;

	(void)state;
	gt_assert_loop();
	put(ex, "hello ");
	put(ex, "world");
	s = gt_inbox_peek(ex);
	assert_true(gt_str_eq(s, GT_STR("hello world")));
	gt_inbox_consume(ex, 6);
	assert_true(gt_str_eq(gt_inbox_peek(ex), GT_STR("world")));
	gt_exchange_destroy(ex);
}

static void
the_end_is_known_without_waiting(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	assert_true(gt_inbox_would_wait(ex));
	put(ex, "x");
	assert_int_equal(gt_inbox_wait(ex), GT_OK);
	gt_inbox_consume(ex, 1);
	gt_inbox_end(ex);
	assert_int_equal(gt_inbox_wait(ex), GT_EOF);
	assert_false(gt_inbox_would_wait(ex));
	gt_exchange_destroy(ex);
}

static void
a_cut_body_yields_its_octets_and_then_the_reason(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	put(ex, "part");
	gt_inbox_fail(ex, GT_TIMEOUT);
	assert_int_equal(gt_inbox_wait(ex), GT_OK);
	gt_inbox_consume(ex, 4);
	assert_int_equal(gt_inbox_wait(ex), GT_TIMEOUT);
	gt_exchange_destroy(ex);
}

static void
a_complete_body_cannot_fail_afterwards(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	gt_inbox_end(ex);
	gt_inbox_fail(ex, GT_GONE);
	assert_int_equal(gt_inbox_wait(ex), GT_EOF);
	gt_exchange_destroy(ex);
}

static void
a_full_ring_posts_when_half_of_it_was_taken(void **state)
{
	struct gt_exchange *ex = make(4096);
	char *p;

	(void)state;
	gt_assert_loop();
	assert_int_equal(gt_inbox_room(ex, &p), 4096);
	gt_inbox_filled(ex, 4096);
	assert_int_equal(gt_inbox_free(ex), 0);
	gt_inbox_consume(ex, 100);
	assert_null(gt_mailbox_take(&service.mailbox));
	gt_inbox_consume(ex, 2000);
	assert_ptr_equal(gt_mailbox_take(&service.mailbox), ex);
	gt_exchange_open_post(ex);
	gt_exchange_destroy(ex);
}

static void *
read_all(void *arg)
{
	struct gt_exchange *ex = arg;
	unsigned char expect = 0;
	size_t total = 0;
	struct gt_str s;

	while (gt_inbox_wait(ex) == GT_OK) {
		s = gt_inbox_peek(ex);
		for (size_t i = 0; i < s.n; i++)
			if ((unsigned char)s.p[i] != expect++)
				return NULL;
		total += s.n;
		gt_inbox_consume(ex, s.n);
	}
	return (void *)(uintptr_t)total;
}

static void
a_reader_on_another_thread_gets_every_octet(void **state)
{
	struct gt_exchange *ex = make(4096);
	struct gt_thread t;
	size_t sent = 0, n;
	void *total = NULL;
	char *p;

	(void)state;
	gt_assert_loop();
	assert_int_equal(gt_thread_create(&t, "reader", read_all, ex), GT_OK);
	while (sent < BODY) {
		if ((n = gt_inbox_room(ex, &p)) == 0)
			continue;
		if (n > BODY - sent)
			n = BODY - sent;
		for (size_t i = 0; i < n; i++)
			p[i] = (char)(sent + i);
		gt_inbox_filled(ex, n);
		sent += n;
	}
	gt_inbox_end(ex);
	pthread_join(t.id, &total);
	assert_int_equal((uintptr_t)total, BODY);
	gt_mailbox_take(&service.mailbox);
	gt_exchange_destroy(ex);
}

static void *
wait_once(void *arg)
{
	return (void *)(uintptr_t)gt_inbox_wait(arg);
}

static void
continue_is_due_only_when_the_app_reads(void **state)
{
	struct gt_exchange *ex = make(10);
	struct gt_thread t;
	void *rc = NULL;

	(void)state;
	gt_assert_loop();
	ex->in.wants_continue = true;
	assert_false(gt_inbox_take_continue(ex));
	assert_int_equal(gt_thread_create(&t, "reader", wait_once, ex), GT_OK);
	while (gt_mailbox_take(&service.mailbox) == NULL)
		;
	assert_false(gt_inbox_reader_waits(ex)); /* the client waits too */
	while (!gt_inbox_take_continue(ex))
		;
	assert_true(gt_inbox_reader_waits(ex));
	assert_false(gt_inbox_take_continue(ex));
	put(ex, "x");
	pthread_join(t.id, &rc);
	assert_int_equal((uintptr_t)rc, GT_OK);
	gt_exchange_destroy(ex);
}

static void
octets_that_come_make_the_continue_needless(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	ex->in.wants_continue = true;
	put(ex, "x");
	assert_false(ex->in.wants_continue);
	assert_false(gt_inbox_refuse(ex, false));
	gt_exchange_destroy(ex);
}

static void
an_answer_without_the_continue_closes(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	ex->in.wants_continue = true;
	assert_true(gt_inbox_refuse(ex, false));
	assert_false(gt_inbox_take_continue(ex));
	assert_true(gt_inbox_refuse(ex, false)); /* and stays so */
	gt_exchange_destroy(ex);
}

static void
an_answer_to_a_body_that_was_cut_closes(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	assert_false(gt_inbox_refuse(ex, true));
	gt_inbox_fail(ex, GT_TIMEOUT);
	assert_true(gt_inbox_refuse(ex, false));
	gt_exchange_destroy(ex);
}

static void
a_whole_answer_closes_when_much_was_not_read(void **state)
{
	struct gt_exchange *ex = make(10);

	(void)state;
	gt_assert_loop();
	ex->request.framing = GT_FRAMING_LENGTH;
	ex->request.content_length = GT_INBOX_DROP_MAX + 2;
	put(ex, "x");
	assert_true(gt_inbox_refuse(ex, true));
	assert_false(gt_inbox_refuse(ex, false)); /* it may yet be read */
	put(ex, "y");
	assert_false(gt_inbox_refuse(ex, true));
	gt_exchange_destroy(ex);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(octets_come_out_as_they_went_in),
	    cmocka_unit_test(the_end_is_known_without_waiting),
	    cmocka_unit_test(a_cut_body_yields_its_octets_and_then_the_reason),
	    cmocka_unit_test(a_complete_body_cannot_fail_afterwards),
	    cmocka_unit_test(a_full_ring_posts_when_half_of_it_was_taken),
	    cmocka_unit_test(a_reader_on_another_thread_gets_every_octet),
	    cmocka_unit_test(continue_is_due_only_when_the_app_reads),
	    cmocka_unit_test(octets_that_come_make_the_continue_needless),
	    cmocka_unit_test(an_answer_without_the_continue_closes),
	    cmocka_unit_test(an_answer_to_a_body_that_was_cut_closes),
	    cmocka_unit_test(a_whole_answer_closes_when_much_was_not_read),
	};

	return cmocka_run_group_tests_name("exchange/inbox", tests, NULL, NULL);
}
