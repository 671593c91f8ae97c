/* SPDX-License-Identifier: MIT */
/* wsgi.input and back-pressure: what waits for the client, and for how long. */
#include "../cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gthreadd/base/check.h"
#include "harness.h"

#define POST "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: "
#define CHUNKED \
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
/* An app that shows what an expression of i (wsgi.input) gives. */
#define SHOW(expr)                    \
	"def application(env, sr):\n" \
	"    i = env['wsgi.input']\n" \
	"    sr('200 OK', [])\n"      \
	"    return [repr(" expr ").encode()]\n"

static void
assert_shows(const char *source, const char *request, const char *expected)
{
	void *state = NULL;

	start_test(&state);
	ask(source, request);
	assert_string_equal(body_of(answer), expected);
	stop_test(&state);
}

static void
reads_end_where_the_body_ends(void **state)
{
	(void)state;
	assert_shows(SHOW("(i.read(3), i.read(3), i.read(3), i.read())"),
	             POST "5\r\n\r\nabcde", "(b'abc', b'de', b'', b'')");
	assert_shows(SHOW("i.read()"), POST "5\r\n\r\nabcde", "b'abcde'");
	assert_shows(SHOW("i.read(-1)"), POST "5\r\n\r\nabcde", "b'abcde'");
	assert_shows(SHOW("i.read(None)"), POST "5\r\n\r\nabcde", "b'abcde'");
	assert_shows(SHOW("i.read(0)"), POST "5\r\n\r\nabcde", "b''");
	assert_shows(SHOW("i.read(10**30) if 0 else i.read(10**9)"),
	             POST "5\r\n\r\nabcde", "b'abcde'");
}

static void
lines_are_split_at_newlines(void **state)
{
	(void)state;
	assert_shows(SHOW("(i.readline(), i.readline(2), i.readline(), "
	                  "i.readline(), i.readline())"),
	             POST "11\r\n\r\none\ntwo\nend",
	             "(b'one\\n', b'tw', b'o\\n', b'end', b'')");
	assert_shows(SHOW("i.readlines()"), POST "7\r\n\r\none\ntwo",
	             "[b'one\\n', b'two']");
	assert_shows(SHOW("(i.readlines(1), i.readlines(0))"),
	             POST "7\r\n\r\none\ntwo", "([b'one\\n'], [b'two'])");
	assert_shows(SHOW("(list(i), list(i))"), POST "7\r\n\r\none\ntwo",
	             "([b'one\\n', b'two'], [])");
	assert_shows(SHOW("i.readline(0)"), POST "3\r\n\r\na\nb", "b''");
}

static void
no_body_reads_as_empty(void **state)
{
	(void)state;
	assert_shows(SHOW("(i.read(), i.read(5), i.readline(), "
	                  "i.readlines(), list(i))"),
	             GET, "(b'', b'', b'', [], [])");
}

static void
wrong_arguments_raise(void **state)
{
	static const char source[] =
	    "def t(f, *a):\n"
	    "    try: f(*a)\n"
	    "    except Exception as e: return type(e).__name__\n";
	char all[1024];

	(void)state;
	snprintf(all, sizeof(all), "%s%s", source,
	         SHOW("(t(i.read, 'x'), t(i.read, 1, 2), t(i.readline, 1.5), "
	              "hasattr(i, 'close'))"));
	assert_shows(all, POST "1\r\n\r\na",
	             "('TypeError', 'TypeError', 'TypeError', False)");
}

static void a_body_larger_than_the_ring_is_read_while_it_comes(void **state);

/* ---- with a client in another thread ---- */

static void
nap(long ms)
{
	struct timespec t = {0, ms * 1000000};

	nanosleep(&t, NULL);
}

static void
await_reader(void)
{
	gt_assert_loop();
	while (!gt_inbox_reader_waits(ex))
		nap(1);
}

static void *
slow_client(void *arg)
{
	const char *pieces = arg;

	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	for (; *pieces != '\0'; pieces++) {
		await_reader();
		feed_body(pieces, 1);
		nap(1);
	}
	await_reader();
	end_body();
	return NULL;
}

