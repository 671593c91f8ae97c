/* SPDX-License-Identifier: MIT */
/*
 * start_response, the write() it returns, and the test for a client that is
 * gone. Status and fields are validated and encoded at once into ex->out.own,
 * which nobody sees before the first octet of body: a call with exc_info can
 * still replace them.
 */
#include <string.h>

#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

static bool is_none(PyObject *o) GT_NEEDS_GIL;
static void raise_value(const char *what, PyObject *name,
                        PyObject *value) GT_NEEDS_GIL;
static bool octets_of(PyObject *o, const char *what,
                      struct gt_str *out) GT_NEEDS_GIL;
static void refuse_interim(unsigned code, PyObject *status) GT_NEEDS_GIL;
static bool encode_status(struct gt_call *c,
                          PyObject *status) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static bool encode_field(struct gt_call *c, struct gt_response *r,
                         struct gt_buf *out, PyObject *pair) GT_NEEDS_GIL;
static bool may_replace(const struct gt_call *c,
                        PyObject *exc_info) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static bool begin_response(struct gt_call *c, const struct gt_start *start,
                           PyObject *status,
                           PyObject *headers) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static PyObject *field_list(PyObject *headers) GT_NEEDS_GIL;
static PyObject *
start_response(struct gt_start *start, PyObject *status, PyObject *fields,
               PyObject *exc_info) GT_NEEDS_GIL GT_NEEDS_RESPONSE;

static struct gt_start *
start_of(PyObject *o)
{
	return (struct gt_start *)(void *)o;
}

static bool
is_none(PyObject *o)
{
	return o == NULL || o == Py_None;
}

static void
raise_value(const char *what, PyObject *name, PyObject *value)
{
	if (name == NULL)
		PyErr_Format(PyExc_ValueError, "invalid %s: %R", what, value);
	else
		PyErr_Format(PyExc_ValueError, "invalid %s: %R: %R", what, name,
		             value);
}

static bool raise_pair(PyObject *pair) GT_NEEDS_GIL;

static bool
raise_pair(PyObject *pair)
{
	PyErr_Format(PyExc_TypeError,
	             "a header must be a (name, value) tuple, not %R", pair);
	return false;
}

static bool
octets_of(PyObject *o, const char *what, struct gt_str *out)
{
	if (gt_pyobj_octets(o, out))
		return true;
	if (PyUnicode_Check(o))
		raise_value(what, NULL, o);
	else
		PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s",
		             what, Py_TYPE(o)->tp_name);
	return false;
}

/* The Date of this second; each thread has its own. */
static const char *
http_date(struct gt_app_thread *t)
{
	time_t now = time(NULL);

	if (now != t->date_at) {
		gt_clock_http_date(now, t->date);
		t->date_at = now;
	}
	return t->date;
}

/* May the connection go on after this request, as far as one knows now? */
static bool
may_keep_alive(const struct gt_exchange *ex)
{
	const struct gt_settings *s = ex->service->settings;

	return ex->request.keep_alive && s->keep_alive_ms != 0 &&
	       !(s->worker_class == GT_CLASS_SYNC && s->threads <= 1) &&
	       !atomic_load_explicit(&ex->service->closing,
	                             memory_order_relaxed);
}

/* Forget what was encoded. */
void
gt_start_discard(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;

	c->started = false;
	c->head_done = false;
	ex->out.own.len = 0;
	gt_response_init(&ex->response, ex->request.minor,
	                 ex->request.method_id == GT_METHOD_HEAD,
	                 may_keep_alive(ex));
	gt_response_set_id(&ex->response, ex->service->id_header,
	                   ex->request_id);
	for (size_t i = 0; i < c->nlog && ex->log_out != NULL; i++)
		ex->log_out[i].p = NULL;
}

enum gt_err
gt_start_page(struct gt_call *c, unsigned status)
{
	struct gt_exchange *ex = c->ex;

	gt_start_discard(c);
	gt_hooks_drop_response(c);
	if (gt_inbox_refuse(ex, true))
		ex->response.keep_alive = false;
	return gt_response_page(&ex->response, &ex->out.own, status,
	                        ex->service->server, http_date(c->thread));
}

