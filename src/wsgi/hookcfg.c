/* SPDX-License-Identifier: MIT */
/*
 * The settings as a hook sees them: a mapping of names to values of Python,
 * made from the table of settings. GIL held.
 */
#include "wsgi_priv.h"

#define MAKER(type) make_##type
#define MAKE(type)                                                           \
	static PyObject *MAKER(type)(const void *field, const char *choices) \
	    GT_NEEDS_GIL;                                                    \
	static PyObject *MAKER(type)(const void *field, const char *choices)

MAKE(COUNT)
{
	(void)choices;
	return PyLong_FromUnsignedLongLong(*(const GT_TYPE_COUNT *)field);
}

/* Seconds; a whole number of them is an int, as in gunicorn. */
MAKE(DURATION)
{
	GT_TYPE_DURATION ms = *(const GT_TYPE_DURATION *)field;

	(void)choices;
	if (ms % 1000 == 0)
		return PyLong_FromLongLong(ms / 1000);
	return PyFloat_FromDouble((double)ms / 1000.0);
}

MAKE(SIZE)
{
	(void)choices;
	return PyLong_FromSize_t(*(const GT_TYPE_SIZE *)field);
}

MAKE(BOOL)
{
	(void)choices;
	return PyBool_FromLong(*(const GT_TYPE_BOOL *)field);
}

MAKE(MODE)
{
	(void)choices;
	return PyLong_FromUnsignedLong(*(const GT_TYPE_MODE *)field);
}

MAKE(ENUM)
{
	struct gt_str rest = gt_str_of(choices), part = GT_STR("");

	for (int i = *(const GT_TYPE_ENUM *)field; i >= 0; i--)
		gt_str_split(&rest, '|', &part);
	return PyUnicode_FromStringAndSize(part.p, (Py_ssize_t)part.n);
}

MAKE(STRING)
{
	(void)choices;
	return PyUnicode_DecodeFSDefault(*(GT_TYPE_STRING const *)field);
}

MAKE(BINDS)
{
	const struct gt_strv *list = field;
	PyObject *out = PyList_New((Py_ssize_t)list->n), *item;

	(void)choices;
	for (size_t i = 0; out != NULL && i < list->n; i++) {
		if ((item = PyUnicode_DecodeFSDefault(list->v[i])) == NULL)
			Py_CLEAR(out);
		else
			PyList_SET_ITEM(out, (Py_ssize_t)i, item);
	}
	return out;
}

#define make_PATH    make_STRING
#define make_LOGFILE make_STRING
#define make_PATHS   make_BINDS
#define make_NETS    make_BINDS
#define make_NAMES   make_BINDS
#define make_FIELDS  make_BINDS
#define make_WORDS   make_BINDS
#define make_SECRETS make_BINDS
#define make_ENV     make_BINDS
#define make_HOOKS   make_BINDS

static const struct entry {
	const char *name, *aliases, *choices;
	size_t offset;
	PyObject *(*make)(const void *field, const char *choices);
} table[] = {
#define GT_SETTING(field, name, type, metavar, dflt, min, max, choices, \
                   reload, letter, aliases, summary, text)              \
	{name, aliases, choices, offsetof(struct gt_settings, field),   \
	 MAKER(type)},
#include "../config/tbl/settings.def"
#undef GT_SETTING
};

static enum gt_err add_value(PyObject *values, const struct entry *e,
                             const struct gt_settings *s) GT_NEEDS_GIL;
static enum gt_err add_aliases(PyObject *aliases,
                               const struct entry *e) GT_NEEDS_GIL;

static enum gt_err
add_value(PyObject *values, const struct entry *e, const struct gt_settings *s)
{
	PyObject *value = e->make((const char *)s + e->offset, e->choices);
	int rc = -1;

	if (value != NULL)
		rc = PyDict_SetItemString(values, e->name, value);
	Py_XDECREF(value);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

static enum gt_err
add_aliases(PyObject *aliases, const struct entry *e)
{
	PyObject *name = PyUnicode_FromString(e->name), *key;
	struct gt_str rest = gt_str_of(e->aliases), part;
	int rc = name == NULL ? -1 : 0;

	while (rc == 0 && gt_str_split(&rest, ' ', &part)) {
		key = PyUnicode_FromStringAndSize(part.p, (Py_ssize_t)part.n);
		rc = key == NULL ? -1 : PyDict_SetItem(aliases, key, name);
		Py_XDECREF(key);
	}
	Py_XDECREF(name);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

PyObject *
gt_hooks_config(PyObject *type, const struct gt_settings *s)
{
	PyObject *values = PyDict_New(), *aliases = PyDict_New(), *out = NULL;
	enum gt_err rc = values == NULL || aliases == NULL ? GT_PYTHON : GT_OK;

	for (size_t i = 0; rc == GT_OK && i < sizeof(table) / sizeof(table[0]);
	     i++) {
		rc = add_value(values, &table[i], s);
		if (rc == GT_OK)
			rc = add_aliases(aliases, &table[i]);
	}
	if (rc == GT_OK)
		out = PyObject_CallFunctionObjArgs(type, values, aliases, NULL);
	Py_XDECREF(aliases);
	Py_XDECREF(values);
	return out;
}
