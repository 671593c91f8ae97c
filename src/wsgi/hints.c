/* SPDX-License-Identifier: MIT */
/*
 * wsgi.early_hints: an interim response 103 (RFC 8297) while the app works on
 * the final one. It is encoded and published on its own, so that a response
 * that start_response() has begun stays replaceable. Pool thread, or a thread
 * of the app.
 */
#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

#define HINTS_LINE "HTTP/1.1 103 Early Hints\r\n"

static bool encode_hints(struct gt_buf *out, PyObject *headers) GT_NEEDS_GIL;
static enum gt_err publish_hints(struct gt_call *c, struct gt_buf *hints)
    GT_NEEDS_GIL GT_NEEDS_RESPONSE;

static bool
encode_hints(struct gt_buf *out, PyObject *headers)
{
	struct gt_response r;

	gt_response_init(&r, 1, false, true);
	r.status = 103;
	if (gt_buf_add(out, HINTS_LINE, sizeof(HINTS_LINE) - 1) != GT_OK) {
		PyErr_NoMemory();
		return false;
	}
	if (!gt_start_fields(NULL, &r, out, headers))
		return false;
	if (gt_response_end_head(&r, out, false, 0) == GT_OK)
		return true;
	PyErr_NoMemory();
	return false;
}

/*
 * HTTP/1.0 knows no interim responses (RFC 9110 section 15.2), and behind the
 * final head there is no place for one. Entered.
 */
static enum gt_err
publish_hints(struct gt_call *c, struct gt_buf *hints)
{
	struct gt_exchange *ex = c->ex;
	struct gt_buf head = ex->out.own;
	enum gt_err rc;

	if (ex->request.minor == 0 || c->head_done)
		return GT_OK;
	/* What start_response() has encoded waits behind them. */
	ex->out.own = *hints;
	rc = gt_outbox_publish(ex);
	*hints = ex->out.own;
	ex->out.own = head;
	return rc == GT_FULL ? gt_call_wait(c) : rc;
}

static PyObject *
hints_call(PyObject *self, PyObject *headers)
{
	struct gt_start *start = (struct gt_start *)(void *)self;
	const struct gt_app *app = NULL;
	struct gt_pyobj_section section;
	struct gt_buf hints = {0};
	enum gt_err rc = GT_OK;
	struct gt_call *c;
	bool ok;

	gt_gil_entered();
	/* Not entered: an iterable of headers may run code of the app. */
	ok = encode_hints(&hints, headers);
	if (ok && (c = gt_call_enter(self, &start->call)) != NULL) {
		app = c->thread->app;
		gt_call_hold_start(&section, start);
		rc = publish_hints(c, &hints);
		gt_call_let_go(&section);
		gt_call_leave(c);
	} else if (ok) {
		PyErr_SetString(PyExc_RuntimeError,
		                "early_hints(): the request is over");
		ok = false;
	}
	gt_buf_fini(&hints);
	if (ok && rc == GT_OK)
		Py_RETURN_NONE;
	if (ok)
		gt_call_raise(app, rc);
	return NULL;
}

static PyMethodDef hints_def = {
    "early_hints", hints_call, METH_O,
    "early_hints(headers): send 103 Early Hints before the response."};

PyObject *
gt_hints_create(PyObject *start)
{
	return PyCFunction_New(&hints_def, start);
}
