/* SPDX-License-Identifier: MIT */
/*
 * wsgi.errors: text goes to the error log as it is, one entry per write, so
 * that the lines of several threads do not mix.
 */
#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

static bool write_text(PyObject *text) GT_NEEDS_GIL;

static bool
write_text(PyObject *text)
{
	PyObject *octets;

	if (!PyUnicode_Check(text)) {
		PyErr_Format(PyExc_TypeError,
		             "wsgi.errors takes str, not %.100s",
		             Py_TYPE(text)->tp_name);
		return false;
	}
	if ((octets = gt_pyobj_utf8(text)) == NULL)
		return false;
	gt_log_raw(PyBytes_AS_STRING(octets), (size_t)PyBytes_GET_SIZE(octets));
	Py_DECREF(octets);
	return true;
}

static PyObject *
errors_write(PyObject *self, PyObject *text)
{
	(void)self;
	gt_gil_entered();
	if (!write_text(text))
		return NULL;
	return PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text));
}

static PyObject *
errors_writelines(PyObject *self, PyObject *lines)
{
	PyObject *it, *line;
	bool ok = true;

	(void)self;
	gt_gil_entered();
	if ((it = PyObject_GetIter(lines)) == NULL)
		return NULL;
	while (ok && (line = PyIter_Next(it)) != NULL) {
		ok = write_text(line);
		Py_DECREF(line);
	}
	Py_DECREF(it);
	if (PyErr_Occurred())
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *
errors_flush(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	gt_gil_entered();
	Py_RETURN_NONE; /* nothing is kept back */
}

static PyMethodDef errors_methods[] = {
    {"write", errors_write, METH_O, "Write text to the error log."},
    {"writelines", errors_writelines, METH_O, "Write each text of a list."},
    {"flush", errors_flush, METH_NOARGS, "Nothing is buffered."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject errors_type = {
    GT_PYOBJ_HEAD_INIT.tp_name = "gthreadd.ErrorStream",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "wsgi.errors: text for the server's error log.",
    .tp_methods = errors_methods,
};

enum gt_err
gt_errors_ready(void)
{
	return PyType_Ready(&errors_type) == 0 ? GT_OK : GT_PYTHON;
}

PyObject *
gt_errors_create(void)
{
	return PyObject_New(PyObject, &errors_type);
}