static const char *
ask_with_client(const char *source, const char *request,
                void *(*client)(void *), void *arg)
{
	struct gt_thread t;

	if (thread == NULL)
		load_app(source);
	prepare(request);
	assert_int_equal(gt_thread_create(&t, "client", client, arg), GT_OK);
	call_app();
	pthread_join(t.id, NULL);
	return answer;
}

static char three[] = "a\nb";

static void
a_reader_waits_for_the_client(void **state)
{
	(void)state;
	ask_with_client(SHOW("(i.read(2), i.read())"), CHUNKED, slow_client,
	                three);
	assert_string_equal(body_of(answer), "(b'a\\n', b'b')");
}

static void
a_line_is_put_together_from_pieces(void **state)
{
	(void)state;
	ask_with_client(SHOW("i.readlines()"), CHUNKED, slow_client, three);
	assert_string_equal(body_of(answer), "[b'a\\n', b'b']");
}

static void
another_thread_of_the_app_may_read(void **state)
{
	(void)state;
	ask_with_client("import threading\n"
	                "def application(env, sr):\n"
	                "    got = []\n"
	                "    i = env['wsgi.input']\n"
	                "    t = threading.Thread(target=lambda: "
	                "got.append(i.read()))\n"
	                "    t.start(); t.join()\n"
	                "    sr('200 OK', [])\n    return got\n",
	                CHUNKED, slow_client, three);
	assert_string_equal(body_of(answer), "a\nb");
}

static void *
late_client(void *arg)
{
	(void)arg;
	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	await_reader();
	nap(50);
	feed_body("x", 1);
	return NULL;
}

static void
the_request_does_not_end_while_a_thread_reads(void **state)
{
	(void)state;
	ask_with_client("import threading, time\nerror = None\n"
	                "def read(i):\n"
	                "    global error\n"
	                "    try: i.read()\n"
	                "    except Exception as e: error = e\n"
	                "def application(env, sr):\n"
	                "    global t\n"
	                "    t = threading.Thread(target=read, "
	                "args=(env['wsgi.input'],))\n"
	                "    t.start(); time.sleep(0.02)\n"
	                "    sr('200 OK', [])\n    return [b'ok']\n",
	                CHUNKED, late_client, NULL);
	assert_string_equal(body_of(answer), "ok");
	assert_true(holds("t.join() or type(error) is ValueError"));
}

struct cut {
	enum gt_err err;
};

static void *
cutting_client(void *arg)
{
	const struct cut *cut = arg;

	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	await_reader();
	gt_inbox_fail(ex, cut->err);
	return NULL;
}

static void
assert_cut(enum gt_err err, const char *exception, const char *status)
{
	static const char source[] =
	    "seen = None\n"
	    "def application(env, sr):\n"
	    "    global seen\n"
	    "    try: env['wsgi.input'].read()\n"
	    "    except Exception as e: seen = e; raise\n";
	struct cut cut = {err};
	void *state = NULL;
	char text[128];

	start_test(&state);
	ask_with_client(source, POST "5\r\n\r\nab", cutting_client, &cut);
	snprintf(text, sizeof(text), "isinstance(seen, %s)", exception);
	assert_true(holds(text));
	assert_true(holds("isinstance(seen, OSError)"));
	assert_memory_equal(answer + 9, status, 3);
	assert_false(has_logged("Traceback"));
	stop_test(&state);
}

static void
a_short_body_raises(void **state)
{
	(void)state;
	assert_cut(GT_GONE, "ConnectionResetError", "500");
	assert_cut(GT_EOF, "ConnectionResetError", "500");
	assert_cut(GT_TIMEOUT, "TimeoutError",
	           gt_status_of_err(GT_TIMEOUT) == 408 ? "408" : "500");
	assert_cut(GT_PROTO, "OSError", "400");
	assert_cut(GT_BODY_LARGE, "OSError", "413");
}

static void *
steady_client(void *arg)
{
	size_t left = *(size_t *)arg, n;
	char *room;

	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	while (left > 0) {
		if ((n = gt_inbox_room(ex, &room)) == 0) {
			nap(1);
			continue;
		}
		n = n < left ? n : left;
		memset(room, 'x', n);
		gt_inbox_filled(ex, n);
		left -= n;
	}
	end_body();
	return NULL;
}

