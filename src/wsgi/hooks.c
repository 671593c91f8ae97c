/* SPDX-License-Identifier: MIT */
/*
 * Hooks: the module gthreadd._hooks (its text is hooks.py), the callables that
 * the settings name, and calls of those that do not belong to a request. In
 * workers and in the forkserver; GIL held.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/pyerr.h"
#include "wsgi_priv.h"

#define MODULE "gthreadd._hooks"

static PyObject *make_module(struct gt_hooks *h) GT_NEEDS_GIL;
static enum gt_err add_functions(struct gt_hooks *h,
                                 PyObject *module) GT_NEEDS_GIL;
static enum gt_err make_objects(struct gt_hooks *h) GT_NEEDS_GIL;
static enum gt_err load_hook(struct gt_hooks *h,
                             enum gt_hook hook) GT_NEEDS_GIL;

/* _log(level, text, traceback) */
static PyObject *
hooks_log(PyObject *self, PyObject *args)
{
	PyObject *text, *trace, *octets, *more;
	int level;

	(void)self;
	gt_gil_entered();
	if (!PyArg_ParseTuple(args, "iUU", &level, &text, &trace) ||
	    (octets = gt_pyobj_utf8(text)) == NULL)
		return NULL;
	if ((more = gt_pyobj_utf8(trace)) == NULL) {
		Py_DECREF(octets);
		return NULL;
	}
	gt_log((enum gt_log_level)level, "%s", PyBytes_AS_STRING(octets));
	if (PyBytes_GET_SIZE(more) > 0 &&
	    gt_log_is_on((enum gt_log_level)level))
		gt_log_raw(PyBytes_AS_STRING(more),
		           (size_t)PyBytes_GET_SIZE(more));
	Py_DECREF(more);
	Py_DECREF(octets);
	Py_RETURN_NONE;
}

/* _counts(): requests taken, is it alive? */
static PyObject *
hooks_counts(PyObject *self, PyObject *unused)
{
	const struct gt_hooks *h = PyCapsule_GetPointer(self, NULL);
	uint64_t n = 0;
	bool alive = true;

	(void)unused;
	gt_gil_entered();
	if (h == NULL)
		return NULL;
	if (h->self.requests != NULL)
		n = atomic_load_explicit(h->self.requests,
		                         memory_order_relaxed);
	if (h->self.closing != NULL)
		alive = !atomic_load(h->self.closing);
	return Py_BuildValue("(KO)", (unsigned long long)n,
	                     alive ? Py_True : Py_False);
}

static PyMethodDef log_def = {"_log", hooks_log, METH_VARARGS, NULL};
static PyMethodDef counts_def = {"_counts", hooks_counts, METH_NOARGS, NULL};

