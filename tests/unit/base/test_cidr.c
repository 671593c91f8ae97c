/* SPDX-License-Identifier: MIT */
/* Addresses as numbers, networks, and what is in them. */
#include "../cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gthreadd/base/cidr.h"

static bool
is_in(const char *net, const char *addr)
{
	struct gt_cidr c;
	struct gt_ip ip;
	const char *why;

	assert_int_equal(gt_cidr_parse(gt_str_of(net), &c, &why), GT_OK);
	assert_int_equal(gt_ip_parse(gt_str_of(addr), &ip), GT_OK);
	return gt_cidr_has(&c, &ip);
}

static void
addresses_match_themselves_alone(void **state)
{
	(void)state;
	assert_true(is_in("127.0.0.1", "127.0.0.1"));
	assert_false(is_in("127.0.0.1", "127.0.0.2"));
	assert_true(is_in("::1", "0:0::1"));
	assert_false(is_in("::1", "::2"));
	assert_false(is_in("::1", "127.0.0.1"));
	assert_false(is_in("::1", "0.0.0.1"));
	assert_false(is_in("::", "0.0.0.0"));
}

static void
networks_end_at_their_last_bit(void **state)
{
	(void)state;
	assert_true(is_in("10.0.0.0/8", "10.255.255.255"));
	assert_false(is_in("10.0.0.0/8", "11.0.0.0"));
	assert_false(is_in("10.0.0.0/8", "9.255.255.255"));
	assert_true(is_in("192.168.4.0/22", "192.168.7.255"));
	assert_false(is_in("192.168.4.0/22", "192.168.8.0"));
	assert_true(is_in("192.0.2.128/25", "192.0.2.255"));
	assert_false(is_in("192.0.2.128/25", "192.0.2.127"));
	assert_true(is_in("192.0.2.6/31", "192.0.2.7"));
	assert_true(is_in("192.0.2.6/32", "192.0.2.6"));
	assert_true(is_in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(is_in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(is_in("fe80::/10", "febf::1"));
	assert_false(is_in("fe80::/10", "fec0::1"));
}

static void
mapped_addresses_are_ipv4(void **state)
{
	(void)state;
	assert_true(is_in("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(is_in("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_true(is_in("127.0.0.1", "::ffff:7f00:1"));
	assert_false(is_in("10.0.0.0/8", "::10.1.2.3"));
}

static void
everything_of_a_family_is_not_the_other(void **state)
{
	(void)state;
	assert_true(is_in("0.0.0.0/0", "203.0.113.9"));
	assert_false(is_in("0.0.0.0/0", "2001:db8::1"));
	assert_true(is_in("::/0", "2001:db8::1"));
	assert_false(is_in("::/0", "203.0.113.9"));
	assert_true(is_in("*", "203.0.113.9"));
	assert_true(is_in("*", "2001:db8::1"));
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const wrong[] = {
	    "",
	    "localhost",
	    "10.0.0",
	    "10.0.0.0.0",
	    "10.0.0.1/8",
	    "10.0.0.0/33",
	    "10.0.0.0/",
	    "10.0.0.0/-1",
	    "/8",
	    "10.0.0.0/8/8",
	    "10.0.0.0/+8",
	    "10.0.0.0 ",
	    "010.0.0.1",
	    "256.0.0.1",
	    "0x7f.0.0.1",
	    "[::1]",
	    "::1/129",
	    "2001:db8::1/64",
	    "fe80::1%eth0",
	    "::ffff:0:0/95",
	    "**",
	    "*/0",
	    "10.0.0.0/8,",
	    "1.2.3.4:80",
	};
	struct gt_cidr c;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why = NULL;
		if (gt_cidr_parse(gt_str_of(wrong[i]), &c, &why) == GT_OK)
			fail_msg("'%s' was taken", wrong[i]);
		assert_non_null(why);
	}
	assert_int_equal(gt_cidr_parse(gt_str_of("10.0.0.1/8"), &c, &why),
	                 GT_INVALID);
	assert_string_equal(why, "has bits set behind its prefix");
	assert_int_equal(
	    gt_cidr_parse((struct gt_str){"1.2.3.4\0x", 9}, &c, &why),
	    GT_INVALID);
}

static void
socket_addresses_become_numbers(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr un = {.sa_family = AF_UNIX};
	char text[GT_ADDR_TEXT];
	struct gt_ip ip;

	(void)state;
	in.sin_addr.s_addr = htonl(0xc0000201);
	assert_true(gt_ip_of_sockaddr((void *)&in, &ip));
	gt_ip_format(&ip, text);
	assert_string_equal(text, "192.0.2.1");
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
	assert_true(gt_ip_of_sockaddr((void *)&in6, &ip));
	assert_true(gt_ip_is_v4(&ip));
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	assert_true(gt_ip_of_sockaddr((void *)&in6, &ip));
	gt_ip_format(&ip, text);
	assert_string_equal(text, "2001:db8::1");
	assert_false(gt_ip_of_sockaddr(&un, &ip));
}

static void
an_empty_list_has_nobody(void **state)
{
	struct gt_cidr one;
	struct gt_cidr_list list = {0};
	struct gt_ip ip;
	const char *why;

	(void)state;
	assert_int_equal(gt_ip_parse(GT_STR("::1"), &ip), GT_OK);
	assert_false(gt_cidr_list_has(&list, &ip));
	assert_int_equal(gt_cidr_parse(GT_STR("::1"), &one, &why), GT_OK);
	list = (struct gt_cidr_list){&one, 1};
	assert_true(gt_cidr_list_has(&list, &ip));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_match_themselves_alone),
	    cmocka_unit_test(networks_end_at_their_last_bit),
	    cmocka_unit_test(mapped_addresses_are_ipv4),
	    cmocka_unit_test(everything_of_a_family_is_not_the_other),
	    cmocka_unit_test(what_is_no_network_is_refused),
	    cmocka_unit_test(socket_addresses_become_numbers),
	    cmocka_unit_test(an_empty_list_has_nobody),
	};

	return cmocka_run_group_tests_name("base/cidr", tests, NULL, NULL);
}
