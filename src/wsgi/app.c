/* SPDX-License-Identifier: MIT */
/*
 * From "module:name" to a callable. Whatever goes wrong is logged here, with
 * the traceback and with what is most likely meant. GIL held, but for the
 * check of the syntax, which needs no Python.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/log.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/spew.h"
#include "wsgi_priv.h"

#define DEFAULT_NAME "application"

/* The parts of a spec. */
struct app_spec {
	char *module;
	char *object; /* "name", "name.name" or a call of one */
};

static PyObject *import_module(const struct app_spec *spec) GT_NEEDS_GIL;
static void log_import_failure(const struct app_spec *spec) GT_NEEDS_GIL;
static void log_missing_name(PyObject *module,
                             const struct app_spec *spec) GT_NEEDS_GIL;
static PyObject *find_object(PyObject *module,
                             const struct app_spec *spec) GT_NEEDS_GIL;
static PyObject *find_name(PyObject *module, const struct app_spec *spec,
                           const char *name) GT_NEEDS_GIL;
static PyObject *parse_call(const struct app_spec *spec) GT_NEEDS_GIL;
static PyObject *call_factory(PyObject *module,
                              const struct app_spec *spec) GT_NEEDS_GIL;
static PyObject *load_callable(const struct app_spec *spec) GT_NEEDS_GIL;

enum gt_err
gt_app_check_syntax(const char *spec, const char **why)
{
	struct gt_str object = gt_str_of(spec), module, name;
	const char *paren;

	*why = NULL;
	if (!gt_str_split(&object, ':', &module) || module.n == 0)
		*why = "an application is needed: module:name";
	else if (memchr(module.p, '/', module.n) != NULL)
		*why = "module:name is expected, not a path; name its folder "
		       "with --chdir or --pythonpath";
	else if (!gt_str_is_dotted_name(module))
		*why = "the part before ':' is not a module name";
	if (*why != NULL || object.p == NULL)
		return *why == NULL ? GT_OK : GT_INVALID;
	name = object;
	paren = memchr(object.p, '(', object.n);
	if (paren != NULL)
		name.n = (size_t)(paren - object.p);
	if (!gt_str_is_dotted_name(gt_str_trim(name)))
		*why = "the part behind ':' is neither a name nor a call of "
		       "one";
	else if (paren != NULL && object.p[object.n - 1] != ')')
		*why = "the call behind ':' lacks its ')'";
	return *why == NULL ? GT_OK : GT_INVALID;
}

static void
split_spec(const char *text, struct app_spec *out)
{
	char *colon;

	out->module = gt_xstrdup(text);
	colon = strchr(out->module, ':');
	out->object = gt_xstrdup(colon == NULL ? DEFAULT_NAME : colon + 1);
	if (colon != NULL)
		*colon = '\0';
}

static bool
has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* hello.app: a dot in the place of the colon. */
GT_NEEDS_GIL static bool
is_dot_for_colon(const char *m)
{
	const char *dot = strrchr(m, '.');
	PyObject *name, *module = NULL;
	bool has = false;

	if (dot == NULL)
		return false;
	if ((name = PyUnicode_FromStringAndSize(m, dot - m)) != NULL)
		module = PyImport_GetModule(name);
	if (module != NULL)
		has = PyObject_HasAttrString(module, dot + 1);
	Py_XDECREF(module);
	Py_XDECREF(name);
	PyErr_Clear();
	return has;
}

/* Takes the exception. */
static void
log_import_failure(const struct app_spec *spec)
{
	bool is_exit = PyErr_ExceptionMatches(PyExc_SystemExit);
	bool is_import = PyErr_ExceptionMatches(PyExc_ImportError);
	const char *m = spec->module;

	gt_pyerr_log(GT_LOG_ERROR,
	             is_exit ? "module '%s' ended the process at import"
	                     : "module '%s' cannot be imported",
	             m);
	if (is_import && has_suffix(m, ".py") && access(m, F_OK) == 0)
		gt_log_error("'%s' is a file: did you mean '%.*s:%s'?", m,
		             (int)strlen(m) - 3, m, spec->object);
	else if (is_import && is_dot_for_colon(m))
		gt_log_error("did you mean '%.*s:%s'?",
		             (int)(strrchr(m, '.') - m), m,
		             strrchr(m, '.') + 1);
}

static PyObject *
import_module(const struct app_spec *spec)
{
	pid_t self = getpid();
	PyObject *module = PyImport_ImportModule(spec->module);

	if (getpid() != self)
		gt_fork_end();
	if (module == NULL)
		log_import_failure(spec);
	return module;
}

/* The names that people use, then one that is nearly the same. */
static const char *similar_name(PyObject *module, const char *name, char *buf,
                                size_t size) GT_NEEDS_GIL;

