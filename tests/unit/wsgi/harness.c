/* SPDX-License-Identifier: MIT */
#include "gthreadd/python/pyobj.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/python/pyerr.h"
#include "harness.h"

struct gt_settings settings;
struct gt_service service;
struct gt_peer peer;
struct gt_trust trust;
struct gt_app *app;
struct gt_app_thread *thread;
struct gt_exchange *ex;
char logged[65536];
char *answer;
size_t answer_len;

static PyObject *module;
static char none[] = "", app_name[] = "app_under_test";
static const struct gt_addr_text local = {"10.0.0.1", "8000"};

static void
keep_log(void *arg, const char *line, size_t n)
{
	size_t have = strlen(logged);

	(void)arg;
	if (n > sizeof(logged) - have - 1)
		n = sizeof(logged) - have - 1;
	memcpy(logged + have, line, n);
	logged[have + n] = '\0';
}

static void
no_wake(void *arg)
{
	(void)arg;
}

static void
default_settings(void)
{
	settings = (struct gt_settings){0};
	settings.app = app_name;
	settings.paste = none;
	settings.chdir = none;
	settings.request_id_header = none;
	settings.virtualenv = none;
	settings.threads = 4;
	settings.keep_alive_ms = 75000;
	settings.response_buffer = 256 << 10;
	settings.sendfile = true;
	settings.switch_interval_ms = 5;
}

void
start_world(void)
{
	gt_role_set(GT_ROLE_LOOP);
	default_settings();
	gt_module_register();
	if (gt_interp_start(&settings) != GT_OK)
		exit(EXIT_FAILURE);
	service.settings = &settings;
	service.limits =
	    (struct gt_http_limits){4094, 100, 8190, (size_t)64 << 10};
	service.server = GT_STR("gthreadd");
	gt_mailbox_init(&service.mailbox, no_wake, NULL);
}

void
stop_world(void)
{
	gt_interp_stop(true);
}

int
start_test(void **state)
{
	(void)state;
	logged[0] = '\0';
	gt_log_set_level(GT_LOG_DEBUG);
	gt_log_set_sink(keep_log, NULL);
	default_settings();
	atomic_store(&service.closing, false);
	service.access = NULL;
	service.trust = &trust;
	trust = (struct gt_trust){0};
	peer =
	    (struct gt_peer){.remote = {"192.0.2.7", "40000"}, .local = &local};
	return 0;
}

static void
drop_exchange(void)
{
	gt_exchange_destroy(ex);
	ex = NULL;
}

int
stop_test(void **state)
{
	(void)state;
	gt_assert_gil();
	drop_exchange();
	gt_app_release(&service);
	gt_app_thread_destroy(thread);
	gt_app_destroy(app);
	thread = NULL;
	app = NULL;
	Py_CLEAR(module);
	(void)PyDict_DelItemString(PyImport_GetModuleDict(), app_name);
	PyErr_Clear();
	free(answer);
	answer = NULL;
	answer_len = 0;
	gt_log_set_sink(NULL, NULL);
	return 0;
}

void
load_app(const char *source)
{
	PyObject *done, *dict;

	gt_assert_gil();
	if (thread != NULL)
		fail_msg("one application per test");
	module = PyImport_AddModule(app_name);
	assert_non_null(module);
	Py_INCREF(module);
	dict = PyModule_GetDict(module);
	PyDict_SetItemString(dict, "__builtins__", PyEval_GetBuiltins());
	done = PyRun_String(source, Py_file_input, dict, dict);
	if (done == NULL)
		PyErr_Print();
	assert_non_null(done);
	Py_DECREF(done);
	assert_int_equal(gt_app_load(&settings, false, &app), GT_OK);
	assert_int_equal(gt_app_thread_create(app, 1, &thread), GT_OK);
}

