/* SPDX-License-Identifier: MIT */
/* What fields may say, and what they may not, by who has sent them. */
#include "../cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "gthreadd/http/head.h"
#include "gthreadd/http/verdict.h"

static const struct gt_http_limits limits;
static struct gt_str names[] = {{"SCRIPT_NAME", 11}, {"REMOTE_USER", 11}};
static struct gt_trust_scheme schemes[] = {
    {{"X-FORWARDED-PROTO", 17}, {"https", 5}},
    {{"X-FORWARDED-SSL", 15}, {"on", 2}},
};

static struct gt_trust t;
static struct gt_arena arena;
static struct gt_request rq;
static struct gt_verdict v;
static char head[2048];
static char dropped[512];
static const char *why;

static int
init(void **state)
{
	(void)state;
	t = (struct gt_trust){
	    .names = names, .nnames = 2, .schemes = schemes, .nschemes = 2};
	return 0;
}

static int
fini(void **state)
{
	(void)state;
	gt_arena_fini(&arena);
	return 0;
}

static void
note(void *arg, struct gt_str name)
{
	size_t n = strlen(dropped);

	assert_ptr_equal(arg, &t);
	snprintf(dropped + n, sizeof(dropped) - n, "%.*s ", (int)name.n,
	         name.p);
}

/* fields with their CRLF. */
static enum gt_err
judge(bool is_forwarder, const char *line, const char *fields)
{
	struct gt_head_parser hp;
	size_t used;
	int n = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: h\r\n%s\r\n",
	                 line, fields);

	gt_arena_reset(&arena);
	gt_head_init(&hp, &rq, &arena, &limits);
	assert_int_equal(gt_head_feed(&hp, head, (size_t)n, &used), GT_OK);
	dropped[0] = '\0';
	why = NULL;
	return gt_verdict_reach(&t, is_forwarder, &rq, head, note, &t, &v,
	                        &why);
}

/* The names that are left, with their values. */
static const char *
left(void)
{
	static char text[1024];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 1; i < rq.nfields; i++) {
		struct gt_str name = gt_span_str(head, rq.field[i].name);
		struct gt_str value = gt_span_str(head, rq.field[i].value);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s=%.*s ",
		                      (int)name.n, name.p, (int)value.n,
		                      value.p);
	}
	return text;
}

static void
names_with_an_underscore_are_dropped(void **state)
{
	(void)state;
	assert_int_equal(judge(false, "GET /",
	                       "X_A: 1\r\nA: 2\r\nREMOTE_USER: x\r\n_: 3\r\n"),
	                 GT_OK);
	assert_string_equal(left(), "A=2 ");
	assert_string_equal(dropped, "X_A REMOTE_USER _ ");
}

static void
names_with_an_underscore_may_be_refused_or_taken(void **state)
{
	(void)state;
	t.map = GT_MAP_REFUSE;
	assert_int_equal(judge(false, "GET /", "X_A: 1\r\n"), GT_PROTO);
	assert_non_null(why);
	assert_int_equal(judge(false, "GET /", "X-A: 1\r\n"), GT_OK);
	t.map = GT_MAP_DANGEROUS;
	assert_int_equal(judge(false, "GET /", "X_A: 1\r\nX-A: 2\r\n"), GT_OK);
	assert_string_equal(left(), "X_A=1 X-A=2 ");
	assert_string_equal(dropped, "");
}

static void
a_forwarder_may_send_the_names_it_is_given(void **state)
{
	(void)state;
	assert_int_equal(judge(true, "GET /", "remote_user: joe\r\nX_A: 1\r\n"),
	                 GT_OK);
	assert_string_equal(left(), "remote_user=joe ");
	assert_string_equal(dropped, "X_A ");
	t.map = GT_MAP_REFUSE;
	assert_int_equal(judge(true, "GET /", "REMOTE_USER: joe\r\n"), GT_OK);
	assert_int_equal(judge(true, "GET /", "X_A: joe\r\n"), GT_PROTO);
	t.all_names = true;
	assert_int_equal(judge(true, "GET /", "X_A: joe\r\n"), GT_OK);
	assert_string_equal(left(), "X_A=joe ");
	assert_int_equal(judge(false, "GET /", "X_A: joe\r\n"), GT_PROTO);
}

