/* SPDX-License-Identifier: MIT */
/* The application called on exchanges in memory: responses. */
#include "../cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/check.h"
#include "harness.h"

#define HEAD_REQUEST "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET10        "GET / HTTP/1.0\r\n\r\n"
#define SR           "    sr('200 OK', [('Content-Type', 'text/plain')])\n"

/* A response object that counts its close() calls. */
#define COUNTED                                            \
	"closed = 0\n"                                     \
	"class R:\n"                                       \
	"    def __init__(self, it): self.it = iter(it)\n" \
	"    def __iter__(self): return self\n"            \
	"    def __next__(self): return next(self.it)\n"   \
	"    def close(self):\n"                           \
	"        global closed\n"                          \
	"        closed += 1\n"

static void
a_list_gets_a_content_length(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR
	    "    return [b'hel', b'', b'lo']\n",
	    GET);
	assert_memory_equal(answer, "HTTP/1.1 200 OK\r\n", 17);
	assert_has(answer, "Server: gthreadd\r\n");
	assert_has(answer, "Date: ");
	assert_has(answer, "Content-Type: text/plain\r\n");
	assert_has(answer, "Content-Length: 5\r\n");
	assert_string_equal(body_of(answer), "hello");
	assert_false(ex->failed);
	assert_false(ex->out.published);
	assert_true(ex->response.keep_alive);
	assert_int_equal(ex->response.status, 200);
}

static void
tuple_and_bytes_are_whole_bodies(void **state)
{
	(void)state;
	ask("r = (b'a', b'b')\n"
	    "def application(env, sr):\n" SR "    return r\n",
	    GET);
	assert_string_equal(body_of(answer), "ab");
	assert_true(holds("not globals().update(r=b'xyz')"));
	again(GET);
	assert_string_equal(body_of(answer), "xyz");
	assert_has(answer, "Content-Length: 3\r\n");
}

static void
an_empty_list_is_an_empty_body(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    return []\n", GET);
	assert_has(answer, "Content-Length: 0\r\n");
	assert_string_equal(body_of(answer), "");
	assert_true(ex->response.keep_alive);
}

static void
a_generator_is_chunked(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    yield b'one'\n"
	    "    yield b''\n    yield b'two'\n",
	    GET);
	assert_has(answer, "Transfer-Encoding: chunked\r\n");
	assert_string_equal(body_of(answer),
	                    "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
	assert_true(ex->out.published);
	assert_true(ex->response.keep_alive);
}

static void
a_generator_to_http10_ends_with_the_connection(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    yield b'one'\n"
	    "    yield b'two'\n",
	    GET10);
	assert_lacks(answer, "Transfer-Encoding");
	assert_string_equal(body_of(answer), "onetwo");
	assert_false(ex->response.keep_alive);
}

static void
each_chunk_leaves_before_the_next_is_asked_for(void **state)
{
	(void)state;
	ask("import os\nleft = []\n"
	    "def application(env, sr):\n" SR "    yield b'one'\n"
	    "    left.append(1)\n    yield b''\n",
	    GET);
	assert_true(ex->out.published);
}

static void
one_element_gets_a_content_length(void **state)
{
	(void)state;
	ask("class One:\n"
	    "    def __len__(self): return 1\n"
	    "    def __iter__(self): return iter([b'body'])\n"
	    "def application(env, sr):\n" SR "    return One()\n",
	    GET);
	assert_has(answer, "Content-Length: 4\r\n");
	assert_string_equal(body_of(answer), "body");
}

static void
an_empty_generator_has_length_0(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    return iter([])\n", GET);
	assert_has(answer, "Content-Length: 0\r\n");
	assert_false(ex->out.published);
}

static void
a_large_list_is_handed_over_uncopied(void **state)
{
	(void)state;
	ask("import sys\nbig = bytes(100000)\n"
	    "before = sys.getrefcount(big)\n"
	    "def application(env, sr):\n" SR "    return [b'', big, b'end']\n",
	    GET);
	assert_non_null(ex->out.parcel);
	assert_int_equal(ex->out.parcel->n, 2);
	assert_has(answer, "Content-Length: 100003\r\n");
	assert_int_equal(strlen(body_of(answer)), 0); /* zeros */
	assert_memory_equal(answer + answer_len - 3, "end", 3);
	assert_true(holds("sys.getrefcount(big) == before + 1"));
	gt_service_release(&service, ex->out.parcel);
	ex->out.parcel = NULL;
	gt_assert_gil();
	gt_app_release(&service);
	assert_true(holds("sys.getrefcount(big) == before"));
}

