/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../cmocka_all.h"
#include "gthreadd/base/clock.h"

static void
http_date_is_imf_fixdate(void **state)
{
	char out[GT_HTTP_DATE_LEN];

	(void)state;
	gt_clock_http_date(784111777, out);
	assert_memory_equal(out, "Sun, 06 Nov 1994 08:49:37 GMT", sizeof(out));
	gt_clock_http_date(951782399, out);
	assert_memory_equal(out, "Mon, 28 Feb 2000 23:59:59 GMT", sizeof(out));
}

static void
local_dates_have_their_zone(void **state)
{
	char clf[GT_CLF_DATE_LEN], log[GT_LOG_DATE_LEN];

	(void)state;
	setenv("TZ", "XST+3:30", 1);
	tzset();
	gt_clock_clf_date(784111777, clf);
	assert_memory_equal(clf, "[06/Nov/1994:05:19:37 -0330]", sizeof(clf));
	gt_clock_log_date(784111777, log);
	assert_memory_equal(log, "[1994-11-06 05:19:37 -0330]", sizeof(log));
}

static void
monotonic_clock_does_not_go_back(void **state)
{
	int64_t a = gt_clock_us(), b = gt_clock_us();

	(void)state;
	assert_true(b >= a);
	assert_true(gt_clock_wall_us() > 1000000000LL * 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(http_date_is_imf_fixdate),
	    cmocka_unit_test(local_dates_have_their_zone),
	    cmocka_unit_test(monotonic_clock_does_not_go_back),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
