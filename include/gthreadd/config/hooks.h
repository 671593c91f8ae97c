/* SPDX-License-Identifier: MIT */
/*
 * Names of hooks, and what the settings have for them. Whoever runs a hook
 * asks here what is set; nothing here knows Python.
 */
#ifndef GTHREADD_CONFIG_HOOKS_H
#define GTHREADD_CONFIG_HOOKS_H

#include <stdbool.h>

#include "gthreadd/config/settings.h"

enum gt_hook {
#define GT_HOOK(name, side, args) GT_HOOK_##name,
#include "../../../src/config/tbl/hook_names.def"
#undef GT_HOOK
	GT_HOOK_COUNT
};

enum gt_hook_side {
	GT_HOOK_MASTER,  /* in the forkserver */
	GT_HOOK_WORKER,  /* in a worker, outside of requests */
	GT_HOOK_REQUEST, /* in a pool thread */
};

const char *gt_hook_name(enum gt_hook hook);
/* The names of its arguments: "server, worker". */
const char *gt_hook_args(enum gt_hook hook);

/* "module:function" or "file:PATH:function"; NULL: the hook is not set. */
const char *gt_hook_spec(const struct gt_settings *s, enum gt_hook hook);
/* Where that was set: "FILE:LINE", "command line". For a hook that is set. */
const char *gt_hook_origin(const struct gt_settings *s, enum gt_hook hook);
/* Is any hook set that runs there? */
bool gt_hooks_are_set(const struct gt_settings *s, enum gt_hook_side side);

#endif
