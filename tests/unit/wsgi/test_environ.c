/* SPDX-License-Identifier: MIT */
/* environ, wsgi.errors and what the access log is given. */
#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* Keeps the environ of the last request in `e`. */
#define KEEP                          \
	"e = None\n"                  \
	"def application(env, sr):\n" \
	"    global e\n    e = env\n" \
	"    sr('200 OK', [('X-Out', 'value')])\n    return []\n"

static void
assert_holds(const char *expression)
{
	if (!holds(expression))
		fail_msg("false: %s", expression);
}

static void
the_keys_of_pep_3333_are_there(void **state)
{
	(void)state;
	ask(KEEP, "GET /a/b?c=d&e HTTP/1.1\r\nHost: ex.org:81\r\n\r\n");
	assert_holds("type(e) is dict");
	assert_holds("e['REQUEST_METHOD'] == 'GET'");
	assert_holds("e['SCRIPT_NAME'] == ''");
	assert_holds("e['PATH_INFO'] == '/a/b'");
	assert_holds("e['QUERY_STRING'] == 'c=d&e'");
	assert_holds("e['RAW_URI'] == '/a/b?c=d&e'");
	assert_holds("e['SERVER_PROTOCOL'] == 'HTTP/1.1'");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == "
	             "('10.0.0.1', '8000')");
	assert_holds("(e['REMOTE_ADDR'], e['REMOTE_PORT']) == "
	             "('192.0.2.7', '40000')");
	assert_holds("e['gthreadd.peer_addr'] == '192.0.2.7'");
	assert_holds("e['SERVER_SOFTWARE'].startswith('gthreadd/')");
	assert_holds("e['wsgi.version'] == (1, 0)");
	assert_holds("e['wsgi.url_scheme'] == 'http'");
	assert_holds("e['wsgi.multithread'] is True");
	assert_holds("e['wsgi.multiprocess'] is False");
	assert_holds("e['wsgi.run_once'] is False");
	assert_holds("e['wsgi.input_terminated'] is True");
	assert_holds("e['HTTP_HOST'] == 'ex.org:81'");
	assert_holds("all(type(k) is str for k in e)");
	assert_holds("'CONTENT_LENGTH' not in e and 'CONTENT_TYPE' not in e");
	assert_holds("len(e) == 24");
}

static void
fields_become_http_keys(void **state)
{
	(void)state;
	ask(KEEP, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\n"
	          "content-length: 0\r\nuser-agent: UA\r\nX-My-Own: 1\r\n"
	          "x-my-own: 2\r\nAccept: a\r\nAccept: a\r\n"
	          "Cookie: a=1\r\nCookie: b=2\r\nX-E: \r\nX-E:\r\n"
	          "X_Fake: no\r\nX-Latin: \xe9\r\n\r\n");
	assert_holds("e['CONTENT_TYPE'] == 'a/b'");
	assert_holds("e['CONTENT_LENGTH'] == '0'");
	assert_holds("'HTTP_CONTENT_TYPE' not in e");
	assert_holds("'HTTP_CONTENT_LENGTH' not in e");
	assert_holds("e['HTTP_USER_AGENT'] == 'UA'");
	assert_holds("e['HTTP_X_MY_OWN'] == '1,2'");
	assert_holds("e['HTTP_ACCEPT'] == 'a,a'");
	assert_holds("e['HTTP_COOKIE'] == 'a=1; b=2'");
	assert_holds("e['HTTP_X_E'] == ','");
	assert_holds("'HTTP_X_FAKE' not in e");
	assert_holds("e['HTTP_X_LATIN'] == '\\xe9'");
}

static void
nothing_of_a_request_stays_for_the_next(void **state)
{
	(void)state;
	ask(KEEP, "POST /one?q HTTP/1.0\r\nHost: one\r\nAccept: a\r\n"
	          "X-One: 1\r\nContent-Length: 1\r\n\r\nx");
	peer.remote =
	    (struct gt_addr_text){.host = "192.0.2.8", .port = "41000"};
	again("GET /two HTTP/1.1\r\nHost: two\r\n\r\n");
	assert_holds("e['REQUEST_METHOD'] == 'GET'");
	assert_holds("e['PATH_INFO'] == '/two' and e['QUERY_STRING'] == ''");
	assert_holds("e['HTTP_HOST'] == 'two'");
	assert_holds("e['SERVER_PROTOCOL'] == 'HTTP/1.1'");
	assert_holds("e['REMOTE_ADDR'] == '192.0.2.8'");
	assert_holds("e['REMOTE_PORT'] == '41000'");
	assert_holds("len(e) == 24 and e['wsgi.input'].read() == b''");
	again("GET /two HTTP/1.0\r\n\r\n");
	assert_holds("'HTTP_HOST' not in e");
	again("FROB /two HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['REQUEST_METHOD'] == 'FROB'");
	again("QUUX /two HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['REQUEST_METHOD'] == 'QUUX'");
	again("GET /two HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['REQUEST_METHOD'] == 'GET'");
}

