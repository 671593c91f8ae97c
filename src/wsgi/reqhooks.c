/* SPDX-License-Identifier: MIT */
/*
 * pre_request and post_request: objects that tell of one request and its
 * response, and the calls around the application. Pool thread, GIL held; only
 * when one of them is set.
 */
#include <stdio.h>

#include "gthreadd/base/log.h"
#include "gthreadd/python/pyerr.h"
#include "wsgi_priv.h"

static PyObject *upper_name(struct gt_str name) GT_NEEDS_GIL;
static PyObject *fields_of(const struct gt_exchange *ex) GT_NEEDS_GIL;
static enum gt_err set_span(PyObject *o, const char *name,
                            const struct gt_exchange *ex,
                            struct gt_span span) GT_NEEDS_GIL;
static PyObject *make_request(const struct gt_call *c) GT_NEEDS_GIL;
static PyObject *make_response(const struct gt_call *c) GT_NEEDS_GIL;

static PyObject *
upper_name(struct gt_str name)
{
	PyObject *out = PyUnicode_New((Py_ssize_t)name.n, 127);
	Py_UCS1 *p;

	if (out == NULL)
		return NULL;
	p = PyUnicode_1BYTE_DATA(out);
	for (size_t i = 0; i < name.n; i++)
		p[i] = (Py_UCS1)gt_ascii_upper(name.p[i]);
	return out;
}

/* [("NAME", "value")], as received. */
static PyObject *
fields_of(const struct gt_exchange *ex)
{
	const struct gt_request *rq = &ex->request;
	PyObject *list = PyList_New((Py_ssize_t)rq->nfields), *pair;

	for (size_t i = 0; list != NULL && i < rq->nfields; i++) {
		const struct gt_field *f = &rq->field[i];

		pair = Py_BuildValue(
		    "(NN)", upper_name(gt_exchange_str(ex, f->name)),
		    gt_pyobj_latin1(gt_exchange_str(ex, f->value)));
		if (pair == NULL)
			Py_CLEAR(list);
		else
			PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
	}
	return list;
}

static enum gt_err
set_span(PyObject *o, const char *name, const struct gt_exchange *ex,
         struct gt_span span)
{
	return gt_hooks_set(o, name,
	                    gt_pyobj_latin1(gt_exchange_str(ex, span)));
}

static PyObject *
make_request(const struct gt_call *c)
{
	const struct gt_exchange *ex = c->ex;
	const struct gt_request *rq = &ex->request;
	PyObject *o =
	    PyObject_CallMethod(c->thread->app->hooks->module, "Request", NULL);

	if (o == NULL)
		return NULL;
	if (set_span(o, "method", ex, rq->method) == GT_OK &&
	    set_span(o, "uri", ex, rq->target) == GT_OK &&
	    set_span(o, "path", ex, rq->path) == GT_OK &&
	    set_span(o, "query", ex, rq->query) == GT_OK &&
	    /* A target with a fragment is refused. */
	    gt_hooks_set(o, "fragment", PyUnicode_FromString("")) == GT_OK &&
	    gt_hooks_set(o, "headers", fields_of(ex)) == GT_OK &&
	    gt_hooks_set(o, "version", Py_BuildValue("(iI)", 1, rq->minor)) ==
	        GT_OK &&
	    gt_hooks_set(o, "scheme",
	                 PyUnicode_FromString(ex->verdict.is_https ? "https"
	                                                           : "http")) ==
	        GT_OK &&
	    gt_hooks_set(o, "remote_addr",
	                 PyUnicode_FromString(gt_exchange_client(ex)->host)) ==
	        GT_OK &&
	    gt_hooks_set(o, "req_number",
	                 PyLong_FromUnsignedLong(ex->on_conn)) == GT_OK)
		return o;
	Py_DECREF(o);
	return NULL;
}

/* "404 Not Found" of an answer that is the server's own. */
static PyObject *own_status(unsigned code) GT_NEEDS_GIL;

