/* SPDX-License-Identifier: MIT */
/* Access-log formats and lines: every atom, escaping, what is missing. Globs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "record.h"

#define COMBINED \
	"%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\""

static void
check_line(const char *format, const struct made *m, const char *want)
{
	char *line = line_of(format, false, &m->rec);

	assert_true(strlen(line) > 0 && line[strlen(line) - 1] == '\n');
	line[strlen(line) - 1] = '\0';
	assert_string_equal(line, want);
	free(line);
}

static void
the_default_format_is_the_combined_one(void **state)
{
	char want[200], date[GT_CLF_DATE_LEN];
	struct made m;

	(void)state;
	make(&m, "GET", "/a", "b=c");
	put_field(&m, "Referer", "http://x/");
	put_field(&m, "User-Agent", "curl/7");
	gt_clock_clf_date((time_t)784111777, date);
	snprintf(want, sizeof want,
	         "192.0.2.7 - - %.*s \"GET /a?b=c HTTP/1.1\" 200 1234 "
	         "\"http://x/\" \"curl/7\"",
	         GT_CLF_DATE_LEN, date);
	check_line(COMBINED, &m, want);
}

static void
every_atom_has_its_value(void **state)
{
	char want[100];
	struct made m;

	(void)state;
	make(&m, "POST", "/p%20q", "x=%20");
	m.rq.minor = 0;
	check_line("%(m)s %(U)s %(q)s %(H)s", &m, "POST /p q x=%20 HTTP/1.0");
	check_line("%(s)s %(b)s %(B)s %(R)s", &m, "200 1234 1234 99");
	check_line("%(T)s %(D)s %(M)s %(L)s", &m, "1 1234567 1234 1.234567");
	check_line("%(Q)s %(G)s %(I)s %(P)s %(k)s", &m, "11 22 abc-1 3 4");
	snprintf(want, sizeof want, "<%ld>", (long)getpid());
	check_line("%(p)s", &m, want);
}

static void
numbers_may_be_written_with_d(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	check_line("%(D)d %(s)d", &m, "1234567 200");
}

static void
a_duration_does_not_wrap_after_a_day(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	m.rec.duration_us = INT64_C(90000) * 1000000 + 7;
	check_line("%(T)s %(D)s %(M)s %(L)s", &m,
	           "90000 90000000007 90000000 90000.000007");
	m.rec.duration_us = -5;
	check_line("%(T)s %(D)s %(L)s", &m, "0 0 0.000000");
}

static void
two_percents_are_one_and_text_stays(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	check_line("100%% of %(m)s%%", &m, "100% of GET%");
	check_line("no atom", &m, "no atom");
	check_line("", &m, "");
}

static void
what_is_missing_is_a_dash(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	m.rec.peer = (struct gt_str){NULL, 0};
	m.rec.request_id = (struct gt_str){NULL, 0};
	m.rec.body_sent = 0;
	m.rec.thread = 0;
	check_line("%(h)s %(u)s %(f)s %(a)s %(I)s %(P)s", &m, "- - - - - -");
	check_line("%(b)s %(B)s", &m, "- 0");
	check_line("%({x-none}i)s %({x-none}o)s %({x}e)s", &m, "- - -");
}

static void
a_record_without_a_request_is_dashes(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	m.rec.request = NULL;
	m.rec.base = NULL;
	m.rec.status = 400;
	check_line("\"%(r)s\" %(m)s %(U)s %(q)s %(H)s %(f)s %(u)s %(s)s "
	           "%({host}i)s",
	           &m, "\"-\" - - - - - - 400 -");
}

static void
request_fields_are_found_in_any_case(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	put_field(&m, "X-Mine", "one");
	put_field(&m, "ACCEPT", "text/html");
	check_line("%({x-mine}i)s %({X-MINE}i)s %({Accept}i)s", &m,
	           "one one text/html");
}

static void
the_last_of_repeated_fields_is_logged(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	put_field(&m, "X-Mine", "one");
	put_field(&m, "x-mine", "two");
	check_line("%({x-mine}i)s", &m, "two");
}

static void
response_fields_and_variables_come_from_the_caller(void **state)
{
	const struct gt_str out[] = {GT_STR("text/plain"), {NULL, 0}};
	const struct gt_str env[] = {GT_STR("joe")};
	const char *why;
	const struct gt_str *names;
	struct gt_access_format *f;
	struct made m;
	size_t n;

	(void)state;
	make(&m, "GET", "/", NULL);
	m.rec.out = out;
	m.rec.env = env;
	check_line("%({Content-Type}o)s %({app.user}e)s %({x}o)s", &m,
	           "text/plain joe -");
	assert_int_equal(gt_access_compile("%({Content-Type}o)s %({u.v}e)s%({x"
	                                   "}o)s",
	                                   &f, &why),
	                 GT_OK);
	names = gt_access_wanted_out(f, &n);
	assert_int_equal(n, 2);
	assert_true(gt_str_eq(names[0], GT_STR("Content-Type")));
	assert_true(gt_str_eq(names[1], GT_STR("x")));
	names = gt_access_wanted_env(f, &n);
	assert_int_equal(n, 1);
	assert_true(gt_str_eq(names[0], GT_STR("u.v")));
	gt_access_format_destroy(f);
}

static void
check_user(const char *authorization, const char *want)
{
	struct made m;

	make(&m, "GET", "/", NULL);
	put_field(&m, "Authorization", authorization);
	check_line("%(u)s", &m, want);
}

static void
the_user_is_that_of_basic_authentication(void **state)
{
	(void)state;
	check_user("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin");
	check_user("basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin");
	check_user("Basic QWxhZGRpbg==", "Aladdin");
	check_user("Basic OnBhc3M=", "-");
	check_user("Basic", "-");
	check_user("Basic ", "-");
	check_user("Basic ?", "-");
	check_user("Bearer QWxhZGRpbjpvcGVu", "-");
	check_user("Basic QQ==", "A");
	check_user("Basic Q", "-");
	/* 'a b"\n:' */
	check_user("Basic YSBiIgo6", "a\\x20b\\\"\\x0A");
}

