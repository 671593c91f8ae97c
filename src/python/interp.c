/* SPDX-License-Identifier: MIT */
/*
 * Start and end of the main interpreter. Main thread of a process that uses
 * Python; knows nothing of servers.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/str.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/python/pyerr.h"
#include "gthreadd/python/pyobj.h"
#include "python_priv.h"

/* Where the GIL comes and goes by names clang does not know. */
#define UNCHECKED GT_TSA(no_thread_safety_analysis)

static enum gt_err set_path(const struct gt_settings *s) GT_NEEDS_GIL;
static enum gt_err adopt_venv(const struct gt_venv *venv,
                              const char *prefix) GT_NEEDS_GIL;
static enum gt_err set_up(const struct gt_settings *s,
                          const struct gt_venv *venv) GT_NEEDS_GIL;

const char *
gt_interp_version(void)
{
	static _Thread_local char text[32];

	/* "3.11.2 (main, ...) [GCC 12.2.0]" */
	snprintf(text, sizeof(text), "%.*s" GT_PYOBJ_ABI,
	         (int)strcspn(Py_GetVersion(), " "), Py_GetVersion());
	return text;
}

/* "3.11": the part that names folders and must match. */
static void
minor_version(char out[16])
{
	const char *v = Py_GetVersion(), *dot = strchr(v, '.');
	size_t n = dot == NULL ? 0 : (size_t)(dot + 1 - v);

	n += strspn(v + n, "0123456789");
	snprintf(out, 16, "%.*s", (int)n, v);
}

static PyStatus
init_config(PyConfig *config, const struct gt_venv *venv)
{
	/* A foreign environment's home has another standard library. */
	bool own = venv == NULL || venv->is_foreign;
	const char *python = own ? GT_PYTHON_PATH : venv->python;
	PyStatus st;

	config->parse_argv = 0;
	config->install_signal_handlers = 0;
	if (venv != NULL && venv->is_foreign)
		config->site_import = 0;
	st = PyConfig_SetBytesString(config, &config->program_name, python);
	if (PyStatus_Exception(st))
		return st;
	st = PyConfig_SetBytesString(config, &config->executable, python);
	if (PyStatus_Exception(st))
		return st;
	st = PyWideStringList_Append(&config->argv, L"gthreadd");
	if (PyStatus_Exception(st))
		return st;
	return Py_InitializeFromConfig(config);
}

static enum gt_err
initialize(const struct gt_venv *venv)
{
	PyPreConfig pre;
	PyConfig config;
	PyStatus st;

	PyPreConfig_InitPythonConfig(&pre);
	pre.parse_argv = 0;
	st = Py_PreInitialize(&pre);
	if (!PyStatus_Exception(st)) {
		PyConfig_InitPythonConfig(&config);
		st = init_config(&config, venv);
		PyConfig_Clear(&config);
	}
	if (!PyStatus_Exception(st))
		return GT_OK;
	gt_log_error("python %s does not start: %s", gt_interp_version(),
	             st.err_msg == NULL ? "unknown reason" : st.err_msg);
	return GT_PYTHON;
}

/*
 * chdir, then pythonpath in its order, then what Python has by itself. The
 * settings' paths are absolute.
 */
static enum gt_err
set_path(const struct gt_settings *s)
{
	enum gt_err rc = gt_pyobj_path_insert(0, s->chdir);

	for (size_t i = 0; rc == GT_OK && i < s->pythonpath.n; i++)
		rc =
		    gt_pyobj_path_insert((Py_ssize_t)i + 1, s->pythonpath.v[i]);
	return rc;
}

/*
 * An environment made by another build of the same version: our standard
 * library, its packages. site.main() does the rest once sys.executable says
 * where pyvenv.cfg is.
 */
static enum gt_err
adopt_venv(const struct gt_venv *venv, const char *prefix)
{
	PyObject *p = PyUnicode_DecodeFSDefault(prefix);
	PyObject *python = PyUnicode_DecodeFSDefault(venv->python);
	enum gt_err rc = GT_PYTHON;

	if (p != NULL && python != NULL &&
	    PySys_SetObject("executable", python) == 0 &&
	    PySys_SetObject("prefix", p) == 0 &&
	    PySys_SetObject("exec_prefix", p) == 0)
		rc = gt_pyobj_run("site", "main", "()");
	Py_XDECREF(p);
	Py_XDECREF(python);
	if (rc == GT_OK)
		gt_log_warning("virtualenv %s was made by another build of "
		               "python (home=%s): its packages are used with "
		               "the standard library of %s",
		               prefix, venv->home, GT_PYTHON_PATH);
	return rc;
}

static enum gt_err buffer_lines(void) GT_NEEDS_GIL;

/* What is printed belongs into the log now, not when 8 KiB are full. */
static enum gt_err
buffer_lines(void)
{
	PyObject *out = PySys_GetObject("stdout"), *f, *args, *kw, *done = NULL;

	if (out == NULL || out == Py_None)
		return GT_OK;
	f = PyObject_GetAttrString(out, "reconfigure");
	args = PyTuple_New(0);
	kw = Py_BuildValue("{s:O}", "line_buffering", Py_True);
	if (f != NULL && args != NULL && kw != NULL)
		done = PyObject_Call(f, args, kw);
	Py_XDECREF(f);
	Py_XDECREF(args);
	Py_XDECREF(kw);
	Py_XDECREF(done);
	return done != NULL ? GT_OK : GT_PYTHON;
}