static const char *
similar_name(PyObject *module, const char *name, char *buf, size_t size)
{
	static const char *const usual[] = {"application", "app", "wsgi_app",
	                                    "create_app", "make_app"};
	/* Threads that the module has started may change its own. */
	PyObject *dict = PyDict_Copy(PyModule_GetDict(module)), *key, *value;
	size_t best = strlen(name) / 3 + 1, distance;
	Py_ssize_t pos = 0;
	struct gt_str have;

	buf[0] = '\0';
	while (dict != NULL && PyDict_Next(dict, &pos, &key, &value)) {
		if (!gt_pyobj_octets(key, &have) || have.n >= size ||
		    !PyCallable_Check(value))
			continue;
		distance = gt_str_distance(have.p, name);
		if (distance <= best) {
			best = distance;
			snprintf(buf, size, "%s", have.p);
		}
	}
	for (size_t i = 0; dict != NULL && buf[0] == '\0' && i < 5; i++)
		if (PyDict_GetItemString(dict, usual[i]) != NULL)
			snprintf(buf, size, "%s", usual[i]);
	PyErr_Clear();
	Py_XDECREF(dict);
	return buf[0] == '\0' ? NULL : buf;
}

static void
log_missing_name(PyObject *module, const struct app_spec *spec)
{
	char buf[128];
	const char *like =
	    PyModule_Check(module)
	        ? similar_name(module, spec->object, buf, sizeof(buf))
	        : NULL;

	if (like == NULL)
		gt_log_error("module '%s' has no '%s'", spec->module,
		             spec->object);
	else
		gt_log_error("module '%s' has no '%s': did you mean '%s:%s'?",
		             spec->module, spec->object, spec->module, like);
}

/* name may be dotted. Failures are logged. */
static PyObject *
find_name(PyObject *module, const struct app_spec *spec, const char *name)
{
	struct gt_str rest = gt_str_of(name), part;
	PyObject *o = module, *next;
	char text[256];

	Py_INCREF(o);
	while (o != NULL && gt_str_split(&rest, '.', &part)) {
		part = gt_str_trim(part);
		snprintf(text, sizeof(text), "%.*s", (int)part.n, part.p);
		next = PyObject_GetAttrString(o, text);
		Py_DECREF(o);
		o = next;
	}
	if (o != NULL)
		return o;
	if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
		PyErr_Clear();
		log_missing_name(module, spec);
	} else {
		gt_pyerr_log(GT_LOG_ERROR, "'%s' of module '%s' failed", name,
		             spec->module);
	}
	return NULL;
}

/*
 * The call's (args, kwargs), literals only: Python's own parser reads them,
 * nothing is evaluated.
 */
static PyObject *
parse_call(const struct app_spec *spec)
{
	static const char source[] =
	    "import ast\n"
	    "call = ast.parse(text.strip(), mode='eval').body\n"
	    "if not isinstance(call, ast.Call):\n"
	    "    raise SyntaxError('not a call')\n"
	    "if any(k.arg is None for k in call.keywords):\n"
	    "    raise ValueError('** is not allowed')\n"
	    "result = (tuple(ast.literal_eval(a) for a in call.args),\n"
	    "    {k.arg: ast.literal_eval(k.value) for k in call.keywords})\n";
	PyObject *result = gt_pyobj_eval(
	    source, Py_BuildValue("{s:N}", "text",
	                          PyUnicode_DecodeFSDefault(spec->object)));

	if (result == NULL) {
		PyErr_Clear(); /* it tells of ast, and nothing of the call */
		gt_log_error("'%s' is not a call with literal arguments, such "
		             "as make('prod', 3, debug=True)",
		             spec->object);
	}
	return result;
}

static PyObject *
call_factory(PyObject *module, const struct app_spec *spec)
{
	PyObject *call = parse_call(spec), *factory, *app = NULL;
	char name[256];

	if (call == NULL)
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(spec->object, "("),
	         spec->object);
	if ((factory = find_name(module, spec, name)) != NULL) {
		app = PyObject_Call(factory, PyTuple_GET_ITEM(call, 0),
		                    PyTuple_GET_ITEM(call, 1));
		if (app == NULL)
			gt_pyerr_log(GT_LOG_ERROR, "factory '%s:%s' failed",
			             spec->module, spec->object);
	}
	Py_XDECREF(factory);
	Py_DECREF(call);
	return app;
}

static PyObject *
find_object(PyObject *module, const struct app_spec *spec)
{
	if (strchr(spec->object, '(') != NULL)
		return call_factory(module, spec);
	return find_name(module, spec, spec->object);
}

static bool is_coroutine(PyObject *o) GT_NEEDS_GIL;
static bool is_async(PyObject *app) GT_NEEDS_GIL;

