/* SPDX-License-Identifier: MIT */
/*
 * One call of the application: from the exchange to environ, app, response
 * and close(), and back to an exchange that nothing of Python refers to.
 * Pool thread; a few functions run in threads of the app too.
 */
#include <sched.h>
#include <stdlib.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/spew.h"
#include "wsgi_priv.h"

static bool is_input_error(const struct gt_call *c) GT_NEEDS_GIL;
static bool is_client_gone(const struct gt_call *c) GT_NEEDS_GIL;
static void set_page(struct gt_call *c,
                     unsigned status) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static void answer_page(struct gt_call *c,
                        unsigned status) GT_NEEDS_GIL GT_NO_RESPONSE;
static void answer_exception(struct gt_call *c) GT_NEEDS_GIL GT_NO_RESPONSE;
static void log_exception(const struct gt_call *c) GT_NEEDS_GIL GT_NO_RESPONSE;
static void close_result(const struct gt_call *c,
                         PyObject *result) GT_NEEDS_GIL GT_NO_RESPONSE;
static void leave_fork(const struct gt_call *c) GT_NEEDS_GIL;
static void run_app(struct gt_call *c,
                    PyObject *env) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err begin_call(struct gt_call *c,
                              struct gt_exchange *ex) GT_NEEDS_GIL;
static void await_users(struct gt_call *c) GT_NEEDS_GIL;
static void end_call(struct gt_call *c) GT_NEEDS_GIL;

static void acquire(PyThread_type_lock lock) GT_NEEDS_GIL;

/* The other side may wait for the client: wait without the GIL. */
static void
acquire(PyThread_type_lock lock)
{
	if (PyThread_acquire_lock(lock, NOWAIT_LOCK))
		return;
	gt_gil_pause();
	(void)PyThread_acquire_lock(lock, WAIT_LOCK);
	gt_gil_resume();
}

void
gt_call_pause(struct gt_exchange *ex)
{
	if (ex->cell != NULL)
		gt_cell_set(ex->cell, GT_CELL_WAITING, gt_clock_us());
	gt_gil_pause();
}

void
gt_call_resume(struct gt_exchange *ex)
{
	gt_gil_resume();
	if (ex->cell != NULL)
		gt_cell_set(ex->cell, GT_CELL_RUNNING, gt_clock_us());
}

/* Who cuts the object off from its call does so in the same section. */
struct gt_call *
gt_call_use(PyObject *self, _Atomic(struct gt_call *) *call)
{
	struct gt_pyobj_section section;
	struct gt_call *c;

	gt_pyobj_section_begin(&section, self);
	if ((c = atomic_load(call)) != NULL)
		atomic_fetch_add(&c->users, 1);
	gt_pyobj_section_end(&section);
	return c;
}

void
gt_call_unuse(struct gt_call *c)
{
	atomic_fetch_sub(&c->users, 1);
}

struct gt_call *
gt_call_enter(PyObject *self, _Atomic(struct gt_call *) *call)
{
	struct gt_call *c = gt_call_use(self, call);

	if (c == NULL)
		return NULL;
	acquire(c->lock);
	if (!atomic_load(&c->closing))
		return c;
	gt_call_leave(c); /* it has ended meanwhile */
	return NULL;
}

void
gt_call_leave(struct gt_call *c)
{
	PyThread_release_lock(c->lock);
	gt_call_unuse(c);
}

void
gt_call_raise(const struct gt_app *app, enum gt_err rc)
{
	if (rc == GT_GONE)
		PyErr_SetString(app->disconnected, "the client has left");
	else if (rc == GT_INVALID)
		PyErr_SetString(PyExc_AssertionError,
		                "the application did not call "
		                "start_response()");
	else if (rc == GT_EOF)
		PyErr_SetString(PyExc_RuntimeError,
		                "write(): the response is complete");
	else
		PyErr_NoMemory();
}

/* The app let pass what its reading of the body raised. */
static bool
is_input_error(const struct gt_call *c)
{
	return c->input_err != GT_OK && PyErr_ExceptionMatches(PyExc_OSError);
}