static void
the_app_may_change_its_environ(void **state)
{
	(void)state;
	ask("n = 0\n"
	    "def application(env, sr):\n"
	    "    global n\n    n = len(env)\n"
	    "    env.clear()\n    sr('200 OK', [])\n    return []\n",
	    GET);
	again(GET);
	assert_holds("n == 24");
}

static void
paths_are_decoded_to_latin1(void **state)
{
	(void)state;
	ask(KEEP, "GET /%C3%A9%2f%00%zz%2 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['PATH_INFO'] == '/\\xc3\\xa9/\\0%zz%2'");
	assert_holds("e['RAW_URI'] == '/%C3%A9%2f%00%zz%2'");
	again("GET //a/../b HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['PATH_INFO'] == '//a/../b'");
}

static void
every_target_form_has_a_path(void **state)
{
	(void)state;
	ask(KEEP, "GET http://other:99/x?y HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['PATH_INFO'] == '/x' and e['QUERY_STRING'] == 'y'");
	assert_holds("e['HTTP_HOST'] == 'other:99'");
	again("GET http://other HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['PATH_INFO'] == '/'");
	again("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['PATH_INFO'] == '' and e['RAW_URI'] == '*'");
}

static void
behind_a_unix_socket_the_host_names_the_server(void **state)
{
	(void)state;
	peer = (struct gt_peer){.is_unix = true};
	ask(KEEP, "GET / HTTP/1.1\r\nHost: ex.org\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == "
	             "('ex.org', '80')");
	assert_holds("e['REMOTE_ADDR'] == '' and 'REMOTE_PORT' not in e");
	again("GET / HTTP/1.1\r\nHost: [2001:db8::1]:444\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == "
	             "('2001:db8::1', '444')");
	again("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == ('::1', '80')");
	again("GET / HTTP/1.0\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == "
	             "('localhost', '80')");
}

