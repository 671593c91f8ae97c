/* SPDX-License-Identifier: MIT */
/*
 * The application that stands in for one which could not be imported, while
 * somebody works on it: each answer is the text of the failure. GIL held.
 */
#include "gthreadd/python/pyerr.h"
#include "wsgi_priv.h"

static const char source[] =
    "import html, re\n"
    "text = re.sub('\\x1b\\[[0-9;]*m', '', text) # colors of a terminal\n"
    "page = ('<!DOCTYPE html><html><head><meta charset=\"utf-8\">'\n"
    "    '<title>The application cannot be loaded</title></head><body>'\n"
    "    '<h1>The application cannot be loaded</h1><pre>%s</pre></body>'\n"
    "    '</html>\\n' % html.escape(text))\n"
    "def result(environ, start_response):\n"
    "    kind, body = 'plain', text\n"
    "    if 'text/html' in environ.get('HTTP_ACCEPT', ''):\n"
    "        kind, body = 'html', page\n"
    "    body = body.encode('utf-8', 'backslashreplace')\n"
    "    start_response('500 Internal Server Error', [\n"
    "        ('Content-Type', 'text/' + kind + '; charset=utf-8'),\n"
    "        ('Content-Length', str(len(body))),\n"
    "        ('Cache-Control', 'no-store')])\n"
    "    return [body]\n";

PyObject *
gt_broken_load(struct gt_str text)
{
	PyObject *s = PyUnicode_DecodeUTF8(text.p == NULL ? "" : text.p,
	                                   (Py_ssize_t)text.n, "replace");
	PyObject *app =
	    gt_pyobj_eval(source, Py_BuildValue("{s:N}", "text", s));

	if (app == NULL)
		gt_pyerr_log(GT_LOG_ERROR, "the failure cannot be served");
	return app;
}