static bool
is_client_gone(const struct gt_call *c)
{
	return PyErr_ExceptionMatches(c->thread->app->disconnected) ||
	       (is_input_error(c) && c->input_err == GT_GONE);
}

/* The client's failures are no news for the operator; the app's are. */
static void
log_exception(const struct gt_call *c)
{
	char who[GT_REQUEST_TEXT];

	gt_exchange_describe(c->ex, true, who);
	if (is_client_gone(c)) {
		gt_log_debug("client left %s", who);
		PyErr_Clear();
	} else if (PyErr_ExceptionMatches(c->thread->app->timeout)) {
		gt_log_info("request interrupted (request-timeout) %s", who);
		PyErr_Clear();
	} else if (is_input_error(c)) {
		gt_log_info("request body: %s %s", gt_err_text(c->input_err),
		            who);
		PyErr_Clear();
	} else {
		gt_pyerr_log(GT_LOG_ERROR, "application failed %s", who);
	}
}

static void
set_page(struct gt_call *c, unsigned status)
{
	struct gt_exchange *ex = c->ex;

	if (c->published) {
		ex->failed = true;
		return;
	}
	gt_fd_close(&ex->out.file_fd);
	if (ex->out.parcel != NULL)
		gt_service_release(ex->service, ex->out.parcel);
	ex->out.parcel = NULL;
	if (gt_start_page(c, status) != GT_OK)
		ex->failed = true;
	c->started = c->head_done = c->complete = true;
}

/* A page of the server, if nothing has been sent yet. */
static void
answer_page(struct gt_call *c, unsigned status)
{
	struct gt_pyobj_section section;

	gt_call_hold(&section, c);
	set_page(c, status);
	gt_call_let_go(&section);
}

/* The current exception ends the request: log it, answer it if one can. */
static void
answer_exception(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;
	unsigned status = 500;

	if (is_client_gone(c))
		ex->failed = true;
	if (is_input_error(c))
		status = gt_status_of_err(c->input_err);
	log_exception(c);
	answer_page(c, status);
}

/* Exactly once, whatever happened before (PEP 3333). */
static void
close_result(const struct gt_call *c, PyObject *result)
{
	char who[GT_REQUEST_TEXT];
	PyObject *close, *done;

	if (PyList_CheckExact(result) || PyTuple_CheckExact(result) ||
	    PyBytes_CheckExact(result))
		return;
	if (gt_pyobj_attr(result, "close", &close) == GT_OK) {
		if (close == NULL)
			return;
		done = PyObject_CallNoArgs(close);
		Py_DECREF(close);
		if (done != NULL) {
			Py_DECREF(done);
			return;
		}
	}
	gt_exchange_describe(c->ex, true, who);
	gt_pyerr_log(GT_LOG_ERROR, "close() of the response failed %s", who);
}

/* Nobody but the worker answers. */
static void
leave_fork(const struct gt_call *c)
{
	if (c->thread->app->is_forked)
		gt_fork_end();
}

