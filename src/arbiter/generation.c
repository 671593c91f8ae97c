/* SPDX-License-Identifier: MIT */
/*
 * Generations: a snapshot of the settings with the sockets and logs that were
 * opened for it. The master has at most two that it works with, the one that
 * serves and one on trial; older ones live as long as their last worker.
 */
#include <stdlib.h>

#include "gthreadd/config/load.h"

#include "arbiter_priv.h"

struct gt_generation *
gt_generation_create(struct gt_arbiter *a, struct gt_config *config,
                     const struct gt_settings *settings)
{
	struct gt_generation *g = malloc(sizeof(*g));

	if (g == NULL) {
		gt_config_destroy(config);
		return NULL;
	}
	*g = (struct gt_generation){
	    .arbiter = a,
	    .number = ++a->generation,
	    .refs = 1,
	    .config = config,
	    .settings = settings,
	    .error_log_fd = -1,
	    .access_log_fd = -1,
	};
	TAILQ_INSERT_TAIL(&a->generations, g, link);
	if (gt_forkserver_attach(a, g))
		return g;
	gt_generation_unref(a, g);
	return NULL;
}

struct gt_generation *
gt_generation_ref(struct gt_generation *g)
{
	g->refs++;
	return g;
}

void
gt_generation_unref(struct gt_arbiter *a, struct gt_generation *g)
{
	if (g == NULL || --g->refs > 0)
		return;
	TAILQ_REMOVE(&a->generations, g, link);
	gt_forkserver_leave(g);
	gt_listeners_close(&g->listeners, false);
	gt_logs_close(g);
	gt_config_destroy(g->config);
	free(g);
}

const char *
gt_generation_name(const struct gt_generation *g)
{
	const struct gt_settings *s = g->settings;

	if (s->name[0] != '\0')
		return s->name;
	return s->paste[0] != '\0' ? s->paste : s->app;
}
