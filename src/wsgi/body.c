/* SPDX-License-Identifier: MIT */
/*
 * From what the app returned to octets. A list, tuple or bytes is handed over
 * whole: copied when small, else as a parcel that keeps the app's objects. A
 * wrapped file goes as a descriptor. Everything else is streamed: each chunk
 * leaves before the next one is asked for.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/log.h"
#include "wsgi_priv.h"

#define COPY_MAX  (64 << 10) /* octets of a body that is copied */
#define IOV_MAX_N 1024       /* pieces of a parcel; more are streamed */

/* A body that is there at once. */
struct whole {
	PyObject *o; /* list or tuple of bytes, or bytes */
	PyObject *const *items;
	size_t n;
	size_t total; /* octets */
};

static enum gt_err send_object(struct gt_call *c, PyObject *o,
                               bool known) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err raise_type(PyObject *o) GT_NEEDS_GIL;
static enum gt_err give_parcel(struct gt_call *c, PyObject *whole,
                               PyObject *const *items, size_t n,
                               size_t left) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static enum gt_err copy_items(struct gt_call *c, PyObject *const *items,
                              size_t n,
                              size_t left) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static enum gt_err put_whole(struct gt_call *c, const struct whole *w,
                             bool *streams) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static enum gt_err send_whole(struct gt_call *c, const struct whole *w,
                              bool *streams) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err send_items(struct gt_call *c, PyObject *seq,
                              bool *streams) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err send_sequence(struct gt_call *c, PyObject *result,
                                 bool *streams) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err send_bytes(struct gt_call *c, PyObject *o,
                              bool *streams) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err send_wrapped(struct gt_call *c, PyObject *result,
                                bool *streams) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err finish(struct gt_call *c,
                          bool is_file) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static bool has_one_element(PyObject *o) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err send_stream(struct gt_call *c,
                               PyObject *result) GT_NEEDS_GIL GT_NO_RESPONSE;
static enum gt_err send_file(struct gt_call *c, const struct gt_file_part *part)
    GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static enum gt_err send_result(struct gt_call *c,
                               PyObject *result) GT_NEEDS_GIL GT_NO_RESPONSE;

static enum gt_err
raise_type(PyObject *o)
{
	PyErr_Format(PyExc_TypeError,
	             "the application must yield bytes, not %.100s",
	             Py_TYPE(o)->tp_name);
	return GT_PYTHON;
}

/* write() may be running in another thread of the app. */
static enum gt_err
send_object(struct gt_call *c, PyObject *o, bool known)
{
	struct gt_start *start = c->thread->start;
	struct gt_pyobj_section section;
	enum gt_err rc;

	if (!PyBytes_Check(o))
		return raise_type(o);
	if (PyBytes_GET_SIZE(o) == 0)
		return GT_OK;
	if (gt_call_enter((PyObject *)start, &start->call) == NULL)
		return GT_GONE;
	gt_call_hold(&section, c);
	rc = gt_call_send(c, PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o),
	                  known);
	gt_call_let_go(&section);
	gt_call_leave(c);
	return rc;
}

/* The octets stay in the objects of whole: a tuple of bytes, or bytes. */
static enum gt_err
give_parcel(struct gt_call *c, PyObject *whole, PyObject *const *items,
            size_t n, size_t left)
{
	struct gt_parcel *parcel;
	size_t len;

	parcel = calloc(1, sizeof(*parcel) + n * sizeof(parcel->iov[0]));
	if (parcel == NULL)
		return GT_NOMEM;
	Py_INCREF(whole);
	parcel->owner = whole;
	for (size_t i = 0; i < n && left > 0; i++) {
		len = (size_t)PyBytes_GET_SIZE(items[i]);
		if (len == 0)
			continue;
		len = len < left ? len : left;
		parcel->iov[parcel->n].iov_base = PyBytes_AS_STRING(items[i]);
		parcel->iov[parcel->n++].iov_len = len;
		left -= len;
	}
	c->ex->out.parcel = parcel;
	return GT_OK;
}

static enum gt_err
copy_items(struct gt_call *c, PyObject *const *items, size_t n, size_t left)
{
	struct gt_buf *out = &c->ex->out.own;
	size_t len;

	if (gt_buf_reserve(out, left) != GT_OK)
		return GT_NOMEM;
	for (size_t i = 0; i < n && left > 0; i++) {
		len = (size_t)PyBytes_GET_SIZE(items[i]);
		len = len < left ? len : left;
		memcpy(out->p + out->len, PyBytes_AS_STRING(items[i]), len);
		out->len += len;
		left -= len;
	}
	return GT_OK;
}