/*
 * 1xx is no final answer: the client would wait for another one. With 101 it
 * would speak a protocol that nobody here reads (RFC 9110 15.2.2).
 */
static void
refuse_interim(unsigned code, PyObject *status)
{
	if (code == 101)
		PyErr_SetString(PyExc_ValueError,
		                "status 101: an application cannot take over "
		                "the connection");
	else
		raise_value("status", NULL, status);
}

static bool
encode_status(struct gt_call *c, PyObject *status)
{
	struct gt_exchange *ex = c->ex;
	struct gt_str s;
	unsigned code;

	if (!octets_of(status, "status", &s))
		return false;
	if (gt_status_parse(s, &code) != GT_OK) {
		raise_value("status", NULL, status);
		return false;
	}
	if (code < 200) {
		refuse_interim(code, status);
		return false;
	}
	if (gt_response_start(&ex->response, &ex->out.own, s, code,
	                      ex->service->server,
	                      http_date(c->thread)) == GT_OK)
		return true;
	PyErr_NoMemory();
	return false;
}

/* Keep the value when the access log asks for that field. */
static void
keep_for_log(struct gt_call *c, struct gt_str name, struct gt_str value)
{
	struct gt_exchange *ex = c->ex;
	char *copy;

	for (size_t i = 0; i < c->nlog && ex->log_out != NULL; i++) {
		if (!gt_str_eq_icase(c->log_names[i], name))
			continue;
		if ((copy = gt_arena_strdup(&ex->arena, value)) != NULL)
			ex->log_out[i] = (struct gt_str){copy, value.n};
	}
}

/* items: name and value. */
static bool encode_items(struct gt_call *c, struct gt_response *r,
                         struct gt_buf *out,
                         PyObject *const *items) GT_NEEDS_GIL;

static bool
encode_items(struct gt_call *c, struct gt_response *r, struct gt_buf *out,
             PyObject *const *items)
{
	struct gt_str name, value;
	enum gt_err rc;

	if (!octets_of(items[0], "header name", &name) ||
	    !octets_of(items[1], "header value", &value))
		return false;
	value = gt_str_trim(value);
	rc = gt_response_field(r, out, name, value);
	if (rc == GT_NOMEM)
		PyErr_NoMemory();
	else if (rc != GT_OK && r->has_length &&
	         gt_str_eq_icase(name, GT_STR("Content-Length")))
		PyErr_SetString(PyExc_ValueError, "Content-Length is repeated");
	else if (rc != GT_OK)
		raise_value("header", items[0], items[1]);
	else if (c != NULL && c->nlog > 0)
		keep_for_log(c, name, value);
	return rc == GT_OK;
}

static bool
encode_field(struct gt_call *c, struct gt_response *r, struct gt_buf *out,
             PyObject *pair)
{
	PyObject *items;
	bool ok = false;

	if (!PyTuple_Check(pair) && !PyList_Check(pair))
		return raise_pair(pair);
	if ((items = gt_pyobj_items(pair)) == NULL)
		return false;
	if (PySequence_Fast_GET_SIZE(items) == 2)
		ok = encode_items(c, r, out, PySequence_Fast_ITEMS(items));
	else
		raise_pair(pair);
	Py_DECREF(items);
	return ok;
}

static PyObject *
field_list(PyObject *headers)
{
	PyObject *seq, *items = NULL;

	seq = PySequence_Fast(headers,
	                      "headers must be a list of (name, value) tuples");
	if (seq != NULL)
		items = gt_pyobj_items(seq);
	Py_XDECREF(seq);
	return items;
}

bool
gt_start_fields(struct gt_call *c, struct gt_response *r, struct gt_buf *out,
                PyObject *headers)
{
	PyObject *seq = field_list(headers);
	bool ok = seq != NULL;

	for (Py_ssize_t i = 0; ok && i < PySequence_Fast_GET_SIZE(seq); i++)
		ok = encode_field(c, r, out, PySequence_Fast_GET_ITEM(seq, i));
	Py_XDECREF(seq);
	return ok;
}