static void
run_app(struct gt_call *c, PyObject *env)
{
	struct gt_app_thread *t = c->thread;
	PyObject *args[] = {NULL, env, (PyObject *)t->start};
	PyObject *result;

	result = PyObject_Vectorcall(t->app->callable, args + 1,
	                             2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
	if (result == NULL) {
		leave_fork(c);
		answer_exception(c);
		return;
	}
	if (gt_body_respond(c, result) != GT_OK) {
		leave_fork(c);
		answer_exception(c);
	}
	close_result(c, result);
	Py_DECREF(result);
}

/* Where the access log wants the app's field values; none yet. */
static void
prepare_log(struct gt_call *c, struct gt_exchange *ex)
{
	const struct gt_access_format *f = ex->service->access;

	c->nlog = 0;
	if (f == NULL)
		return;
	c->log_names = gt_access_wanted_out(f, &c->nlog);
	if (c->nlog > 0)
		ex->log_out =
		    gt_arena_alloc(&ex->arena, c->nlog * sizeof(*ex->log_out));
	for (size_t i = 0; i < c->nlog && ex->log_out != NULL; i++)
		ex->log_out[i] = (struct gt_str){NULL, 0};
}

static enum gt_err
begin_call(struct gt_call *c, struct gt_exchange *ex)
{
	struct gt_pyobj_section section;

	c->ex = ex;
	c->published = c->complete = false;
	c->input_err = GT_OK;
	c->taken = 0;
	atomic_store_explicit(&c->closing, false, memory_order_relaxed);
	prepare_log(c, ex);
	gt_call_hold(&section, c);
	gt_start_discard(c);
	gt_call_let_go(&section);
	return c->thread->start != NULL ? GT_OK : gt_start_create(c->thread);
}

/*
 * Threads of the app may be in the middle of reading or writing; the exchange
 * must not go before they are out.
 */
static void
await_users(struct gt_call *c)
{
	while (atomic_load(&c->users) > 0) {
		gt_gil_pause();
		(void)PyThread_acquire_lock(c->lock, WAIT_LOCK);
		PyThread_release_lock(c->lock);
		sched_yield();
		gt_gil_resume();
	}
}

/* Nothing that the app has kept may reach the next request. */
static void
end_call(struct gt_call *c)
{
	struct gt_app_thread *t = c->thread;

	if (t->start != NULL && gt_start_is_kept(t))
		gt_start_drop(t);
	if (t->input != NULL && !gt_pyobj_has_refs(t->input, 1))
		gt_input_drop(t);
	atomic_store(&c->closing, true);
	await_users(c);
	c->ex = NULL;
}

void
gt_app_call(struct gt_app_thread *t, struct gt_exchange *ex)
{
	struct gt_call *c = &t->call;
	PyObject *env = NULL;

	GT_ASSERT(ex->out.own.len == 0 && ex->out.parcel == NULL);
	if (begin_call(c, ex) != GT_OK)
		answer_exception(c);
	else if (t->app->hooks != NULL && !gt_hooks_before(c))
		answer_page(c, 500);
	else if ((env = gt_environ_make(t, ex)) != NULL)
		run_app(c, env);
	else
		answer_exception(c);
	leave_fork(c);
	if (t->app->hooks != NULL)
		gt_hooks_after(c, env);
	gt_environ_log(env, ex);
	Py_XDECREF(env);
	PyErr_Clear();
	end_call(c);
}

bool
gt_app_interrupt(const struct gt_app *app, unsigned long thread)
{
	return PyThreadState_SetAsyncExc(thread, app->timeout) == 1;
}

void
gt_app_calm(unsigned long thread)
{
	(void)PyThreadState_SetAsyncExc(thread, NULL);
}

void
gt_app_release(struct gt_service *sv)
{
	struct gt_parcel *p = atomic_exchange(&sv->released, NULL), *next;

	for (; p != NULL; p = next) {
		next = p->next;
		Py_XDECREF((PyObject *)p->owner);
		free(p);
	}
}

enum gt_err
gt_app_thread_create(struct gt_app *app, unsigned number,
                     struct gt_app_thread **out)
{
	struct gt_app_thread *t = calloc(1, sizeof(*t));
	enum gt_err rc = GT_NOMEM;

	if (t == NULL)
		return GT_NOMEM;
	t->app = app;
	t->number = number;
	t->call.thread = t;
	t->date_at = -1;
	if (app->settings->spew)
		gt_spew_start();
	if ((t->call.lock = PyThread_allocate_lock()) == NULL)
		goto fail;
	rc = gt_environ_init(&t->environ, app);
	if (rc == GT_OK)
		rc = gt_start_create(t);
	if (rc != GT_OK)
		goto fail;
	*out = t;
	return GT_OK;
fail:
	if (rc == GT_PYTHON)
		gt_pyerr_log(GT_LOG_ERROR, "thread %u cannot start", number);
	gt_app_thread_destroy(t);
	return rc;
}

void
gt_app_thread_destroy(struct gt_app_thread *t)
{
	if (t == NULL)
		return;
	gt_input_drop(t);
	gt_start_drop(t);
	gt_environ_fini(&t->environ);
	if (t->call.lock != NULL)
		PyThread_free_lock(t->call.lock);
	free(t);
}
