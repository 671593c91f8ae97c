/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "../cmocka_all.h"
#include "gthreadd/base/buf.h"

static void
octets_stay_in_order(void **state)
{
	struct gt_buf b = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(gt_buf_addf(&b, "%d,", i), GT_OK);
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_memory_equal(b.p, "0,1,2,", 6);
	gt_buf_consume(&b, 2);
	assert_memory_equal(b.p, "1,2,", 4);
	gt_buf_fini(&b);
	assert_null(b.p);
}

static void
decimals_are_filled_up_to_their_width(void **state)
{
	struct gt_buf b = {0};

	(void)state;
	assert_int_equal(gt_buf_add_decimal(&b, 0, 1), GT_OK);
	assert_int_equal(gt_buf_add(&b, ".", 1), GT_OK);
	assert_int_equal(gt_buf_add_decimal(&b, 20, 6), GT_OK);
	assert_int_equal(gt_buf_add(&b, " ", 1), GT_OK);
	assert_int_equal(gt_buf_add_decimal(&b, UINT64_MAX, 1), GT_OK);
	assert_int_equal(gt_buf_add(&b, "", 1), GT_OK);
	assert_string_equal(b.p, "0.000020 18446744073709551615");
	gt_buf_fini(&b);
}

static void
reset_gives_large_memory_back(void **state)
{
	struct gt_buf b = {0};

	(void)state;
	assert_int_equal(gt_buf_reserve(&b, 100000), GT_OK);
	gt_buf_reset(&b, 4096);
	assert_null(b.p);
	assert_int_equal(gt_buf_add(&b, "x", 1), GT_OK);
	gt_buf_reset(&b, 4096);
	assert_non_null(b.p);
	assert_int_equal(b.len, 0);
	gt_buf_fini(&b);
}

static void
impossible_sizes_are_refused(void **state)
{
	struct gt_buf b = {0};

	(void)state;
	assert_int_equal(gt_buf_reserve(&b, SIZE_MAX), GT_NOMEM);
	assert_int_equal(gt_buf_add(&b, NULL, 0), GT_OK);
	gt_buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(octets_stay_in_order),
	    cmocka_unit_test(decimals_are_filled_up_to_their_width),
	    cmocka_unit_test(reset_gives_large_memory_back),
	    cmocka_unit_test(impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
