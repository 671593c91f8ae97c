/* SPDX-License-Identifier: MIT */
/* The response encoder: framing, validation, injection, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gthreadd/http/response.h"

#define DATE  "Sun, 06 Nov 1994 08:49:37 GMT"
#define START "Server: gthreadd\r\nDate: " DATE "\r\n"

struct fixture {
	struct gt_response r;
	struct gt_buf out;
};

static int
setup(void **state)
{
	return (*state = calloc(1, sizeof(struct fixture))) == NULL;
}

static int
teardown(void **state)
{
	struct fixture *x = *state;

	gt_buf_fini(&x->out);
	free(x);
	return 0;
}

static void
assert_out(struct fixture *x, const char *text)
{
	assert_int_equal(gt_buf_add(&x->out, "", 1), GT_OK);
	assert_string_equal(x->out.p, text);
	x->out.len = 0;
}

static void
begin(struct fixture *x, unsigned minor, bool is_head, bool keep,
      const char *status)
{
	unsigned code;

	x->out.len = 0;
	gt_response_init(&x->r, minor, is_head, keep);
	assert_int_equal(gt_status_parse(gt_str_of(status), &code), GT_OK);
	assert_int_equal(gt_response_start(&x->r, &x->out, gt_str_of(status),
	                                   code, GT_STR("gthreadd"), DATE),
	                 GT_OK);
}

static enum gt_err
field(struct fixture *x, const char *name, const char *value)
{
	return gt_response_field(&x->r, &x->out, gt_str_of(name),
	                         gt_str_of(value));
}

static void
status_line_echoes_the_version(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "200 OK");
	assert_out(x, "HTTP/1.1 200 OK\r\n" START);
	begin(x, 0, false, true, "404 Not Found");
	assert_out(x, "HTTP/1.0 404 Not Found\r\n" START);
	begin(x, 1, false, true, "299");
	assert_out(x, "HTTP/1.1 299 \r\n" START);
	begin(x, 1, false, true, "299 ");
	assert_out(x, "HTTP/1.1 299 \r\n" START);
}

static void
no_server_name_means_no_server_field(void **state)
{
	struct fixture *x = *state;

	gt_response_init(&x->r, 1, false, true);
	assert_int_equal(gt_response_start(&x->r, &x->out, GT_STR("200 OK"),
	                                   200, GT_STR(""), DATE),
	                 GT_OK);
	assert_out(x, "HTTP/1.1 200 OK\r\nDate: " DATE "\r\n");
}

enum { CL = 1, TE = 2, CLOSE = 4, KEEP = 8 };

struct framing_case {
	unsigned minor;
	bool is_head;
	const char *status;
	const char *given; /* Content-Length of the app */
	bool known;        /* the server counted 7 octets */
	enum gt_response_body body;
	unsigned fields; /* what stands in the head */
	uint64_t length; /* with CL */
};

static const struct framing_case framing[] = {
    {1, false, "200 OK", NULL, false, GT_RESPONSE_CHUNKED, TE, 0},
    {1, false, "200 OK", NULL, true, GT_RESPONSE_LENGTH, CL, 7},
    {1, false, "200 OK", "5", false, GT_RESPONSE_LENGTH, CL, 5},
    {1, false, "200 OK", "5", true, GT_RESPONSE_LENGTH, CL, 5},
    {1, false, "200 OK", "0", false, GT_RESPONSE_LENGTH, CL, 0},
    {0, false, "200 OK", NULL, false, GT_RESPONSE_CLOSE, CLOSE, 0},
    {0, false, "200 OK", NULL, true, GT_RESPONSE_LENGTH, CL | KEEP, 7},
    {0, false, "200 OK", "5", false, GT_RESPONSE_LENGTH, CL | KEEP, 5},
    {1, true, "200 OK", NULL, false, GT_RESPONSE_NO_BODY, 0, 0},
    {1, true, "200 OK", NULL, true, GT_RESPONSE_NO_BODY, CL, 7},
    {1, true, "200 OK", "5", true, GT_RESPONSE_NO_BODY, CL, 5},
    {0, true, "200 OK", NULL, false, GT_RESPONSE_NO_BODY, KEEP, 0},
    {0, true, "200 OK", "5", false, GT_RESPONSE_NO_BODY, CL | KEEP, 5},
    {1, false, "204 No Content", NULL, false, GT_RESPONSE_NO_BODY, 0, 0},
    {1, false, "204 No Content", "5", true, GT_RESPONSE_NO_BODY, 0, 0},
    {1, true, "204 No Content", "5", false, GT_RESPONSE_NO_BODY, 0, 0},
    {0, false, "204 No Content", "5", false, GT_RESPONSE_NO_BODY, KEEP, 0},
    {1, false, "205 Reset Content", NULL, false, GT_RESPONSE_LENGTH, CL, 0},
    {1, false, "205 Reset Content", "5", true, GT_RESPONSE_LENGTH, CL, 0},
    {1, false, "304 Not Modified", NULL, true, GT_RESPONSE_NO_BODY, 0, 0},
    {1, false, "304 Not Modified", "5", true, GT_RESPONSE_NO_BODY, CL, 5},
    {1, true, "304 Not Modified", NULL, true, GT_RESPONSE_NO_BODY, CL, 7},
    {1, false, "103 Early Hints", "5", true, GT_RESPONSE_NO_BODY, 0, 0},
    {1, false, "500 Internal Server Error", NULL, false, GT_RESPONSE_CHUNKED,
     TE, 0},
};

