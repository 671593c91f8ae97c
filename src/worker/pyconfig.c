/* SPDX-License-Identifier: MIT */
/*
 * The child that runs a gunicorn Python config: Python as a worker would have
 * it, the file's records on a pipe, and the end.
 */
#include "gthreadd/python/pyconfig.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/worker/worker.h"
#include "worker_priv.h"

GT_TSA(no_thread_safety_analysis)
int
gt_pyconfig_main(const struct gt_pyconfig *ask)
{
	int code = GT_EXIT_OK;

	gt_module_register();
	if (gt_interp_start(ask->settings) != GT_OK)
		return GT_EXIT_BOOT;
	if (gt_pyconfig_write(ask->what, ask->fd) != GT_OK)
		code = GT_EXIT_CONFIG;
	gt_interp_flush();
	return code;
}
