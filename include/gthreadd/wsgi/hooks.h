/* SPDX-License-Identifier: MIT */
/*
 * Hooks: load the callables that the settings name, and call them with
 * objects that tell of the server. Python-free header.
 */
#ifndef GTHREADD_WSGI_HOOKS_H
#define GTHREADD_WSGI_HOOKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/hooks.h"

struct gt_app;
struct gt_hooks; /* NULL stands for no hooks everywhere */

/*
 * Import what s names for hooks; *out is NULL when none is set. What is wrong
 * is logged with the hook and where it was set. Errors: GT_PYTHON.
 */
GT_MUST_CHECK enum gt_err gt_hooks_load(const struct gt_settings *s,
                                        struct gt_hooks **out) GT_NEEDS_GIL;
void gt_hooks_destroy(struct gt_hooks *h) GT_NEEDS_GIL;

/* This process as a worker; the pointers live as long as it. */
struct gt_hook_self {
	pid_t master;
	unsigned age; /* its number, from 1 */
	const _Atomic uint64_t *requests;
	const _Atomic bool *closing; /* it drains */
};
/* Errors: GT_PYTHON, logged. */
GT_MUST_CHECK enum gt_err
gt_hooks_enter_worker(struct gt_hooks *h,
                      const struct gt_hook_self *self) GT_NEEDS_GIL;
/* The application is there: worker.wsgi. app calls the hooks of requests. */
void gt_hooks_set_app(struct gt_hooks *h, struct gt_app *app) GT_NEEDS_GIL;
/* Is it set? */
bool gt_hooks_has(const struct gt_hooks *h, enum gt_hook hook);
/*
 * Call a hook that runs in workers, if it is set. What it raises is logged.
 * Errors: GT_PYTHON (it raised).
 */
enum gt_err gt_hooks_run(struct gt_hooks *h, enum gt_hook hook) GT_NEEDS_GIL;

struct gt_fork_msg; /* net/forkmsg.h */

/*
 * In a forkserver: call a hook of the master, with what msg tells of it. What
 * it raises is logged. Errors: GT_PYTHON (it raised).
 */
enum gt_err gt_hooks_run_master(struct gt_hooks *h, enum gt_hook hook,
                                const struct gt_fork_msg *msg) GT_NEEDS_GIL;

#endif