static void
a_long_user_is_cut(void **state)
{
	char auth[2000] = "Basic ";
	char *line;
	struct made m;

	(void)state;
	memset(auth + 6, 'Q', sizeof auth - 7);
	make(&m, "GET", "/", NULL);
	put_field(&m, "Authorization", auth);
	line = line_of("%(u)s", false, &m.rec);
	assert_true(strlen(line) > 200 && strlen(line) < 1100);
	free(line);
}

static void
whatever_a_client_sends_stays_on_one_line(void **state)
{
	struct made m;

	(void)state;
	make(&m, "GET", "/\"\\\x1b[2J\x7f\xff%0a%22%5C%zz%4", "q\r\n");
	put_field(&m, "User-Agent", "a\"b\\c\td\ne");
	check_line("%(a)s", &m, "a\\\"b\\\\c\\x09d\\x0Ae");
	check_line("%(q)s", &m, "q\\x0D\\x0A");
	check_line("%(U)s", &m,
	           "/\\\"\\\\\\x1B[2J\\x7F\\xFF\\x0A\\\"\\\\%zz%4");
	check_line("%(r)s", &m,
	           "GET /\\\"\\\\\\x1B[2J\\x7F\\xFF%0a%22%5C%zz%4?q\\x0D\\x0A "
	           "HTTP/1.1");
}

static void
the_date_follows_the_clock(void **state)
{
	char date[GT_CLF_DATE_LEN + 1] = "";
	struct made m;
	int i;

	(void)state;
	make(&m, "GET", "/", NULL);
	for (i = 0; i < 3; i++) {
		m.rec.wall_us += 1000000;
		gt_clock_clf_date((time_t)(m.rec.wall_us / 1000000), date);
		check_line("%(t)s", &m, date);
		check_line("%(t)s", &m, date);
	}
}

