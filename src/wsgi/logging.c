/* SPDX-License-Identifier: MIT */
/*
 * The module `gthreadd.logging`: a handler by which an app's records become
 * lines of the error log. Its Python part needs the module logging, which
 * not every app loads, so it is run when its names are first asked for.
 */
#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

PyDoc_STRVAR(logging_doc,
             "Python's logging into the server's error log:\n"
             "install() for the loggers gunicorn.error and gthreadd.error,\n"
             "install('name', ...) for others ('' is the root),\n"
             "GthreaddHandler for configurations of one's own.");

/* A record is one line; traceback and stack follow as lines of their own. */
static const char source[] =
    "import logging as _logging\n"
    "class GthreaddHandler(_logging.Handler):\n"
    "    '''Records become lines of the server's error log.'''\n"
    "    def emit(self, record):\n"
    "        try:\n"
    "            text = self.format(record)\n"
    "            tail = ''.join('\\n' + x for x in\n"
    "                (record.exc_text, record.stack_info) if x)\n"
    "            if not tail or not text.endswith(tail):\n"
    "                tail = ''\n"
    "            head = text[:len(text) - len(tail)]\n"
    "            _write(record.levelno, head.replace('\\0', '\\\\x00'),\n"
    "                   tail[1:])\n"
    "        except Exception:\n"
    "            self.handleError(record)\n"
    "def install(*names, level=None):\n"
    "    '''Send what is logged to these loggers to the error log.'''\n"
    "    handler = GthreaddHandler()\n"
    "    for name in names or ('gunicorn.error', 'gthreadd.error'):\n"
    "        logger = _logging.getLogger(name)\n"
    "        if not any(isinstance(h, GthreaddHandler)\n"
    "                   for h in logger.handlers):\n"
    "            logger.addHandler(handler)\n"
    "        logger.setLevel(_level() if level is None else level)\n"
    "        logger.propagate = False\n"
    "    return handler\n";

/* Python's numbers: 10, 20, ... 50. */
static enum gt_log_level
level_of(long number)
{
	if (number < 20)
		return GT_LOG_DEBUG;
	return number >= 50 ? GT_LOG_CRITICAL
	                    : (enum gt_log_level)(number / 10 - 1);
}

static bool write_record(long level, PyObject *head,
                         PyObject *tail) GT_NEEDS_GIL;

/* One entry, so that the lines of several threads do not mix. */
static bool
write_record(long level, PyObject *head, PyObject *tail)
{
	char line[GT_LOG_LINE];
	struct gt_buf out = {0};
	PyObject *h = gt_pyobj_utf8(head), *t = gt_pyobj_utf8(tail);
	size_t n;
	bool ok = false;

	if (h != NULL && t != NULL) {
		n = gt_log_format(line, level_of(level), PyBytes_AS_STRING(h));
		ok = gt_buf_add(&out, line, n) == GT_OK;
		if (ok && PyBytes_GET_SIZE(t) > 0)
			ok = gt_buf_addf(&out, "%s\n", PyBytes_AS_STRING(t)) ==
			     GT_OK;
		if (ok)
			gt_log_raw(out.p, out.len);
		else
			PyErr_NoMemory();
	}
	gt_buf_fini(&out);
	Py_XDECREF(h);
	Py_XDECREF(t);
	return ok;
}

static PyObject *
logging_write(PyObject *self, PyObject *args)
{
	PyObject *head, *tail;
	long level;

	(void)self;
	gt_gil_entered();
	if (!PyArg_ParseTuple(args, "lUU", &level, &head, &tail) ||
	    !write_record(level, head, tail))
		return NULL;
	Py_RETURN_NONE;
}

/* log-level as Python's number. */
static PyObject *
logging_level(PyObject *self, PyObject *unused)
{
	int level = GT_LOG_DEBUG;

	(void)self;
	(void)unused;
	gt_gil_entered();
	while (level < GT_LOG_CRITICAL &&
	       !gt_log_is_on((enum gt_log_level)level))
		level++;
	return PyLong_FromLong((level + 1) * 10);
}

static bool run_source(PyObject *dict) GT_NEEDS_GIL;

static bool
run_source(PyObject *dict)
{
	PyObject *code, *result = NULL;

	code = Py_CompileString(source, "<gthreadd.logging>", Py_file_input);
	if (code != NULL)
		result = PyEval_EvalCode(code, dict, dict);
	Py_XDECREF(code);
	Py_XDECREF(result);
	return result != NULL;
}

/* PEP 562: a name that is not there yet. */
static PyObject *
logging_getattr(PyObject *self, PyObject *name)
{
	PyObject *dict = PyModule_GetDict(self);

	gt_gil_entered();
	if (PyUnicode_Check(name) &&
	    (PyUnicode_CompareWithASCIIString(name, "install") == 0 ||
	     PyUnicode_CompareWithASCIIString(name, "GthreaddHandler") == 0))
		return run_source(dict) ? gt_pyobj_dict_get(dict, name) : NULL;
	return PyErr_Format(PyExc_AttributeError,
	                    "module 'gthreadd.logging' has no attribute %R",
	                    name);
}

static PyMethodDef logging_methods[] = {
    {"__getattr__", logging_getattr, METH_O, NULL},
    {"_write", logging_write, METH_VARARGS, NULL},
    {"_level", logging_level, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef logging_def = {
    PyModuleDef_HEAD_INIT, .m_name = "gthreadd.logging", .m_doc = logging_doc,
    .m_size = -1,          .m_methods = logging_methods,
};

PyObject *
gt_module_logging(void)
{
	PyObject *m = PyModule_Create(&logging_def);

	/* `import gthreadd.logging` finds it there. */
	if (m == NULL || PyDict_SetItemString(PyImport_GetModuleDict(),
	                                      "gthreadd.logging", m) == 0)
		return m;
	Py_DECREF(m);
	return NULL;
}