static void
a_client_cannot_add_to_what_a_forwarder_sends(void **state)
{
	(void)state;
	assert_int_equal(judge(true, "GET /",
	                       "Remote-User: evil\r\nREMOTE_USER: joe\r\n"
	                       "Content-Length: 0\r\nAccept: x\r\n"),
	                 GT_OK);
	assert_string_equal(left(), "REMOTE_USER=joe Content-Length=0 "
	                            "Accept=x ");
	assert_string_equal(dropped, "Remote-User ");
	assert_int_equal(judge(true, "GET /", "Remote-User: lone\r\n"), GT_OK);
	assert_string_equal(left(), "Remote-User=lone ");
	t.map = GT_MAP_DANGEROUS;
	assert_int_equal(
	    judge(true, "GET /", "Remote-User: evil\r\nREMOTE_USER: joe\r\n"),
	    GT_OK);
	assert_string_equal(left(), "REMOTE_USER=joe ");
}

static void
only_a_forwarder_tells_the_scheme(void **state)
{
	(void)state;
	assert_int_equal(judge(true, "GET /", "X-Forwarded-Proto: https\r\n"),
	                 GT_OK);
	assert_true(v.is_https);
	assert_int_equal(judge(false, "GET /", "X-Forwarded-Proto: https\r\n"),
	                 GT_OK);
	assert_false(v.is_https);
	assert_string_equal(left(), "X-Forwarded-Proto=https ");
	assert_int_equal(judge(true, "GET /", "X-Forwarded-Proto: http\r\n"),
	                 GT_OK);
	assert_false(v.is_https);
	assert_int_equal(
	    judge(true, "GET /", "X-Forwarded-Proto: https,http\r\n"), GT_OK);
	assert_false(v.is_https);
	assert_int_equal(judge(true, "GET /", "X-Forwarded-SSL: on\r\n"),
	                 GT_OK);
	assert_true(v.is_https);
	assert_int_equal(judge(true, "GET /", ""), GT_OK);
	assert_false(v.is_https);
}

static void
schemes_that_contradict_each_other_are_refused(void **state)
{
	static const char *const wrong[] = {
	    "X-Forwarded-Proto: https\r\nX-Forwarded-SSL: off\r\n",
	    "X-Forwarded-SSL: on\r\nX-Forwarded-Proto: http\r\n",
	    "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(judge(true, "GET /", wrong[i]), GT_PROTO);
		assert_int_equal(judge(false, "GET /", wrong[i]), GT_OK);
		assert_false(v.is_https);
	}
	assert_int_equal(judge(true, "GET /",
	                       "X-Forwarded-Proto: https\r\n"
	                       "X-Forwarded-SSL: on\r\n"),
	                 GT_OK);
	assert_true(v.is_https);
}

static void
only_a_forwarder_tells_the_client(void **state)
{
	(void)state;
	assert_int_equal(judge(true, "GET /", "X-Forwarded-For: 192.0.2.1\r\n"),
	                 GT_OK);
	assert_false(v.has_client);
	t.client_field = GT_STR("x-forwarded-for");
	assert_int_equal(
	    judge(false, "GET /", "X-Forwarded-For: 192.0.2.1\r\n"), GT_OK);
	assert_false(v.has_client);
	assert_int_equal(judge(true, "GET /",
	                       "X-Forwarded-For: 1.1.1.1\r\n"
	                       "X-Forwarded-For: 192.0.2.1\r\n"),
	                 GT_OK);
	assert_true(v.has_client);
	assert_string_equal(v.client.host, "192.0.2.1");
	assert_int_equal(judge(true, "GET /", ""), GT_OK);
	assert_false(v.has_client);
}

static void
forwarded_tells_the_client_or_is_refused(void **state)
{
	(void)state;
	t.client_field = GT_STR("Forwarded");
	t.client_is_forwarded = true;
	assert_int_equal(judge(true, "GET /", "Forwarded: for=192.0.2.1\r\n"),
	                 GT_OK);
	assert_string_equal(v.client.host, "192.0.2.1");
	assert_int_equal(
	    judge(true, "GET /", "Forwarded: for=\", for=192.0.2.1\r\n"),
	    GT_PROTO);
	assert_int_equal(
	    judge(false, "GET /", "Forwarded: for=\", for=192.0.2.1\r\n"),
	    GT_OK);
}

