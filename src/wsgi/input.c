/* SPDX-License-Identifier: MIT */
/*
 * wsgi.input: the request body as a file-like object. It ends where the body
 * ends, never reads beyond it, and a body that was cut raises. Usable from
 * any thread of the app while the request lasts. The GIL is let go only while
 * the client is waited for.
 */
#include <stdint.h>
#include <string.h>

#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

#define FIRST_OCTETS (1 << 20) /* a longer read grows as octets come */

static enum gt_err wait_body(struct gt_call *c) GT_NEEDS_GIL;
static enum gt_err next_piece(struct gt_call *c, struct gt_str *s) GT_NEEDS_GIL;
static enum gt_err read_octets(struct gt_call *c, size_t want,
                               PyObject **out) GT_NEEDS_GIL;
static enum gt_err read_line(struct gt_call *c, size_t limit,
                             PyObject **out) GT_NEEDS_GIL;
static bool size_argument(PyObject *const *args, Py_ssize_t nargs,
                          size_t *out) GT_NEEDS_GIL;

typedef enum gt_err reader(struct gt_call *c, size_t n, PyObject **out);

static struct gt_input *
input_of(PyObject *o)
{
	return (struct gt_input *)(void *)o;
}

/* Wait for octets. Errors: GT_EOF is the proper end, all others are not. */
static enum gt_err
wait_body(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;
	enum gt_err rc;

	if (gt_inbox_is_over(ex))
		return GT_EOF;
	gt_call_pause(ex);
	rc = gt_inbox_wait(ex);
	gt_call_resume(ex);
	if (atomic_load(&c->closing))
		return GT_INVALID;
	if (rc == GT_EOF && !gt_inbox_is_over(ex))
		rc = GT_GONE;
	if (rc != GT_OK && rc != GT_EOF)
		c->input_err = rc;
	return rc;
}

/* Octets that are there, after a wait if need be. */
static enum gt_err
next_piece(struct gt_call *c, struct gt_str *s)
{
	enum gt_err rc = GT_OK;

	*s = gt_inbox_peek(c->ex);
	while (s->n == 0 && rc == GT_OK) {
		rc = wait_body(c);
		*s = gt_inbox_peek(c->ex);
	}
	return rc;
}

static void
take_octets(struct gt_call *c, char *to, const char *from, size_t n)
{
	memcpy(to, from, n);
	gt_inbox_consume(c->ex, n);
	c->taken += n;
}

/* The most that may still come, as far as the head tells. */
static size_t
most_left(const struct gt_call *c)
{
	const struct gt_request *rq = &c->ex->request;
	uint64_t left;

	if (rq->framing != GT_FRAMING_LENGTH)
		return PY_SSIZE_T_MAX / 2;
	left = rq->content_length - c->taken;
	return left < PY_SSIZE_T_MAX / 2 ? (size_t)left : PY_SSIZE_T_MAX / 2;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Octets go from the ring straight into the bytes object. A client may
 * announce more than it sends, so a large one grows as they come.
 */
static enum gt_err
read_octets(struct gt_call *c, size_t want, PyObject **out)
{
	size_t cap, n = 0, k;
	enum gt_err rc = GT_OK;
	struct gt_str s;
	PyObject *b;

	want = smaller(want, most_left(c));
	cap = smaller(want, FIRST_OCTETS);
	b = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)cap);
	while (b != NULL && n < want) {
		if ((rc = next_piece(c, &s)) != GT_OK)
			break;
		if (n == cap) {
			cap = smaller(want, 2 * cap);
			if (_PyBytes_Resize(&b, (Py_ssize_t)cap) != 0)
				break;
		}
		k = smaller(s.n, cap - n);
		take_octets(c, PyBytes_AS_STRING(b) + n, s.p, k);
		n += k;
	}
	if (b != NULL && rc != GT_OK && rc != GT_EOF) {
		Py_DECREF(b);
		return rc;
	}
	if (b != NULL && n < cap)
		(void)_PyBytes_Resize(&b, (Py_ssize_t)n);
	*out = b;
	return b == NULL ? GT_PYTHON : GT_OK;
}

/* The piece up to and with a newline; *found says whether there is one. */
static struct gt_str
cut_line(struct gt_str s, size_t limit, bool *found)
{
	const char *nl;

	s.n = smaller(s.n, limit);
	nl = memchr(s.p, '\n', s.n);
	*found = nl != NULL;
	if (nl != NULL)
		s.n = (size_t)(nl - s.p) + 1;
	return s;
}

static enum gt_err
read_line(struct gt_call *c, size_t limit, PyObject **out)
{
	struct gt_buf line = {0};
	enum gt_err rc = GT_OK;
	bool found = false;
	struct gt_str s;

	while (!found && line.len < limit) {
		if ((rc = next_piece(c, &s)) != GT_OK)
			break;
		s = cut_line(s, limit - line.len, &found);
		if ((rc = gt_buf_reserve(&line, s.n)) != GT_OK)
			break;
		take_octets(c, line.p + line.len, s.p, s.n);
		line.len += s.n;
	}
	if (rc == GT_OK || rc == GT_EOF) {
		*out = PyBytes_FromStringAndSize(line.p, (Py_ssize_t)line.len);
		rc = *out == NULL ? GT_PYTHON : GT_OK;
	}
	gt_buf_fini(&line);
	return rc;
}

