/* SPDX-License-Identifier: MIT */
/*
 * What all environs of an application share: interned keys and constant
 * values, made once, at load; and the template of one thread's.
 */
#include <string.h>

#include "wsgi_priv.h"

static enum gt_err intern_names(struct gt_app *app) GT_NEEDS_GIL;
static PyObject *field_key(const char *name) GT_NEEDS_GIL;
static PyObject *first_value(const struct gt_app *app,
                             enum gt_key key) GT_NEEDS_GIL;

/* The environ key of a known field: HTTP_..., but for two of CGI. */
static PyObject *
field_key(const char *name)
{
	char text[64] = "HTTP_";
	size_t n = 5;

	if (strcmp(name, "Content-Length") == 0 ||
	    strcmp(name, "Content-Type") == 0)
		n = 0;
	for (; *name != '\0' && n < sizeof(text) - 1; name++)
		text[n++] = *name == '-' ? '_' : gt_ascii_upper(*name);
	text[n] = '\0';
	return PyUnicode_InternFromString(text);
}

static enum gt_err
intern_names(struct gt_app *app)
{
	static const char *const keys[] = {
#define X(id, name) name,
	    GT_KEY_TABLE(X)
#undef X
	};
	static const char *const fields[] = {
	    "",
#define GT_FIELD(id, name, flags) name,
#include "../http/tbl/field.def"
#undef GT_FIELD
	};
	static const char *const methods[] = {
#define GT_METHOD(id) [GT_METHOD_##id] = #id,
#include "../http/tbl/method.def"
#undef GT_METHOD
	};
	bool ok = true;

	for (int i = 0; i < GT_KEY_COUNT; i++)
		ok &=
		    (app->key[i] = PyUnicode_InternFromString(keys[i])) != NULL;
	for (int i = 0; i < GT_FIELD_COUNT; i++)
		ok &= (app->field[i] = field_key(fields[i])) != NULL;
	for (int i = 0; i < GT_METHOD_COUNT; i++)
		if (methods[i] != NULL)
			ok &= (app->method[i] = PyUnicode_InternFromString(
			           methods[i])) != NULL;
	app->protocol[0] = PyUnicode_InternFromString("HTTP/1.0");
	app->protocol[1] = PyUnicode_InternFromString("HTTP/1.1");
	app->scheme[0] = PyUnicode_InternFromString("http");
	app->scheme[1] = PyUnicode_InternFromString("https");
	ok = ok && app->protocol[0] != NULL && app->protocol[1] != NULL &&
	     app->scheme[0] != NULL && app->scheme[1] != NULL;
	return ok ? GT_OK : GT_PYTHON;
}

/* New reference; text that each request replaces begins empty. */
static PyObject *
first_value(const struct gt_app *app, enum gt_key key)
{
	if (key == GT_KEY_VERSION)
		return Py_BuildValue("(ii)", 1, 0);
	if (key == GT_KEY_URL_SCHEME) {
		Py_INCREF(app->scheme[0]);
		return app->scheme[0];
	}
	if (key == GT_KEY_INPUT)
		return gt_input_create(NULL);
	if (key == GT_KEY_INPUT_TERMINATED)
		return PyBool_FromLong(1);
	if (key == GT_KEY_ERRORS)
		return gt_errors_create();
	if (key == GT_KEY_MULTITHREAD)
		return PyBool_FromLong(app->settings->threads > 1);
	if (key == GT_KEY_MULTIPROCESS)
		return PyBool_FromLong(app->multiprocess);
	if (key == GT_KEY_RUN_ONCE)
		return PyBool_FromLong(0);
	if (key == GT_KEY_FILE_WRAPPER)
		return gt_filewrap_type();
	if (key == GT_KEY_SERVER_SOFTWARE)
		return PyUnicode_FromString("gthreadd/" PACKAGE_VERSION);
	return PyUnicode_FromString("");
}

enum gt_err
gt_environ_init_app(struct gt_app *app)
{
	if (intern_names(app) != GT_OK || gt_input_ready() != GT_OK ||
	    gt_start_ready() != GT_OK || gt_errors_ready() != GT_OK ||
	    gt_filewrap_ready() != GT_OK)
		return GT_PYTHON;
	return gt_environ_init_id(app);
}

PyObject *
gt_environ_template(const struct gt_app *app)
{
	PyObject *dict = PyDict_New(), *value;

	for (int i = 0; dict != NULL && i < GT_KEY_COUNT; i++) {
		value = first_value(app, (enum gt_key)i);
		if (value == NULL ||
		    PyDict_SetItem(dict, app->key[i], value) != 0)
			Py_CLEAR(dict);
		Py_XDECREF(value);
	}
	return dict;
}

static void
clear(PyObject **v, int n)
{
	for (int i = 0; i < n; i++)
		Py_CLEAR(v[i]);
}

void
gt_environ_fini_app(struct gt_app *app)
{
	clear(app->key, GT_KEY_COUNT);
	clear(app->field, GT_FIELD_COUNT);
	clear(app->method, GT_METHOD_COUNT);
	clear(app->protocol, 2);
	clear(app->scheme, 2);
	clear(app->id_key, 2);
}
