/* SPDX-License-Identifier: MIT */
/*
 * Values of the environ for the access log. The loop writes the line, without
 * Python: so the octets are copied while the thread still has the GIL.
 */
#include "wsgi_priv.h"

static struct gt_str log_value(PyObject *value,
                               struct gt_arena *a) GT_NEEDS_GIL;
static void match_key(PyObject *key, PyObject *value, struct gt_exchange *ex,
                      const struct gt_str *names, size_t n) GT_NEEDS_GIL;

/* The text of a value: octets of latin-1, UTF-8 of anything beyond. */
static struct gt_str
log_value(PyObject *value, struct gt_arena *a)
{
	PyObject *text = PyObject_Str(value), *utf8 = NULL;
	struct gt_str s = {NULL, 0};

	if (text != NULL && !gt_pyobj_octets(text, &s)) {
		utf8 = gt_pyobj_utf8(text);
		if (utf8 != NULL)
			s = (struct gt_str){PyBytes_AS_STRING(utf8),
			                    (size_t)PyBytes_GET_SIZE(utf8)};
	}
	if (s.p != NULL)
		s.p = gt_arena_strdup(a, s);
	PyErr_Clear();
	Py_XDECREF(utf8);
	Py_XDECREF(text);
	return s;
}

static void
match_key(PyObject *key, PyObject *value, struct gt_exchange *ex,
          const struct gt_str *names, size_t n)
{
	struct gt_str have;

	if (!gt_pyobj_octets(key, &have))
		return;
	for (size_t i = 0; i < n; i++)
		if (gt_str_eq_icase(names[i], have))
			ex->log_env[i] = log_value(value, &ex->arena);
}

void
gt_environ_log(PyObject *env, struct gt_exchange *ex)
{
	PyObject *key, *value, *copy = NULL;
	Py_ssize_t pos = 0;
	const struct gt_str *names;
	size_t n;

	if (ex->service->access == NULL)
		return;
	names = gt_access_wanted_env(ex->service->access, &n);
	if (n == 0)
		return;
	ex->log_env = gt_arena_alloc(&ex->arena, n * sizeof(*ex->log_env));
	if (ex->log_env == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		ex->log_env[i] = (struct gt_str){NULL, 0};
	/* The app may change it: a thread of its own, or str() of a value. */
	if (env != NULL)
		copy = PyDict_Copy(env);
	while (copy != NULL && PyDict_Next(copy, &pos, &key, &value))
		match_key(key, value, ex, names, n);
	PyErr_Clear();
	Py_XDECREF(copy);
}
