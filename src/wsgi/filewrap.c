/* SPDX-License-Identifier: MIT */
/*
 * wsgi.file_wrapper: an iterator over blocks of a file-like object, and the
 * test whether the loop may send the file without Python.
 */
#include <sys/stat.h>

#include "gthreadd/python/gil.h"
#include "wsgi_priv.h"

#define BLOCK_SIZE 8192 /* octets, when the app does not say */

struct gt_filewrap {
	PyObject_HEAD PyObject *filelike;
	Py_ssize_t block; /* octets */
};

static struct gt_filewrap *
filewrap_of(PyObject *o)
{
	return (struct gt_filewrap *)(void *)o;
}

static PyObject *
filewrap_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
	Py_ssize_t block = BLOCK_SIZE;
	PyObject *filelike, *self;

	gt_gil_entered();
	if (kw != NULL && PyDict_GET_SIZE(kw) > 0) {
		PyErr_SetString(PyExc_TypeError,
		                "file_wrapper() takes no keyword arguments");
		return NULL;
	}
	if (!PyArg_ParseTuple(args, "O|n:file_wrapper", &filelike, &block))
		return NULL;
	if ((self = type->tp_alloc(type, 0)) == NULL)
		return NULL;
	Py_INCREF(filelike);
	filewrap_of(self)->filelike = filelike;
	filewrap_of(self)->block = block > 0 ? block : BLOCK_SIZE;
	return self;
}

static int
filewrap_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(filewrap_of(self)->filelike);
	return 0;
}

static int
filewrap_clear(PyObject *self)
{
	gt_gil_entered();
	Py_CLEAR(filewrap_of(self)->filelike);
	return 0;
}

static void
filewrap_dealloc(PyObject *self)
{
	gt_gil_entered();
	PyObject_GC_UnTrack(self);
	Py_CLEAR(filewrap_of(self)->filelike);
	Py_TYPE(self)->tp_free(self);
}

static PyObject *
filewrap_next(PyObject *self)
{
	struct gt_filewrap *w = filewrap_of(self);
	PyObject *block;

	gt_gil_entered();
	block = PyObject_CallMethod(w->filelike, "read", "n", w->block);
	if (block == NULL || PyObject_IsTrue(block) == 1)
		return block;
	Py_DECREF(block);
	return NULL;
}

static PyObject *
filewrap_close(PyObject *self, PyObject *unused)
{
	PyObject *close, *result;

	(void)unused;
	gt_gil_entered();
	if (gt_pyobj_attr(filewrap_of(self)->filelike, "close", &close) !=
	    GT_OK)
		return NULL;
	if (close == NULL)
		Py_RETURN_NONE;
	result = PyObject_CallNoArgs(close);
	Py_DECREF(close);
	return result;
}

static PyMethodDef filewrap_methods[] = {
    {"close", filewrap_close, METH_NOARGS, "Close the file-like object."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject filewrap_type = {
    GT_PYOBJ_HEAD_INIT.tp_name = "gthreadd.FileWrapper",
    .tp_basicsize = sizeof(struct gt_filewrap),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "wsgi.file_wrapper: file_wrapper(file, block_size=8192).",
    .tp_new = filewrap_new,
    .tp_dealloc = filewrap_dealloc,
    .tp_traverse = filewrap_traverse,
    .tp_clear = filewrap_clear,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = filewrap_next,
    .tp_methods = filewrap_methods,
};

enum gt_err
gt_filewrap_ready(void)
{
	return PyType_Ready(&filewrap_type) == 0 ? GT_OK : GT_PYTHON;
}

PyObject *
gt_filewrap_type(void)
{
	Py_INCREF(&filewrap_type);
	return (PyObject *)&filewrap_type;
}

static bool is_io_type(PyObject *o, const char *name) GT_NEEDS_GIL;
static PyObject *plain_file(PyObject *filelike) GT_NEEDS_GIL;
static bool call_number(PyObject *o, const char *name,
                        long long *out) GT_NEEDS_GIL;
static bool flush_file(PyObject *file) GT_NEEDS_GIL;

/* Exactly io.name, no subclass: that could read something else. */
static bool
is_io_type(PyObject *o, const char *name)
{
	PyObject *io = PyImport_ImportModule("io"), *type = NULL;
	bool is;

	if (io != NULL)
		type = PyObject_GetAttrString(io, name);
	is = type != NULL && (PyObject *)Py_TYPE(o) == type;
	Py_XDECREF(type);
	Py_XDECREF(io);
	return is;
}

/*
 * The file object whose own read() is filelike.read: filelike itself, or what
 * a thin proxy passes on to. gzip.GzipFile and its like have a fileno() too,
 * but what they read is not what is in that file. New reference or NULL.
 */
static PyObject *
plain_file(PyObject *filelike)
{
	PyObject *read = PyObject_GetAttrString(filelike, "read");
	PyObject *file = NULL, *raw;

	if (read != NULL && PyCFunction_Check(read))
		file = PyCFunction_GET_SELF(read);
	Py_XINCREF(file);
	Py_XDECREF(read);
	if (file == NULL || is_io_type(file, "FileIO"))
		return file;
	if (is_io_type(file, "BufferedReader") ||
	    is_io_type(file, "BufferedRandom")) {
		raw = PyObject_GetAttrString(file, "raw");
		if (raw != NULL && is_io_type(raw, "FileIO")) {
			Py_DECREF(raw);
			return file;
		}
		Py_XDECREF(raw);
	}
	Py_DECREF(file);
	return NULL;
}

static bool
call_number(PyObject *o, const char *name, long long *out)
{
	PyObject *n = PyObject_CallMethod(o, name, NULL);

	if (n == NULL)
		return false;
	*out = PyLong_AsLongLong(n);
	Py_DECREF(n);
	return *out >= 0 && !PyErr_Occurred();
}

/* What was written into it must be in the file before its size is asked. */
static bool
flush_file(PyObject *file)
{
	PyObject *result = PyObject_CallMethod(file, "flush", NULL);

	Py_XDECREF(result);
	return result != NULL;
}

bool
gt_filewrap_is(PyObject *o)
{
	return Py_TYPE(o) == &filewrap_type;
}

bool
gt_filewrap_part(PyObject *o, struct gt_file_part *out)
{
	long long fd, off;
	PyObject *file;
	struct stat st;
	bool ok;

	if (!gt_filewrap_is(o))
		return false;
	file = plain_file(filewrap_of(o)->filelike);
	/* tell() knows what the object has read ahead, lseek() does not. */
	ok = file != NULL && flush_file(file) &&
	     call_number(file, "fileno", &fd) &&
	     call_number(file, "tell", &off) && fstat((int)fd, &st) == 0 &&
	     S_ISREG(st.st_mode) &&
	     /* What says it is empty may be made as it is read: /proc. */
	     st.st_size > (off_t)off;
	Py_XDECREF(file);
	PyErr_Clear();
	if (!ok)
		return false;
	out->fd = (int)fd;
	out->off = (off_t)off;
	out->left = (uint64_t)(st.st_size - off);
	return true;
}
