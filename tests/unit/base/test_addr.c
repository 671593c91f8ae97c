/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "../cmocka_all.h"
#include "gthreadd/base/addr.h"

static void
expect_tcp(const char *text, const char *host, unsigned port)
{
	struct gt_bind b;
	const char *why = NULL;

	assert_int_equal(gt_bind_parse(gt_str_of(text), &b, &why), GT_OK);
	assert_int_equal(b.kind, GT_BIND_TCP);
	assert_string_equal(b.host, host);
	assert_int_equal(b.port, port);
}

static void
tcp_forms(void **state)
{
	(void)state;
	expect_tcp("127.0.0.1:8001", "127.0.0.1", 8001);
	expect_tcp("localhost", "localhost", 8000);
	expect_tcp(":9000", "0.0.0.0", 9000);
	expect_tcp("", "0.0.0.0", 8000);
	expect_tcp("[::1]:80", "::1", 80);
	expect_tcp("[::]", "::", 8000);
	expect_tcp("tcp://10.0.0.1:1", "10.0.0.1", 1);
}

static void
unix_and_fd_forms(void **state)
{
	struct gt_bind b;
	const char *why = NULL;

	(void)state;
	assert_int_equal(gt_bind_parse(GT_STR("unix:/run/x"), &b, &why), GT_OK);
	assert_int_equal(b.kind, GT_BIND_UNIX);
	assert_string_equal(b.path, "/run/x");
	assert_int_equal(gt_bind_parse(GT_STR("unix:///run/x"), &b, &why),
	                 GT_OK);
	assert_string_equal(b.path, "/run/x");
	assert_int_equal(gt_bind_parse(GT_STR("unix:@x"), &b, &why), GT_OK);
	assert_int_equal(b.kind, GT_BIND_ABSTRACT);
	assert_string_equal(b.path, "x");
	assert_int_equal(gt_bind_parse(GT_STR("fd://3"), &b, &why), GT_OK);
	assert_int_equal(b.kind, GT_BIND_FD);
	assert_int_equal(b.fd, 3);
}

static void
wrong_ones_say_why(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
	    {"127.0.0.1:http", "port must be"},
	    {"127.0.0.1:70000", "port must be"},
	    {"127.0.0.1:", "port must be"},
	    {"::1", "brackets"},
	    {"http://127.0.0.1:8000/", "URL"},
	    {"8000", "a port is written :8000"},
	    {"8000:80", "a number is no host"},
	    {"[::1", "']' is missing"},
	    {"[::1]x", "may follow"},
	    {"unix:", "missing"},
	    {"fd://x", "number"},
	};
	struct gt_bind b;
	char longpath[200];
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = "";
		assert_int_equal(
		    gt_bind_parse(gt_str_of(bad[i].text), &b, &why),
		    GT_INVALID);
		assert_non_null(strstr(why, bad[i].why));
	}
	memset(longpath, 'x', sizeof(longpath));
	memcpy(longpath, "unix:/", 6);
	assert_int_equal(
	    gt_bind_parse((struct gt_str){longpath, 150}, &b, &why),
	    GT_INVALID);
	assert_non_null(strstr(why, "107"));
}

static void
mapped_v4_is_written_as_v4(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
	                           .sin6_port = htons(80)};
	struct gt_addr_text t;
	char text[GT_ADDR_TEXT];

	(void)state;
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr);
	gt_addr_text((void *)&in6, &t);
	assert_string_equal(t.host, "10.1.2.3");
	assert_string_equal(t.port, "80");
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	gt_addr_format((void *)&in6, sizeof(in6), text);
	assert_string_equal(text, "[::1]:80");
}

static void
numbers_of_any_length_are_written(void **state)
{
	static const char *const hosts[] = {"0.0.0.0", "255.255.255.255",
	                                    "9.10.99.100", "127.0.0.1"};
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_port = htons(65535)};
	struct gt_addr_text t;

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		inet_pton(AF_INET, hosts[i], &in.sin_addr);
		gt_addr_text((void *)&in, &t);
		assert_string_equal(t.host, hosts[i]);
		assert_string_equal(t.port, "65535");
	}
	in.sin_port = 0;
	gt_addr_text((void *)&in, &t);
	assert_string_equal(t.port, "0");
}

static void
unix_addresses_have_no_port(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct gt_addr_text t;
	char text[GT_ADDR_TEXT];

	(void)state;
	gt_addr_text((void *)&un, &t);
	assert_string_equal(t.host, "");
	assert_string_equal(t.port, "");
	gt_addr_format((void *)&un, sizeof(un.sun_family), text);
	assert_string_equal(text, "unix:");
	memcpy(un.sun_path, "\0name", 5);
	gt_addr_format((void *)&un, sizeof(un.sun_family) + 5, text);
	assert_string_equal(text, "unix:@name");
}

static void
unix_address_is_formatted_as_it_was_made(void **state)
{
	struct sockaddr_un un;
	socklen_t len;
	char text[GT_ADDR_TEXT];

	(void)state;
	assert_int_equal(gt_addr_unix("/run/x", false, &un, &len), GT_OK);
	gt_addr_format((void *)&un, len, text);
	assert_string_equal(text, "unix:/run/x");
	assert_int_equal(gt_addr_unix("x", true, &un, &len), GT_OK);
	assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 2);
	gt_addr_format((void *)&un, len, text);
	assert_string_equal(text, "unix:@x");
}

static void
unix_address_has_107_octets_at_most(void **state)
{
	struct sockaddr_un un;
	char path[109];
	socklen_t len;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[107] = '\0';
	assert_int_equal(gt_addr_unix(path, false, &un, &len), GT_OK);
	assert_int_equal(len, sizeof(un));
	assert_int_equal(gt_addr_unix(path, true, &un, &len), GT_OK);
	path[107] = 'x';
	path[108] = '\0';
	assert_int_equal(gt_addr_unix(path, false, &un, &len), GT_SYS);
	assert_int_equal(errno, ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tcp_forms),
	    cmocka_unit_test(unix_and_fd_forms),
	    cmocka_unit_test(wrong_ones_say_why),
	    cmocka_unit_test(mapped_v4_is_written_as_v4),
	    cmocka_unit_test(numbers_of_any_length_are_written),
	    cmocka_unit_test(unix_addresses_have_no_port),
	    cmocka_unit_test(unix_address_is_formatted_as_it_was_made),
	    cmocka_unit_test(unix_address_has_107_octets_at_most),
	};

	return cmocka_run_group_tests_name("base/addr", tests, NULL, NULL);
}
