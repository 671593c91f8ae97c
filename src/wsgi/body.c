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

#define COPY_MAX  (64 << 10)  /* octets of a body that is copied */
#define PIECE_MAX (128 << 10) /* octets of a chunk sent at a time */
#define IOV_MAX_N 1024        /* pieces of a parcel; more are streamed */

static enum gt_err publish(struct gt_call *c) GT_NEEDS_GIL;
static enum gt_err send_piece(struct gt_call *c, const char *p,
                              size_t n) GT_NEEDS_GIL;
static enum gt_err send_object(struct gt_call *c, PyObject *o,
                               bool known) GT_NEEDS_GIL;
static enum gt_err raise_type(PyObject *o) GT_NEEDS_GIL;
static enum gt_err raise_unstarted(void) GT_NEEDS_GIL;
static PyObject *parcel_owner(PyObject *result) GT_NEEDS_GIL;
static enum gt_err give_parcel(struct gt_call *c, PyObject *result,
                               PyObject *const *items, size_t n,
                               size_t left) GT_NEEDS_GIL;
static enum gt_err copy_items(struct gt_call *c, PyObject *const *items,
                              size_t n, size_t left) GT_NEEDS_GIL;
static enum gt_err send_whole(struct gt_call *c, PyObject *result,
                              PyObject *const *items, size_t n) GT_NEEDS_GIL;
static bool has_one_element(PyObject *o) GT_NEEDS_GIL;
static enum gt_err send_stream(struct gt_call *c,
                               PyObject *result) GT_NEEDS_GIL;
static enum gt_err send_file(struct gt_call *c,
                             const struct gt_file_part *part) GT_NEEDS_GIL;
static enum gt_err send_result(struct gt_call *c,
                               PyObject *result) GT_NEEDS_GIL;

static bool
status_has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* known: the whole body is length octets. */
static enum gt_err
end_head(struct gt_call *c, bool known, uint64_t length)
{
	struct gt_response *r = &c->ex->response;
	enum gt_err rc;

	/* What only closing can tell is better said in the head. */
	if (gt_inbox_refuse(c->ex, known) ||
	    (known && r->has_length && length < r->length && !r->is_head &&
	     status_has_body(r->status)))
		r->keep_alive = false;
	rc = gt_response_end_head(r, &c->ex->out.own, known, length);
	if (rc == GT_OK)
		c->head_done = true;
	return rc;
}

/* Let the loop begin to send; wait when too much waits for the client. */
static enum gt_err
publish(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;
	enum gt_err rc = gt_outbox_publish(ex);

	if (rc == GT_OK || rc == GT_FULL)
		c->published = true;
	return rc == GT_FULL ? gt_call_wait(c) : rc;
}

enum gt_err
gt_call_wait(struct gt_call *c)
{
	enum gt_err rc;

	gt_call_pause(c->ex);
	rc = gt_outbox_wait(c->ex);
	gt_call_resume(c->ex);
	return rc;
}

/* Nothing that may be sent is missing. */
static bool
is_complete(const struct gt_response *r)
{
	return r->body == GT_RESPONSE_NO_BODY ||
	       (r->body == GT_RESPONSE_LENGTH && r->sent == r->length);
}

/*
 * PEP 3333: no block may be delayed while the app works on, and what it does
 * behind the one that completes its Content-Length, in close() above all,
 * takes as long as it likes. So that block leaves now; but to wake the loop
 * for it, and once more at the end of the request, would cost more than to
 * send it from here.
 */
static bool
send_now(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;

	if (ex->service->send_now == NULL || !ex->service->send_now(ex))
		return false;
	c->published = true;
	return true;
}

static enum gt_err
send_piece(struct gt_call *c, const char *p, size_t n)
{
	struct gt_response *r = &c->ex->response;
	struct gt_buf *out = &c->ex->out.own;
	enum gt_err rc = GT_OK;

	n = gt_response_admit(r, n);
	if (n > 0) {
		rc = gt_response_chunk_begin(r, out, n);
		if (rc == GT_OK)
			rc = gt_buf_add(out, p, n);
		if (rc == GT_OK)
			rc = gt_response_chunk_end(r, out);
	}
	if (rc != GT_OK || out->len == 0)
		return rc;
	return is_complete(r) && send_now(c) ? GT_OK : publish(c);
}

enum gt_err
gt_call_send(struct gt_call *c, const char *p, size_t n, bool known)
{
	enum gt_err rc = GT_OK;
	size_t piece;

	if (c->thread->app->is_forked)
		gt_fork_end();
	if (n > 0 && !c->head_done)
		rc = end_head(c, known, n);
	for (; n > 0 && rc == GT_OK; p += piece, n -= piece) {
		piece = n < PIECE_MAX ? n : PIECE_MAX;
		rc = send_piece(c, p, piece);
	}
	return rc;
}

