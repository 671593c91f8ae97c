/* SPDX-License-Identifier: MIT */
/*
 * The master's life: set up what is shared, loop, clean up. Between two turns
 * of the loop missing workers are forked. One thread, no Python.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "ending_priv.h"
#include "relays_priv.h"

/*
 * What keeps the server from starting goes to the error log and, when that is
 * a file, also to whoever started it.
 */
GT_PRINTF(2, 3)
GT_ON_MASTER static int
refuse(const struct gt_arbiter *a, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gt_log_critical("%s", text);
	gt_daemon_tell(a, text);
	return GT_EXIT_CONFIG;
}

GT_ON_MASTER static int
find_user(struct gt_arbiter *a)
{
	const struct gt_settings *s = a->gen->settings;
	const char *why;

	if (gt_os_user_find(s->user, s->group, &a->user, &why) == GT_OK)
		return GT_EXIT_OK;
	return refuse(a, "user '%s', group '%s': %s", s->user, s->group, why);
}

GT_ON_MASTER static int
open_pidfile(struct gt_arbiter *a)
{
	enum gt_err rc = GT_NOMEM;
	int code = GT_EXIT_OK;
	pid_t holder;
	char *path;

	if (a->gen->settings->pid[0] == '\0')
		return GT_EXIT_OK;
	if ((path = gt_heir_pid_path(a)) != NULL)
		rc = gt_pidfile_init(&a->pidfile, path, &holder);
	if (rc == GT_FULL)
		code = refuse(a, "already running, pid file %s is held by %d",
		              path, (int)holder);
	else if (rc != GT_OK)
		code = refuse(a, "pid file %s: %s", a->gen->settings->pid,
		              gt_err_text(rc));
	free(path);
	return code;
}

#define SPARE_DESCRIPTORS 64 /* logs, listeners, what Python keeps open */

static void
raise_descriptors(const struct gt_settings *s)
{
	unsigned long limit = gt_os_raise_nofile();

	if (limit < s->worker_connections + SPARE_DESCRIPTORS)
		gt_log_warning("descriptors may run out limit=%lu "
		               "worker-connections=%llu",
		               limit,
		               (unsigned long long)s->worker_connections);
}

/* Everything that may be refused, in an order that harms no other server. */
GT_ON_MASTER static int
open_shared(struct gt_arbiter *a)
{
	const char *path;
	char why[512];
	int code;

	if ((code = find_user(a)) != GT_EXIT_OK)
		return code;
	umask((mode_t)a->gen->settings->umask);
	if (gt_logs_open(a, a->gen, &path) != GT_OK)
		return refuse(a, "log file %s: %s", path, strerror(errno));
	if (gt_relays_open(a->gen, why, sizeof(why)) != GT_OK)
		return refuse(a, "%s", why);
	gt_logs_use(a);
	gt_log_info("starting gthreadd %s", PACKAGE_VERSION);
	raise_descriptors(a->gen->settings);
	if ((code = open_pidfile(a)) != GT_EXIT_OK)
		return code;
	if (gt_sockets_open(a, a->gen, why, sizeof(why)) != GT_OK)
		return refuse(a, "%s", why);
	if (gt_roster_create(&a->roster_fd) != GT_OK ||
	    gt_roster_map(a->roster_fd, &a->roster) != GT_OK)
		return refuse(a, "shared memory: %s", strerror(errno));
	return GT_EXIT_OK;
}

GT_ON_MASTER static enum gt_err
open_loop(struct gt_arbiter *a)
{
	struct event_config *config;
	enum gt_err rc;

	if ((config = event_config_new()) == NULL)
		return GT_NOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	a->base = event_base_new_with_config(config);
	event_config_free(config);
	if (a->base == NULL)
		return GT_NOMEM;
	if ((rc = gt_watch_init(a)) != GT_OK ||
	    (rc = gt_heir_watch(a)) != GT_OK)
		return rc;
	return gt_signal_init(a);
}

/* Between two turns of the loop: here one may fork. */
GT_ON_MASTER static void
take_step(struct gt_arbiter *a)
{
	gt_forkserver_step(a);
	gt_road_step(a);
}

GT_ON_MASTER static int
loop(struct gt_arbiter *a)
{
	gt_order_scaled(a, -1);
	gt_order_hook(a, a->gen, GT_HOOK_on_starting);
	gt_order_hook(a, a->gen, GT_HOOK_when_ready);
	take_step(a);
	while (a->state == GT_ARBITER_RUNNING || a->nprocs > 0 ||
	       gt_forkserver_holds(a)) {
		if (event_base_loop(a->base, EVLOOP_ONCE) < 0)
			return refuse(a, "event loop: %s", strerror(errno));
		take_step(a);
		gt_metricsd_step(a);
	}
	return a->exit_code;
}

