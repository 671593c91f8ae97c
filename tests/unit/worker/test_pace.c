/* SPDX-License-Identifier: MIT */
#include "../../../src/worker/worker_priv.h"
#include "../cmocka_all.h"

#define SECOND  INT64_C(1000000)
#define LIMIT   30000 /* ms */
#define QUARTER (SECOND / 4)

/* Every step_us n octets come, looked at each quarter. When is it over? */
static int64_t
seconds_until_over(int64_t step_us, uint64_t n, int64_t most_us)
{
	struct gt_pace p;

	gt_pace_start(&p, 0);
	for (int64_t t = QUARTER; t < most_us; t += QUARTER) {
		if (step_us > 0 && t % step_us == 0)
			gt_pace_add(&p, n, t);
		if (gt_pace_is_over(&p, LIMIT, t))
			return t / SECOND;
	}
	return -1;
}

static void
silence_is_over_behind_the_limit(void **state)
{
	(void)state;
	assert_int_equal(seconds_until_over(0, 0, 100 * SECOND), 30);
}

static void
one_octet_now_and_then_is_over(void **state)
{
	(void)state;
	assert_int_equal(seconds_until_over(29 * SECOND, 1, 100 * SECOND), 30);
	assert_int_equal(seconds_until_over(SECOND, 1, 100 * SECOND), 30);
}

static void
a_slow_line_goes_on(void **state)
{
	(void)state;
	assert_int_equal(seconds_until_over(SECOND, 200, 4000 * SECOND), -1);
	assert_int_equal(seconds_until_over(20 * SECOND, 9000, 4000 * SECOND),
	                 -1);
}

static void
a_good_beginning_does_not_pay_for_later(void **state)
{
	struct gt_pace p;
	int64_t t;

	(void)state;
	gt_pace_start(&p, 0);
	gt_pace_add(&p, 1000000, SECOND);
	for (t = SECOND; !gt_pace_is_over(&p, LIMIT, t); t += SECOND)
		gt_pace_add(&p, 1, t);
	assert_in_range(t / SECOND, 59, 63);
}

static void
silence_after_a_good_beginning_is_over_behind_the_limit(void **state)
{
	struct gt_pace p;

	(void)state;
	gt_pace_start(&p, 0);
	gt_pace_add(&p, 1000000, 10 * SECOND);
	assert_false(gt_pace_is_over(&p, LIMIT, 40 * SECOND));
	assert_true(gt_pace_is_over(&p, LIMIT, 40 * SECOND + 1));
}

static void
no_limit_is_never_over(void **state)
{
	struct gt_pace p;

	(void)state;
	gt_pace_start(&p, 0);
	assert_false(gt_pace_is_over(&p, 0, 1000000 * SECOND));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(silence_is_over_behind_the_limit),
	    cmocka_unit_test(one_octet_now_and_then_is_over),
	    cmocka_unit_test(a_slow_line_goes_on),
	    cmocka_unit_test(a_good_beginning_does_not_pay_for_later),
	    cmocka_unit_test(
	        silence_after_a_good_beginning_is_over_behind_the_limit),
	    cmocka_unit_test(no_limit_is_never_over),
	};

	return cmocka_run_group_tests_name("worker/pace", tests, NULL, NULL);
}
