/* SPDX-License-Identifier: MIT */
/*
 * PEP 3333 on exchanges: load the application, call it. Python-free header:
 * this is what the worker knows of Python applications.
 */
#ifndef GTHREADD_WSGI_WSGI_H
#define GTHREADD_WSGI_WSGI_H

#include <stdbool.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/settings.h"
#include "gthreadd/exchange/exchange.h"

struct gt_app;        /* the application and what every call shares */
struct gt_app_thread; /* what one pool thread keeps between calls */

/*
 * Make `import gthreadd` work in the interpreter that is started next. Once
 * per process, before gt_interp_start(); gt_app_load() relies on it.
 */
void gt_module_register(void);

/* "module[:name]" or "module:factory(args)". *why: what is wrong with it. */
GT_MUST_CHECK enum gt_err gt_app_check_syntax(const char *spec,
                                              const char **why);
/*
 * Import s->app. Failures are logged here, with the traceback and a hint.
 * multiprocess: environ's wsgi.multiprocess.
 * Errors: GT_PYTHON (not importable, no such name, not callable, factory
 * failed, or the import tried to exit).
 */
GT_MUST_CHECK enum gt_err gt_app_load(const struct gt_settings *s,
                                      bool multiprocess,
                                      struct gt_app **out) GT_NEEDS_GIL;
/*
 * For an application that could not be imported: one that answers each request
 * with text and the status 500. Errors: GT_PYTHON (logged).
 */
GT_MUST_CHECK enum gt_err gt_app_load_broken(const struct gt_settings *s,
                                             bool multiprocess,
                                             struct gt_str text,
                                             struct gt_app **out) GT_NEEDS_GIL;
void gt_app_destroy(struct gt_app *app) GT_NEEDS_GIL;

/*
 * Processes that app forks from now on log for themselves, and end when they
 * come back from it. Once, in the process that serves. Errors: GT_PYTHON
 * (logged).
 */
GT_MUST_CHECK enum gt_err gt_app_watch_forks(struct gt_app *app) GT_NEEDS_GIL;

/* number: of the pool thread, from 1. Errors: GT_NOMEM, GT_PYTHON. */
GT_MUST_CHECK enum gt_err
gt_app_thread_create(struct gt_app *app, unsigned number,
                     struct gt_app_thread **out) GT_NEEDS_GIL;
void gt_app_thread_destroy(struct gt_app_thread *t) GT_NEEDS_GIL;

/*
 * Run the application on ex (state RUNNING). Whatever it does, a response is
 * in ex afterwards (ex->response, ex->out) or ex->failed says that the
 * connection must be closed. Nothing raised escapes. The caller then moves
 * the exchange on. May wait for the client, without the GIL.
 */
void gt_app_call(struct gt_app_thread *t, struct gt_exchange *ex) GT_NEEDS_GIL;

/*
 * Raise gthreadd.RequestTimeout in another thread (gt_stacks_self() there),
 * as soon as it runs Python code. false: there is no such thread.
 */
bool gt_app_interrupt(const struct gt_app *app,
                      unsigned long thread) GT_NEEDS_GIL;
/* In that thread: what has not been raised yet shall not be any more. */
void gt_app_calm(unsigned long thread) GT_NEEDS_GIL;

/* Release the parcels the loop has sent (service->released). */
void gt_app_release(struct gt_service *sv) GT_NEEDS_GIL;

#endif