static void
check_framing(struct fixture *x, const struct framing_case *c, bool keep)
{
	unsigned fields = c->fields;
	char text[200];

	begin(x, c->minor, c->is_head, keep, c->status);
	if (c->given != NULL)
		assert_int_equal(field(x, "Content-Length", c->given), GT_OK);
	x->out.len = 0;
	assert_int_equal(gt_response_end_head(&x->r, &x->out, c->known, 7),
	                 GT_OK);
	if (!keep && x->r.status >= 200)
		fields = (fields & (CL | TE)) | CLOSE;
	snprintf(text, sizeof text, "Content-Length: %d\r\n", (int)c->length);
	if ((fields & CL) == 0)
		text[0] = '\0';
	if (fields & TE)
		strncat(text, "Transfer-Encoding: chunked\r\n", 50);
	if (fields & CLOSE)
		strncat(text, "Connection: close\r\n", 50);
	if (fields & KEEP)
		strncat(text, "Connection: keep-alive\r\n", 50);
	strncat(text, "\r\n", 3);
	assert_out(x, text);
	assert_int_equal(x->r.body, c->body);
	assert_int_equal(x->r.keep_alive,
	                 keep && (fields & CLOSE) == 0 && x->r.status >= 200);
}

static void
framing_follows_the_table(void **state)
{
	size_t i;

	for (i = 0; i < sizeof framing / sizeof framing[0]; i++) {
		check_framing(*state, &framing[i], true);
		check_framing(*state, &framing[i], false);
	}
}

static void
head_with_an_empty_body_gets_no_length(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, true, true, "200 OK");
	x->out.len = 0;
	assert_int_equal(gt_response_end_head(&x->r, &x->out, true, 0), GT_OK);
	assert_out(x, "\r\n");
	begin(x, 1, false, true, "200 OK");
	x->out.len = 0;
	assert_int_equal(gt_response_end_head(&x->r, &x->out, true, 0), GT_OK);
	assert_out(x, "Content-Length: 0\r\n\r\n");
}

static void
status_is_three_digits_and_a_reason(void **state)
{
	static const char *const good[] = {"200 OK", "200",      "200 ",
	                                   "999 x",  "100 a\tb", "404 caf\xe9"};
	static const char *const bad[] = {"",
	                                  "2",
	                                  "20",
	                                  "OK",
	                                  "099 x",
	                                  "000 x",
	                                  "2000 x",
	                                  "200OK",
	                                  " 200 OK",
	                                  "200\tOK",
	                                  "-20 x",
	                                  "20x y",
	                                  "200 OK\r\nX: 1",
	                                  "200 OK\n",
	                                  "200\r\n",
	                                  "200 a\rb",
	                                  "200 \x7f",
	                                  "200 \x01"};
	unsigned status;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(gt_status_parse(gt_str_of(good[i]), &status),
		                 GT_OK);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(gt_status_parse(gt_str_of(bad[i]), &status),
		                 GT_INVALID);
	assert_int_equal(gt_status_parse(GT_STR("200 \0"), &status),
	                 GT_INVALID);
	assert_int_equal(gt_status_parse(GT_STR("418 x"), &status), GT_OK);
	assert_int_equal(status, 418);
}

static void
fields_are_written_as_given(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "200 OK");
	x->out.len = 0;
	assert_int_equal(field(x, "Content-Type", "text/plain"), GT_OK);
	assert_int_equal(field(x, "x-a", " b c\t"), GT_OK);
	assert_int_equal(field(x, "Set-Cookie", "a=b"), GT_OK);
	assert_int_equal(field(x, "Set-Cookie", "c=d"), GT_OK);
	assert_int_equal(field(x, "X-Empty", ""), GT_OK);
	assert_true(x->r.has_type);
	assert_out(x, "Content-Type: text/plain\r\nx-a: b c\r\n"
	              "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Empty: \r\n");
}