static void
a_large_body_of_many_pieces_is_streamed(void **state)
{
	(void)state;
	settings.response_buffer = 1 << 20;
	ask("def application(env, sr):\n" SR "    return [b'x' * 100] * 2000\n",
	    GET);
	assert_null(ex->out.parcel);
	assert_has(answer, "Content-Length: 200000\r\n");
	assert_int_equal(strlen(body_of(answer)), 200000);
}

static void
a_body_longer_than_its_length_is_cut(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    sr('200 OK', [('Content-Length', '3')])\n"
	    "    return r()\n"
	    "def r():\n    return [b'12', b'345']\n",
	    GET);
	assert_string_equal(body_of(answer), "123");
	assert_true(has_logged("longer than it may be, cut"));
	assert_true(ex->response.keep_alive);
	assert_true(holds("not globals().update(r=lambda: iter([b'1234']))"));
	again(GET);
	assert_string_equal(body_of(answer), "123");
}

static void
a_second_content_length_is_called_so(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    sr('200 OK', [('Content-Length', '3')] * 2)\n"
	    "    return [b'123']\n",
	    GET);
	assert_has(answer, "HTTP/1.1 500 ");
	assert_true(has_logged("ValueError: Content-Length is repeated"));
}

static void
a_body_shorter_than_its_length_closes(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    sr('200 OK', [('Content-Length', '9')])\n"
	    "    return r()\n"
	    "def r():\n    return [b'123']\n",
	    GET);
	assert_false(ex->response.keep_alive);
	assert_has(answer, "Connection: close\r\n");
	assert_true(has_logged("shorter than its Content-Length"));
	assert_true(holds("not globals().update(r=lambda: iter([b'123']))"));
	again(GET);
	assert_false(ex->response.keep_alive);
}

static void
head_has_the_length_but_no_body(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    return [b'hello']\n",
	    HEAD_REQUEST);
	assert_has(answer, "Content-Length: 5\r\n");
	assert_string_equal(body_of(answer), "");
	assert_false(has_logged("cut"));
}

static void
head_stops_an_endless_generator(void **state)
{
	(void)state;
	ask(COUNTED "import itertools\n"
	            "def application(env, sr):\n" SR
	            "    return R(itertools.repeat(b'x'))\n",
	    HEAD_REQUEST);
	assert_string_equal(body_of(answer), "");
	assert_true(holds("closed == 1"));
}

static void
a_204_has_no_body(void **state)
{
	(void)state;
	ask("def application(env, sr):\n    sr('204 No Content', [])\n"
	    "    return [b'oops']\n",
	    GET);
	assert_string_equal(body_of(answer), "");
	assert_lacks(answer, "Content-Length");
	assert_true(ex->response.keep_alive);
	assert_true(has_logged("longer than it may be"));
}

static void
write_sends_at_once_and_before_the_iterable(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    w = sr('200 OK', [])\n    w(b'one')\n    w(b'')\n"
	    "    return [b'two']\n",
	    GET);
	assert_string_equal(body_of(answer),
	                    "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
}

static void
a_large_chunk_leaves_in_pieces(void **state)
{
	(void)state;
	settings.response_buffer = 1 << 20;
	ask("def application(env, sr):\n" SR "    yield b'x' * 300000\n", GET);
	assert_has(answer, "\r\n20000\r\nxxx");
	assert_has(answer, "xxx\r\n0\r\n\r\n");
}

/* ---- failures ---- */

static void
assert_500(void)
{
	assert_memory_equal(answer, "HTTP/1.1 500 ", 13);
	assert_int_equal(ex->response.status, 500);
	assert_false(ex->failed);
	assert_null(ex->out.parcel);
	assert_int_equal(ex->out.file_fd, -1);
	assert_true(has_logged("application failed request=\"GET /\" "
	                       "peer=192.0.2.7:40000"));
}

static void
an_exception_before_start_response_is_a_500(void **state)
{
	(void)state;
	ask("def application(env, sr):\n    raise ValueError('boom')\n", GET);
	assert_500();
	assert_true(has_logged("Traceback (most recent call last)"));
	assert_true(has_logged("ValueError: boom"));
}

