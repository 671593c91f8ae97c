/* SPDX-License-Identifier: MIT */
/* --check-config: import the application as a worker would, and leave. */
#include <stdlib.h>

#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/worker/worker.h"
#include "worker_priv.h"

GT_TSA(no_thread_safety_analysis)
int
gt_check_main(const struct gt_child *child)
{
	const struct gt_settings *s = child->settings;
	struct gt_app *app = NULL;
	struct gt_hooks *hooks = NULL;
	int code = GT_EXIT_OK;

	for (size_t i = 0; i < s->env.n; i++)
		putenv(s->env.v[i]);
	gt_module_register();
	if (gt_interp_start(s) != GT_OK)
		return GT_EXIT_BOOT;
	if (gt_hooks_load(s, &hooks) != GT_OK)
		code = GT_EXIT_BOOT;
	if (gt_app_load(s, s->workers > 1, &app) != GT_OK)
		code = GT_EXIT_APP;
	gt_app_destroy(app);
	gt_hooks_destroy(hooks);
	gt_interp_stop(false);
	return code;
}