/* Is o a function that was defined by async def? */
static bool
is_coroutine(PyObject *o)
{
	PyObject *code = PyObject_GetAttrString(o, "__code__"), *flags = NULL;
	bool is = false;

	if (code != NULL)
		flags = PyObject_GetAttrString(code, "co_flags");
	if (flags != NULL && PyLong_Check(flags))
		is = (PyLong_AsUnsignedLongMask(flags) & CO_COROUTINE) != 0;
	PyErr_Clear();
	Py_XDECREF(flags);
	Py_XDECREF(code);
	return is;
}

/* ASGI: what it returns is never a response. */
static bool
is_async(PyObject *app)
{
	PyObject *call;
	bool is;

	if (is_coroutine(app))
		return true;
	call = PyObject_GetAttrString((PyObject *)Py_TYPE(app), "__call__");
	is = call != NULL && is_coroutine(call);
	PyErr_Clear();
	Py_XDECREF(call);
	return is;
}

static PyObject *
load_callable(const struct app_spec *spec)
{
	PyObject *module = import_module(spec), *app;

	if (module == NULL)
		return NULL;
	app = find_object(module, spec);
	Py_DECREF(module);
	if (app == NULL || (PyCallable_Check(app) && !is_async(app)))
		return app;
	if (PyCallable_Check(app))
		gt_log_error("'%s:%s' is an ASGI application (async), WSGI "
		             "ones are served",
		             spec->module, spec->object);
	else
		gt_log_error("'%s:%s' is %s, which is not callable",
		             spec->module, spec->object, Py_TYPE(app)->tp_name);
	Py_DECREF(app);
	return NULL;
}

static PyObject *load_spec(const char *text) GT_NEEDS_GIL;

static PyObject *
load_spec(const char *text)
{
	struct app_spec spec;
	PyObject *app;

	split_spec(text, &spec);
	app = load_callable(&spec);
	free(spec.module);
	free(spec.object);
	return app;
}

/* Everything but the callable. NULL: failed, and logged. */
static struct gt_app *create_app(const struct gt_settings *s,
                                 bool multiprocess) GT_NEEDS_GIL;

static struct gt_app *
create_app(const struct gt_settings *s, bool multiprocess)
{
	struct gt_app *app = gt_xcalloc(1, sizeof(*app));

	app->settings = s;
	app->multiprocess = multiprocess;
	if ((app->disconnected = gt_module_object("ClientDisconnected")) !=
	        NULL &&
	    (app->timeout = gt_module_object("RequestTimeout")) != NULL &&
	    gt_environ_init_app(app) == GT_OK)
		return app;
	gt_pyerr_log(GT_LOG_ERROR, "the WSGI layer cannot start");
	gt_app_destroy(app);
	return NULL;
}

/* callable is NULL: what made it has failed. */
static enum gt_err finish_app(struct gt_app *app, PyObject *callable,
                              struct gt_app **out) GT_NEEDS_GIL;

static enum gt_err
finish_app(struct gt_app *app, PyObject *callable, struct gt_app **out)
{
	if ((app->callable = callable) == NULL) {
		gt_app_destroy(app);
		return GT_PYTHON;
	}
	*out = app;
	return GT_OK;
}

/* Who has chosen a Python without a GIL wants to know that it has one. */
static void warn_of_gil(void) GT_NEEDS_GIL;

static void
warn_of_gil(void)
{
	if (GT_FREE_THREADED && gt_interp_has_gil())
		gt_log_warning("python has turned its GIL on, requests run one "
		               "at a time: an extension module that was "
		               "imported does not say that it can do without, "
		               "or PYTHON_GIL=1 is set; PYTHON_GIL=0 keeps it "
		               "off");
}

enum gt_err
gt_app_load(const struct gt_settings *s, bool multiprocess, struct gt_app **out)
{
	struct gt_app *app = create_app(s, multiprocess);
	PyObject *callable;

	if (app == NULL)
		return GT_PYTHON;
	if (s->spew)
		gt_spew_start();
	callable = s->paste[0] != '\0' ? gt_paste_load(s) : load_spec(s->app);
	warn_of_gil();
	return finish_app(app, callable, out);
}

enum gt_err
gt_app_load_broken(const struct gt_settings *s, bool multiprocess,
                   struct gt_str text, struct gt_app **out)
{
	struct gt_app *app = create_app(s, multiprocess);

	return app == NULL ? GT_PYTHON
	                   : finish_app(app, gt_broken_load(text), out);
}

void
gt_app_destroy(struct gt_app *app)
{
	if (app == NULL)
		return;
	Py_CLEAR(app->callable);
	Py_CLEAR(app->disconnected);
	Py_CLEAR(app->timeout);
	gt_environ_fini_app(app);
	free(app);
}
