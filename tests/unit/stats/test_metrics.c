/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/stats/board.h"
#include "gthreadd/stats/counts.h"
#include "gthreadd/stats/metrics.h"

static struct gt_buf out;
static struct gt_metrics m;

static int
reset(void **state)
{
	(void)state;
	out = (struct gt_buf){0};
	gt_metrics_init(&m, &out);
	return 0;
}

static int
clean_up(void **state)
{
	(void)state;
	gt_buf_fini(&out);
	return 0;
}

static void
assert_out(const char *want)
{
	assert_int_equal(m.err, GT_OK);
	assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
	assert_string_equal(out.p, want);
}

static void
the_head_of_a_metric_is_written_once(void **state)
{
	(void)state;
	gt_metrics_put(&m, GT_METRIC_RELOADS, "ok", 2);
	gt_metrics_put(&m, GT_METRIC_RELOADS, "failed", UINT64_MAX);
	assert_out("# HELP gthreadd_reloads_total Reloads that have ended.\n"
	           "# TYPE gthreadd_reloads_total counter\n"
	           "gthreadd_reloads_total{result=\"ok\"} 2\n"
	           "gthreadd_reloads_total{result=\"failed\"} "
	           "18446744073709551615\n");
}

static void
labels_are_escaped(void **state)
{
	(void)state;
	gt_metrics_put(&m, GT_METRIC_INFO, "a\"b\\c\nd", 1);
	assert_non_null(strstr(out.p, "{version=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

static void
times_are_seconds(void **state)
{
	(void)state;
	gt_metrics_put_us(&m, GT_METRIC_GIL, NULL, 12000034);
	assert_non_null(strstr(out.p, "gil_wait_seconds_total 12.000034\n"));
}

static void
buckets_are_cumulated_and_end_with_the_count(void **state)
{
	uint64_t bucket[GT_BUCKETS] = {3, 1};

	(void)state;
	bucket[GT_BUCKETS - 1] = 2;
	gt_metrics_put_histogram(&m, GT_METRIC_WAIT, bucket, 1500000);
	assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
	assert_non_null(strstr(out.p, "_bucket{le=\"0.001\"} 3\n"));
	assert_non_null(strstr(out.p, "_bucket{le=\"0.005\"} 4\n"));
	assert_non_null(strstr(out.p, "_bucket{le=\"10.000\"} 4\n"));
	assert_non_null(strstr(out.p, "_bucket{le=\"+Inf\"} 6\n"));
	assert_non_null(strstr(out.p, "wait_seconds_sum 1.500000\n"));
	assert_non_null(strstr(out.p, "wait_seconds_count 6\n"));
}

static void
a_value_on_a_bound_belongs_below_it(void **state)
{
	struct gt_counts *c = aligned_alloc(64, sizeof(*c));

	(void)state;
	memset(c, 0, sizeof(*c));
	gt_count_wait(c, 1000);
	gt_count_wait(c, 1001);
	gt_count_wait(c, -5);
	gt_count_wait(c, 3600000000);
	assert_int_equal(c->n[GT_COUNT_WAIT], 2);
	assert_int_equal(c->n[GT_COUNT_WAIT + 1], 1);
	assert_int_equal(c->n[GT_COUNT_WAIT + GT_BUCKETS - 1], 1);
	assert_int_equal(c->n[GT_COUNT_WAIT_US], 3600002001);
	free(c);
}

static void
a_tally_adds_the_loop_and_all_threads(void **state)
{
	struct gt_tally t = {0};
	struct gt_board *b;
	int fd;

	(void)state;
	assert_int_equal(gt_board_create(3, &fd), GT_OK);
	assert_int_equal(gt_board_map(fd, true, &b), GT_OK);
	b->accepted = 5;
	gt_count_response(&b->counts, 404, 10, 20);
	for (unsigned i = 0; i < 3; i++)
		gt_count_response(&b->cell[i].counts, 200, 1, 2);
	gt_count_response(&b->cell[2].counts, 999, 0, 0);
	gt_tally_add(&t, b);
	gt_tally_add(&t, b);
	assert_int_equal(t.accepted, 10);
	assert_int_equal(t.n[GT_COUNT_RESPONSES + 4], 2);
	assert_int_equal(t.n[GT_COUNT_RESPONSES + 2], 6);
	assert_int_equal(t.n[GT_COUNT_RESPONSES], 2);
	assert_int_equal(t.n[GT_COUNT_RECEIVED], 26);
	assert_int_equal(t.n[GT_COUNT_SENT], 52);
	gt_board_unmap(b);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, reset, clean_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_head_of_a_metric_is_written_once),
	    TEST(labels_are_escaped),
	    TEST(times_are_seconds),
	    TEST(buckets_are_cumulated_and_end_with_the_count),
	    TEST(a_value_on_a_bound_belongs_below_it),
	    TEST(a_tally_adds_the_loop_and_all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