static PyObject *
own_status(unsigned code)
{
	const char *reason = gt_status_reason(code);

	return PyUnicode_FromFormat("%u %s", code,
	                            reason == NULL ? "" : reason);
}

/* References; NULL where it is the server's own response. */
static void response_of(const struct gt_call *c, PyObject **status,
                        PyObject **headers) GT_NEEDS_GIL GT_NO_RESPONSE;

static void
response_of(const struct gt_call *c, PyObject **status, PyObject **headers)
{
	struct gt_pyobj_section section;

	gt_call_hold(&section, c);
	*status = c->hook_status;
	*headers = c->hook_headers;
	Py_XINCREF(*status);
	Py_XINCREF(*headers);
	gt_call_let_go(&section);
}

static PyObject *
make_response(const struct gt_call *c)
{
	const struct gt_response *r = &c->ex->response;
	PyObject *o = PyObject_CallMethod(c->thread->app->hooks->module,
	                                  "Response", NULL);
	PyObject *status, *headers;

	if (o == NULL)
		return NULL;
	response_of(c, &status, &headers);
	if (status == NULL) {
		status = own_status(r->status);
		headers = PyList_New(0);
	}
	if (gt_hooks_set(o, "status", status) == GT_OK &&
	    gt_hooks_set(o, "headers", headers) == GT_OK &&
	    gt_hooks_set(o, "status_code",
	                 PyLong_FromUnsignedLong(r->status)) == GT_OK &&
	    gt_hooks_set(o, "sent", PyLong_FromUnsignedLongLong(r->sent)) ==
	        GT_OK)
		return o;
	Py_DECREF(o);
	return NULL;
}

void
gt_hooks_note_response(struct gt_call *c, PyObject *status, PyObject *headers)
{
	gt_hooks_drop_response(c);
	c->hook_headers = PySequence_List(headers);
	if (c->hook_headers == NULL) {
		PyErr_Clear();
		return;
	}
	Py_INCREF(status);
	c->hook_status = status;
}

void
gt_hooks_drop_response(struct gt_call *c)
{
	Py_CLEAR(c->hook_status);
	Py_CLEAR(c->hook_headers);
}

bool
gt_hooks_before(struct gt_call *c)
{
	struct gt_hooks *h = c->thread->app->hooks;
	PyObject *args = NULL;
	enum gt_err rc = GT_OK;

	if ((c->hook_request = make_request(c)) == NULL) {
		gt_pyerr_log(GT_LOG_ERROR, "hooks are not told of a request");
		return true;
	}
	if (gt_hooks_has(h, GT_HOOK_pre_request)) {
		args = Py_BuildValue("(OO)", h->worker, c->hook_request);
		rc = gt_hooks_call(h, GT_HOOK_pre_request, args);
	}
	Py_XDECREF(args);
	return rc == GT_OK;
}

void
gt_hooks_after(struct gt_call *c, PyObject *env)
{
	struct gt_hooks *h = c->thread->app->hooks;
	PyObject *args = NULL, *cut, *none = NULL, *resp;
	struct gt_pyobj_section section;

	/* What the application left behind is not the hook's. */
	PyErr_Clear();
	if (gt_hooks_has(h, GT_HOOK_post_request) && c->hook_request != NULL) {
		if (env == NULL)
			env = none = PyDict_New();
		if ((resp = make_response(c)) != NULL && env != NULL)
			args = Py_BuildValue("(OOOO)", h->worker,
			                     c->hook_request, env, resp);
		cut = args == NULL
		          ? NULL
		          : PyTuple_GetSlice(
		                args, 0,
		                (Py_ssize_t)h->nargs[GT_HOOK_post_request]);
		(void)gt_hooks_call(h, GT_HOOK_post_request, cut);
		Py_XDECREF(cut);
		Py_XDECREF(args);
		Py_XDECREF(resp);
		Py_XDECREF(none);
	}
	Py_CLEAR(c->hook_request);
	gt_call_hold(&section, c);
	gt_hooks_drop_response(c);
	gt_call_let_go(&section);
}
