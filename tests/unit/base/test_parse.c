/* SPDX-License-Identifier: MIT */
#include "../cmocka_all.h"
#include "gthreadd/base/parse.h"

static void
decimal_takes_digits_only(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(gt_parse_decimal(GT_STR("4096"), &v), GT_OK);
	assert_int_equal(v, 4096);
	assert_int_equal(gt_parse_decimal(GT_STR(""), &v), GT_INVALID);
	assert_int_equal(gt_parse_decimal(GT_STR("+1"), &v), GT_INVALID);
	assert_int_equal(gt_parse_decimal(GT_STR("-1"), &v), GT_INVALID);
	assert_int_equal(gt_parse_decimal(GT_STR("1_0"), &v), GT_INVALID);
	assert_int_equal(gt_parse_decimal(GT_STR("0x10"), &v), GT_INVALID);
	assert_int_equal(gt_parse_decimal(GT_STR(" 1"), &v), GT_INVALID);
}

static void
decimal_knows_its_range(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(gt_parse_decimal(GT_STR("18446744073709551615"), &v),
	                 GT_OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(gt_parse_decimal(GT_STR("18446744073709551616"), &v),
	                 GT_RANGE);
	assert_int_equal(
	    gt_parse_decimal(GT_STR("99999999999999999999999"), &v), GT_RANGE);
}

static void
count_takes_prefixes(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(gt_parse_count(GT_STR("0x1F"), &v), GT_OK);
	assert_int_equal(v, 31);
	assert_int_equal(gt_parse_count(GT_STR("0o17"), &v), GT_OK);
	assert_int_equal(v, 15);
	assert_int_equal(gt_parse_count(GT_STR("0x"), &v), GT_INVALID);
}

static void
duration_has_units(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
	    {"30", 30000},  {"30s", 30000},  {"500ms", 500},
	    {"2m", 120000}, {"1h", 3600000}, {"1.5", 1500},
	    {"0", 0},       {"0.25s", 250},  {"2MS", 2},
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    gt_parse_duration(gt_str_of(cases[i].text), &ms), GT_OK);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void
duration_refuses_the_rest(void **state)
{
	static const char *const bad[] = {
	    "", "s", "ms", "-1", "1d", "1.", "1 s", "1e3", "1.2345", "0.5ms"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(gt_parse_duration(gt_str_of(bad[i]), &ms),
		                     GT_OK);
	assert_int_equal(gt_parse_duration(GT_STR("99999999999999999h"), &ms),
	                 GT_RANGE);
}

static void
size_has_units(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(gt_parse_size(GT_STR("64k"), &v), GT_OK);
	assert_int_equal(v, 65536);
	assert_int_equal(gt_parse_size(GT_STR("1G"), &v), GT_OK);
	assert_int_equal(v, 1 << 30);
	assert_int_equal(gt_parse_size(GT_STR("4094"), &v), GT_OK);
	assert_int_equal(v, 4094);
	assert_int_equal(gt_parse_size(GT_STR("k"), &v), GT_INVALID);
	assert_int_equal(gt_parse_size(GT_STR("18446744073709551615k"), &v),
	                 GT_RANGE);
}

static void
bool_and_mode_are_strict(void **state)
{
	unsigned mode = 0;
	bool b = false;

	(void)state;
	assert_int_equal(gt_parse_bool(GT_STR("Yes"), &b), GT_OK);
	assert_true(b);
	assert_int_equal(gt_parse_bool(GT_STR("off"), &b), GT_OK);
	assert_false(b);
	assert_int_equal(gt_parse_bool(GT_STR("maybe"), &b), GT_INVALID);
	assert_int_equal(gt_parse_mode(GT_STR("0022"), &mode), GT_OK);
	assert_int_equal(mode, 022);
	assert_int_equal(gt_parse_mode(GT_STR("0o666"), &mode), GT_OK);
	assert_int_equal(mode, 0666);
	assert_int_equal(gt_parse_mode(GT_STR("99"), &mode), GT_INVALID);
	assert_int_equal(gt_parse_mode(GT_STR("77777"), &mode), GT_RANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decimal_takes_digits_only),
	    cmocka_unit_test(decimal_knows_its_range),
	    cmocka_unit_test(count_takes_prefixes),
	    cmocka_unit_test(duration_has_units),
	    cmocka_unit_test(duration_refuses_the_rest),
	    cmocka_unit_test(size_has_units),
	    cmocka_unit_test(bool_and_mode_are_strict),
	};

	return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}
