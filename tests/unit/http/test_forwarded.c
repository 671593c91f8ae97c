/* SPDX-License-Identifier: MIT */
/* Lists of hops: whom they tell, and what nobody can have vouched for. */
#include "../cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "gthreadd/http/forwarded.h"

static struct gt_cidr trusted[2]; /* 10.0.0.0/8 and 2001:db8::/32 */
static const struct gt_cidr_list list = {trusted, 2};

static int
init(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(gt_cidr_parse(GT_STR("10.0.0.0/8"), &trusted[0], &why),
	                 GT_OK);
	return gt_cidr_parse(GT_STR("2001:db8::/32"), &trusted[1], &why) !=
	       GT_OK;
}

/* "host port" of the client; "" when none is told. */
static const char *
client_of(const struct gt_forwarded *f)
{
	static char text[2 * GT_ADDR_TEXT];

	snprintf(text, sizeof(text), "%s%s%s", f->found ? f->client.host : "",
	         f->found && f->client.port[0] != '\0' ? " " : "",
	         f->found ? f->client.port : "");
	return text;
}

static const char *
of_list(const char *value)
{
	struct gt_forwarded f = {0};

	gt_forwarded_feed_list(&f, gt_str_of(value), &list);
	return client_of(&f);
}

static const char *
of_forwarded(const char *value)
{
	struct gt_forwarded f = {0};

	if (!gt_forwarded_feed(&f, gt_str_of(value), &list))
		return "malformed";
	return client_of(&f);
}

static void
the_first_from_the_right_that_is_not_trusted_counts(void **state)
{
	(void)state;
	assert_string_equal(of_list("192.0.2.1"), "192.0.2.1");
	assert_string_equal(of_list("192.0.2.1, 10.0.0.1"), "192.0.2.1");
	assert_string_equal(of_list("1.1.1.1,192.0.2.1 ,10.0.0.1, 10.0.0.2"),
	                    "192.0.2.1");
	assert_string_equal(of_list("10.0.0.9, 192.0.2.1"), "192.0.2.1");
	assert_string_equal(of_list("127.0.0.1, 192.0.2.1"), "192.0.2.1");
	assert_string_equal(of_list("2001:db9::1, 2001:db8::5"), "2001:db9::1");
}

static void
the_leftmost_counts_when_all_are_trusted(void **state)
{
	(void)state;
	assert_string_equal(of_list("10.0.0.3, 10.0.0.2, 10.0.0.1"),
	                    "10.0.0.3");
	assert_string_equal(of_list("::ffff:10.0.0.3,10.0.0.2"), "10.0.0.3");
}

static void
nothing_left_of_what_is_no_address_counts(void **state)
{
	(void)state;
	assert_string_equal(of_list("192.0.2.1, unknown, 10.0.0.1"),
	                    "10.0.0.1");
	assert_string_equal(of_list("unknown, 192.0.2.1"), "192.0.2.1");
	assert_string_equal(of_list("192.0.2.1, unknown"), "");
	assert_string_equal(of_list("192.0.2.1, _hidden, 10.0.0.2, 10.0.0.1"),
	                    "10.0.0.2");
	assert_string_equal(of_list("192.0.2.1 192.0.2.2"), "");
	assert_string_equal(of_list("192.0.2.256"), "");
	assert_string_equal(of_list("[10.0.0.1]"), "");
	assert_string_equal(of_list(""), "");
	assert_string_equal(of_list(" , ,"), "");
	assert_string_equal(of_list("192.0.2.1,"), "192.0.2.1");
}

static void
ports_and_brackets_are_read(void **state)
{
	(void)state;
	assert_string_equal(of_list("192.0.2.1:4711"), "192.0.2.1 4711");
	assert_string_equal(of_list("[2001:db9::1]:4711"), "2001:db9::1 4711");
	assert_string_equal(of_list("[2001:db9::1]"), "2001:db9::1");
	assert_string_equal(of_list("2001:db9::1"), "2001:db9::1");
	assert_string_equal(of_list("192.0.2.1:65536"), "");
	assert_string_equal(of_list("192.0.2.1:"), "");
	assert_string_equal(of_list("192.0.2.1:http"), "");
	assert_string_equal(of_list("[2001:db9::1"), "");
	assert_string_equal(of_list("[2001:db9::1]x"), "");
}