static void
an_exception_after_start_response_is_a_500(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    sr('200 OK', [('X-A', 'b')])\n    1 / 0\n",
	    GET);
	assert_500();
	assert_lacks(answer, "X-A");
	assert_true(has_logged("ZeroDivisionError"));
}

static void
an_exception_at_the_first_chunk_is_a_500(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    1 / 0\n    yield b''\n", GET);
	assert_500();
}

static void
an_exception_after_a_chunk_breaks_the_connection(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    yield b'one'\n    1 / 0\n",
	    GET);
	assert_true(ex->failed);
	assert_lacks(answer, "500");
	assert_lacks(answer, "0\r\n\r\n");
	assert_true(has_logged("ZeroDivisionError"));
}

static void
an_exception_in_close_leaves_the_response(void **state)
{
	(void)state;
	ask("class R:\n"
	    "    def __iter__(self): return iter([b'one'])\n"
	    "    def close(self): raise KeyError('late')\n"
	    "def application(env, sr):\n" SR "    return R()\n",
	    GET);
	assert_has(answer, "one");
	assert_false(ex->failed);
	assert_true(has_logged("close() of the response failed"));
	assert_true(has_logged("KeyError: 'late'"));
}

static void
system_exit_and_interrupt_are_a_500(void **state)
{
	(void)state;
	ask("e = SystemExit(3)\n"
	    "def application(env, sr):\n    raise e\n",
	    GET);
	assert_500();
	assert_true(has_logged("SystemExit: 3"));
	assert_true(holds("not globals().update(e=KeyboardInterrupt())"));
	again(GET);
	assert_500();
	assert_true(has_logged("KeyboardInterrupt"));
}

static void
an_exception_that_cannot_be_printed_is_logged(void **state)
{
	(void)state;
	ask("class E(Exception):\n"
	    "    def __str__(self): raise RuntimeError\n"
	    "def application(env, sr):\n    raise E()\n",
	    GET);
	assert_500();
	assert_true(has_logged("app_under_test.E"));
}

static void
no_start_response_is_a_500(void **state)
{
	(void)state;
	ask("r = []\ndef application(env, sr):\n    return r\n", GET);
	assert_500();
	assert_true(has_logged("did not call start_response()"));
	assert_true(holds("not globals().update(r=iter([b'x']))"));
	again(GET);
	assert_500();
}

static void
wrong_results_are_a_500(void **state)
{
	static const char *const results[] = {
	    "None",    "'text'",      "['text']",        "[b'a', 1]",
	    "5",       "iter(['x'])", "bytearray(b'x')", "[bytearray(b'x')]",
	    "R(['x'])"};
	char update[128];

	(void)state;
	load_app(COUNTED "r = None\ndef application(env, sr):\n" SR
	                 "    return r\n");
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		snprintf(update, sizeof(update), "not globals().update(r=%s)",
		         results[i]);
		assert_true(holds(update));
		logged[0] = '\0';
		again(GET);
		assert_500();
		assert_true(has_logged("TypeError"));
	}
	assert_true(holds("closed == 1"));
}

/* ---- close ---- */

static void
close_is_called_once_after_success(void **state)
{
	(void)state;
	ask(COUNTED "def application(env, sr):\n" SR
	            "    return R([b'a', b'b'])\n",
	    GET);
	assert_true(holds("closed == 1"));
}

static void
close_is_called_once_after_a_failure(void **state)
{
	(void)state;
	ask(COUNTED "def gen():\n    yield b'a'\n    1 / 0\n"
	            "def application(env, sr):\n" SR "    return R(gen())\n",
	    GET);
	assert_true(holds("closed == 1"));
	assert_true(ex->failed);
}

static void
close_is_called_when_there_is_no_iterator(void **state)
{
	(void)state;
	ask("closed = 0\n"
	    "class R:\n"
	    "    def close(self):\n        global closed\n        closed += 1\n"
	    "def application(env, sr):\n" SR "    return R()\n",
	    GET);
	assert_500();
	assert_true(holds("closed == 1"));
}

static void
the_end_of_a_stream_does_not_wait_for_close(void **state)
{
	(void)state;
	ask(COUNTED "def application(env, sr):\n" SR "    return R([b'a'])\n",
	    GET);
	assert_int_equal(ex->out.own.len, 0);
	assert_has(answer, "0\r\n\r\n");
}

