/* SPDX-License-Identifier: MIT */
/*
 * A gunicorn Python config to records on a descriptor. The file is run as
 * gunicorn runs it; what it leaves in its globals is written with its type and
 * its line, one record a line (config/load.h). What the names mean is not
 * known here. In a child that ends afterwards.
 */
#include <Python.h>

#include "gthreadd/python/pyconfig.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/pyobj.h"

static const char source[] =
    "import ast, importlib, os, sys, traceback, types\n"
    "out = []\n"
    "def put(kind, line, name, value=''):\n"
    "    text = str(value).replace('\\\\', '\\\\\\\\')\n"
    "    text = text.replace('\\n', '\\\\n')\n"
    "    out.append('%s\\t%d\\t%s\\t%s\\n' % (kind, line, name, text))\n"
    "def plain(value):\n"
    "    if isinstance(value, (bytes, os.PathLike)):\n"
    "        return os.fsdecode(value)\n"
    "    return value\n"
    "def dump(line, name, value):\n"
    "    value = plain(value)\n"
    "    if value is None:\n"
    "        put('n', line, name)\n"
    "    elif isinstance(value, bool):\n"
    "        put('b', line, name, str(value).lower())\n"
    "    elif isinstance(value, int):\n"
    "        put('i', line, name, int(value))\n"
    "    elif isinstance(value, (str, float)):\n"
    "        put('s', line, name, value)\n"
    "    elif isinstance(value, dict):\n"
    "        put('D', line, name, len(value))\n"
    "        for k, v in value.items():\n"
    "            put('d', line, name, '%s=%s' % (k, v))\n"
    "    elif isinstance(value, (list, tuple, set, frozenset)):\n"
    "        put('L', line, name, len(value))\n"
    "        for v in value:\n"
    "            put('l', line, name, plain(v))\n"
    "    elif isinstance(value, type):\n"
    "        put('c', line, name,\n"
    "            value.__module__ + '.' + value.__qualname__)\n"
    "    elif callable(value):\n"
    "        put('f', line, name)\n"
    "    else:\n"
    "        put('o', line, name, type(value).__name__)\n"
    "def note(node, lines):\n"
    "    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):\n"
    "        lines[node.name] = node.lineno\n"
    "    elif isinstance(node, ast.alias):\n"
    "        lines[node.asname or node.name] = getattr(node, 'lineno', 0)\n"
    "    elif isinstance(node, ast.Name):\n"
    "        if isinstance(node.ctx, ast.Store):\n"
    "            lines[node.id] = node.lineno\n"
    "    elif not isinstance(node, (ast.AsyncFunctionDef, ast.Lambda)):\n"
    "        for child in ast.iter_child_nodes(node):\n"
    "            note(child, lines)\n"
    "    return lines\n"
    "def run(what):\n"
    "    if what.startswith('python:'):\n"
    "        module = importlib.import_module(what[7:])\n"
    "        return vars(module), getattr(module, '__file__', None)\n"
    "    with open(what, 'rb') as f:\n"
    "        code = compile(f.read(), what, 'exec')\n"
    "    space = {'__name__': '__config__', '__file__': what,\n"
    "             '__builtins__': __builtins__, '__doc__': None,\n"
    "             '__package__': None}\n"
    "    exec(code, space)\n"
    "    return space, what\n"
    "def records(what):\n"
    "    space, path = run(what)\n"
    "    lines = {}\n"
    "    if path and path.endswith('.py'):\n"
    "        with open(path, 'rb') as f:\n"
    "            lines = note(ast.parse(f.read()), {})\n"
    "    for name, value in list(space.items()):\n"
    "        if name[:1] != '_' and not isinstance(value, types.ModuleType):\n"
    "            dump(lines.get(name, 0), name, value)\n"
    "    return ''.join(out) + '.\\n'\n"
    "def failure(e):\n"
    "    tb = e.__traceback__\n"
    "    while tb and tb.tb_frame.f_code.co_filename == '<string>':\n"
    "        tb = tb.tb_next\n"
    "    return '!\\n' + ''.join(\n"
    "        traceback.format_exception(type(e), e, tb)) + '.\\n'\n"
    "try:\n"
    "    text = records(what)\n"
    "except BaseException as e:\n"
    "    text = failure(e)\n"
    "data = text.encode('utf-8', 'surrogateescape')\n"
    "while data:\n"
    "    data = data[os.write(fd, data):]\n";

enum gt_err
gt_pyconfig_write(const char *what, int fd)
{
	PyObject *done = gt_pyobj_eval(
	    source, Py_BuildValue("{s:N,s:i}", "what",
	                          PyUnicode_DecodeFSDefault(what), "fd", fd));

	if (done == NULL) {
		gt_pyerr_log(GT_LOG_ERROR, "%s cannot be translated", what);
		return GT_PYTHON;
	}
	Py_DECREF(done);
	return GT_OK;
}
