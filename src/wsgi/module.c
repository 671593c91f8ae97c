/* SPDX-License-Identifier: MIT */
/* The built-in module `gthreadd`: what an app may know of its server. */
#include "gthreadd/base/check.h"
#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

PyDoc_STRVAR(module_doc, "The server that runs this application.");
PyDoc_STRVAR(disconnected_doc,
             "The client went away before its request was answered. Raised "
             "by reading wsgi.input and by the write() callable.");

PyDoc_STRVAR(timeout_doc,
             "Raised in a thread whose request took longer than "
             "request-timeout; its client has been answered. A subclass of "
             "BaseException, so that `except Exception` lets it pass.");

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gthreadd",
    .m_doc = module_doc,
    .m_size = -1,
};

/* Steals value. */
static int add_object(PyObject *module, const char *name,
                      PyObject *value) GT_NEEDS_GIL;

static int
add_object(PyObject *module, const char *name, PyObject *value)
{
	if (value != NULL && PyModule_AddObject(module, name, value) == 0)
		return 0;
	Py_XDECREF(value);
	return -1;
}

static PyObject *
init_module(void)
{
	PyObject *m;

	gt_gil_entered();
	if ((m = PyModule_Create(&module_def)) == NULL)
		return NULL;
	gt_pyobj_needs_no_gil(m);
	if (add_object(m, "__version__",
	               PyUnicode_FromString(PACKAGE_VERSION)) == 0 &&
	    add_object(m, "ClientDisconnected",
	               PyErr_NewExceptionWithDoc(
	                   "gthreadd.ClientDisconnected", disconnected_doc,
	                   PyExc_ConnectionResetError, NULL)) == 0 &&
	    add_object(m, "RequestTimeout",
	               PyErr_NewExceptionWithDoc(
	                   "gthreadd.RequestTimeout", timeout_doc,
	                   PyExc_BaseException, NULL)) == 0 &&
	    add_object(m, "logging", gt_module_logging()) == 0)
		return m;
	Py_DECREF(m);
	return NULL;
}

void
gt_module_register(void)
{
	/* It fails for want of memory only; gt_app_load() will say so. */
	(void)PyImport_AppendInittab("gthreadd", init_module);
}

PyObject *
gt_module_object(const char *name)
{
	PyObject *m = PyImport_ImportModule("gthreadd"), *found;

	if (m == NULL)
		return NULL;
	found = PyObject_GetAttrString(m, name);
	Py_DECREF(m);
	return found;
}
