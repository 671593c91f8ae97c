/* SPDX-License-Identifier: MIT */
/*
 * The files of what is imported. Modules are asked by their dictionaries: an
 * attribute of a lazy one may import something.
 */
#include "gthreadd/python/modules.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/pyobj.h"

static const char source[] =
    "import glob, os, sys\n"
    "result = []\n"
    "for module in list(sys.modules.values()):\n"
    "    try:\n"
    "        path = object.__getattribute__(module, '__dict__').get(\n"
    "            '__file__')\n"
    "    except Exception:\n"
    "        continue\n"
    "    if isinstance(path, str):\n"
    "        result.append(os.path.abspath(path))\n"
    "for pattern in globs:\n"
    "    result.extend(glob.glob(pattern, recursive=True))\n"
    "result = [os.fsencode(path) for path in result]\n";

static PyObject *list_of(const struct gt_strv *v) GT_NEEDS_GIL;
static void visit_all(PyObject *list, gt_modules_visit *visit,
                      void *arg) GT_NEEDS_GIL;

static PyObject *
list_of(const struct gt_strv *v)
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

static void
visit_all(PyObject *list, gt_modules_visit *visit, void *arg)
{
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
		const char *path = PyBytes_AsString(PyList_GET_ITEM(list, i));

		if (path == NULL)
			PyErr_Clear();
		else
			visit(arg, path);
	}
}

enum gt_err
gt_modules_files(const struct gt_strv *globs, gt_modules_visit *visit,
                 void *arg)
{
	PyObject *globals = PyDict_New(), *patterns = list_of(globs);
	PyObject *done = NULL, *list = NULL;

	if (globals != NULL && patterns != NULL &&
	    PyDict_SetItemString(globals, "globs", patterns) == 0 &&
	    PyDict_SetItemString(globals, "__builtins__",
	                         PyEval_GetBuiltins()) == 0)
		done = PyRun_String(source, Py_file_input, globals, globals);
	if (done != NULL)
		list = PyDict_GetItemString(globals, "result");
	if (list != NULL)
		visit_all(list, visit, arg);
	else
		gt_pyerr_log(GT_LOG_ERROR, "modules cannot be listed");
	Py_XDECREF(done);
	Py_XDECREF(patterns);
	Py_XDECREF(globals);
	return done == NULL ? GT_PYTHON : GT_OK;
}