/* *streams: it is to be sent piece by piece. */
static enum gt_err
put_whole(struct gt_call *c, const struct whole *w, bool *streams)
{
	enum gt_err rc;
	size_t left;

	if (!c->started)
		return GT_INVALID;
	if (c->head_done) { /* write() was used */
		*streams = true;
		return GT_OK;
	}
	if ((rc = gt_call_end_head(c, true, w->total)) != GT_OK)
		return rc;
	if (w->total > COPY_MAX && w->n > IOV_MAX_N) {
		*streams = true;
		return GT_OK;
	}
	left = gt_response_admit(&c->ex->response, w->total);
	return left <= COPY_MAX ? copy_items(c, w->items, w->n, left)
	                        : give_parcel(c, w->o, w->items, w->n, left);
}

static enum gt_err
send_whole(struct gt_call *c, const struct whole *w, bool *streams)
{
	struct gt_pyobj_section section;
	enum gt_err rc;

	gt_call_hold(&section, c);
	rc = put_whole(c, w, streams);
	gt_call_let_go(&section);
	return rc;
}

/* A long list becomes a tuple: the app may change it while it is sent. */
static enum gt_err
send_items(struct gt_call *c, PyObject *seq, bool *streams)
{
	struct whole w = {.o = seq,
	                  .items = PySequence_Fast_ITEMS(seq),
	                  .n = (size_t)PySequence_Fast_GET_SIZE(seq)};
	enum gt_err rc;

	for (size_t i = 0; i < w.n; i++) {
		if (!PyBytes_Check(w.items[i]))
			return raise_type(w.items[i]);
		w.total += (size_t)PyBytes_GET_SIZE(w.items[i]);
	}
	if (w.total <= COPY_MAX || PyTuple_Check(seq))
		return send_whole(c, &w, streams);
	if ((seq = PyList_AsTuple(seq)) == NULL)
		return GT_PYTHON;
	rc = send_items(c, seq, streams);
	Py_DECREF(seq);
	return rc;
}

static enum gt_err
send_sequence(struct gt_call *c, PyObject *result, bool *streams)
{
	PyObject *seq = gt_pyobj_items(result);
	enum gt_err rc;

	if (seq == NULL)
		return GT_PYTHON;
	rc = send_items(c, seq, streams);
	Py_DECREF(seq);
	return rc;
}

static enum gt_err
send_bytes(struct gt_call *c, PyObject *o, bool *streams)
{
	struct whole w = {
	    .o = o, .items = &o, .n = 1, .total = (size_t)PyBytes_GET_SIZE(o)};

	return send_whole(c, &w, streams);
}

static bool
has_one_element(PyObject *o)
{
	PySequenceMethods *m = Py_TYPE(o)->tp_as_sequence;
	Py_ssize_t n;

	if (m == NULL || m->sq_length == NULL)
		return false;
	if ((n = PyObject_Size(o)) < 0)
		PyErr_Clear();
	return n == 1;
}

/* Nothing the app may still yield can be sent. */
static bool is_over(const struct gt_call *c) GT_NEEDS_GIL GT_NO_RESPONSE;

static bool
is_over(const struct gt_call *c)
{
	const struct gt_response *r = &c->ex->response;
	struct gt_pyobj_section section;
	bool over;

	gt_call_hold(&section, c);
	over =
	    c->head_done && (r->body == GT_RESPONSE_NO_BODY || r->dropped > 0);
	gt_call_let_go(&section);
	return over;
}

/* PEP 3333: no block may be delayed while the app works on. */
static enum gt_err
send_stream(struct gt_call *c, PyObject *result)
{
	bool known = has_one_element(result);
	PyObject *it = PyObject_GetIter(result), *chunk;
	enum gt_err rc = GT_OK;

	if (it == NULL)
		return GT_PYTHON;
	while (rc == GT_OK && !is_over(c) &&
	       (chunk = PyIter_Next(it)) != NULL) {
		rc = send_object(c, chunk, known);
		Py_DECREF(chunk);
	}
	if (rc == GT_OK && PyErr_Occurred())
		rc = GT_PYTHON;
	Py_DECREF(it);
	return rc;
}