static void
script_name_is_stripped_at_segment_borders(void **state)
{
	(void)state;
	trust.script_name = GT_STR("/p");
	load_app(KEEP);
	again("GET /p/x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("(e['SCRIPT_NAME'], e['PATH_INFO']) == ('/p', '/x')");
	again("GET /p HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("(e['SCRIPT_NAME'], e['PATH_INFO']) == ('/p', '')");
	again("GET /%70/x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("(e['SCRIPT_NAME'], e['PATH_INFO']) == ('/p', '/x')");
	again("GET /p/y HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("e['PATH_INFO'] == '/y'");
}

static void
a_forwarder_tells_scheme_mount_and_client(void **state)
{
	static struct gt_str name = {"SCRIPT_NAME", 11};
	static struct gt_trust_scheme https = {{"X-Forwarded-Proto", 17},
	                                       {"https", 5}};

	(void)state;
	trust.names = &name;
	trust.nnames = 1;
	trust.schemes = &https;
	trust.nschemes = 1;
	trust.client_field = GT_STR("X-Forwarded-For");
	peer.is_forwarder = true;
	ask(KEEP, "GET /p/x HTTP/1.1\r\nHost: h\r\nSCRIPT_NAME: /p\r\n"
	          "X-Forwarded-Proto: https\r\nX-Forwarded-For: 2001:db8::9"
	          "\r\n\r\n");
	assert_holds("(e['SCRIPT_NAME'], e['PATH_INFO']) == ('/p', '/x')");
	assert_holds("e['HTTP_SCRIPT_NAME'] == '/p'");
	assert_holds("e['wsgi.url_scheme'] == 'https'");
	assert_holds("e['REMOTE_ADDR'] == '2001:db8::9'");
	assert_holds("'REMOTE_PORT' not in e");
	assert_holds("e['gthreadd.peer_addr'] == '192.0.2.7'");
	again("GET /p/x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("(e['SCRIPT_NAME'], e['PATH_INFO']) == ('', '/p/x')");
	assert_holds("e['wsgi.url_scheme'] == 'http'");
	assert_holds("e['REMOTE_ADDR'] == '192.0.2.7'");
	assert_holds("e['REMOTE_PORT'] == '40000'");
}

static void
https_changes_the_port_that_a_host_without_one_means(void **state)
{
	static struct gt_trust_scheme https = {{"X-S", 3}, {"on", 2}};

	(void)state;
	trust.schemes = &https;
	trust.nschemes = 1;
	peer.is_forwarder = peer.is_unix = true;
	ask(KEEP, "GET / HTTP/1.1\r\nHost: h\r\nX-S: on\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == ('h', '443')");
	again("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == ('h', '80')");
	again("GET / HTTP/1.1\r\nHost: h\r\nX-S: on\r\n\r\n");
	assert_holds("(e['SERVER_NAME'], e['SERVER_PORT']) == ('h', '443')");
}

static void
a_proxy_tells_both_ends_of_the_connection(void **state)
{
	struct gt_proxy_info info = {.kind = GT_PROXY_CLIENT,
	                             .protocol = "TCP4",
	                             .client = {"203.0.113.5", "1234"},
	                             .server = {"198.51.100.1", "443"}};

	(void)state;
	peer.proxy = &info;
	ask(KEEP, GET);
	assert_holds("(e['REMOTE_ADDR'], e['REMOTE_PORT']) == "
	             "('203.0.113.5', '1234')");
	assert_holds("(e['PROXY_PROTOCOL'], e['PROXY_ADDR'], e['PROXY_PORT'])"
	             " == ('TCP4', '198.51.100.1', '443')");
	assert_holds("e['gthreadd.peer_addr'] == '192.0.2.7'");
	peer.proxy = NULL;
	again(GET);
	assert_holds("e['REMOTE_ADDR'] == '192.0.2.7'");
	assert_holds("'PROXY_PROTOCOL' not in e");
}

static void
wsgi_errors_writes_verbatim(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    err = env['wsgi.errors']\n"
	    "    n = err.write('one\\n\\u20ac\\udc80')\n"
	    "    err.writelines(['two', 'three\\n'])\n"
	    "    err.flush()\n"
	    "    print('four', file=err)\n"
	    "    sr('200 OK', [])\n"
	    "    try: err.write(b'x')\n"
	    "    except TypeError: return [b'%d' % n]\n",
	    GET);
	assert_string_equal(body_of(answer), "6");
	assert_string_equal(logged, "one\n\xe2\x82\xac\\udc80twothree\nfour\n");
}

static void
the_access_log_gets_the_values_it_wants(void **state)
{
	struct gt_access_format *f;
	const char *why;

	(void)state;
	assert_int_equal(gt_access_compile("%({X-Out}o)s %({none}o)s "
	                                   "%({my.key}e)s %({path_info}e)s "
	                                   "%({none}e)s",
	                                   &f, &why),
	                 GT_OK);
	service.access = f;
	ask("def application(env, sr):\n"
	    "    env['my.key'] = 42\n"
	    "    sr('200 OK', [('x-out', 'value')])\n    return []\n",
	    "GET /%E9 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(gt_str_eq(ex->log_out[0], GT_STR("value")));
	assert_null(ex->log_out[1].p);
	assert_true(gt_str_eq(ex->log_env[0], GT_STR("42")));
	assert_true(gt_str_eq(ex->log_env[1], GT_STR("/\xe9")));
	assert_null(ex->log_env[2].p);
	gt_access_format_destroy(f);
}

/* ---- wsgiref.validate ---- */

#define VALIDATED                                                       \
	"import warnings, wsgiref.validate\n"                           \
	"warnings.simplefilter('error')\n"                              \
	"def inner(env, sr):\n"                                         \
	"    body = env['wsgi.input'].read(100) if "                    \
	"env['REQUEST_METHOD'] == 'POST' else b'none'\n"                \
	"    print('seen', file=env['wsgi.errors'])\n"                  \
	"    write = sr('200 OK', [('Content-Type', 'text/plain')])\n"  \
	"    if env['PATH_INFO'] == '/write': write(body)\n"            \
	"    if env['PATH_INFO'] == '/gen': return (b for b in [body, " \
	"b'.'])\n"                                                      \
	"    return [body]\n"                                           \
	"application = wsgiref.validate.validator(inner)\n"

static void
wsgiref_validate_has_no_complaint(void **state)
{
	static const char *const requests[] = {
	    GET,
	    "GET /gen?x=y HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
	    "GET /write HTTP/1.1\r\nHost: h\r\n\r\n",
	    "GET / HTTP/1.0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
	};

	(void)state;
	load_app(VALIDATED);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		again(requests[i]);
		if (ex->response.status != 200 || ex->failed)
			fail_msg("%s: %s", requests[i], logged);
	}
	assert_has(answer, "\r\nabc\r\n");
	again("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(ex->response.status, 200);
	assert_false(has_logged("Traceback"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start_test, stop_test)
	const struct CMUnitTest tests[] = {
	    T(the_keys_of_pep_3333_are_there),
	    T(fields_become_http_keys),
	    T(nothing_of_a_request_stays_for_the_next),
	    T(the_app_may_change_its_environ),
	    T(paths_are_decoded_to_latin1),
	    T(every_target_form_has_a_path),
	    T(behind_a_unix_socket_the_host_names_the_server),
	    T(script_name_is_stripped_at_segment_borders),
	    T(a_forwarder_tells_scheme_mount_and_client),
	    T(https_changes_the_port_that_a_host_without_one_means),
	    T(a_proxy_tells_both_ends_of_the_connection),
	    T(wsgi_errors_writes_verbatim),
	    T(the_access_log_gets_the_values_it_wants),
	    T(wsgiref_validate_has_no_complaint),
	};
	int failed;

	start_world();
	failed = cmocka_run_group_tests_name("wsgi environ", tests, NULL, NULL);
	stop_world();
	return failed;
}