static void
several_fields_are_one_list(void **state)
{
	struct gt_forwarded f = {0};

	(void)state;
	gt_forwarded_feed_list(&f, GT_STR("1.1.1.1, 192.0.2.1"), &list);
	gt_forwarded_feed_list(&f, GT_STR("10.0.0.1"), &list);
	assert_string_equal(client_of(&f), "192.0.2.1");
	gt_forwarded_feed_list(&f, GT_STR("192.0.2.9"), &list);
	assert_string_equal(client_of(&f), "192.0.2.9");
}

static void
forwarded_is_read_as_rfc_7239_writes_it(void **state)
{
	(void)state;
	assert_string_equal(of_forwarded("for=192.0.2.1"), "192.0.2.1");
	assert_string_equal(of_forwarded("For=\"[2001:db9:cafe::17]:4711\""),
	                    "2001:db9:cafe::17 4711");
	assert_string_equal(
	    of_forwarded("for=192.0.2.60;proto=http;by=203.0.113.43"),
	    "192.0.2.60");
	assert_string_equal(of_forwarded("for=192.0.2.43, for=198.51.100.17"),
	                    "198.51.100.17");
	assert_string_equal(of_forwarded("for=192.0.2.43 , for=10.0.0.1 "),
	                    "192.0.2.43");
	assert_string_equal(
	    of_forwarded("proto=https; FOR=192.0.2.43 ;host=\"a,b;for=1.1.1.1\""
	                 ",for=10.0.0.1"),
	    "192.0.2.43");
	assert_string_equal(of_forwarded("for=\"192.0.2\\.43\""), "192.0.2.43");
	assert_string_equal(of_forwarded("for=192.0.2.43:80"), "192.0.2.43 80");
	assert_string_equal(of_forwarded(""), "");
	assert_string_equal(of_forwarded(",for=192.0.2.43;,"), "192.0.2.43");
}

static void
forwarded_hops_without_an_address_end_the_search(void **state)
{
	(void)state;
	assert_string_equal(of_forwarded("for=1.1.1.1, for=unknown"), "");
	assert_string_equal(of_forwarded("for=1.1.1.1, for=\"_secret\", "
	                                 "for=10.0.0.1"),
	                    "10.0.0.1");
	assert_string_equal(of_forwarded("for=1.1.1.1, proto=https"), "");
	assert_string_equal(of_forwarded("for=\"\""), "");
}

static void
forwarded_that_is_malformed_is_refused(void **state)
{
	static const char *const wrong[] = {
	    "for=\", for=192.0.2.1",
	    "for=\"a\\",
	    "for=",
	    "for",
	    "=192.0.2.1",
	    "for =192.0.2.1",
	    "for= 192.0.2.1",
	    "for=1.1.1.1 for=192.0.2.1",
	    "for=a;for=192.0.2.1",
	    "for=[2001:db8::1]",
	    "for=\"a\"b",
	    "for=\xe9",
	    "192.0.2.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_string_equal(of_forwarded(wrong[i]), "malformed");
}

static void
an_endless_quoted_address_is_none(void **state)
{
	char text[600] = "for=\"";

	(void)state;
	memset(text + 5, '1', 500);
	text[505] = '"';
	assert_string_equal(of_forwarded(text), "");
	memcpy(text + 506, ",for=192.0.2.1", 15);
	assert_string_equal(of_forwarded(text), "192.0.2.1");
}

int
main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
	    T(the_first_from_the_right_that_is_not_trusted_counts),
	    T(the_leftmost_counts_when_all_are_trusted),
	    T(nothing_left_of_what_is_no_address_counts),
	    T(ports_and_brackets_are_read),
	    T(several_fields_are_one_list),
	    T(forwarded_is_read_as_rfc_7239_writes_it),
	    T(forwarded_hops_without_an_address_end_the_search),
	    T(forwarded_that_is_malformed_is_refused),
	    T(an_endless_quoted_address_is_none),
	};
#undef T

	return cmocka_run_group_tests_name("http/forwarded", tests, init, NULL);
}