/* false: out of memory. */
GT_ON_MASTER static bool
init(struct gt_arbiter *a, const struct gt_settings *settings,
     const struct gt_child_ops *ops)
{
	*a = (struct gt_arbiter){
	    .ops = ops,
	    .pidfile = {.fd = -1},
	    .roster_fd = -1,
	    .starter_fd = -1,
	    .stderr_fd = -1,
	    .exit_code = GT_EXIT_OK,
	    .target = settings->workers,
	    .reading = {.run = {.fd = -1}},
	};
	a->control.started_us = gt_clock_us();
	a->control.log_level = -1;
	a->control.metrics_fd = -1;
	TAILQ_INIT(&a->control.waiters);
	TAILQ_INIT(&a->procs);
	TAILQ_INIT(&a->unborn);
	TAILQ_INIT(&a->forkservers);
	TAILQ_INIT(&a->generations);
	gt_reexec_init(a);
	a->gen = gt_generation_create(a, NULL, settings);
	return a->gen != NULL;
}

static void fini(struct gt_arbiter *a) GT_ON_MASTER;

static void
fini(struct gt_arbiter *a)
{
	struct gt_proc *p;

	gt_forkserver_fini(a);
	gt_reading_stop(a);
	while ((p = TAILQ_FIRST(&a->procs)) != NULL)
		gt_spawn_forget(a, p);
	gt_metricsd_fini(a);
	gt_control_fini(a);
	gt_signal_fini(a);
	gt_watch_fini(a);
	gt_sockets_close(a, a->gen, NULL);
	gt_notify_fini(a);
	gt_relays_fini(a);
	gt_roster_unmap(a->roster);
	gt_fd_close(&a->roster_fd);
	gt_pidfile_fini(&a->pidfile);
	gt_reexec_fini(a); /* now the other master may take our place */
	if (a->base != NULL)
		event_base_free(a->base);
	gt_generation_unref(a, a->next);
	gt_generation_unref(a, a->gen);
	gt_fd_close(&a->starter_fd);
	gt_fd_close(&a->stderr_fd);
	free(a->fd_names);
}

GT_ON_MASTER static int
serve(struct gt_arbiter *a)
{
	char why[512];
	int code;

	gt_oom_init(&a->oom, "/proc/self/cgroup", "/sys/fs/cgroup");
	gt_heir_title(a);
	gt_notify_init(a);
	if ((code = open_shared(a)) != GT_EXIT_OK)
		return code;
	if (open_loop(a) != GT_OK)
		return refuse(a, "event loop cannot be made");
	if (gt_control_init(a, why, sizeof(why)) != GT_OK ||
	    gt_metricsd_init(a, why, sizeof(why)) != GT_OK)
		return refuse(a, "%s", why);
	gt_summary_log(a);
	code = loop(a);
	gt_log_info("shutting down: master");
	return code;
}

int
gt_arbiter_run(const struct gt_settings *settings,
               const struct gt_config *config, const struct gt_child_ops *ops)
{
	struct gt_arbiter a;
	bool is_starter = false;
	int code = GT_EXIT_OK;

	gt_role_set(GT_ROLE_MASTER);
	gt_assert_master();
	if (!init(&a, settings, ops))
		return GT_EXIT_BOOT;
	a.config = config;
	gt_heir_init(&a);
	if (settings->daemon && a.upgrade.parent == 0 &&
	    gt_daemon_start(&a, &is_starter, &code) != GT_OK)
		code = refuse(&a, "cannot run in the background: %s",
		              strerror(errno));
	else if (!is_starter)
		code = serve(&a);
	fini(&a);
	gt_role_set(GT_ROLE_NONE);
	return code;
}

const char *
gt_arbiter_libevent_version(void)
{
	return event_get_version();
}

int
gt_arbiter_check(const struct gt_settings *settings,
                 const struct gt_child_ops *ops)
{
	struct gt_arbiter a;
	int status = 0, code;
	char why[100];

	gt_role_set(GT_ROLE_MASTER);
	gt_assert_master();
	if (!init(&a, settings, ops))
		return GT_EXIT_BOOT;
	signal(SIGCHLD, SIG_DFL); /* an ignored one would eat the status */
	if ((code = find_user(&a)) != GT_EXIT_OK) {
		/* refused */
	} else if (gt_spawn_check(&a, &status) != GT_OK) {
		code = refuse(&a, "check: %s", strerror(errno));
	} else if (WIFEXITED(status)) {
		code = WEXITSTATUS(status);
	} else {
		gt_ending_describe(status, why, sizeof(why));
		refuse(&a, "check %s", why);
		code = GT_EXIT_BOOT;
	}
	if (!gt_places_check(settings) && code == GT_EXIT_OK)
		code = GT_EXIT_CONFIG;
	fini(&a);
	gt_role_set(GT_ROLE_NONE);
	return code;
}