static enum gt_err
send_file(struct gt_call *c, const struct gt_file_part *part)
{
	struct gt_outbox *out = &c->ex->out;
	struct gt_response *r = &c->ex->response;
	enum gt_err rc = gt_call_end_head(c, true, part->left);
	uint64_t most = part->left;

	/* PEP 3333: Content-Length may ask for a part of the file. */
	if (r->body == GT_RESPONSE_LENGTH && most > r->length)
		most = r->length;
	if (most > SIZE_MAX)
		most = SIZE_MAX;
	if (rc != GT_OK || (most = gt_response_admit(r, (size_t)most)) == 0)
		return rc;
	if ((out->file_fd = fcntl(part->fd, F_DUPFD_CLOEXEC, 0)) < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		return GT_PYTHON;
	}
	out->file_off = part->off;
	out->file_left = most;
	return GT_OK;
}

/* *streams: it is not a wrapped file that the loop may send. */
static enum gt_err
send_wrapped(struct gt_call *c, PyObject *result, bool *streams)
{
	struct gt_pyobj_section section;
	enum gt_err rc = GT_OK;
	struct gt_file_part part;

	*streams = !c->thread->app->settings->sendfile ||
	           !gt_filewrap_part(result, &part);
	if (*streams)
		return GT_OK;
	gt_call_hold(&section, c);
	if (c->started && !c->head_done)
		rc = send_file(c, &part);
	else
		*streams = true;
	gt_call_let_go(&section);
	return rc;
}

static enum gt_err
send_result(struct gt_call *c, PyObject *result)
{
	bool streams = false;
	enum gt_err rc;

	if (PyList_CheckExact(result) || PyTuple_CheckExact(result))
		rc = send_sequence(c, result, &streams);
	else if (PyBytes_CheckExact(result))
		rc = send_bytes(c, result, &streams);
	else
		rc = send_wrapped(c, result, &streams);
	return rc == GT_OK && streams ? send_stream(c, result) : rc;
}

/*
 * Say when the app gave more or less than it had announced; a wrapped file
 * may be longer than the part that was asked for.
 */
static void
log_length(const struct gt_call *c, bool is_file)
{
	const struct gt_response *r = &c->ex->response;
	char who[GT_REQUEST_TEXT];

	if (r->body == GT_RESPONSE_LENGTH && r->sent < r->length) {
		gt_exchange_describe(c->ex, true, who);
		gt_log_error("response is shorter than its Content-Length, "
		             "closing: sent=%llu of=%llu %s",
		             (unsigned long long)r->sent,
		             (unsigned long long)r->length, who);
	} else if (r->dropped > 0 && !r->is_head &&
	           !(is_file && r->body == GT_RESPONSE_LENGTH)) {
		gt_exchange_describe(c->ex, true, who);
		gt_log_warning("response is longer than it may be, cut: "
		               "status=%u sent=%llu %s",
		               r->status, (unsigned long long)r->sent, who);
	}
}

/* The body is over: an empty one if nothing came. */
static enum gt_err
finish(struct gt_call *c, bool is_file)
{
	struct gt_exchange *ex = c->ex;
	enum gt_err rc = GT_OK;

	if (!c->head_done)
		rc = gt_call_end_head(c, true, 0);
	if (rc == GT_OK)
		rc = gt_response_finish(&ex->response, &ex->out.own);
	c->complete = true;
	if (rc == GT_OK)
		log_length(c, is_file);
	/* close() may take its time: the end does not wait for it. */
	if (rc == GT_OK && c->published && ex->out.own.len > 0)
		rc = gt_outbox_publish(ex);
	return rc == GT_FULL ? GT_OK : rc;
}

enum gt_err
gt_body_respond(struct gt_call *c, PyObject *result)
{
	struct gt_pyobj_section section;
	enum gt_err rc = send_result(c, result);

	if (rc == GT_OK) {
		gt_call_hold(&section, c);
		rc =
		    c->started ? finish(c, gt_filewrap_is(result)) : GT_INVALID;
		gt_call_let_go(&section);
	}
	if (rc != GT_OK && rc != GT_PYTHON)
		gt_call_raise(c->thread->app, rc);
	return rc == GT_OK ? GT_OK : GT_PYTHON;
}
