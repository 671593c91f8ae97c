/* SPDX-License-Identifier: MIT */
/*
 * Hooks of the master, in a forkserver: the objects follow what the master
 * tells with each call. A worker is one object from pre_fork to child_exit.
 * GIL held.
 */
#include "gthreadd/net/forkmsg.h"
#include "gthreadd/python/pyerr.h"
#include "wsgi_priv.h"

static enum gt_err set_workers(struct gt_hooks *h,
                               const struct gt_fork_msg *msg) GT_NEEDS_GIL;
static enum gt_err set_facts(struct gt_hooks *h,
                             const struct gt_fork_msg *msg) GT_NEEDS_GIL;
static PyObject *find_worker(struct gt_hooks *h,
                             const struct gt_fork_proc *p) GT_NEEDS_GIL;
static void forget_worker(struct gt_hooks *h, unsigned age) GT_NEEDS_GIL;
static PyObject *count_of(int64_t n) GT_NEEDS_GIL;

PyObject *
gt_hooks_worker_of(struct gt_hooks *h, unsigned age)
{
	PyObject *key, *o = NULL;

	if (h->workers == NULL)
		return gt_hooks_make(h, "Worker");
	if ((key = PyLong_FromUnsignedLong(age)) == NULL)
		return NULL;
	if ((o = PyDict_GetItemWithError(h->workers, key)) != NULL) {
		Py_INCREF(o);
	} else if (!PyErr_Occurred() &&
	           (o = gt_hooks_make(h, "Worker")) != NULL &&
	           (gt_hooks_set_number(o, "age", (long)age) != GT_OK ||
	            PyDict_SetItem(h->workers, key, o) < 0)) {
		Py_CLEAR(o);
	}
	Py_DECREF(key);
	return o;
}

/* A pid of 0 is not known yet. */
static PyObject *
find_worker(struct gt_hooks *h, const struct gt_fork_proc *p)
{
	PyObject *o = gt_hooks_worker_of(h, p->age);

	if (o != NULL && p->pid > 0 &&
	    gt_hooks_set_number(o, "pid", (long)p->pid) != GT_OK)
		Py_CLEAR(o);
	return o;
}

static void
forget_worker(struct gt_hooks *h, unsigned age)
{
	PyObject *key = PyLong_FromUnsignedLong(age);

	if (key == NULL || PyDict_DelItem(h->workers, key) < 0)
		PyErr_Clear();
	Py_XDECREF(key);
}

/* server.WORKERS */
static enum gt_err
set_workers(struct gt_hooks *h, const struct gt_fork_msg *msg)
{
	PyObject *dict = PyDict_New(), *worker, *pid;
	int rc = dict == NULL ? -1 : 0;

	for (size_t i = 0; rc == 0 && i < msg->nprocs; i++) {
		worker = find_worker(h, &msg->procs[i]);
		pid = PyLong_FromLong((long)msg->procs[i].pid);
		rc = worker == NULL || pid == NULL
		         ? -1
		         : PyDict_SetItem(dict, pid, worker);
		Py_XDECREF(pid);
		Py_XDECREF(worker);
	}
	if (rc == 0)
		rc = PyObject_SetAttrString(h->server, "WORKERS", dict);
	Py_XDECREF(dict);
	return rc == 0 ? GT_OK : GT_PYTHON;
}

/* None below 0. */
static PyObject *
count_of(int64_t n)
{
	return n < 0 ? Py_BuildValue("") : PyLong_FromLongLong(n);
}

static enum gt_err
set_facts(struct gt_hooks *h, const struct gt_fork_msg *msg)
{
	Py_CLEAR(h->worker);
	Py_CLEAR(h->before);
	Py_CLEAR(h->after);
	if (h->workers == NULL && (h->workers = PyDict_New()) == NULL)
		return GT_PYTHON;
	if (msg->worker.age > 0 &&
	    (h->worker = find_worker(h, &msg->worker)) == NULL)
		return GT_PYTHON;
	if ((h->before = count_of(msg->before)) == NULL ||
	    (h->after = count_of(msg->after)) == NULL ||
	    gt_hooks_set_number(h->server, "pid", (long)msg->master) != GT_OK ||
	    gt_hooks_set_number(h->server, "num_workers", (long)msg->target) !=
	        GT_OK)
		return GT_PYTHON;
	return set_workers(h, msg);
}

enum gt_err
gt_hooks_run_master(struct gt_hooks *h, enum gt_hook hook,
                    const struct gt_fork_msg *msg)
{
	enum gt_err rc;

	if (h == NULL)
		return GT_OK;
	if (set_facts(h, msg) != GT_OK) {
		gt_pyerr_log(GT_LOG_ERROR,
		             "hooks cannot be told of the master");
		return GT_PYTHON;
	}
	rc = gt_hooks_run(h, hook);
	if (hook == GT_HOOK_child_exit)
		forget_worker(h, msg->worker.age);
	return rc;
}
