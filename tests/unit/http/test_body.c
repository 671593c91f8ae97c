/* SPDX-License-Identifier: MIT */
/* The body decoder: what the corpus cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/http/body.h"

static const struct gt_http_limits limits = {4094, 100, 8190, 65536};
static const struct gt_request chunked = {.framing = GT_FRAMING_CHUNKED};

static struct gt_body
start(const struct gt_request *rq)
{
	struct gt_body b;

	assert_int_equal(gt_body_init(&b, rq, 0, &limits), GT_OK);
	return b;
}

/* Decode all of s and drop the data. */
static enum gt_err
decode(struct gt_body *b, struct gt_str s)
{
	struct gt_str data;
	size_t used;
	enum gt_err rc = GT_OK;

	while (rc == GT_OK && s.n > 0 && !gt_body_is_done(b)) {
		rc = gt_body_decode(b, s.p, s.n, &used, &data);
		s.p += used;
		s.n -= used;
	}
	return rc;
}

static void
no_framing_is_done_at_once(void **state)
{
	const struct gt_request rq = {0};
	struct gt_body b = start(&rq);

	(void)state;
	assert_true(gt_body_is_done(&b));
	assert_int_equal(gt_body_direct(&b), 0);
}

static void
length_is_received_without_decoding(void **state)
{
	const struct gt_request rq = {.framing = GT_FRAMING_LENGTH,
	                              .content_length = 10};
	struct gt_body b = start(&rq);

	(void)state;
	assert_int_equal(gt_body_direct(&b), 10);
	gt_body_received(&b, 0);
	assert_int_equal(decode(&b, GT_STR("abc")), GT_OK);
	assert_int_equal(gt_body_direct(&b), 7);
	gt_body_received(&b, 7);
	assert_true(gt_body_is_done(&b));
	assert_int_equal(b.received, 10);
	gt_body_received(&b, 0);
	assert_true(gt_body_is_done(&b));
}

static void
chunked_is_never_direct(void **state)
{
	struct gt_body b = start(&chunked);

	(void)state;
	assert_int_equal(gt_body_direct(&b), 0);
	assert_int_equal(decode(&b, GT_STR("5\r\nhe")), GT_OK);
	assert_int_equal(gt_body_direct(&b), 0);
	assert_int_equal(b.received, 2);
}

static void
data_points_into_the_input(void **state)
{
	static const char s[] = "5\r\nhello\r\n";
	struct gt_body b = start(&chunked);
	struct gt_str data;
	size_t used;

	(void)state;
	assert_int_equal(gt_body_decode(&b, s, sizeof s - 1, &used, &data),
	                 GT_OK);
	assert_ptr_equal(data.p, s + 3);
	assert_int_equal(data.n, 5);
	assert_int_equal(used, 8);
}

static void
octets_behind_the_body_are_left(void **state)
{
	static const char s[] = "0\r\n\r\nGET";
	struct gt_body b = start(&chunked);
	struct gt_str data;
	size_t used;

	(void)state;
	assert_int_equal(gt_body_decode(&b, s, sizeof s - 1, &used, &data),
	                 GT_OK);
	assert_int_equal(used, 5);
	assert_int_equal(data.n, 0);
	assert_true(gt_body_is_done(&b));
	assert_int_equal(gt_body_decode(&b, s, 3, &used, &data), GT_OK);
	assert_int_equal(used, 0);
}

static void
announced_length_above_max_is_refused_at_once(void **state)
{
	const struct gt_request rq = {.framing = GT_FRAMING_LENGTH,
	                              .content_length = 10};
	struct gt_body b;

	(void)state;
	assert_int_equal(gt_body_init(&b, &rq, 10, &limits), GT_OK);
	assert_int_equal(gt_body_init(&b, &rq, 9, &limits), GT_BODY_LARGE);
	assert_non_null(b.why);
}

/* A chunk-size line of n octets. */
static enum gt_err
decode_line_of(struct gt_body *b, size_t n, char filler)
{
	char line[512];

	assert_true(n + 2 <= sizeof line);
	memset(line, filler, n);
	line[0] = filler == '0' ? '0' : '1';
	if (filler == '0')
		line[n - 1] = '1';
	else
		line[1] = ';';
	line[n] = '\r';
	line[n + 1] = '\n';
	return decode(b, (struct gt_str){line, n + 2});
}

static void
chunk_line_is_bounded(void **state)
{
	struct gt_body b = start(&chunked);

	(void)state;
	assert_int_equal(decode_line_of(&b, 256, 'a'), GT_OK);
	b = start(&chunked);
	assert_int_equal(decode_line_of(&b, 257, 'a'), GT_PROTO);
	b = start(&chunked);
	assert_int_equal(decode_line_of(&b, 256, '0'), GT_OK);
	b = start(&chunked);
	assert_int_equal(decode_line_of(&b, 257, '0'), GT_PROTO);
}

static void
all_extensions_of_a_body_are_bounded(void **state)
{
	struct gt_body b = start(&chunked);
	enum gt_err rc = GT_OK;
	size_t n = 0;

	(void)state;
	while (rc == GT_OK && n < 1000) {
		if ((rc = decode_line_of(&b, 65, 'a')) == GT_OK)
			rc = decode(&b, GT_STR("x\r\n"));
		n++;
	}
	assert_int_equal(rc, GT_PROTO);
	assert_int_equal(n, 16384 / 64 + 1);
}

static void
trailers_are_bounded_as_a_head_is(void **state)
{
	struct gt_body b = start(&chunked);
	enum gt_err rc = decode(&b, GT_STR("0\r\n"));
	size_t n = 0;

	(void)state;
	while (rc == GT_OK && n < 1000) {
		rc = decode(&b, GT_STR("A: b\r\n"));
		n++;
	}
	assert_int_equal(rc, GT_HEAD_LARGE);
	assert_int_equal(n, 101);
}

static void
long_trailer_name_is_not_mistaken_for_a_known_one(void **state)
{
	struct gt_body b = start(&chunked);

	(void)state;
	assert_int_equal(
	    decode(&b, GT_STR("0\r\nContent-Length-Of-Something-Rather-Long-"
	                      "Indeed: 1\r\n\r\n")),
	    GT_OK);
	assert_true(gt_body_is_done(&b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_framing_is_done_at_once),
	    cmocka_unit_test(length_is_received_without_decoding),
	    cmocka_unit_test(chunked_is_never_direct),
	    cmocka_unit_test(data_points_into_the_input),
	    cmocka_unit_test(octets_behind_the_body_are_left),
	    cmocka_unit_test(announced_length_above_max_is_refused_at_once),
	    cmocka_unit_test(chunk_line_is_bounded),
	    cmocka_unit_test(all_extensions_of_a_body_are_bounded),
	    cmocka_unit_test(trailers_are_bounded_as_a_head_is),
	    cmocka_unit_test(long_trailer_name_is_not_mistaken_for_a_known_one),
	};

	return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