/* ---- start_response ---- */

static void
assert_misuse(const char *call, const char *exception)
{
	char source[512];
	void *state = NULL;

	start_test(&state);
	snprintf(source, sizeof(source),
	         "caught = None\n"
	         "def application(env, sr):\n"
	         "    global caught\n"
	         "    try:\n        %s\n"
	         "    except Exception as e: caught = type(e).__name__\n"
	         "    sr('200 OK', [])\n    return [b'ok']\n",
	         call);
	ask(source, GET);
	snprintf(source, sizeof(source), "caught == '%s'", exception);
	if (!holds(source))
		fail_msg("%s: not a %s; log: %s", call, exception, logged);
	assert_string_equal(body_of(answer), "ok");
	assert_lacks(answer, "X-Evil");
	stop_test(&state);
}

static void
misuse_of_start_response_raises(void **state)
{
	(void)state;
	assert_misuse("sr()", "TypeError");
	assert_misuse("sr('200 OK')", "TypeError");
	assert_misuse("sr('200 OK', [], None, 1)", "TypeError");
	assert_misuse("sr('200 OK', [], foo=1)", "TypeError");
	assert_misuse("sr(200, [])", "TypeError");
	assert_misuse("sr(b'200 OK', [])", "TypeError");
	assert_misuse("sr('', [])", "ValueError");
	assert_misuse("sr('20', [])", "ValueError");
	assert_misuse("sr('abc OK', [])", "ValueError");
	assert_misuse("sr('200OK', [])", "ValueError");
	assert_misuse("sr('100 Continue', [])", "ValueError");
	assert_misuse("sr('200 OK\\r\\nX-Evil: 1', [])", "ValueError");
	assert_misuse("sr('200 \\u20ac', [])", "ValueError");
	assert_misuse("sr('200 OK', None)", "TypeError");
	assert_misuse("sr('200 OK', 5)", "TypeError");
	assert_misuse("sr('200 OK', ['ab'])", "TypeError");
	assert_misuse("sr('200 OK', [('X-Evil',)])", "TypeError");
	assert_misuse("sr('200 OK', [('X-Evil', 1)])", "TypeError");
	assert_misuse("sr('200 OK', [('X-Evil', b'1')])", "TypeError");
	assert_misuse("sr('200 OK', [(b'X-Evil', '1')])", "TypeError");
	assert_misuse("sr('200 OK', [('X-Evil', 'a\\r\\nb: c')])",
	              "ValueError");
	assert_misuse("sr('200 OK', [('X-Evil', 'a\\0b')])", "ValueError");
	assert_misuse("sr('200 OK', [('X-Evil', '\\u20ac')])", "ValueError");
	assert_misuse("sr('200 OK', [('X-Evil ', 'a')])", "ValueError");
	assert_misuse("sr('200 OK', [('', 'a')])", "ValueError");
	assert_misuse("sr('200 OK', [('Content-Length', '-1')])", "ValueError");
	assert_misuse("sr('200 OK', [('Content-Length', '1')] * 2)",
	              "ValueError");
}

static void
a_second_start_response_raises(void **state)
{
	(void)state;
	ask("def application(env, sr):\n    sr('200 OK', [])\n"
	    "    sr('201 Created', [])\n    return []\n",
	    GET);
	assert_500();
	assert_true(has_logged("AssertionError"));
}

static void
exc_info_replaces_and_does_not_append(void **state)
{
	(void)state;
	ask("import sys\n"
	    "def application(env, sr):\n"
	    "    sr('200 OK', [('Content-Length', '1'), ('X-One', '1')])\n"
	    "    try: 1 / 0\n"
	    "    except Exception:\n"
	    "        sr('500 Oops', [('Content-Length', '2')], "
	    "sys.exc_info())\n"
	    "    return [b'no']\n",
	    GET);
	assert_memory_equal(answer, "HTTP/1.1 500 Oops\r\n", 19);
	assert_has(answer, "Content-Length: 2\r\n");
	assert_lacks(answer, "X-One");
	assert_lacks(answer, "Content-Length: 1");
	assert_string_equal(body_of(answer), "no");
	assert_lacks(strstr(answer, "Date: ") + 1, "Date: ");
}

