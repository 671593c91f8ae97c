/* SPDX-License-Identifier: MIT */
/*
 * The master's side of the metrics process: open its addresses, start it,
 * answer it, start it again. See ctl/metricsd.c for what it does.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/ctl/metricsd.h"

#include "arbiter_priv.h"
#include "event_priv.h"

#define RESTART_US 1000000 /* between two tries */
#define BACKLOG    64

/* ---- its addresses ---- */

GT_ON_MASTER static enum gt_err
open_addresses(struct gt_arbiter *a, char *why, size_t n)
{
	const struct gt_settings *s = a->gen->settings;
	const struct gt_listen_options opt = {
	    .backlog = BACKLOG,
	    .has_socket_mode = true,
	    .socket_mode = s->socket_mode,
	    .once = true,
	};
	const char *spec = s->metrics_bind;
	struct gt_listeners *ls = &a->control.metrics;
	enum gt_err rc;

	rc = gt_listeners_open(&spec, 1, &opt, ls, why, n);
	for (size_t i = 0; rc == GT_OK && i < ls->n; i++)
		gt_log_info("metrics at: %s%s",
		            ls->v[i].is_unix ? "" : "http://", ls->v[i].text);
	return rc;
}

static bool
is_wanted(const struct gt_arbiter *a)
{
	const char *spec = a->gen->settings->metrics_bind;

	return spec != NULL && spec[0] != '\0';
}

enum gt_err
gt_metricsd_init(struct gt_arbiter *a, char *why, size_t n)
{
	enum gt_err rc;

	if (!is_wanted(a))
		return GT_OK;
	rc = open_addresses(a, why, n);
	if (rc == GT_SYS && errno == EADDRINUSE && gt_reexec_has_peer(a)) {
		gt_log_info("metrics wait until the other master has ended");
		return GT_OK;
	}
	if (rc == GT_OK)
		gt_metricsd_step(a);
	return rc;
}

/* ---- its questions ---- */

/* The memory file; -1: errno. */
GT_ON_MASTER static int
write_answer(const struct gt_arbiter *a)
{
	int fd = memfd_create("gthreadd-metrics", MFD_CLOEXEC), saved;
	struct gt_buf text = {0};
	char why[256] = "";

	if (fd < 0)
		return -1;
	gt_control_health(a, why, sizeof(why));
	if (gt_buf_addf(&text, "%s\n", why) != GT_OK ||
	    gt_control_metrics(a, &text) != GT_OK)
		errno = ENOMEM;
	else if (gt_fd_write_all(fd, text.p, text.len) == GT_OK)
		goto done;
	saved = errno;
	gt_fd_close(&fd);
	errno = saved;
done:
	gt_buf_fini(&text);
	return fd;
}

GT_ON_MASTER static void
reply(const struct gt_arbiter *a)
{
	struct gt_channel_msg msg = {.type = GT_CHANNEL_METRICS, .nfds = 1};

	msg.fds[0] = write_answer(a);
	/* Else its patience ends, and it says so. */
	if (msg.fds[0] < 0 ||
	    gt_channel_send(a->control.metrics_fd, &msg) != GT_OK)
		gt_log_warning("metrics cannot be told: %s",
		               gt_err_text(GT_SYS));
	gt_fd_close(&msg.fds[0]);
}

static void
forget_channel(struct gt_control *c)
{
	gt_event_drop(&c->metrics_event);
	gt_fd_close(&c->metrics_fd);
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;
	struct gt_channel_msg msg;
	enum gt_err rc;

	gt_assert_master();
	(void)what;
	if ((rc = gt_channel_recv((int)fd, &msg)) == GT_AGAIN)
		return;
	if (rc != GT_OK) {
		forget_channel(&a->control); /* SIGCHLD tells the rest */
		return;
	}
	gt_channel_close_fds(&msg);
	if (msg.type == GT_CHANNEL_METRICS)
		reply(a);
}

/* ---- its process ---- */

