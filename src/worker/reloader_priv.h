/* SPDX-License-Identifier: MIT */
/* The setting reload: what a worker that boots and ends asks of it. */
#ifndef GTHREADD_WORKER_RELOADER_PRIV_H
#define GTHREADD_WORKER_RELOADER_PRIV_H

#include "worker_priv.h"

/*
 * Load the app into w->app; with reload one that is broken is taken as well,
 * and answers with its traceback. Errors: GT_PYTHON (logged).
 */
GT_MUST_CHECK enum gt_err gt_reloader_load(struct gt_worker *w) GT_NEEDS_GIL;
/* Watch files from now on; nothing without reload. Errors: GT_SYS, GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_reloader_start(struct gt_worker *w);
void gt_reloader_stop(struct gt_worker *w) GT_NO_GIL;

#endif