static void
lines_are_appended(void **state)
{
	struct gt_access_format *f;
	struct gt_buf out = {0};
	const char *why;
	struct made m;

	(void)state;
	make(&m, "GET", "/", NULL);
	assert_int_equal(gt_access_compile("%(m)s", &f, &why), GT_OK);
	assert_int_equal(gt_access_write(f, &m.rec, &out), GT_OK);
	assert_int_equal(gt_access_write(f, &m.rec, &out), GT_OK);
	assert_true(gt_str_eq(gt_buf_str(&out), GT_STR("GET\nGET\n")));
	gt_buf_fini(&out);
	gt_access_format_destroy(f);
}

static void
check_refused(const char *format, const char *word)
{
	struct gt_access_format *f = (void *)1;
	const char *why = NULL;

	assert_int_equal(gt_access_compile(format, &f, &why), GT_INVALID);
	assert_null(f);
	assert_non_null(strstr(why, word));
}

static void
a_wrong_format_is_refused_with_its_part(void **state)
{
	(void)state;
	check_refused("%(h)s %(z)s", "unknown atom '%(z)s'");
	check_refused("%(hh)s", "unknown atom '%(hh)s'");
	check_refused("%({}i)s", "unknown atom '%({}i)s'");
	check_refused("%({x}h)s", "unknown atom '%({x}h)s'");
	check_refused("%(i)s", "unknown atom '%(i)s'");
	check_refused("%h", "%h");
	check_refused("50%", "'%'");
	check_refused("%(h", "%(h");
	check_refused("%(h)", "%(h)");
	check_refused("%(h)d", "%(h)d");
	check_refused("%(h)10s", "%(h)1");
	check_refused("a\nb", "control");
}

static void
check_glob(const char *glob, const char *path, bool want)
{
	char *v[] = {(char[]){"/never"}, strdup(glob)};

	assert_int_equal(gt_access_find_glob(v, 2, gt_str_of(path)) != NULL,
	                 want);
	free(v[1]);
}

static void
globs_match_whole_paths(void **state)
{
	(void)state;
	check_glob("/healthz", "/healthz", true);
	check_glob("/healthz", "/healthz/", false);
	check_glob("/healthz", "/health", false);
	check_glob("/static/*", "/static/a/b.css", true);
	check_glob("/static/*", "/static", false);
	check_glob("*.js", "/a.js/b.js", true);
	check_glob("*.js", "/a.jsx", false);
	check_glob("/?/x", "/a/x", true);
	check_glob("/?/x", "//x", false);
	check_glob("/a*b*c", "/abbcabc", true);
	check_glob("/a*b*c", "/abbcab", false);
	check_glob("*", "/", true);
	check_glob("/[a]", "/a", false);
	check_glob("", "/", false);
}

static void
a_glob_does_not_take_for_ever(void **state)
{
	char path[4001];

	(void)state;
	memset(path, 'a', 4000);
	path[4000] = '\0';
	check_glob("*a*a*a*a*a*a*a*a*a*a*b", path, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_default_format_is_the_combined_one),
	    cmocka_unit_test(every_atom_has_its_value),
	    cmocka_unit_test(numbers_may_be_written_with_d),
	    cmocka_unit_test(a_duration_does_not_wrap_after_a_day),
	    cmocka_unit_test(two_percents_are_one_and_text_stays),
	    cmocka_unit_test(what_is_missing_is_a_dash),
	    cmocka_unit_test(a_record_without_a_request_is_dashes),
	    cmocka_unit_test(request_fields_are_found_in_any_case),
	    cmocka_unit_test(the_last_of_repeated_fields_is_logged),
	    cmocka_unit_test(
	        response_fields_and_variables_come_from_the_caller),
	    cmocka_unit_test(the_user_is_that_of_basic_authentication),
	    cmocka_unit_test(a_long_user_is_cut),
	    cmocka_unit_test(whatever_a_client_sends_stays_on_one_line),
	    cmocka_unit_test(the_date_follows_the_clock),
	    cmocka_unit_test(lines_are_appended),
	    cmocka_unit_test(a_wrong_format_is_refused_with_its_part),
	    cmocka_unit_test(globs_match_whole_paths),
	    cmocka_unit_test(a_glob_does_not_take_for_ever),
	};

	return cmocka_run_group_tests_name("stats/access", tests, NULL, NULL);
}