static void
injection_is_refused_and_nothing_written(void **state)
{
	static const char *const names[] = {"",     "a b",  "a:",  "a\r\nb",
	                                    "a\n",  "a\r",  " a",  "a ",
	                                    "a\tb", "\xe9", "(a)", "a\x7f"};
	static const char *const values[] = {
	    "b\r\nX: 1", "b\nX: 1", "b\r",  "\rb",    "\n",
	    "b\r\n",     "a\x01",   "\x7f", "\t\x1b", "aaaaaaaaaa\naaaaaaaa"};
	struct fixture *x = *state;
	size_t i;

	begin(x, 1, false, true, "200 OK");
	x->out.len = 0;
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(field(x, names[i], "b"), GT_INVALID);
	for (i = 0; i < sizeof values / sizeof values[0]; i++)
		assert_int_equal(field(x, "a", values[i]), GT_INVALID);
	assert_int_equal(
	    gt_response_field(&x->r, &x->out, GT_STR("a"), GT_STR("b\0c")),
	    GT_INVALID);
	assert_int_equal(field(x, "Connection", "b\r\nX: 1"), GT_INVALID);
	assert_int_equal(x->out.len, 0);
}

static void
hop_by_hop_server_and_date_are_dropped(void **state)
{
	static const char *const names[] = {
	    "Connection", "keep-alive", "Proxy-Authenticate",
	    "TE",         "Trailer",    "Transfer-Encoding",
	    "Server",     "date",       "Proxy-Authorization"};
	struct fixture *x = *state;
	size_t i;

	begin(x, 1, false, true, "200 OK");
	x->out.len = 0;
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(field(x, names[i], "a"), GT_OK);
	assert_int_equal(field(x, "Upgrade", "h2c"), GT_OK);
	assert_int_equal(x->out.len, 0);
	assert_false(x->r.upgrade);
}

static void
upgrade_to_websocket_is_kept(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "101 Switching Protocols");
	x->out.len = 0;
	assert_int_equal(field(x, "Connection", "Upgrade"), GT_OK);
	assert_int_equal(field(x, "Upgrade", "WebSocket"), GT_OK);
	assert_int_equal(gt_response_end_head(&x->r, &x->out, false, 0), GT_OK);
	assert_out(x, "Upgrade: WebSocket\r\nConnection: upgrade\r\n\r\n");
	assert_int_equal(x->r.body, GT_RESPONSE_NO_BODY);
	assert_false(x->r.keep_alive);
}

static void
content_length_is_digits_and_once(void **state)
{
	static const char *const bad[] = {"-1",
	                                  "+1",
	                                  "",
	                                  "1.0",
	                                  "0x1",
	                                  "1_0",
	                                  "1, 1",
	                                  "a",
	                                  "1 1",
	                                  "9223372036854775808",
	                                  "99999999999999999999999"};
	struct fixture *x = *state;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin(x, 1, false, true, "200 OK");
		assert_int_equal(field(x, "Content-Length", bad[i]),
		                 GT_INVALID);
	}
	begin(x, 1, false, true, "200 OK");
	x->out.len = 0;
	assert_int_equal(field(x, "content-length", " 5 "), GT_OK);
	assert_int_equal(field(x, "Content-Length", "5"), GT_INVALID);
	assert_int_equal(x->r.length, 5);
}

static void
body_longer_than_its_length_is_cut(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "200 OK");
	assert_int_equal(field(x, "Content-Length", "5"), GT_OK);
	assert_int_equal(gt_response_end_head(&x->r, &x->out, false, 0), GT_OK);
	assert_int_equal(gt_response_admit(&x->r, 3), 3);
	assert_int_equal(gt_response_admit(&x->r, 3), 2);
	assert_int_equal(gt_response_admit(&x->r, 3), 0);
	assert_int_equal(x->r.sent, 5);
	assert_int_equal(x->r.dropped, 4);
	assert_int_equal(gt_response_finish(&x->r, &x->out), GT_OK);
	assert_true(x->r.keep_alive);
}

static void
body_shorter_than_its_length_closes(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "200 OK");
	assert_int_equal(field(x, "Content-Length", "5"), GT_OK);
	assert_int_equal(gt_response_end_head(&x->r, &x->out, false, 0), GT_OK);
	assert_int_equal(gt_response_admit(&x->r, 4), 4);
	assert_int_equal(gt_response_finish(&x->r, &x->out), GT_OK);
	assert_false(x->r.keep_alive);
}

