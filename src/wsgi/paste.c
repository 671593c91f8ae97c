/* SPDX-License-Identifier: MIT */
/*
 * Applications of PasteDeploy: an INI file says which objects make the
 * application, the library python3-pastedeploy puts them together. As
 * gunicorn does, loggers that the file configures are set up first. GIL held.
 */
#include "gthreadd/python/pyerr.h"
#include "wsgi_priv.h"

/*
 * uri: PATH or PATH#NAME. pairs: "KEY=VALUE" each, '\=' is an equals sign of
 * the KEY.
 */
static const char source[] =
    "import os, re\n"
    "path = uri.split('#')[0]\n"
    "if not os.path.exists(path):\n"
    "    raise FileNotFoundError(path)\n"
    "from paste.deploy import loadapp\n"
    "import configparser, logging.config\n"
    "own = {'__file__': path, 'here': os.path.dirname(path)}\n"
    "parser = configparser.ConfigParser(own, strict=False)\n"
    "parser.read(path)\n"
    "if parser.has_section('loggers'):\n"
    "    logging.config.fileConfig(path, own,\n"
    "        disable_existing_loggers=False)\n"
    "words = [re.split(r'(?<!\\\\)=', p, maxsplit=1) for p in pairs]\n"
    "conf = {k.replace('\\\\=', '='): v.replace('\\\\=', '=')\n"
    "    for k, v in words}\n"
    "result = loadapp('config:' + uri, global_conf=conf or None)\n";

static PyObject *list_of(const struct gt_strv *v) GT_NEEDS_GIL;

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

PyObject *
gt_paste_load(const struct gt_settings *s)
{
	PyObject *globals = PyDict_New(), *pairs = list_of(&s->paste_global);
	PyObject *uri = PyUnicode_DecodeFSDefault(s->paste), *done = NULL;
	PyObject *app = NULL;

	if (globals != NULL && pairs != NULL && uri != NULL &&
	    PyDict_SetItemString(globals, "uri", uri) == 0 &&
	    PyDict_SetItemString(globals, "pairs", pairs) == 0 &&
	    PyDict_SetItemString(globals, "__builtins__",
	                         PyEval_GetBuiltins()) == 0)
		done = PyRun_String(source, Py_file_input, globals, globals);
	if (done != NULL)
		app = PyDict_GetItemString(globals, "result");
	if (app == NULL)
		gt_pyerr_log(GT_LOG_ERROR, "paste '%s' cannot be loaded",
		             s->paste);
	Py_XINCREF(app);
	Py_XDECREF(done);
	Py_XDECREF(uri);
	Py_XDECREF(pairs);
	Py_XDECREF(globals);
	return app;
}