static void
exc_info_after_the_head_reraises(void **state)
{
	(void)state;
	ask("import sys\nseen = None\n"
	    "def application(env, sr):\n"
	    "    global seen\n"
	    "    sr('200 OK', [])(b'x')\n"
	    "    try: {}['key']\n"
	    "    except KeyError:\n"
	    "        try: sr('500 Oops', [], exc_info=sys.exc_info())\n"
	    "        except KeyError as e: seen = e; raise\n"
	    "    return []\n",
	    GET);
	assert_true(holds("seen.args == ('key',)"));
	assert_true(ex->failed);
	assert_has(answer, "HTTP/1.1 200 OK");
	assert_lacks(answer, "500 Oops");
}

static void
headers_may_come_from_any_iterable(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    sr('200 OK', {'X-A': '  b '}.items())\n    return []\n",
	    GET);
	assert_has(answer, "X-A: b\r\n");
}

static void
what_the_app_kept_is_dead_after_the_request(void **state)
{
	(void)state;
	ask("kept = None\n"
	    "def application(env, sr):\n"
	    "    global kept\n"
	    "    w = sr('200 OK', [])\n"
	    "    if not kept: kept = (env, sr, w)\n"
	    "    return [b'ok']\n"
	    "def raises(f, *a):\n"
	    "    try: f(*a)\n"
	    "    except Exception as e: return type(e).__name__\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
	assert_true(holds("raises(kept[1], '200 OK', []) == 'RuntimeError'"));
	assert_true(holds("raises(kept[2], b'x') == 'RuntimeError'"));
	assert_true(holds("raises(kept[0]['wsgi.input'].read) == "
	                  "'ValueError'"));
	assert_true(holds("kept[0]['gthreadd.client_disconnected']() is True"));
	again("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
	assert_string_equal(body_of(answer), "ok");
	assert_true(holds("raises(kept[0]['wsgi.input'].read) == "
	                  "'ValueError'"));
}

/* ---- the client leaves ---- */

static void
a_gone_client_ends_a_generator(void **state)
{
	(void)state;
	load_app("ended = None\n"
	         "def application(env, sr):\n"
	         "    global ended\n" SR "    try:\n"
	         "        while True: yield b'x'\n"
	         "    except GeneratorExit: ended = "
	         "env['gthreadd.client_disconnected']()\n");
	gt_assert_loop();
	prepare(GET);
	gt_outbox_fail(ex);
	call_app();
	assert_true(holds("ended is True"));
	assert_true(ex->failed);
	assert_true(has_logged("[DEBUG] client left"));
	assert_false(has_logged("Traceback"));
}

static void
write_to_a_gone_client_raises(void **state)
{
	(void)state;
	load_app("import gthreadd\nseen = None\n"
	         "def application(env, sr):\n"
	         "    global seen\n"
	         "    try: sr('200 OK', [])(b'x')\n"
	         "    except gthreadd.ClientDisconnected as e:\n"
	         "        seen = isinstance(e, ConnectionResetError)\n"
	         "        raise\n");
	gt_assert_loop();
	prepare(GET);
	gt_outbox_fail(ex);
	call_app();
	assert_true(holds("seen"));
	assert_true(ex->failed);
	assert_false(has_logged("Traceback"));
}

/* ---- early hints ---- */

#define HINTS "    env['wsgi.early_hints']([('Link', '</a>')])\n"

static void
hints_go_before_a_head_that_can_still_be_replaced(void **state)
{
	static const char start[] =
	    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 500 ";

	(void)state;
	ask("def application(env, sr):\n" SR HINTS
	    "    raise ValueError('behind')\n",
	    GET);
	assert_memory_equal(answer, start, sizeof(start) - 1);
	assert_false(ex->failed);
}

static void
hints_are_for_http11_before_the_head(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    w = sr('200 OK', [])\n"
	    "    if env['SERVER_PROTOCOL'] == 'HTTP/1.1': w(b'first')\n" HINTS
	    "    return [b'x']\n",
	    GET10);
	assert_lacks(answer, "103");
	again(GET);
	assert_lacks(answer, "103");
	assert_has(answer, "first");
}

static void
wrong_hints_raise_and_send_nothing(void **state)
{
	(void)state;
	ask("def application(env, sr):\n"
	    "    for h in (None, [('A', 1)], [('A', 'x\\r\\ny')], ['ab']):\n"
	    "        try: env['wsgi.early_hints'](h)\n"
	    "        except (TypeError, ValueError): continue\n"
	    "        assert False\n" SR "    return [b'fine']\n",
	    GET);
	assert_lacks(answer, "103");
	assert_has(answer, "fine");
}

static void
hints_to_a_gone_client_raise(void **state)
{
	(void)state;
	load_app("import gthreadd\nseen = None\n"
	         "def application(env, sr):\n"
	         "    global seen\n"
	         "    try: env['wsgi.early_hints']([('A', 'b')])\n"
	         "    except gthreadd.ClientDisconnected: seen = True\n"
	         "    sr('200 OK', [])\n"
	         "    return []\n");
	gt_assert_loop();
	prepare(GET);
	gt_outbox_fail(ex);
	call_app();
	assert_true(holds("seen"));
}

static void
hints_of_a_request_that_is_over_raise(void **state)
{
	(void)state;
	ask("kept = None\n"
	    "def application(env, sr):\n"
	    "    global kept\n"
	    "    kept = env['wsgi.early_hints']\n" SR "    return []\n"
	    "def fails():\n"
	    "    try: kept([])\n"
	    "    except RuntimeError: return True\n",
	    GET);
	assert_true(holds("fails()"));
}

static void
keep_alive_follows_request_and_server(void **state)
{
	(void)state;
	ask("def application(env, sr):\n" SR "    return []\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_false(ex->response.keep_alive);
	atomic_store(&service.closing, true);
	again(GET);
	assert_has(answer, "Connection: close\r\n");
	atomic_store(&service.closing, false);
	settings.keep_alive_ms = 0;
	again(GET);
	assert_false(ex->response.keep_alive);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start_test, stop_test)
	const struct CMUnitTest tests[] = {
	    T(a_list_gets_a_content_length),
	    T(tuple_and_bytes_are_whole_bodies),
	    T(an_empty_list_is_an_empty_body),
	    T(a_generator_is_chunked),
	    T(a_generator_to_http10_ends_with_the_connection),
	    T(each_chunk_leaves_before_the_next_is_asked_for),
	    T(one_element_gets_a_content_length),
	    T(an_empty_generator_has_length_0),
	    T(a_large_list_is_handed_over_uncopied),
	    T(a_large_body_of_many_pieces_is_streamed),
	    T(a_body_longer_than_its_length_is_cut),
	    T(a_second_content_length_is_called_so),
	    T(a_body_shorter_than_its_length_closes),
	    T(head_has_the_length_but_no_body),
	    T(head_stops_an_endless_generator),
	    T(a_204_has_no_body),
	    T(write_sends_at_once_and_before_the_iterable),
	    T(a_large_chunk_leaves_in_pieces),
	    T(an_exception_before_start_response_is_a_500),
	    T(an_exception_after_start_response_is_a_500),
	    T(an_exception_at_the_first_chunk_is_a_500),
	    T(an_exception_after_a_chunk_breaks_the_connection),
	    T(an_exception_in_close_leaves_the_response),
	    T(system_exit_and_interrupt_are_a_500),
	    T(an_exception_that_cannot_be_printed_is_logged),
	    T(no_start_response_is_a_500),
	    T(wrong_results_are_a_500),
	    T(close_is_called_once_after_success),
	    T(close_is_called_once_after_a_failure),
	    T(close_is_called_when_there_is_no_iterator),
	    T(the_end_of_a_stream_does_not_wait_for_close),
	    cmocka_unit_test(misuse_of_start_response_raises),
	    T(a_second_start_response_raises),
	    T(exc_info_replaces_and_does_not_append),
	    T(exc_info_after_the_head_reraises),
	    T(headers_may_come_from_any_iterable),
	    T(what_the_app_kept_is_dead_after_the_request),
	    T(a_gone_client_ends_a_generator),
	    T(write_to_a_gone_client_raises),
	    T(hints_go_before_a_head_that_can_still_be_replaced),
	    T(hints_are_for_http11_before_the_head),
	    T(wrong_hints_raise_and_send_nothing),
	    T(hints_to_a_gone_client_raise),
	    T(hints_of_a_request_that_is_over_raise),
	    T(keep_alive_follows_request_and_server),
	};
	int failed;

	start_world();
	failed = cmocka_run_group_tests_name("wsgi call", tests, NULL, NULL);
	stop_world();
	return failed;
}
