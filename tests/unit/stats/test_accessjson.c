/* SPDX-License-Identifier: MIT */
/* JSON lines: every member, nulls, escapes, UTF-8 and what is not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"

/* The line has this member. */
static void
check_has(const struct made *m, const char *want)
{
	char *line = line_of("", true, &m->rec);

	if (strstr(line, want) == NULL)
		fail_msg("no %s in %s", want, line);
	free(line);
}

static void
check_agent(const char *value, const char *want)
{
	struct made m;
	char text[200];

	make(&m, "GET", "/", NULL);
	put_field(&m, "User-Agent", value);
	snprintf(text, sizeof text, "\"user_agent\":\"%s\"}", want);
	check_has(&m, text);
}

static void
an_object_has_all_members_in_order(void **state)
{
	struct made m;
	char *line, want[800];

	(void)state;
	make(&m, "GET", "/a", "b=c");
	put_field(&m, "Referer", "http://x/");
	put_field(&m, "User-Agent", "curl/7");
	put_field(&m, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	snprintf(want, sizeof want,
	         "{\"time\":\"1994-11-06T08:49:37.000005Z\",\"pid\":%d,"
	         "\"remote_addr\":\"192.0.2.7\",\"user\":\"Aladdin\","
	         "\"method\":\"GET\",\"target\":\"/a?b=c\",\"path\":\"/a\","
	         "\"query\":\"b=c\",\"protocol\":\"HTTP/1.1\",\"status\":200,"
	         "\"sent\":1234,\"received\":99,\"duration_us\":1234567,"
	         "\"queue_us\":11,\"gil_us\":22,\"thread\":3,"
	         "\"on_connection\":4,\"request_id\":\"abc-1\","
	         "\"referer\":\"http://x/\",\"user_agent\":\"curl/7\"}\n",
	         (int)getpid());
	line = line_of("%(h)s", true, &m.rec);
	assert_string_equal(line, want);
	free(line);
}

static void
what_is_not_known_is_null(void **state)
{
	struct gt_access_record rec = {.status = 400, .duration_us = -3};
	char *line = line_of("", true, &rec);

	(void)state;
	assert_non_null(strstr(line, "\"remote_addr\":null,\"user\":null,"
	                             "\"method\":null,\"target\":null,"
	                             "\"path\":null,\"query\":null,"
	                             "\"protocol\":null,\"status\":400,"));
	assert_non_null(strstr(line, "\"duration_us\":0,"));
	assert_non_null(strstr(line, "\"request_id\":null,\"referer\":null,"
	                             "\"user_agent\":null}\n"));
	free(line);
}

static void
named_atoms_of_the_format_are_members(void **state)
{
	struct gt_str out[] = {GT_STR("text/x"), {NULL, 0}};
	struct gt_str env[] = {GT_STR("v")};
	struct made m;
	char *line;

	(void)state;
	make(&m, "GET", "/a", NULL);
	put_field(&m, "X-In", "in");
	m.rec.out = out;
	m.rec.env = env;
	line = line_of("%({X-In}i)s %({no}i)s%({ctype}o)s%({two}o)s%({e}e)s",
	               true, &m.rec);
	assert_non_null(
	    strstr(line, "\"user_agent\":null,"
	                 "\"request_headers\":{\"X-In\":\"in\",\"no\":null},"
	                 "\"response_headers\":{\"ctype\":\"text/x\","
	                 "\"two\":null},\"environ\":{\"e\":\"v\"}}\n"));
	free(line);
}

static void
whatever_a_client_sends_stays_in_its_string(void **state)
{
	(void)state;
	check_agent("a\"b\\c", "a\\\"b\\\\c");
	check_agent("\t\x01\x7f\r\n", "\\u0009\\u0001\\u007f\\u000d\\u000a");
	check_agent("\xc3\xa9\xff\x80x", "\xc3\xa9\\u00ff\\u0080x");
}

static void
the_path_is_decoded(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/%C3%A9%22%zz%0a%ff%", NULL);
	check_has(&m, "\"target\":\"/%C3%A9%22%zz%0a%ff%\","
	              "\"path\":\"/\xc3\xa9\\\"%zz\\u000a\\u00ff%\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_object_has_all_members_in_order),
	    cmocka_unit_test(what_is_not_known_is_null),
	    cmocka_unit_test(named_atoms_of_the_format_are_members),
	    cmocka_unit_test(whatever_a_client_sends_stays_in_its_string),
	    cmocka_unit_test(the_path_is_decoded),
	};

	return cmocka_run_group_tests_name("stats/accessjson", tests, NULL,
	                                   NULL);
}
