/* SPDX-License-Identifier: MIT */
/* Helpers on Python objects that are too long for the header. GIL held. */
#include <stdarg.h>

#include "gthreadd/python/pyobj.h"

enum gt_err
gt_pyobj_attr(PyObject *o, const char *name, PyObject **out)
{
	*out = PyObject_GetAttrString(o, name);
	if (*out != NULL)
		return GT_OK;
	if (!PyErr_ExceptionMatches(PyExc_AttributeError))
		return GT_PYTHON;
	PyErr_Clear();
	return GT_OK;
}

PyObject *
gt_pyobj_utf8(PyObject *s)
{
	return PyUnicode_AsEncodedString(s, "utf-8", "backslashreplace");
}

enum gt_err
gt_pyobj_path_insert(Py_ssize_t at, const char *path)
{
	PyObject *list = PySys_GetObject("path"), *text;
	int rc;

	if (list == NULL || !PyList_Check(list)) {
		PyErr_SetString(PyExc_RuntimeError, "sys.path is not a list");
		return GT_PYTHON;
	}
	if ((text = PyUnicode_DecodeFSDefault(path)) == NULL)
		return GT_PYTHON;
	rc = PyList_Insert(list, at, text);
	Py_DECREF(text);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

enum gt_err
gt_pyobj_run(const char *module, const char *name, const char *fmt, ...)
{
	PyObject *m, *f = NULL, *args = NULL, *result = NULL;
	va_list ap;

	va_start(ap, fmt);
	if ((m = PyImport_ImportModule(module)) != NULL)
		f = PyObject_GetAttrString(m, name);
	if (f != NULL)
		args = Py_VaBuildValue(fmt, ap);
	va_end(ap);
	if (args != NULL)
		result = PyObject_CallObject(f, args);
	Py_XDECREF(args);
	Py_XDECREF(f);
	Py_XDECREF(m);
	if (result == NULL)
		return GT_PYTHON;
	Py_DECREF(result);
	return GT_OK;
}

PyObject *
gt_pyobj_list(const struct gt_strv *v)
{
	PyObject *list = PyList_New(0), *text;

	for (size_t i = 0; list != NULL && i < v->n; i++) {
		text = PyUnicode_DecodeFSDefault(v->v[i]);
		if (text == NULL || PyList_Append(list, text) < 0)
			Py_CLEAR(list);
		Py_XDECREF(text);
	}
	return list;
}

PyObject *
gt_pyobj_eval(const char *source, PyObject *globals)
{
	PyObject *done = NULL, *result = NULL;

	if (globals != NULL && PyDict_SetItemString(globals, "__builtins__",
	                                            PyEval_GetBuiltins()) == 0)
		done = PyRun_String(source, Py_file_input, globals, globals);
	if (done != NULL &&
	    (result = PyDict_GetItemString(globals, "result")) == NULL)
		result = Py_None;
	Py_XINCREF(result);
	Py_XDECREF(done);
	Py_XDECREF(globals);
	return result;
}
