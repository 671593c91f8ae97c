/* SPDX-License-Identifier: MIT */
/*
 * The entries of the children that use Python: see config/child.h.
 */
#ifndef GTHREADD_WORKER_WORKER_H
#define GTHREADD_WORKER_WORKER_H

#include "gthreadd/config/child.h"
#include "gthreadd/config/load.h"

/* Boot, serve until told to end; returns an enum gt_exit. */
int gt_worker_main(const struct gt_child *child);
/* Import once, fork workers and call hooks as the master says. */
int gt_forkserver_main(const struct gt_child *child);
/* Import the application and say what is wrong with it. */
int gt_check_main(const struct gt_child *child);
/* Run a gunicorn Python config and write its records: config/load.h. */
int gt_pyconfig_main(const struct gt_pyconfig *ask);

#endif
