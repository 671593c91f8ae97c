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

PyObject *
gt_paste_load(const struct gt_settings *s)
{
	PyObject *app = gt_pyobj_eval(
	    source, Py_BuildValue("{s:N,s:N}", "uri",
	                          PyUnicode_DecodeFSDefault(s->paste), "pairs",
	                          gt_pyobj_list(&s->paste_global)));

	if (app == NULL)
		gt_pyerr_log(GT_LOG_ERROR, "paste '%s' cannot be loaded",
		             s->paste);
	return app;
}