static enum gt_err
raise_type(PyObject *o)
{
	PyErr_Format(PyExc_TypeError,
	             "the application must yield bytes, not %.100s",
	             Py_TYPE(o)->tp_name);
	return GT_PYTHON;
}

static enum gt_err
raise_unstarted(void)
{
	PyErr_SetString(PyExc_AssertionError,
	                "the application did not call start_response()");
	return GT_PYTHON;
}

static enum gt_err
send_object(struct gt_call *c, PyObject *o, bool known)
{
	struct gt_call *entered;
	enum gt_err rc;

	if (!PyBytes_Check(o))
		return raise_type(o);
	if (PyBytes_GET_SIZE(o) == 0)
		return GT_OK;
	if (!c->started)
		return raise_unstarted();
	/* write() may be running in another thread of the app. */
	if (!gt_call_enter(&c->thread->start->call, &entered))
		return GT_GONE;
	rc = gt_call_send(entered, PyBytes_AS_STRING(o),
	                  (size_t)PyBytes_GET_SIZE(o), known);
	gt_call_leave(entered);
	return rc;
}

/* What keeps the octets of result alive: a list may change, so its items. */
static PyObject *
parcel_owner(PyObject *result)
{
	if (PyList_CheckExact(result))
		return PyList_AsTuple(result);
	Py_INCREF(result);
	return result;
}

static enum gt_err
give_parcel(struct gt_call *c, PyObject *result, PyObject *const *items,
            size_t n, size_t left)
{
	struct gt_parcel *parcel;
	size_t len;

	parcel = calloc(1, sizeof(*parcel) + n * sizeof(parcel->iov[0]));
	if (parcel == NULL)
		return GT_NOMEM;
	if ((parcel->owner = parcel_owner(result)) == NULL) {
		free(parcel);
		return GT_PYTHON;
	}
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

static enum gt_err
send_whole(struct gt_call *c, PyObject *result, PyObject *const *items,
           size_t n)
{
	size_t total = 0, left;
	enum gt_err rc;

	for (size_t i = 0; i < n; i++) {
		if (!PyBytes_Check(items[i]))
			return raise_type(items[i]);
		total += (size_t)PyBytes_GET_SIZE(items[i]);
	}
	if (!c->started)
		return raise_unstarted();
	if (c->head_done) /* write() was used */
		return send_stream(c, result);
	if ((rc = end_head(c, true, total)) != GT_OK)
		return rc;
	if (total > COPY_MAX && n > IOV_MAX_N)
		return send_stream(c, result);
	left = gt_response_admit(&c->ex->response, total);
	return left <= COPY_MAX ? copy_items(c, items, n, left)
	                        : give_parcel(c, result, items, n, left);
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
static bool
is_over(const struct gt_call *c)
{
	const struct gt_response *r = &c->ex->response;

	return c->head_done &&
	       (r->body == GT_RESPONSE_NO_BODY || r->dropped > 0);
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
	enum gt_err rc = end_head(c, true, part->left);
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

static enum gt_err
send_result(struct gt_call *c, PyObject *result)
{
	struct gt_file_part part;

	if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) {
		return send_whole(c, result, PySequence_Fast_ITEMS(result),
		                  (size_t)PySequence_Fast_GET_SIZE(result));
	}
	if (PyBytes_CheckExact(result))
		return send_whole(c, result, &result, 1);
	if (c->started && !c->head_done && c->thread->app->settings->sendfile &&
	    gt_filewrap_part(result, &part))
		return send_file(c, &part);
	return send_stream(c, result);
}

/*
 * Say when the app gave more or less than it had announced; a wrapped file
 * may be longer than the part that was asked for.
 */
static void
log_length(const struct gt_call *c, bool is_file)
{
	const struct gt_response *r = &c->ex->response;
	char who[GT_CALL_TEXT];

	if (r->body == GT_RESPONSE_LENGTH && r->sent < r->length) {
		gt_call_describe(c, who);
		gt_log_error("response is shorter than its Content-Length, "
		             "closing: sent=%llu of=%llu %s",
		             (unsigned long long)r->sent,
		             (unsigned long long)r->length, who);
	} else if (r->dropped > 0 && !r->is_head &&
	           !(is_file && r->body == GT_RESPONSE_LENGTH)) {
		gt_call_describe(c, who);
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
		rc = end_head(c, true, 0);
	if (rc == GT_OK)
		rc = gt_response_finish(&ex->response, &ex->out.own);
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
	enum gt_err rc = send_result(c, result);

	if (rc == GT_OK && !c->started)
		rc = raise_unstarted();
	if (rc == GT_OK)
		rc = finish(c, gt_filewrap_is(result));
	if (rc != GT_OK && rc != GT_PYTHON)
		gt_call_raise(c->thread->app, rc);
	return rc == GT_OK ? GT_OK : GT_PYTHON;
}
