/* SPDX-License-Identifier: MIT */
/* wsgi.file_wrapper: what the loop sends by itself, and what is iterated. */
#include "../cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

/* wrapped(f) returns file_wrapper(f); make() opens what is served. */
#define SERVE(make)                                                          \
	"import io, gzip, tempfile, os\n"                                    \
	"path = tempfile.mktemp()\n"                                         \
	"with open(path, 'wb') as f: f.write(b'0123456789')\n"               \
	"zpath = path + '.gz'\n"                                             \
	"with gzip.open(zpath, 'wb') as f: f.write(b'unzipped')\n"           \
	"headers = []\n"                                                     \
	"def make():\n"                                                      \
	"    f = open(path, 'rb')\n" make "    return f\n"                   \
	"def clean():\n    os.unlink(path); os.unlink(zpath); return True\n" \
	"def application(env, sr):\n"                                        \
	"    global f\n"                                                     \
	"    f = make()\n"                                                   \
	"    sr('200 OK', headers)\n"                                        \
	"    return env['wsgi.file_wrapper'](f)\n"

static void
a_file_is_handed_over_as_a_descriptor(void **state)
{
	(void)state;
	ask(SERVE(""), GET);
	assert_true(ex->out.file_fd >= 0);
	assert_has(answer, "Content-Length: 10\r\n");
	assert_string_equal(body_of(answer), "0123456789");
	assert_int_equal(ex->response.sent, 10);
	assert_true(holds("f.closed"));
	assert_true(holds("clean()"));
}

static void
it_starts_where_the_object_stands(void **state)
{
	(void)state;
	ask(SERVE("    f.read(4)\n"), GET);
	assert_true(ex->out.file_fd >= 0);
	assert_string_equal(body_of(answer), "456789");
	assert_true(holds("clean()"));
}

static void
an_empty_rest_is_an_empty_body(void **state)
{
	(void)state;
	ask(SERVE("    f.seek(99)\n"), GET);
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "Content-Length: 0\r\n");
	assert_string_equal(body_of(answer), "");
	assert_true(holds("clean()"));
}

static void
content_length_cuts_it_or_closes(void **state)
{
	(void)state;
	ask(SERVE(""), GET);
	assert_true(holds("not headers.append(('Content-Length', '3'))"));
	again(GET);
	assert_string_equal(body_of(answer), "012");
	assert_true(ex->response.keep_alive);
	assert_true(holds("not headers.clear()"));
	assert_true(holds("not headers.append(('Content-Length', '30'))"));
	again(GET);
	assert_string_equal(body_of(answer), "0123456789");
	assert_false(ex->response.keep_alive);
	assert_true(holds("clean()"));
}

static void
head_opens_no_descriptor(void **state)
{
	(void)state;
	ask(SERVE(""), "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "Content-Length: 10\r\n");
	assert_string_equal(body_of(answer), "");
	assert_true(holds("f.closed and clean()"));
}

static void
without_sendfile_it_is_iterated(void **state)
{
	(void)state;
	settings.sendfile = false;
	ask(SERVE(""), GET);
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "\r\na\r\n0123456789\r\n0\r\n\r\n");
	assert_true(holds("f.closed and clean()"));
}

static void
a_decoding_reader_is_iterated(void **state)
{
	(void)state;
	ask(SERVE("    f.close(); f = gzip.open(zpath, 'rb')\n"), GET);
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "unzipped");
	assert_true(holds("clean()"));
}

static void
objects_without_a_file_are_iterated(void **state)
{
	(void)state;
	ask(SERVE("    f.close(); f = io.BytesIO(b'memory')\n"), GET);
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "memory");
	assert_true(holds("f.closed and clean()"));
}

static void
a_pipe_is_iterated(void **state)
{
	(void)state;
	ask(SERVE("    f.close()\n    r, w = os.pipe()\n"
	          "    os.write(w, b'piped'); os.close(w)\n"
	          "    f = os.fdopen(r, 'rb')\n"),
	    GET);
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "piped");
	assert_true(holds("clean()"));
}

static void
a_proxy_that_passes_read_on_is_its_file(void **state)
{
	(void)state;
	ask(SERVE("    class P:\n"
	          "        def __init__(self, f): self.read = f.read\n"
	          "    f = P(f)\n"),
	    GET);
	assert_true(ex->out.file_fd >= 0);
	assert_string_equal(body_of(answer), "0123456789");
	assert_true(holds("clean()"));
}

static void
it_reads_blocks_of_the_size_asked_for(void **state)
{
	(void)state;
	ask("sizes = []\n"
	    "class F:\n"
	    "    def read(self, n):\n"
	    "        sizes.append(n)\n"
	    "        return b'x' if len(sizes) < 3 else b''\n"
	    "def application(env, sr):\n"
	    "    sr('200 OK', [])\n"
	    "    return env['wsgi.file_wrapper'](F(), 5)\n",
	    GET);
	assert_true(holds("sizes == [5, 5, 5]"));
	assert_has(answer, "1\r\nx\r\n1\r\nx\r\n0\r\n\r\n");
}

static void
after_write_it_is_iterated(void **state)
{
	(void)state;
	ask("import tempfile\n"
	    "def application(env, sr):\n"
	    "    f = tempfile.TemporaryFile()\n"
	    "    f.write(b'file'); f.seek(0)\n"
	    "    sr('200 OK', [])(b'write')\n"
	    "    return env['wsgi.file_wrapper'](f)\n",
	    GET);
	assert_int_equal(ex->out.file_fd, -1);
	assert_has(answer, "5\r\nwrite\r\n4\r\nfile\r\n0\r\n\r\n");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start_test, stop_test)
	const struct CMUnitTest tests[] = {
	    T(a_file_is_handed_over_as_a_descriptor),
	    T(it_starts_where_the_object_stands),
	    T(an_empty_rest_is_an_empty_body),
	    T(content_length_cuts_it_or_closes),
	    T(head_opens_no_descriptor),
	    T(without_sendfile_it_is_iterated),
	    T(a_decoding_reader_is_iterated),
	    T(objects_without_a_file_are_iterated),
	    T(a_pipe_is_iterated),
	    T(a_proxy_that_passes_read_on_is_its_file),
	    T(it_reads_blocks_of_the_size_asked_for),
	    T(after_write_it_is_iterated),
	};
	int failed;

	start_world();
	failed =
	    cmocka_run_group_tests_name("wsgi filewrap", tests, NULL, NULL);
	stop_world();
	return failed;
}