static enum gt_err
set_up(const struct gt_settings *s, const struct gt_venv *venv)
{
	PyObject *threading;
	enum gt_err rc = GT_OK;

	/* The thread that imports it first is its main thread. */
	if ((threading = PyImport_ImportModule("threading")) == NULL)
		return GT_PYTHON;
	Py_DECREF(threading);
	if (venv != NULL && venv->is_foreign)
		rc = adopt_venv(venv, s->virtualenv);
	if (rc == GT_OK)
		rc = set_path(s);
	if (rc == GT_OK && s->capture_output)
		rc = buffer_lines();
	if (rc == GT_OK && s->switch_interval_ms > 0)
		rc = gt_pyobj_run("sys", "setswitchinterval", "(d)",
		                  (double)s->switch_interval_ms / 1000.0);
	return rc;
}

UNCHECKED enum gt_err
gt_interp_start(const struct gt_settings *s)
{
	struct gt_venv venv, *use = NULL;
	char why[GT_VENV_PATH + 256], version[16];

	if (s->virtualenv[0] != '\0') {
		minor_version(version);
		if (gt_venv_read(s->virtualenv, version, GT_PYTHON_PATH, &venv,
		                 why, sizeof(why)) != GT_OK) {
			gt_log_error("virtualenv %s cannot be used: %s",
			             s->virtualenv, why);
			return GT_PYTHON;
		}
		use = &venv;
	}
	if (initialize(use) != GT_OK)
		return GT_PYTHON;
	gt_check_gil_held(true);
	if (set_up(s, use) == GT_OK)
		return GT_OK;
	gt_pyerr_log(GT_LOG_ERROR, "python %s cannot be set up",
	             gt_interp_version());
	return GT_PYTHON;
}

void
gt_interp_faulthandler(int fd)
{
	if (gt_pyobj_run("faulthandler", "enable", "(i)", fd) != GT_OK)
		gt_pyerr_log(GT_LOG_WARNING, "faulthandler is not available");
}

/*
 * Has sig a handler of Python code? SIG_DFL and SIG_IGN are not callable, and
 * importing the module gives SIGINT the one that raises KeyboardInterrupt.
 */
static bool is_handled(PyObject *module, int sig) GT_NEEDS_GIL;

static bool
is_handled(PyObject *module, int sig)
{
	PyObject *f = PyObject_CallMethod(module, "getsignal", "i", sig);
	PyObject *own = PyObject_GetAttrString(module, "default_int_handler");
	bool handled = f != NULL && PyCallable_Check(f) && f != own;

	PyErr_Clear();
	Py_XDECREF(own);
	Py_XDECREF(f);
	return handled;
}

bool
gt_interp_signals(const int *sigs, size_t n, char *out, size_t size)
{
	PyObject *module = PyImport_ImportModule("signal");
	size_t len = 0;

	out[0] = '\0';
	if (module == NULL) {
		PyErr_Clear();
		return false;
	}
	for (size_t i = 0; i < n && len < size; i++)
		if (is_handled(module, sigs[i]))
			len += (size_t)snprintf(out + len, size - len,
			                        "%sSIG%s", len > 0 ? ", " : "",
			                        sigabbrev_np(sigs[i]));
	Py_DECREF(module);
	return len > 0;
}

bool
gt_interp_has_gil(void)
{
	PyObject *f = PySys_GetObject("_is_gil_enabled"), *is = NULL;
	bool has;

	if (f != NULL)
		is = PyObject_CallNoArgs(f);
	has = is != Py_False;
	PyErr_Clear();
	Py_XDECREF(is);
	return has;
}

/* Private names of the standard library, so they may be missing. */
static void run_private(const char *module, const char *name) GT_NEEDS_GIL;

static void
run_private(const char *module, const char *name)
{
	PyObject *m = PyImport_ImportModule(module);
	bool there = m != NULL && PyObject_HasAttrString(m, name);

	Py_XDECREF(m);
	PyErr_Clear();
	if (there && gt_pyobj_run(module, name, "()") != GT_OK)
		gt_pyerr_log(GT_LOG_ERROR, "%s.%s failed at exit", module,
		             name);
}

static void flush_stream(const char *name) GT_NEEDS_GIL;

static void
flush_stream(const char *name)
{
	PyObject *stream = PySys_GetObject(name), *result;

	if (stream == NULL || stream == Py_None)
		return;
	result = PyObject_CallMethod(stream, "flush", NULL);
	if (result == NULL)
		PyErr_Clear(); /* a closed standard stream is no news */
	Py_XDECREF(result);
}

void
gt_interp_flush(void)
{
	if (!Py_IsInitialized())
		return;
	flush_stream("stdout");
	flush_stream("stderr");
}

UNCHECKED void
gt_interp_stop(bool finalize)
{
	run_private("threading", "_shutdown");
	run_private("atexit", "_run_exitfuncs");
	gt_interp_flush();
	if (!finalize) {
		gt_gil_give();
		return;
	}
	(void)Py_FinalizeEx();
	gt_check_gil_held(false);
}
