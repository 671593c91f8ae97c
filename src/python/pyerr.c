/* SPDX-License-Identifier: MIT */
/*
 * The current exception as text. Whatever formatting raises is dropped: an
 * exception must never stop another one from being logged. GIL held.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gthreadd/python/pyerr.h"

#define MESSAGE_MAX 4096

static PyObject *format_text(PyObject *type, PyObject *value,
                             PyObject *tb) GT_NEEDS_GIL;
static bool add_text(struct gt_buf *out, PyObject *text) GT_NEEDS_GIL;
static void add_short(struct gt_buf *out, PyObject *type,
                      PyObject *value) GT_NEEDS_GIL;

/* "".join(traceback.format_exception(type, value, tb)) */
static PyObject *
format_text(PyObject *type, PyObject *value, PyObject *tb)
{
	PyObject *module, *lines = NULL, *empty, *text = NULL;

	if ((module = PyImport_ImportModule("traceback")) != NULL)
		lines = PyObject_CallMethod(module, "format_exception", "OOO",
		                            type, value, tb);
	if (lines != NULL && (empty = PyUnicode_FromString("")) != NULL) {
		text = PyUnicode_Join(empty, lines);
		Py_DECREF(empty);
	}
	Py_XDECREF(lines);
	Py_XDECREF(module);
	return text;
}

static bool
add_text(struct gt_buf *out, PyObject *text)
{
	PyObject *octets;
	enum gt_err rc;

	if (text == NULL || (octets = gt_pyobj_utf8(text)) == NULL)
		return false;
	rc = gt_buf_add(out, PyBytes_AS_STRING(octets),
	                (size_t)PyBytes_GET_SIZE(octets));
	Py_DECREF(octets);
	return rc == GT_OK;
}

/* "Type: message\n"; the message is left out when str() fails. */
static void
add_short(struct gt_buf *out, PyObject *type, PyObject *value)
{
	const char *name = PyExceptionClass_Check(type)
	                       ? PyExceptionClass_Name(type)
	                       : "exception";
	PyObject *text = PyObject_Str(value);
	size_t len = out->len;

	if (gt_buf_addf(out, "%s: ", name) != GT_OK || !add_text(out, text)) {
		out->len = len;
		if (gt_buf_addf(out, "%s", name) != GT_OK)
			out->len = len;
	}
	if (gt_buf_add(out, "\n", 1) != GT_OK)
		out->len = len;
	Py_XDECREF(text);
}

void
gt_pyerr_take(struct gt_buf *out)
{
	PyObject *type, *value, *tb, *text;

	PyErr_Fetch(&type, &value, &tb);
	if (type == NULL)
		return;
	PyErr_NormalizeException(&type, &value, &tb);
	if (tb != NULL)
		PyException_SetTraceback(value, tb);
	text = format_text(type, value, tb == NULL ? Py_None : tb);
	if (!add_text(out, text)) {
		PyErr_Clear();
		add_short(out, type, value);
	}
	PyErr_Clear();
	Py_XDECREF(text);
	Py_XDECREF(tb);
	Py_DECREF(value);
	Py_DECREF(type);
}

void
gt_pyerr_log(enum gt_log_level level, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	struct gt_buf text = {0};
	va_list ap;

	if (!gt_log_is_on(level)) {
		PyErr_Clear();
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	gt_pyerr_take(&text);
	gt_log(level, "%s", message);
	if (text.len > 0)
		gt_log_raw(text.p, text.len);
	gt_buf_fini(&text);
}