/* Root has no business on the network. Errors: GT_SYS, GT_INVALID. */
static enum gt_err
become_user(const struct gt_arbiter *a)
{
	struct gt_os_user user = a->user;
	const char *why;

	if (geteuid() == 0 && user.uid == 0 &&
	    gt_os_user_find("nobody", "", &user, &why) != GT_OK)
		return GT_INVALID;
	if (gt_os_user_become(&user) != GT_OK || chdir("/") < 0)
		return GT_SYS;
	return GT_OK;
}

/* Who wants it to end closes the channel: the master decides, not a group. */
static void
ignore_signals(void)
{
	static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
	                              SIGUSR1, SIGUSR2, SIGWINCH};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
}

GT_NORETURN static void
run(struct gt_arbiter *a, int channel_fd, const sigset_t *mask)
{
	struct gt_listeners ls = a->control.metrics;
	char name[128];
	int code = GT_EXIT_BOOT;

	snprintf(name, sizeof(name), "%s", gt_generation_name(a->gen));
	a->control.metrics = (struct gt_listeners){0};
	gt_spawn_leave(a, NULL, mask);
	gt_fd_close(&a->roster_fd);
	gt_os_title_set("gthreadd: metrics [%s]", name);
	ignore_signals();
	if (become_user(a) == GT_OK)
		code = gt_metricsd_run(&ls, channel_fd);
	_exit(code);
}

/* Errors: GT_SYS, GT_NOMEM. */
GT_ON_MASTER static enum gt_err
start(struct gt_arbiter *a)
{
	struct gt_control *c = &a->control;
	sigset_t mask;
	enum gt_err rc;
	int fd[2];

	if ((rc = gt_channel_pair(fd)) != GT_OK)
		return rc;
	c->metrics_fd = fd[0];
	rc = gt_event_watch(a->base, fd[0], on_channel, a, &c->metrics_event);
	if (rc == GT_OK && (c->metrics_pid = gt_os_fork(&mask)) == 0)
		run(a, fd[1], &mask);
	if (c->metrics_pid < 0)
		rc = GT_SYS;
	gt_fd_close(&fd[1]);
	if (rc != GT_OK) {
		forget_channel(c);
		c->metrics_pid = 0;
	}
	return rc;
}

void
gt_metricsd_step(struct gt_arbiter *a)
{
	struct gt_control *c = &a->control;
	int64_t now = gt_clock_us();
	enum gt_err rc = GT_OK;
	char why[512];

	if (!is_wanted(a) || c->metrics_pid > 0 || now < c->metrics_at_us ||
	    a->state != GT_ARBITER_RUNNING)
		return;
	c->metrics_at_us = now + RESTART_US;
	if (c->metrics.n == 0)
		rc = open_addresses(a, why, sizeof(why));
	else
		why[0] = '\0';
	if (rc == GT_OK && (rc = start(a)) != GT_OK)
		gt_log_error("metrics process cannot be started: %s",
		             gt_err_text(rc));
	else if (rc != GT_OK)
		gt_log_debug("metrics: %s", why);
}

bool
gt_metricsd_reap(struct gt_arbiter *a, pid_t pid)
{
	struct gt_control *c = &a->control;

	if (c->metrics_pid == 0 || pid != c->metrics_pid)
		return false;
	c->metrics_pid = 0;
	forget_channel(c);
	if (a->state == GT_ARBITER_RUNNING)
		gt_log_error("metrics process %d has ended", (int)pid);
	return true;
}

void
gt_metricsd_leave(struct gt_arbiter *a)
{
	gt_fd_close(&a->control.metrics_fd);
	gt_listeners_close(&a->control.metrics, false);
}

void
gt_metricsd_fini(struct gt_arbiter *a)
{
	struct gt_control *c = &a->control;

	forget_channel(c);
	if (c->metrics_pid > 0) {
		/* It has nothing to lose, and its address is free then. */
		kill(c->metrics_pid, SIGKILL);
		waitpid(c->metrics_pid, NULL, 0);
	}
	c->metrics_pid = 0;
	gt_listeners_close(&c->metrics, !gt_reexec_has_peer(a));
}
