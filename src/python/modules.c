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

static void visit_all(PyObject *list, gt_modules_visit *visit,
                      void *arg) GT_NEEDS_GIL;

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
	PyObject *list = gt_pyobj_eval(
	    source, Py_BuildValue("{s:N}", "globs", gt_pyobj_list(globs)));

	if (list == NULL) {
		gt_pyerr_log(GT_LOG_ERROR, "modules cannot be listed");
		return GT_PYTHON;
	}
	visit_all(list, visit, arg);
	Py_DECREF(list);
	return GT_OK;
}
