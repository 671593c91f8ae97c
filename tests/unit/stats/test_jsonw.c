/* SPDX-License-Identifier: MIT */
#include "../cmocka_all.h"
#include "gthreadd/stats/jsonw.h"

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
escapes_what_json_wants_escaped(void **state)
{
	(void)state;
	gt_json_text(&j, NULL, "\"\\\n\x01\x7f/");
	assert_out("\"\\\"\\\\\\u000a\\u0001\\u007f/\"");
}

static void
keeps_utf8_and_replaces_what_is_not(void **state)
{
	(void)state;
	gt_json_text(&j, NULL, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_out("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

#define BAD "\xef\xbf\xbd"

static void
replaces_broken_utf8_octet_by_octet(void **state)
{
	(void)state;
	/* cut, overlong, a surrogate, beyond the last, a lone tail */
	gt_json_text(&j, NULL, "\xe2\x82");
	gt_json_text(&j, NULL, "\xc0\xaf");
	gt_json_text(&j, NULL, "\xed\xa0\x80");
	gt_json_text(&j, NULL, "\xf4\x90\x80\x80");
	gt_json_text(&j, NULL, "a\x80z");
	assert_out("\"" BAD BAD "\",\"" BAD BAD "\",\"" BAD BAD BAD
	           "\",\"" BAD BAD BAD BAD "\",\"a" BAD "z\"");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        puts_commas_and_nothing_else_between, reset, clean_up),
	    cmocka_unit_test_setup_teardown(escapes_what_json_wants_escaped,
	                                    reset, clean_up),
	    cmocka_unit_test_setup_teardown(keeps_utf8_and_replaces_what_is_not,
	                                    reset, clean_up),
	    cmocka_unit_test_setup_teardown(replaces_broken_utf8_octet_by_octet,
	                                    reset, clean_up),
	    cmocka_unit_test_setup_teardown(writes_seconds_with_six_places,
	                                    reset, clean_up),
	    cmocka_unit_test_setup_teardown(a_nul_octet_does_not_end_a_text,
	                                    reset, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
