/* SPDX-License-Identifier: MIT */
/*
 * The master: it opens what is shared, forks the workers, watches them, obeys
 * signals. One thread, no Python.
 */
#ifndef GTHREADD_ARBITER_ARBITER_H
#define GTHREADD_ARBITER_ARBITER_H

#include "gthreadd/config/child.h"
#include "gthreadd/config/settings.h"

struct gt_config;

/*
 * Run the server until it ends; returns the exit code of the process
 * (enum gt_exit). settings are those of config, which HUP loads again; when
 * config is NULL, HUP takes the same settings once more. Both live longer
 * than the call.
 */
int gt_arbiter_run(const struct gt_settings *settings,
                   const struct gt_config *config,
                   const struct gt_child_ops *ops);
/* --check-config: run ops->check in a child; its exit code. */
int gt_arbiter_check(const struct gt_settings *settings,
                     const struct gt_child_ops *ops);
/* Of the linked library. */
const char *gt_arbiter_libevent_version(void);

#endif