/* Outside the lock: making an exception may run the app's finalizers. */
static PyObject *raise_read(const struct gt_app *app,
                            enum gt_err rc) GT_NEEDS_GIL;

static PyObject *
raise_read(const struct gt_app *app, enum gt_err rc)
{
	if (rc == GT_PYTHON)
		return NULL;
	if (rc == GT_NOMEM)
		return PyErr_NoMemory();
	if (rc == GT_INVALID)
		PyErr_SetString(PyExc_ValueError,
		                "wsgi.input: the request is over");
	else if (rc == GT_GONE)
		PyErr_SetString(app->disconnected,
		                "the client left in the middle of the body");
	else if (rc == GT_TIMEOUT)
		PyErr_SetString(PyExc_TimeoutError,
		                "the client sent too little of the body");
	else
		PyErr_Format(PyExc_OSError, "request body: %s",
		             gt_err_text(rc));
	return NULL;
}

static PyObject *run_reader(PyObject *self, reader *read,
                            size_t n) GT_NEEDS_GIL;

static PyObject *
run_reader(PyObject *self, reader *read, size_t n)
{
	struct gt_input *in = input_of(self);
	const struct gt_app *app;
	PyObject *out = NULL;
	struct gt_call *c;
	enum gt_err rc;

	if (in->is_empty)
		return PyBytes_FromStringAndSize(NULL, 0);
	if ((c = gt_call_enter(self, &in->call)) == NULL)
		return raise_read(NULL, GT_INVALID);
	app = c->thread->app;
	/* Called by its name: clang does not follow GT_NEEDS_GIL otherwise. */
	rc =
	    read == read_line ? read_line(c, n, &out) : read_octets(c, n, &out);
	gt_call_leave(c);
	return rc == GT_OK ? out : raise_read(app, rc);
}

/* (n), (None) or (): a negative or no number means all. */
static bool
size_argument(PyObject *const *args, Py_ssize_t nargs, size_t *out)
{
	Py_ssize_t n = -1;

	if (nargs > 1) {
		PyErr_Format(PyExc_TypeError,
		             "expected at most 1 argument, got %zd", nargs);
		return false;
	}
	if (nargs == 1 && args[0] != Py_None) {
		n = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
		if (n == -1 && PyErr_Occurred())
			return false;
	}
	*out = n < 0 ? SIZE_MAX : (size_t)n;
	return true;
}

static PyObject *
input_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	size_t n;

	gt_gil_entered();
	if (!size_argument(args, nargs, &n))
		return NULL;
	return run_reader(self, read_octets, n);
}

static PyObject *
input_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	size_t n;

	gt_gil_entered();
	if (!size_argument(args, nargs, &n))
		return NULL;
	return run_reader(self, read_line, n);
}

/* As io.IOBase: a hint of 0, less or None means all lines. */
static PyObject *
input_readlines(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
	PyObject *lines, *line;
	size_t hint, n = 0;
	bool more = true;

	gt_gil_entered();
	if (!size_argument(args, nargs, &hint))
		return NULL;
	if (hint == 0)
		hint = SIZE_MAX;
	lines = PyList_New(0);
	while (lines != NULL && more) {
		line = run_reader(self, read_line, SIZE_MAX);
		more = line != NULL && PyBytes_GET_SIZE(line) > 0;
		if (line == NULL || (more && PyList_Append(lines, line) != 0))
			Py_CLEAR(lines);
		if (more)
			n += (size_t)PyBytes_GET_SIZE(line);
		more = more && n < hint;
		Py_XDECREF(line);
	}
	return lines;
}

static PyObject *
input_next(PyObject *self)
{
	PyObject *line;

	gt_gil_entered();
	line = run_reader(self, read_line, SIZE_MAX);
	if (line == NULL || PyBytes_GET_SIZE(line) > 0)
		return line;
	Py_DECREF(line);
	return NULL;
}

static PyMethodDef input_methods[] = {
    {"read", GT_PYOBJ_METHOD(input_read), METH_FASTCALL,
     "read(size=-1): that many octets, fewer only at the end of the body."},
    {"readline", GT_PYOBJ_METHOD(input_readline), METH_FASTCALL,
     "readline(size=-1): one line, its newline included."},
    {"readlines", GT_PYOBJ_METHOD(input_readlines), METH_FASTCALL,
     "readlines(hint=-1): lines until about hint octets."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject input_type = {
    GT_PYOBJ_HEAD_INIT.tp_name = "gthreadd.Input",
    .tp_basicsize = sizeof(struct gt_input),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "wsgi.input: the body of the request.",
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = input_next,
    .tp_methods = input_methods,
};

enum gt_err
gt_input_ready(void)
{
	return PyType_Ready(&input_type) == 0 ? GT_OK : GT_PYTHON;
}

void
gt_input_drop(struct gt_app_thread *t)
{
	struct gt_pyobj_section section;

	if (t->input == NULL)
		return;
	gt_pyobj_section_begin(&section, t->input);
	atomic_store(&input_of(t->input)->call, NULL);
	gt_pyobj_section_end(&section);
	Py_CLEAR(t->input);
}

PyObject *
gt_input_create(struct gt_call *call)
{
	struct gt_input *in = PyObject_New(struct gt_input, &input_type);

	if (in == NULL)
		return NULL;
	atomic_init(&in->call, call);
	in->is_empty = call == NULL;
	return (PyObject *)in;
}