static void
assert_mounted(const char *line, const char *fields, const char *script,
               size_t mounted)
{
	if (judge(true, line, fields) != GT_OK)
		fail_msg("%s: %s", line, why);
	assert_int_equal(v.script_name.n, strlen(script));
	assert_memory_equal(v.script_name.p, script, v.script_name.n);
	assert_int_equal(v.mounted, mounted);
}

static void
the_mount_point_is_whole_segments(void **state)
{
	static const char *const outside[] = {
	    "GET /",       "GET /ap",       "GET /appx",   "GET /app%2Fx",
	    "GET /App",    "GET //app",     "GET /app%00", "GET /x/app/",
	    "GET /%61ppx", "GET /app.html", "GET /app%",
	};

	(void)state;
	t.script_name = GT_STR("/app");
	assert_mounted("GET /app", "", "/app", 4);
	assert_mounted("GET /app/", "", "/app", 4);
	assert_mounted("GET /app/x?q", "", "/app", 4);
	assert_mounted("GET /app?q", "", "/app", 4);
	assert_mounted("GET /%61pp/x", "", "/app", 6);
	assert_mounted("GET http://h/app/x", "", "/app", 4);
	assert_mounted("OPTIONS *", "", "/app", 0);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (judge(false, outside[i], "") != GT_PROTO)
			fail_msg("taken: %s", outside[i]);
	t.script_name = GT_STR("/a/b");
	assert_mounted("GET /a/b/c", "", "/a/b", 4);
	assert_int_equal(judge(false, "GET /a%2Fb/c", ""), GT_PROTO);
}

static void
a_forwarder_tells_the_mount_point(void **state)
{
	(void)state;
	t.script_name = GT_STR("/env");
	assert_mounted("GET /p/x", "SCRIPT_NAME: /p\r\n", "/p", 2);
	assert_mounted("GET /p/x", "script_name: /p/\r\n", "/p", 2);
	assert_mounted("GET /q", "SCRIPT_NAME:\r\n", "", 0);
	assert_mounted("GET /q", "SCRIPT_NAME: /\r\n", "", 0);
	assert_int_equal(judge(true, "GET /env", "SCRIPT_NAME: /p\r\n"),
	                 GT_PROTO);
	assert_int_equal(judge(true, "GET /p/x", "SCRIPT_NAME: p\r\n"),
	                 GT_PROTO);
	assert_int_equal(
	    judge(true, "GET /p/x", "SCRIPT_NAME: /p\r\nSCRIPT_NAME: /p\r\n"),
	    GT_PROTO);
	/* Anybody else's is no more than a field, and dropped. */
	assert_int_equal(judge(false, "GET /env/x", "SCRIPT_NAME: /p\r\n"),
	                 GT_OK);
	assert_int_equal(v.mounted, 4);
	assert_string_equal(dropped, "SCRIPT_NAME ");
	t.map = GT_MAP_DANGEROUS;
	assert_int_equal(judge(false, "GET /env/x", "SCRIPT_NAME: /p\r\n"),
	                 GT_OK);
	assert_int_equal(v.mounted, 4);
	/* A hyphen is another name. */
	assert_mounted("GET /env/x", "Script-Name: /p\r\n", "/env", 4);
	/* Not among the names: not believed. */
	t.nnames = 0;
	assert_mounted("GET /env/x", "SCRIPT_NAME: /p\r\n", "/env", 4);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, init)
	const struct CMUnitTest tests[] = {
	    T(names_with_an_underscore_are_dropped),
	    T(names_with_an_underscore_may_be_refused_or_taken),
	    T(a_forwarder_may_send_the_names_it_is_given),
	    T(a_client_cannot_add_to_what_a_forwarder_sends),
	    T(only_a_forwarder_tells_the_scheme),
	    T(schemes_that_contradict_each_other_are_refused),
	    T(only_a_forwarder_tells_the_client),
	    T(forwarded_tells_the_client_or_is_refused),
	    T(the_mount_point_is_whole_segments),
	    T(a_forwarder_tells_the_mount_point),
	};
#undef T

	return cmocka_run_group_tests_name("http/verdict", tests, NULL, fini);
}
