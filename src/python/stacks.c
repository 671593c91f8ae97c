/* SPDX-License-Identifier: MIT */
/*
 * The stacks of the threads, read frame by frame through the C API: neither
 * the traceback module nor threading's functions are called, which could wait
 * for what a stuck thread holds. GIL held; knows nothing of requests.
 */
#include <Python.h>
#include <frameobject.h>
#include <string.h>

#include "gthreadd/python/pyobj.h"
#include "gthreadd/python/stacks.h"

#define FRAMES_MAX 100 /* innermost ones that are shown */
#define ABOUT_MAX  640

/* One thread's, from the innermost outwards. */
struct stack {
	PyFrameObject *frame[FRAMES_MAX];
	int line[FRAMES_MAX];
	size_t n;
	PyFrameObject *more; /* the next one outwards; NULL: there is none */
};

static bool add_object(struct gt_buf *out, PyObject *text) GT_NEEDS_GIL;
static PyObject *thread_names(void) GT_NEEDS_GIL;
static void add_name(struct gt_buf *out, PyObject *threads,
                     PyObject *ident) GT_NEEDS_GIL;
static void add_frame(struct gt_buf *out, PyFrameObject *frame,
                      int line) GT_NEEDS_GIL;
static void read_stack(struct stack *s) GT_NEEDS_GIL;
static void add_frames(struct gt_buf *out, PyObject *innermost) GT_NEEDS_GIL;

unsigned long
gt_stacks_self(void)
{
	return PyThread_get_thread_ident();
}

/* Half a line is better than none: what has no room is left out. */
static void
add(struct gt_buf *out, const char *s)
{
	if (gt_buf_add(out, s, strlen(s)) != GT_OK)
		return;
}

static bool
add_object(struct gt_buf *out, PyObject *text)
{
	PyObject *octets = NULL;
	bool done = false;

	if (text != NULL && PyUnicode_Check(text))
		octets = gt_pyobj_utf8(text);
	if (octets != NULL)
		done = gt_buf_add(out, PyBytes_AS_STRING(octets),
		                  (size_t)PyBytes_GET_SIZE(octets)) == GT_OK;
	Py_XDECREF(octets);
	PyErr_Clear();
	return done;
}

/*
 * threading's own table, identity to Thread, as it is: its functions take a
 * lock. NULL: not there; no exception.
 */
static PyObject *
thread_names(void)
{
	PyObject *modules = PyImport_GetModuleDict(), *module, *table = NULL;
	PyObject *name = PyUnicode_InternFromString("threading");

	module = name == NULL ? NULL : gt_pyobj_dict_get(modules, name);
	if (module != NULL)
		table = PyObject_GetAttrString(module, "_active");
	Py_XDECREF(module);
	Py_XDECREF(name);
	if (table != NULL && !PyDict_Check(table))
		Py_CLEAR(table);
	PyErr_Clear();
	return table;
}

static void
add_name(struct gt_buf *out, PyObject *threads, PyObject *ident)
{
	PyObject *thread = NULL, *name = NULL;
	bool done;

	if (threads != NULL)
		thread = gt_pyobj_dict_get(threads, ident);
	if (thread != NULL)
		name = PyObject_GetAttrString(thread, "_name");
	Py_XDECREF(thread);
	done = add_object(out, name);
	Py_XDECREF(name);
	PyErr_Clear();
	if (!done && gt_buf_addf(out, "0x%lx",
	                         PyLong_AsUnsignedLongMask(ident)) != GT_OK)
		add(out, "?");
}

static void
add_frame(struct gt_buf *out, PyFrameObject *frame, int line)
{
	PyCodeObject *code = PyFrame_GetCode(frame);

	add(out, "  File \"");
	if (!add_object(out, code->co_filename))
		add(out, "?");
	if (gt_buf_addf(out, "\", line %d, in ", line) != GT_OK)
		add(out, "\", in ");
	if (!add_object(out, code->co_name))
		add(out, "?");
	add(out, "\n");
	Py_DECREF(code);
}

/* From s->more on. */
static void
follow(struct stack *s)
{
	while (s->more != NULL && s->n < FRAMES_MAX) {
		s->frame[s->n] = s->more;
		s->line[s->n++] = PyFrame_GetLineNumber(s->more);
		s->more = PyFrame_GetBack(s->more);
	}
}

#ifdef Py_GIL_DISABLED
static int
follow_once(PyObject *unused, void *arg)
{
	(void)unused;
	follow(arg);
	return 0;
}

/*
 * The frames of a thread that runs change under one's hands: this function of
 * the C API stops all threads for as long as it shows their objects, of which
 * the first is enough.
 */
static void
read_stack(struct stack *s)
{
	PyUnstable_GC_VisitObjects(follow_once, s);
}
#else
static void
read_stack(struct stack *s)
{
	follow(s);
}
#endif

/* Frames lead outwards; they are written from the outermost one inwards. */
static void
add_frames(struct gt_buf *out, PyObject *innermost)
{
	struct stack s = {.n = 0};

	Py_INCREF(innermost);
	s.more = (PyFrameObject *)(void *)innermost;
	read_stack(&s);
	if (s.more != NULL)
		add(out, "  ...\n");
	Py_XDECREF((PyObject *)s.more);
	while (s.n > 0) {
		s.n--;
		add_frame(out, s.frame[s.n], s.line[s.n]);
		Py_DECREF((PyObject *)s.frame[s.n]);
	}
}

static PyObject *
current_frames(void)
{
	PyObject *function = PySys_GetObject("_current_frames"), *frames;

	if (function == NULL)
		return NULL;
	frames = PyObject_CallNoArgs(function);
	if (frames != NULL && !PyDict_Check(frames))
		Py_CLEAR(frames);
	PyErr_Clear();
	return frames;
}

size_t
gt_stacks_add(struct gt_buf *out, unsigned long thread, gt_stacks_about *about,
              void *arg)
{
	PyObject *frames = current_frames(), *threads, *ident, *frame;
	unsigned long id;
	char text[ABOUT_MAX];
	Py_ssize_t pos = 0;
	size_t n = 0;

	if (frames == NULL)
		return 0;
	threads = thread_names();
	while (PyDict_Next(frames, &pos, &ident, &frame)) {
		id = PyLong_AsUnsignedLongMask(ident);
		if (thread != 0 && id != thread)
			continue;
		add(out, "Thread ");
		add_name(out, threads, ident);
		if (about != NULL && about(arg, id, text, sizeof(text)) &&
		    gt_buf_addf(out, " (%s)", text) != GT_OK)
			add(out, " (?)");
		add(out, ":\n");
		add_frames(out, frame);
		n++;
	}
	Py_XDECREF(threads);
	Py_DECREF(frames);
	return n;
}
