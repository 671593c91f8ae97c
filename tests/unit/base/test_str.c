/* SPDX-License-Identifier: MIT */
#include "../cmocka_all.h"
#include "gthreadd/base/str.h"

static void
comparison_ignores_case_of_letters_only(void **state)
{
	(void)state;
	assert_true(gt_str_eq_icase(GT_STR("Host"), GT_STR("hOST")));
	assert_false(gt_str_eq_icase(GT_STR("Host"), GT_STR("Hos")));
	assert_false(gt_str_eq_icase(GT_STR("a["), GT_STR("a{")));
	assert_true(gt_str_eq((struct gt_str){NULL, 0}, GT_STR("")));
	assert_true(gt_str_has_suffix(GT_STR("a:80"), GT_STR(":80")));
	assert_false(gt_str_has_suffix(GT_STR("a:8080"), GT_STR(":80")));
	assert_false(gt_str_has_suffix(GT_STR("80"), GT_STR(":80")));
	assert_true(gt_str_has_suffix(GT_STR("80"), GT_STR("")));
}

static void
split_yields_every_part(void **state)
{
	struct gt_str rest = GT_STR("a,,b,"), part;

	(void)state;
	assert_true(gt_str_split(&rest, ',', &part));
	assert_true(gt_str_eq(part, GT_STR("a")));
	assert_true(gt_str_split(&rest, ',', &part));
	assert_int_equal(part.n, 0);
	assert_true(gt_str_split(&rest, ',', &part));
	assert_true(gt_str_eq(part, GT_STR("b")));
	assert_true(gt_str_split(&rest, ',', &part));
	assert_int_equal(part.n, 0);
	assert_false(gt_str_split(&rest, ',', &part));
}

static void
trim_takes_blanks_from_both_ends(void **state)
{
	(void)state;
	assert_true(gt_str_eq(gt_str_trim(GT_STR(" \t a b\t")), GT_STR("a b")));
	assert_int_equal(gt_str_trim(GT_STR("  ")).n, 0);
}

static void
distance_counts_edits(void **state)
{
	(void)state;
	assert_int_equal(gt_str_distance("worker", "workers"), 1);
	assert_int_equal(gt_str_distance("thread", "threads"), 1);
	assert_int_equal(gt_str_distance("kitten", "sitting"), 3);
	assert_int_equal(gt_str_distance("", "abc"), 3);
}

static void
dotted_names_are_those_of_python(void **state)
{
	static const char *const good[] = {"a", "a.b", "_a1.B2._",
	                                   "\xc3\xa4.b"};
	static const char *const bad[] = {"",  ".",    "a.",  ".a",
	                                  "1", "a..b", "a-b", "a.1b"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(gt_str_is_dotted_name(gt_str_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(gt_str_is_dotted_name(gt_str_of(bad[i])));
}

static void
hex_digits(void **state)
{
	(void)state;
	assert_int_equal(gt_ascii_hex('0'), 0);
	assert_int_equal(gt_ascii_hex('f'), 15);
	assert_int_equal(gt_ascii_hex('A'), 10);
	assert_int_equal(gt_ascii_hex('g'), -1);
	assert_int_equal(gt_ascii_hex('\0'), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(comparison_ignores_case_of_letters_only),
	    cmocka_unit_test(split_yields_every_part),
	    cmocka_unit_test(trim_takes_blanks_from_both_ends),
	    cmocka_unit_test(distance_counts_edits),
	    cmocka_unit_test(dotted_names_are_those_of_python),
	    cmocka_unit_test(hex_digits),
	};

	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