static void
short_body_of_head_does_not_close(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, true, true, "200 OK");
	assert_int_equal(field(x, "Content-Length", "5"), GT_OK);
	assert_int_equal(gt_response_end_head(&x->r, &x->out, false, 0), GT_OK);
	assert_int_equal(gt_response_admit(&x->r, 4), 0);
	assert_int_equal(x->r.dropped, 4);
	x->out.len = 0;
	assert_int_equal(gt_response_finish(&x->r, &x->out), GT_OK);
	assert_int_equal(x->out.len, 0);
	assert_true(x->r.keep_alive);
}

static void
chunks_are_framed(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "200 OK");
	assert_int_equal(gt_response_end_head(&x->r, &x->out, false, 0), GT_OK);
	x->out.len = 0;
	assert_int_equal(gt_response_admit(&x->r, 0xabc), 0xabc);
	assert_int_equal(gt_response_chunk_begin(&x->r, &x->out, 0xabc), GT_OK);
	assert_int_equal(gt_response_chunk_end(&x->r, &x->out), GT_OK);
	assert_int_equal(gt_response_finish(&x->r, &x->out), GT_OK);
	assert_out(x, "abc\r\n\r\n0\r\n\r\n");
	assert_true(x->r.keep_alive);
}

static void
other_bodies_have_no_frame(void **state)
{
	struct fixture *x = *state;

	begin(x, 1, false, true, "200 OK");
	assert_int_equal(gt_response_end_head(&x->r, &x->out, true, 5), GT_OK);
	x->out.len = 0;
	assert_int_equal(gt_response_admit(&x->r, 5), 5);
	assert_int_equal(gt_response_chunk_begin(&x->r, &x->out, 5), GT_OK);
	assert_int_equal(gt_response_chunk_end(&x->r, &x->out), GT_OK);
	assert_int_equal(gt_response_finish(&x->r, &x->out), GT_OK);
	assert_int_equal(x->out.len, 0);
}

static void
page_is_a_whole_response(void **state)
{
	struct fixture *x = *state;

	gt_response_init(&x->r, 1, false, false);
	assert_int_equal(
	    gt_response_page(&x->r, &x->out, 414, GT_STR("gthreadd"), DATE),
	    GT_OK);
	assert_out(x, "HTTP/1.1 414 URI Too Long\r\n" START
	              "Content-Type: text/html; charset=utf-8\r\n"
	              "Content-Length: 74\r\nConnection: close\r\n\r\n"
	              "<!doctype html>\n<title>414 URI Too Long</title>\n"
	              "<h1>414 URI Too Long</h1>\n");
	assert_int_equal(x->r.sent, x->r.length);
}

static void
page_for_head_has_no_body(void **state)
{
	struct fixture *x = *state;

	gt_response_init(&x->r, 1, true, true);
	assert_int_equal(
	    gt_response_page(&x->r, &x->out, 503, GT_STR(""), DATE), GT_OK);
	assert_out(x, "HTTP/1.1 503 Service Unavailable\r\nDate: " DATE "\r\n"
	              "Content-Type: text/html; charset=utf-8\r\n"
	              "Retry-After: 1\r\nContent-Length: 88\r\n\r\n");
}

static void
parser_errors_have_their_status(void **state)
{
	(void)state;
	assert_int_equal(gt_status_of_err(GT_PROTO), 400);
	assert_int_equal(gt_status_of_err(GT_BODY_LARGE), 413);
	assert_int_equal(gt_status_of_err(GT_LINE_LONG), 414);
	assert_int_equal(gt_status_of_err(GT_EXPECT), 417);
	assert_int_equal(gt_status_of_err(GT_HEAD_LARGE), 431);
	assert_int_equal(gt_status_of_err(GT_CODING), 501);
	assert_int_equal(gt_status_of_err(GT_VERSION), 505);
	assert_int_equal(gt_status_of_err(GT_NOMEM), 500);
	assert_string_equal(gt_status_reason(431),
	                    "Request Header Fields Too Large");
	assert_null(gt_status_reason(299));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(status_line_echoes_the_version),
	    T(no_server_name_means_no_server_field),
	    T(framing_follows_the_table),
	    T(head_with_an_empty_body_gets_no_length),
	    T(status_is_three_digits_and_a_reason),
	    T(fields_are_written_as_given),
	    T(injection_is_refused_and_nothing_written),
	    T(hop_by_hop_server_and_date_are_dropped),
	    T(upgrade_to_websocket_is_kept),
	    T(content_length_is_digits_and_once),
	    T(body_longer_than_its_length_is_cut),
	    T(body_shorter_than_its_length_closes),
	    T(short_body_of_head_does_not_close),
	    T(chunks_are_framed),
	    T(other_bodies_have_no_frame),
	    T(page_is_a_whole_response),
	    T(page_for_head_has_no_body),
	    T(parser_errors_have_their_status),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