void
feed_body(const char *p, size_t n)
{
	char *room;
	size_t k;

	gt_assert_loop();
	while (n > 0) {
		k = gt_inbox_room(ex, &room);
		if (k == 0)
			fail_msg("the ring is full");
		k = k < n ? k : n;
		memcpy(room, p, k);
		gt_inbox_filled(ex, k);
		p += k;
		n -= k;
	}
}

void
end_body(void)
{
	gt_assert_loop();
	gt_inbox_end(ex);
}

static void
ignore(void *arg, struct gt_str name)
{
	(void)arg;
	(void)name;
}

void
prepare(const char *request)
{
	struct gt_head_parser hp;
	size_t n = strlen(request);

	gt_assert_loop();
	drop_exchange();
	assert_int_equal(gt_exchange_create(&service, &ex), GT_OK);
	ex->peer = &peer;
	assert_int_equal(gt_buf_add(&ex->head, request, n), GT_OK);
	gt_head_init(&hp, &ex->request, &ex->arena, &service.limits);
	assert_int_equal(gt_head_feed(&hp, ex->head.p, n, &ex->head_len),
	                 GT_OK);
	assert_int_equal(gt_verdict_reach(&trust, peer.is_forwarder,
	                                  &ex->request, ex->head.p, ignore,
	                                  NULL, &ex->verdict, &hp.why),
	                 GT_OK);
	atomic_store(&ex->state, GT_EX_RUNNING);
	if (ex->request.framing == GT_FRAMING_NONE)
		return;
	ex->in.has_body = true;
	assert_int_equal(gt_inbox_open(ex, 8192), GT_OK);
	feed_body(request + ex->head_len, n - ex->head_len);
	if (ex->request.framing == GT_FRAMING_LENGTH &&
	    n - ex->head_len == ex->request.content_length)
		end_body();
}

static void
append(const void *p, size_t n)
{
	answer = realloc(answer, answer_len + n + 1);
	assert_non_null(answer);
	if (n > 0)
		memcpy(answer + answer_len, p, n);
	answer_len += n;
	answer[answer_len] = '\0';
}

void
drain(void)
{
	struct gt_buf *d = &ex->out.drain;

	gt_assert_loop();
	gt_outbox_take(ex);
	while (ex->out.drained < d->len) {
		append(d->p + ex->out.drained, d->len - ex->out.drained);
		gt_outbox_sent(ex, d->len - ex->out.drained);
		gt_outbox_take(ex);
	}
}

static void
append_file(struct gt_outbox *out)
{
	char *p = malloc(out->file_left + 1);
	ssize_t n;

	assert_non_null(p);
	n = pread(out->file_fd, p, out->file_left, out->file_off);
	assert_int_equal(n, (ssize_t)out->file_left);
	append(p, (size_t)n);
	free(p);
}

void
call_app(void)
{
	struct gt_outbox *out = &ex->out;

	gt_assert_gil();
	gt_assert_loop();
	answer_len = 0;
	append("", 0);
	gt_app_call(thread, ex);
	assert_null(PyErr_Occurred());
	drain();
	append(out->own.p, out->own.len);
	if (out->parcel != NULL)
		for (size_t i = 0; i < out->parcel->n; i++)
			append(out->parcel->iov[i].iov_base,
			       out->parcel->iov[i].iov_len);
	if (out->file_fd >= 0)
		append_file(out);
}

const char *
again(const char *request)
{
	prepare(request);
	call_app();
	return answer;
}

const char *
ask(const char *source, const char *request)
{
	load_app(source);
	return again(request);
}

bool
holds(const char *expression)
{
	PyObject *dict = PyModule_GetDict(module), *value;
	bool is;

	gt_assert_gil();
	value = PyRun_String(expression, Py_eval_input, dict, dict);
	if (value == NULL)
		PyErr_Print();
	is = value != NULL && PyObject_IsTrue(value) == 1;
	Py_XDECREF(value);
	return is;
}

bool
has_logged(const char *text)
{
	return strstr(logged, text) != NULL;
}

const char *
body_of(const char *response)
{
	const char *end = strstr(response, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}
