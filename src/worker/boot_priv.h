/* SPDX-License-Identifier: MIT */
/*
 * Python's beginning and end in a worker, and workers that are copies of a
 * forkserver. Included by worker_priv.h.
 */
#ifndef GTHREADD_WORKER_BOOT_PRIV_H
#define GTHREADD_WORKER_BOOT_PRIV_H

#include "gthreadd/base/annot.h"
#include "gthreadd/config/child.h"
#include "gthreadd/wsgi/hooks.h"
#include "gthreadd/wsgi/wsgi.h"

struct gt_worker;

/* What a worker finds that was forked by a forkserver. */
struct gt_inherited {
	struct gt_app *app;     /* NULL: it imports its own */
	struct gt_hooks *hooks; /* NULL: none is set */
};

/*
 * Start Python, unless it was inherited, and import the app; the GIL is free
 * afterwards. An enum gt_exit.
 */
int gt_boot_python(struct gt_worker *w, const struct gt_inherited *got);
/* The end of hooks, app and Python. */
void gt_boot_stop(struct gt_worker *w);

/* Which sockets there are before anything is imported. */
void gt_leftovers_note(void);
/* Warn of threads, and of sockets that were not there then. */
void gt_leftovers_warn(void) GT_NEEDS_GIL;

/*
 * As gt_worker_main(), in a copy of a forkserver, which holds the GIL and has
 * its environment.
 */
int gt_worker_inherit(const struct gt_child *child,
                      const struct gt_inherited *got);
/* End the process; a sanitizer build looks for leaks. */
GT_NORETURN void gt_worker_exit(int code);
#endif