/* PEP 3333: once; again only with exc_info, and only before octets left. */
static bool
may_replace(const struct gt_call *c, PyObject *exc_info)
{
	PyObject *type, *value, *tb;

	if (is_none(exc_info)) {
		if (c->started)
			PyErr_SetString(PyExc_AssertionError,
			                "start_response() was called before; "
			                "exc_info must say why it is again");
		return !c->started;
	}
	if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3) {
		PyErr_SetString(PyExc_TypeError,
		                "exc_info must be a tuple of three");
		return false;
	}
	if (!c->head_done)
		return true;
	type = PyTuple_GET_ITEM(exc_info, 0);
	value = PyTuple_GET_ITEM(exc_info, 1);
	tb = PyTuple_GET_ITEM(exc_info, 2);
	if (!PyExceptionClass_Check(type) ||
	    !PyExceptionInstance_Check(value)) {
		PyErr_SetString(PyExc_AssertionError,
		                "the headers have been sent");
		return false;
	}
	if (tb == Py_None)
		tb = NULL;
	Py_INCREF(type);
	Py_INCREF(value);
	Py_XINCREF(tb);
	PyErr_Restore(type, value, tb);
	return false;
}

/* c was what start points to: is it so no more? */
static bool
is_over(const struct gt_call *c, const struct gt_start *start)
{
	return c == NULL || atomic_load(&start->call) != c ||
	       atomic_load(&c->closing);
}

static bool
begin_response(struct gt_call *c, const struct gt_start *start,
               PyObject *status, PyObject *headers)
{
	gt_start_discard(c);
	if (encode_status(c, status) &&
	    gt_start_fields(c, &c->ex->response, &c->ex->out.own, headers)) {
		c->started = true;
		if (c->thread->app->hooks != NULL)
			gt_hooks_note_response(c, status, headers);
		return true;
	}
	/* Who is shown in the exception may have run code of the app. */
	if (!is_over(c, start))
		gt_start_discard(c);
	return false;
}

/*
 * fields is a list or tuple, so that no code of the app runs while they are
 * encoded: in a thread of the app it could outlive the request.
 */
static PyObject *
start_response(struct gt_start *start, PyObject *status, PyObject *fields,
               PyObject *exc_info)
{
	struct gt_call *c = atomic_load(&start->call);
	PyObject *write;

	if (is_over(c, start)) {
		PyErr_SetString(PyExc_RuntimeError,
		                "start_response(): the request is over");
		return NULL;
	}
	write = c->thread->write;
	Py_INCREF(write);
	if (may_replace(c, exc_info) &&
	    begin_response(c, start, status, fields))
		return write;
	Py_DECREF(write);
	return NULL;
}

/* The exc_info keyword is taken too, as other servers do. */
static PyObject *
start_call(PyObject *self, PyObject *const *args, size_t nargsf,
           PyObject *kwnames)
{
	Py_ssize_t n = PyVectorcall_NARGS(nargsf);
	PyObject *exc_info = n == 3 ? args[2] : NULL, *fields, *write;
	struct gt_pyobj_section section;

	gt_gil_entered();
	if (kwnames != NULL && PyTuple_GET_SIZE(kwnames) == 1 && n == 2 &&
	    gt_pyobj_is(PyTuple_GET_ITEM(kwnames, 0), GT_STR("exc_info")))
		exc_info = args[2];
	else if (n < 2 || n > 3 ||
	         (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0)) {
		PyErr_SetString(PyExc_TypeError,
		                "start_response(status, headers, "
		                "exc_info=None): wrong arguments");
		return NULL;
	}
	if ((fields = field_list(args[1])) == NULL)
		return NULL;
	gt_call_hold_start(&section, start_of(self));
	write = start_response(start_of(self), args[0], fields, exc_info);
	gt_call_let_go(&section);
	Py_DECREF(fields);
	return write;
}

