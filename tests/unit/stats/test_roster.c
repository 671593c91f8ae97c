/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/stats/roster.h"

#define NOW 1000000000

static int
start(void **state)
{
	struct gt_roster *r;
	int fd;

	assert_int_equal(gt_roster_create(&fd), GT_OK);
	assert_int_equal(gt_roster_map(fd, &r), GT_OK);
	close(fd);
	*state = r;
	return 0;
}

static int
end(void **state)
{
	gt_roster_unmap(*state);
	return 0;
}

static void
alone_there_is_nobody_else(void **state)
{
	struct gt_roster *r = *state;

	gt_roster_show(r, 0, 7, NOW);
	assert_true(gt_roster_least_other(r, 0, NOW) == UINT64_MAX);
}

static void
the_fewest_of_the_others_count(void **state)
{
	struct gt_roster *r = *state;

	gt_roster_show(r, 0, 1, NOW);
	gt_roster_show(r, 1, 9, NOW);
	gt_roster_show(r, 5, 4, NOW);
	assert_int_equal(gt_roster_least_other(r, 0, NOW), 4);
	assert_int_equal(gt_roster_least_other(r, 1, NOW), 1);
}

static void
who_left_or_is_stuck_does_not_count(void **state)
{
	struct gt_roster *r = *state;

	gt_roster_show(r, 0, 50, NOW);
	gt_roster_show(r, 1, 2, NOW - 10000000);
	gt_roster_show(r, 2, 3, NOW);
	assert_int_equal(gt_roster_least_other(r, 0, NOW), 3);
	gt_roster_leave(r, 2);
	assert_true(gt_roster_least_other(r, 0, NOW) == UINT64_MAX);
}

static void
two_mappings_see_the_same(void **state)
{
	struct gt_roster *a, *b;
	int fd;

	(void)state;
	assert_int_equal(gt_roster_create(&fd), GT_OK);
	assert_int_equal(gt_roster_map(fd, &a), GT_OK);
	assert_int_equal(gt_roster_map(fd, &b), GT_OK);
	close(fd);
	gt_roster_show(a, GT_ROSTER_SEATS - 1, 6, NOW);
	assert_int_equal(gt_roster_least_other(b, 0, NOW), 6);
	gt_roster_unmap(a);
	gt_roster_unmap(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	    T(alone_there_is_nobody_else),
	    T(the_fewest_of_the_others_count),
	    T(who_left_or_is_stuck_does_not_count),
	    T(two_mappings_see_the_same),
#undef T
	};

	return cmocka_run_group_tests_name("stats/roster", tests, NULL, NULL);
}
