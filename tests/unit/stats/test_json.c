/* SPDX-License-Identifier: MIT */
/* JSON, written: commas, escapes, UTF-8 and what is not, numbers. */
#include "../cmocka_all.h"
#include "gthreadd/stats/json.h"

static struct gt_buf out;
static struct gt_json j;

static int
reset(void **state)
{
	(void)state;
	gt_buf_fini(&out);
	out = (struct gt_buf){0};
	j = (struct gt_json){.out = &out};
	return 0;
}

static int
clean_up(void **state)
{
	(void)state;
	gt_buf_fini(&out);
	out = (struct gt_buf){0};
	return 0;
}

static void
assert_out(const char *want)
{
	assert_int_equal(j.err, GT_OK);
	assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
	assert_string_equal(out.p, want);
}

/* As a log has it: octets that are not UTF-8 are kept. */
static int
reset_for_a_log(void **state)
{
	reset(state);
	j.keeps_octets = true;
	return 0;
}

static void
puts_commas_and_nothing_else_between(void **state)
{
	(void)state;
	gt_json_open(&j, '{');
	gt_json_text(&j, "a", "x");
	gt_json_key(&j, "b");
	gt_json_open(&j, '[');
	gt_json_uint(&j, NULL, 1);
	gt_json_int(&j, NULL, -2);
	gt_json_open(&j, '{');
	gt_json_close(&j, '}');
	gt_json_null(&j, NULL);
	gt_json_close(&j, ']');
	gt_json_bool(&j, "c", true);
	gt_json_bool(&j, "d", false);
	gt_json_close(&j, '}');
	assert_out("{\"a\":\"x\",\"b\":[1,-2,{},null],\"c\":true,\"d\":false}");
}

static void
keys_may_come_apart_from_their_values(void **state)
{
	(void)state;
	gt_json_open(&j, '{');
	gt_json_name(&j, (struct gt_str){"a\"bc", 3});
	gt_json_null(&j, NULL);
	gt_json_key(&j, "d");
	gt_json_text(&j, NULL, "e");
	gt_json_close(&j, '}');
	assert_out("{\"a\\\"b\":null,\"d\":\"e\"}");
}

static void
escapes_what_json_wants_escaped(void **state)
{
	(void)state;
	gt_json_text(&j, NULL, "\"\\\n\x01\x7f/\"");
	gt_json_text(&j, NULL, "");
	assert_out("\"\\\"\\\\\\u000a\\u0001\\u007f/\\\"\",\"\"");
}

static void
keeps_utf8(void **state)
{
	(void)state;
	gt_json_text(&j, NULL, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	gt_json_text(&j, NULL, "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
	assert_out("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\","
	           "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"");
}

#define BAD "\xef\xbf\xbd"

static void
put_broken_texts(void)
{
	gt_json_text(&j, NULL, "\xe2\x82");         /* cut */
	gt_json_text(&j, NULL, "\xc0\xaf");         /* overlong */
	gt_json_text(&j, NULL, "\xe0\x80\xaf");     /* overlong */
	gt_json_text(&j, NULL, "\xf0\x8f\xbf\xbf"); /* overlong */
	gt_json_text(&j, NULL, "\xed\xa0\x80");     /* a surrogate */
	gt_json_text(&j, NULL, "\xf4\x90\x80\x80"); /* beyond the last */
	gt_json_text(&j, NULL, "a\x80z");           /* a lone tail */
	gt_json_text(&j, NULL, "\xff");
}

static void
replaces_broken_utf8_octet_by_octet(void **state)
{
	(void)state;
	put_broken_texts();
	assert_out("\"" BAD BAD "\",\"" BAD BAD "\",\"" BAD BAD BAD
	           "\",\"" BAD BAD BAD BAD "\",\"" BAD BAD BAD
	           "\",\"" BAD BAD BAD BAD "\",\"a" BAD "z\",\"" BAD "\"");
}

static void
escapes_broken_utf8_octet_by_octet_for_a_log(void **state)
{
	(void)state;
	put_broken_texts();
	assert_out("\"\\u00e2\\u0082\",\"\\u00c0\\u00af\","
	           "\"\\u00e0\\u0080\\u00af\","
	           "\"\\u00f0\\u008f\\u00bf\\u00bf\","
	           "\"\\u00ed\\u00a0\\u0080\","
	           "\"\\u00f4\\u0090\\u0080\\u0080\","
	           "\"a\\u0080z\",\"\\u00ff\"");
}

static void
writes_numbers_to_their_limits(void **state)
{
	(void)state;
	gt_json_uint(&j, NULL, 0);
	gt_json_uint(&j, NULL, UINT64_MAX);
	gt_json_int(&j, NULL, INT64_MAX);
	gt_json_int(&j, NULL, INT64_MIN);
	assert_out("0,18446744073709551615,9223372036854775807,"
	           "-9223372036854775808");
}

static void
writes_seconds_with_six_places(void **state)
{
	(void)state;
	gt_json_seconds(&j, NULL, 0);
	gt_json_seconds(&j, NULL, 1500000);
	gt_json_seconds(&j, NULL, -20);
	assert_out("0.000000,1.500000,-0.000020");
}

static void
a_nul_octet_does_not_end_a_text(void **state)
{
	(void)state;
	gt_json_str(&j, "k", (struct gt_str){"a\0b", 3});
	assert_out("\"k\":\"a\\u0000b\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, clean_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(puts_commas_and_nothing_else_between),
	    TEST(keys_may_come_apart_from_their_values),
	    TEST(escapes_what_json_wants_escaped),
	    TEST(keeps_utf8),
	    TEST(replaces_broken_utf8_octet_by_octet),
	    cmocka_unit_test_setup_teardown(
	        escapes_broken_utf8_octet_by_octet_for_a_log, reset_for_a_log,
	        clean_up),
	    TEST(writes_numbers_to_their_limits),
	    TEST(writes_seconds_with_six_places),
	    TEST(a_nul_octet_does_not_end_a_text),
	};

	return cmocka_run_group_tests_name("stats/json", tests, NULL, NULL);
}