static PyObject *
start_write(PyObject *self, PyObject *data)
{
	struct gt_pyobj_section section;
	const struct gt_app *app;
	struct gt_call *c;
	enum gt_err rc;

	gt_gil_entered();
	if (!PyBytes_Check(data)) {
		PyErr_Format(PyExc_TypeError, "write() takes bytes, not %.100s",
		             Py_TYPE(data)->tp_name);
		return NULL;
	}
	if ((c = gt_call_enter(self, &start_of(self)->call)) == NULL) {
		PyErr_SetString(PyExc_RuntimeError,
		                "write(): the request is over");
		return NULL;
	}
	app = c->thread->app;
	gt_call_hold_start(&section, start_of(self));
	rc = gt_call_send(c, PyBytes_AS_STRING(data),
	                  (size_t)PyBytes_GET_SIZE(data), false);
	gt_call_let_go(&section);
	gt_call_leave(c);
	if (rc == GT_OK)
		Py_RETURN_NONE;
	gt_call_raise(app, rc);
	return NULL;
}

static PyObject *
start_gone(PyObject *self, PyObject *unused)
{
	struct gt_call *c;
	bool gone = true;

	(void)unused;
	gt_gil_entered();
	/* Not entered: it must not wait behind a reader. */
	if ((c = gt_call_use(self, &start_of(self)->call)) != NULL) {
		gone = gt_exchange_is_gone(c->ex);
		gt_call_unuse(c);
	}
	return PyBool_FromLong(gone);
}

static PyMethodDef write_def = {
    "write", start_write, METH_O,
    "write(data): send body octets now; waits for a slow client."};
static PyMethodDef gone_def = {"client_disconnected", start_gone, METH_NOARGS,
                               "Has the client of this request gone away?"};

static PyTypeObject start_type = {
    GT_PYOBJ_HEAD_INIT.tp_name = "gthreadd.StartResponse",
    .tp_basicsize = sizeof(struct gt_start),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "start_response(status, headers, exc_info=None) -> write",
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(struct gt_start, vectorcall),
};

enum gt_err
gt_start_ready(void)
{
	return PyType_Ready(&start_type) == 0 ? GT_OK : GT_PYTHON;
}

enum gt_err
gt_start_create(struct gt_app_thread *t)
{
	struct gt_start *start = PyObject_New(struct gt_start, &start_type);
	PyObject *self = (PyObject *)start;

	if (start == NULL)
		return GT_PYTHON;
	start->vectorcall = start_call;
	atomic_init(&start->call, &t->call);
	t->start = start;
	t->write = PyCFunction_New(&write_def, self);
	t->gone = PyCFunction_New(&gone_def, self);
	t->hints = gt_hints_create(self);
	if (t->write != NULL && t->gone != NULL && t->hints != NULL &&
	    PyDict_SetItem(t->environ.dict,
	                   t->app->key[GT_KEY_CLIENT_DISCONNECTED],
	                   t->gone) == 0 &&
	    PyDict_SetItem(t->environ.dict, t->app->key[GT_KEY_EARLY_HINTS],
	                   t->hints) == 0)
		return GT_OK;
	gt_start_drop(t);
	return GT_PYTHON;
}

void
gt_start_drop(struct gt_app_thread *t)
{
	struct gt_pyobj_section section;

	if (t->start != NULL) {
		gt_call_hold_start(&section, t->start);
		atomic_store(&t->start->call, NULL);
		gt_call_let_go(&section);
	}
	Py_CLEAR(t->write);
	Py_CLEAR(t->gone);
	Py_CLEAR(t->hints);
	Py_CLEAR(t->start);
}

/* References that are ours: start has three bound methods, two are values. */
bool
gt_start_is_kept(const struct gt_app_thread *t)
{
	return !gt_pyobj_has_refs((PyObject *)t->start, 4) ||
	       !gt_pyobj_has_refs(t->write, 1) ||
	       !gt_pyobj_has_refs(t->gone, 2) ||
	       !gt_pyobj_has_refs(t->hints, 2);
}