enum gt_err
gt_hooks_set(PyObject *o, const char *name, PyObject *value)
{
	int rc = value == NULL ? -1 : PyObject_SetAttrString(o, name, value);

	Py_XDECREF(value);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

enum gt_err
gt_hooks_set_number(PyObject *o, const char *name, long value)
{
	return gt_hooks_set(o, name, PyLong_FromLong(value));
}

/* Code that runs at exit may still log: the last of its functions ends h. */
static void
free_hooks(PyObject *capsule)
{
	free(PyCapsule_GetPointer(capsule, NULL));
}

static enum gt_err
add_functions(struct gt_hooks *h, PyObject *module)
{
	PyObject *self = PyCapsule_New(h, NULL, free_hooks);
	enum gt_err rc = GT_PYTHON;

	if (self == NULL)
		return GT_PYTHON;
	h->is_shared = true;
	if (gt_hooks_set(module, "_log", PyCFunction_New(&log_def, self)) ==
	    GT_OK)
		rc = gt_hooks_set(module, "_counts",
		                  PyCFunction_New(&counts_def, self));
	Py_DECREF(self);
	return rc;
}

static PyObject *
make_module(struct gt_hooks *h)
{
	PyObject *module = PyModule_New(MODULE), *code, *dict, *done = NULL;
	PyObject *modules = PyImport_GetModuleDict(); /* borrowed */

	code = Py_CompileString(gt_hooks_source, "<" MODULE ">", Py_file_input);
	if (module != NULL && code != NULL &&
	    PyDict_SetItemString(modules, MODULE, module) == 0 &&
	    add_functions(h, module) == GT_OK) {
		dict = PyModule_GetDict(module); /* borrowed */
		if (PyDict_SetItemString(dict, "__builtins__",
		                         PyEval_GetBuiltins()) == 0)
			done = PyEval_EvalCode(code, dict, dict);
	}
	Py_XDECREF(code);
	if (done == NULL)
		Py_CLEAR(module);
	Py_XDECREF(done);
	return module;
}

/* An object of module.type that has cfg and log. */
PyObject *
gt_hooks_make(struct gt_hooks *h, const char *type)
{
	PyObject *o = PyObject_CallMethod(h->module, type, NULL);

	if (o != NULL && (PyObject_SetAttrString(o, "cfg", h->cfg) < 0 ||
	                  PyObject_SetAttrString(o, "log", h->log) < 0))
		Py_CLEAR(o);
	return o;
}

static enum gt_err
make_objects(struct gt_hooks *h)
{
	PyObject *config = PyObject_GetAttrString(h->module, "Config");
	PyObject *address;

	h->log = PyObject_GetAttrString(h->module, "log");
	if (config != NULL)
		h->cfg = gt_hooks_config(config, h->settings);
	Py_XDECREF(config);
	if (h->cfg == NULL || h->log == NULL ||
	    (h->server = gt_hooks_make(h, "Server")) == NULL ||
	    (address = PyObject_GetAttrString(h->cfg, "bind")) == NULL)
		return GT_PYTHON;
	if (gt_hooks_set(h->server, "address", address) != GT_OK ||
	    gt_hooks_set_number(h->server, "num_workers",
	                        (long)h->settings->workers) != GT_OK)
		return GT_PYTHON;
	return GT_OK;
}

/* Failures are logged. */
static enum gt_err
load_hook(struct gt_hooks *h, enum gt_hook hook)
{
	const char *spec = gt_hook_spec(h->settings, hook);
	const char *name = gt_hook_name(hook);
	PyObject *found;

	if (spec == NULL)
		return GT_OK;
	found = PyObject_CallMethod(h->module, "load", "sNs", name,
	                            PyUnicode_DecodeFSDefault(spec),
	                            gt_hook_args(hook));
	if (found == NULL) {
		gt_pyerr_log(GT_LOG_ERROR, "%s: hook '%s': '%s' cannot be used",
		             gt_hook_origin(h->settings, hook), name, spec);
		return GT_PYTHON;
	}
	h->nargs[hook] = PyLong_AsSize_t(PyTuple_GET_ITEM(found, 1));
	h->call[hook] = PyTuple_GET_ITEM(found, 0);
	Py_INCREF(h->call[hook]);
	Py_DECREF(found);
	return GT_OK;
}

enum gt_err
gt_hooks_load(const struct gt_settings *s, struct gt_hooks **out)
{
	struct gt_hooks *h;
	enum gt_err rc = GT_OK;

	*out = NULL;
	if (s->hooks.n == 0)
		return GT_OK;
	h = gt_xcalloc(1, sizeof(*h));
	h->settings = s;
	if ((h->module = make_module(h)) == NULL || make_objects(h) != GT_OK) {
		gt_pyerr_log(GT_LOG_ERROR, "hooks cannot be used");
		rc = GT_PYTHON;
	}
	/* All that are wrong are told at once. */
	for (size_t i = 0; h->server != NULL && i < GT_HOOK_COUNT; i++)
		if (load_hook(h, (enum gt_hook)i) != GT_OK)
			rc = GT_PYTHON;
	if (rc == GT_OK)
		*out = h;
	else
		gt_hooks_destroy(h);
	return rc;
}

void
gt_hooks_destroy(struct gt_hooks *h)
{
	PyObject *module;

	if (h == NULL)
		return;
	for (size_t i = 0; i < GT_HOOK_COUNT; i++)
		Py_CLEAR(h->call[i]);
	h->self = (struct gt_hook_self){0};
	Py_CLEAR(h->worker);
	Py_CLEAR(h->workers);
	Py_CLEAR(h->before);
	Py_CLEAR(h->after);
	Py_CLEAR(h->server);
	Py_CLEAR(h->cfg);
	Py_CLEAR(h->log);
	module = h->module;
	h->module = NULL;
	if (!h->is_shared)
		free(h);
	Py_XDECREF(module);
}

enum gt_err
gt_hooks_enter_worker(struct gt_hooks *h, const struct gt_hook_self *self)
{
	if (h == NULL)
		return GT_OK;
	h->self = *self;
	/* What pre_fork was told of, in the process this one is a copy of. */
	Py_CLEAR(h->worker);
	h->worker = gt_hooks_worker_of(h, self->age);
	Py_CLEAR(h->workers);
	if (h->worker != NULL &&
	    gt_hooks_set_number(h->server, "pid", (long)self->master) ==
	        GT_OK &&
	    gt_hooks_set_number(h->worker, "ppid", (long)self->master) ==
	        GT_OK &&
	    gt_hooks_set_number(h->worker, "pid", (long)getpid()) == GT_OK &&
	    gt_hooks_set_number(h->worker, "age", (long)self->age) == GT_OK &&
	    PyObject_SetAttrString(h->worker, "own", Py_True) == 0)
		return GT_OK;
	gt_pyerr_log(GT_LOG_ERROR, "hooks cannot be used");
	return GT_PYTHON;
}

void
gt_hooks_set_app(struct gt_hooks *h, struct gt_app *app)
{
	if (h == NULL)
		return;
	if (PyObject_SetAttrString(h->worker, "wsgi", app->callable) < 0 ||
	    PyObject_SetAttrString(h->worker, "booted", Py_True) < 0)
		PyErr_Clear();
	if (gt_hooks_has(h, GT_HOOK_pre_request) ||
	    gt_hooks_has(h, GT_HOOK_post_request))
		app->hooks = h;
}

bool
gt_hooks_has(const struct gt_hooks *h, enum gt_hook hook)
{
	return h != NULL && h->call[hook] != NULL;
}

/* The arguments by their names. NULL: exception. */
static PyObject *arguments(struct gt_hooks *h, enum gt_hook hook) GT_NEEDS_GIL;

/* Borrowed. */
static PyObject *
value_of(const struct gt_hooks *h, struct gt_str name)
{
	const struct {
		struct gt_str name;
		PyObject *value;
	} known[] = {
	    {GT_STR("server"), h->server},
	    {GT_STR("worker"), h->worker},
	    {GT_STR("new"), h->after},
	    {GT_STR("old"), h->before},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (gt_str_eq(known[i].name, name) && known[i].value != NULL)
			return known[i].value;
	return Py_None;
}

static PyObject *
arguments(struct gt_hooks *h, enum gt_hook hook)
{
	struct gt_str rest = gt_str_of(gt_hook_args(hook)), name;
	PyObject *args = PyTuple_New((Py_ssize_t)h->nargs[hook]), *o;

	for (size_t i = 0; args != NULL && i < h->nargs[hook]; i++) {
		gt_str_split(&rest, ',', &name);
		name = gt_str_trim(name);
		o = value_of(h, name);
		Py_INCREF(o);
		PyTuple_SET_ITEM(args, (Py_ssize_t)i, o);
	}
	return args;
}

enum gt_err
gt_hooks_call(struct gt_hooks *h, enum gt_hook hook, PyObject *args)
{
	PyObject *result = NULL;

	if (args != NULL)
		result = PyObject_CallObject(h->call[hook], args);
	if (result == NULL) {
		gt_pyerr_log(GT_LOG_ERROR, "hook '%s' failed (%s)",
		             gt_hook_name(hook),
		             gt_hook_origin(h->settings, hook));
		return GT_PYTHON;
	}
	Py_DECREF(result);
	return GT_OK;
}

enum gt_err
gt_hooks_run(struct gt_hooks *h, enum gt_hook hook)
{
	PyObject *args;
	enum gt_err rc;

	if (!gt_hooks_has(h, hook))
		return GT_OK;
	args = arguments(h, hook);
	rc = gt_hooks_call(h, hook, args);
	Py_XDECREF(args);
	return rc;
}