static void
a_body_larger_than_the_ring_is_read_while_it_comes(void **state)
{
	size_t n = 3000000;

	(void)state;
	ask_with_client(SHOW("i.read() == b'x' * 3000000"),
	                POST "3000000\r\n\r\n", steady_client, &n);
	assert_string_equal(body_of(answer), "True");
	n = 3000000;
	again(GET);
	ask_with_client(NULL, CHUNKED, steady_client, &n);
	assert_string_equal(body_of(answer), "True");
}

/* ---- back-pressure ---- */

static atomic_bool stop_draining;

static void *
slow_loop(void *arg)
{
	size_t *most = arg, waiting;

	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	while (!atomic_load(&stop_draining)) {
		nap(1);
		gt_mutex_lock(&ex->lock);
		waiting = ex->out.waiting;
		gt_mutex_unlock(&ex->lock);
		if (waiting > *most)
			*most = waiting;
		gt_outbox_take(ex);
		gt_outbox_sent(ex, ex->out.drain.len - ex->out.drained);
	}
	return NULL;
}

static void
a_generator_waits_for_a_slow_client(void **state)
{
	struct gt_thread t;
	size_t most = 0;

	(void)state;
	settings.response_buffer = 8192;
	load_app("import threading\ncount = 0\n"
	         "def application(env, sr):\n"
	         "    global count\n"
	         "    sr('200 OK', [])\n"
	         "    for i in range(200):\n"
	         "        count += 1\n"
	         "        yield b'x' * 1000\n");
	gt_assert_gil();
	prepare(GET);
	atomic_store(&stop_draining, false);
	assert_int_equal(gt_thread_create(&t, "loop", slow_loop, &most), GT_OK);
	gt_app_call(thread, ex);
	atomic_store(&stop_draining, true);
	pthread_join(t.id, NULL);
	assert_true(holds("count == 200"));
	assert_true(most >= 8192);
	assert_true(most < 8192 + 2000);
	assert_false(ex->failed);
}

static void *
leaving_client(void *arg)
{
	bool waits = false;

	(void)arg;
	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	while (!waits) {
		nap(1);
		gt_mutex_lock(&ex->lock);
		waits = ex->out.writer_waits;
		gt_mutex_unlock(&ex->lock);
	}
	gt_outbox_fail(ex);
	return NULL;
}

static void
a_waiting_generator_is_closed_when_the_client_leaves(void **state)
{
	(void)state;
	settings.response_buffer = 8192;
	ask_with_client("closed = False\n"
	                "def application(env, sr):\n"
	                "    global closed\n"
	                "    sr('200 OK', [])\n"
	                "    try:\n"
	                "        while True: yield b'x' * 1000\n"
	                "    finally: closed = True\n",
	                GET, leaving_client, NULL);
	assert_true(holds("closed"));
	assert_true(ex->failed);
}

static void
a_body_never_asked_for_closes_when_100_is_due(void **state)
{
	static const char source[] = "def application(env, sr):\n"
	                             "    sr('200 OK', [])\n    return []\n";

	(void)state;
	load_app(source);
	prepare("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
	        "Expect: 100-continue\r\n\r\n");
	ex->in.wants_continue = true;
	call_app();
	assert_has(answer, "Connection: close\r\n");
	assert_false(ex->response.keep_alive);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start_test, stop_test)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_end_where_the_body_ends),
	    cmocka_unit_test(lines_are_split_at_newlines),
	    cmocka_unit_test(no_body_reads_as_empty),
	    cmocka_unit_test(wrong_arguments_raise),
	    T(a_reader_waits_for_the_client),
	    T(a_line_is_put_together_from_pieces),
	    T(another_thread_of_the_app_may_read),
	    T(the_request_does_not_end_while_a_thread_reads),
	    cmocka_unit_test(a_short_body_raises),
	    T(a_body_larger_than_the_ring_is_read_while_it_comes),
	    T(a_generator_waits_for_a_slow_client),
	    T(a_waiting_generator_is_closed_when_the_client_leaves),
	    T(a_body_never_asked_for_closes_when_100_is_due),
	};
	int failed;

	start_world();
	failed = cmocka_run_group_tests_name("wsgi input", tests, NULL, NULL);
	stop_world();
	return failed;
}
