/* SPDX-License-Identifier: MIT */
/*
 * Python in a worker: started here, or inherited from a forkserver; hooks and
 * the application; and its end. The process's main thread, outside of the
 * loop's time.
 */
#include <stdlib.h>
#include <unistd.h>

#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/worker/worker.h"
#include "reloader_priv.h"
#include "worker_priv.h"

GT_NEEDS_GIL static enum gt_err
enter_hooks(struct gt_worker *w, const struct gt_inherited *got)
{
	const struct gt_hook_self self = {
	    .master = w->child->master,
	    .age = w->child->age,
	    .requests = &w->board->requests,
	    .closing = &w->service.closing,
	};

	if (got != NULL)
		w->hooks = got->hooks;
	else if (gt_hooks_load(w->settings, &w->hooks) != GT_OK)
		return GT_PYTHON;
	if (gt_hooks_enter_worker(w->hooks, &self) != GT_OK)
		return GT_PYTHON;
	return gt_hooks_run(w->hooks, GT_HOOK_post_fork);
}

/* The app and the hooks around its import; an enum gt_exit. */
GT_NEEDS_GIL static int
load_app(struct gt_worker *w, const struct gt_inherited *got)
{
	if (enter_hooks(w, got) != GT_OK)
		return GT_EXIT_BOOT;
	if (got != NULL && got->app != NULL)
		w->app = got->app;
	else if (gt_reloader_load(w) != GT_OK)
		return GT_EXIT_APP;
	if (gt_app_watch_forks(w->app) != GT_OK)
		return GT_EXIT_BOOT;
	gt_hooks_set_app(w->hooks, w->app);
	if (gt_hooks_run(w->hooks, GT_HOOK_post_worker_init) != GT_OK)
		return GT_EXIT_BOOT;
	gt_obey_warn();
	return GT_EXIT_OK;
}

/*
 * Out of the analysis: a failed start leaves no GIL to give.
 */
GT_TSA(no_thread_safety_analysis)
int
gt_boot_python(struct gt_worker *w, const struct gt_inherited *got)
{
	int code;

	if (got == NULL) {
		gt_module_register();
		if (gt_interp_start(w->settings) != GT_OK)
			return GT_EXIT_BOOT;
	}
	gt_interp_faulthandler(w->child->error_log_fd);
	if ((code = load_app(w, got)) != GT_EXIT_OK)
		gt_hooks_run(w->hooks, GT_HOOK_worker_exit);
	gt_interp_flush();
	if (code == GT_EXIT_OK || !GT_IS_SANITIZED) {
		gt_gil_give();
		return code;
	}
	gt_app_destroy(w->app); /* a hook after it may have failed */
	gt_interp_stop(GT_IS_SANITIZED);
	return code;
}

GT_TSA(no_thread_safety_analysis)
void
gt_boot_stop(struct gt_worker *w)
{
	gt_gil_take();
	gt_hooks_run(w->hooks, GT_HOOK_worker_exit);
	gt_app_release(&w->service);
	gt_app_destroy(w->app);
	gt_hooks_destroy(w->hooks);
	gt_interp_stop(GT_IS_SANITIZED);
}

void
gt_worker_exit(int code)
{
	if (GT_IS_SANITIZED)
		exit(code);
	_exit(code);
}
