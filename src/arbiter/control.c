/* SPDX-License-Identifier: MIT */
/*
 * What the control socket may do with the master, and what it has to
 * remember: who waits for the end of a reload, why workers have ended. A
 * command does what its signal does; only the answer is new.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/ctl/ctl.h"

#include "arbiter_priv.h"

/* ---- reload: the answer comes when it has ended ---- */

static void
answer_waiter(struct gt_arbiter *a, struct gt_waiter *w, const char *why)
{
	const char *detail = a->control.detail;

	TAILQ_REMOVE(&a->control.waiters, w, link);
	if (why == NULL)
		gt_ctl_answer(w->call, 200, "generation %u serves",
		              a->gen->number);
	else
		gt_ctl_answer(w->call, 409, "%s%s%s", why,
		              detail == NULL ? "" : "\n",
		              detail == NULL ? "" : detail);
	free(w);
}

/* Those who waited for this trial, or (took_over) for the end of the road. */
GT_ON_MASTER static void
answer_waiters(struct gt_arbiter *a, bool took_over, const char *why)
{
	struct gt_waiter *w, *next;

	for (w = TAILQ_FIRST(&a->control.waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->trial <= a->control.trials && w->took_over == took_over)
			answer_waiter(a, w, why);
	}
}

static void
forget_detail(struct gt_arbiter *a)
{
	free(a->control.detail);
	a->control.detail = NULL;
}

void
gt_control_trial(struct gt_arbiter *a)
{
	a->control.trials++;
	forget_detail(a);
}

void
gt_control_note(struct gt_arbiter *a, const char *text)
{
	forget_detail(a);
	a->control.detail = strdup(text); /* NULL: the log has it too */
}

void
gt_control_took_over(struct gt_arbiter *a)
{
	struct gt_waiter *w;

	a->control.log_level = -1; /* the new settings have their own */
	TAILQ_FOREACH (w, &a->control.waiters, link)
		if (w->trial <= a->control.trials)
			w->took_over = true;
}

void
gt_control_reloaded(struct gt_arbiter *a, const char *why)
{
	struct gt_control *c = &a->control;

	c->reloaded_us = gt_clock_us();
	snprintf(c->reload_why, sizeof(c->reload_why), "%s",
	         why == NULL ? "" : why);
	c->reloads[why != NULL]++;
	if (why != NULL)
		answer_waiters(a, false, why);
	if (a->reload == GT_RELOAD_NONE)
		answer_waiters(a, true, NULL);
}

void
gt_control_stopping(struct gt_arbiter *a)
{
	struct gt_waiter *w, *next;

	for (w = TAILQ_FIRST(&a->control.waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		answer_waiter(a, w, "the server stops");
	}
}

GT_ON_MASTER static void
reload(struct gt_arbiter *a, struct gt_ctl_call *call)
{
	struct gt_waiter *w;

	if (gt_signal_is_stopping(a) || gt_reexec_is_starting(a)) {
		gt_ctl_answer(call, 409, "%s",
		              gt_signal_is_stopping(a)
		                  ? "the server stops"
		                  : "an upgrade is under way");
		return;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		gt_ctl_answer(call, 500, "out of memory");
		return;
	}
	w->call = call;
	w->trial = a->control.trials + 1;
	TAILQ_INSERT_TAIL(&a->control.waiters, w, link);
	gt_reload_start(a);
}

/* ---- the other commands ---- */

GT_ON_MASTER static void
set_workers(struct gt_arbiter *a, uint64_t n, struct gt_ctl_call *call)
{
	if (a->state != GT_ARBITER_RUNNING || gt_reload_is_trying(a)) {
		gt_ctl_answer(call, 409, "%s",
		              a->state == GT_ARBITER_RUNNING
		                  ? "a reload is being tried"
		                  : "the server stops");
		return;
	}
	if (n == 0 && gt_reexec_is_starting(a)) {
		gt_ctl_answer(call, 409, "an upgrade is under way");
		return;
	}
	if (n == 0)
		gt_road_empty(a);
	else if (n != a->target)
		gt_road_scale(a, (int)((int64_t)n - (int64_t)a->target));
	gt_ctl_answer(call, 200, "workers=%llu", (unsigned long long)n);
}

GT_ON_MASTER static void
recycle(struct gt_arbiter *a, uint64_t pid, struct gt_ctl_call *call)
{
	struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		if ((uint64_t)p->pid == pid)
			break;
	if (p == NULL) {
		gt_ctl_answer(call, 404, "no worker has the pid %llu",
		              (unsigned long long)pid);
	} else if (p->state != GT_PROC_SERVING ||
	           a->state != GT_ARBITER_RUNNING) {
		gt_ctl_answer(call, 409, "worker %d does not serve",
		              (int)p->pid);
	} else {
		p->is_tired = true;
		p->end = GT_END_ASKED;
		gt_log_info("worker %d is to be replaced: recycle",
		            (int)p->pid);
		gt_ctl_answer(call, 202, "worker %d ends when another is ready",
		              (int)p->pid);
	}
}

GT_ON_MASTER static void
set_log_level(struct gt_arbiter *a, const char *name, struct gt_ctl_call *call)
{
	static const char *const names[] = {"debug", "info", "warning", "error",
	                                    "critical"};
	struct gt_channel_msg msg = {.type = GT_CHANNEL_LOG_LEVEL};
	size_t n = sizeof(names) / sizeof(names[0]);
	struct gt_proc *p;
	int missed = 0;

	while (msg.value < n && strcmp(name, names[msg.value]) != 0)
		msg.value++;
	if (msg.value == n) {
		gt_ctl_answer(call, 400,
		              "level is one of debug, info, "
		              "warning, error, critical");
		return;
	}
	a->control.log_level = (int)msg.value;
	gt_log_set_level((enum gt_log_level)msg.value);
	/* One that ends may have gone already. */
	TAILQ_FOREACH (p, &a->procs, link)
		missed += (p->channel_fd < 0 ||
		           gt_channel_send(p->channel_fd, &msg) != GT_OK) &&
		          p->state != GT_PROC_DRAINING;
	if (missed == 0)
		gt_ctl_answer(call, 200, "log-level=%s", name);
	else
		gt_ctl_answer(call, 503, "workers that could not be told: %d",
		              missed);
}

/* As the signal, by the signal: one road for both. */
static void
raise_signal(int number, const char *what, struct gt_ctl_call *call)
{
	kill(getpid(), number);
	gt_ctl_answer(call, 202, "%s", what);
}

static void
command(void *arg, const struct gt_ctl_command *cmd, struct gt_ctl_call *call)
{
	static const char *const names[] = {
	    [GT_CTL_RELOAD] = "reload",   [GT_CTL_REOPEN] = "reopen",
	    [GT_CTL_UPGRADE] = "upgrade", [GT_CTL_STOP] = "stop",
	    [GT_CTL_QUIT] = "quit",       [GT_CTL_WORKERS] = "workers",
	    [GT_CTL_RECYCLE] = "recycle", [GT_CTL_LOG_LEVEL] = "log-level",
	    [GT_CTL_STACKS] = "stacks",
	};
	struct gt_arbiter *a = arg;

	gt_assert_master();
	gt_log_info("control socket: %s uid=%u pid=%d", names[cmd->verb],
	            cmd->peer_uid, cmd->peer_pid);
	switch (cmd->verb) {
	case GT_CTL_RELOAD:
		reload(a, call);
		return;
	case GT_CTL_REOPEN:
		raise_signal(SIGUSR1, "the logs are opened again", call);
		return;
	case GT_CTL_UPGRADE:
		raise_signal(SIGUSR2, "the log tells how the upgrade goes",
		             call);
		return;
	case GT_CTL_STOP:
		raise_signal(SIGTERM, "the server stops", call);
		return;
	case GT_CTL_QUIT:
		raise_signal(SIGQUIT, "the server ends", call);
		return;
	case GT_CTL_WORKERS:
		set_workers(a, cmd->number, call);
		return;
	case GT_CTL_RECYCLE:
		recycle(a, cmd->number, call);
		return;
	case GT_CTL_LOG_LEVEL:
		set_log_level(a, cmd->text, call);
		return;
	case GT_CTL_STACKS:
		gt_stacks_ask(a, call);
		return;
	}
}

/* ---- what it remembers ---- */

const char *const gt_end_labels[GT_END_COUNT] = {
#define GT_END(id, label, text) label,
#include "tbl/ends.def"
#undef GT_END
};

static enum gt_end
end_of(const struct gt_arbiter *a, const struct gt_proc *p, int status)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (p->is_killed || (number == SIGABRT && p->is_aborted))
		return GT_END_TIMEOUT;
	if (a->state != GT_ARBITER_RUNNING)
		return GT_END_STOP;
	if (p->state == GT_PROC_DRAINING && number != SIGKILL)
		return p->end;
	if (number != 0)
		return number == SIGKILL ? GT_END_KILLED : GT_END_CRASH;
	return p->ready_us == 0 ? GT_END_BOOT : GT_END_EXIT;
}

void
gt_control_bury(struct gt_arbiter *a, const struct gt_proc *p, int status)
{
	a->control.ends[end_of(a, p, status)]++;
}

void
gt_control_inherit(struct gt_arbiter *a, const struct gt_proc *p)
{
	if (p->board != NULL)
		gt_tally_add(&a->control.dead, p->board);
}

int
gt_control_log_level(const struct gt_arbiter *a, const struct gt_generation *g)
{
	/* A generation on trial has its own. */
	if (a->control.log_level >= 0 && g == a->gen)
		return a->control.log_level;
	return g->settings->log_level;
}

/* ---- life ---- */

static enum gt_err
show_status(void *arg, struct gt_buf *out)
{
	gt_assert_master();
	return gt_control_status(arg, out);
}

static enum gt_err
show_metrics(void *arg, struct gt_buf *out)
{
	gt_assert_master();
	return gt_control_metrics(arg, out);
}

static bool
show_health(void *arg, char *why, size_t n)
{
	gt_assert_master();
	return gt_control_health(arg, why, n);
}

bool
gt_control_health(const struct gt_arbiter *a, char *why, size_t n)
{
	const struct gt_proc *p;
	bool is_saturated = false;

	if (gt_signal_is_stopping(a)) {
		snprintf(why, n, "stopping");
		return false;
	}
	TAILQ_FOREACH (p, &a->procs, link) {
		if (p->state != GT_PROC_SERVING)
			continue;
		if (!atomic_load_explicit(&p->board->saturated,
		                          memory_order_relaxed))
			return true;
		is_saturated = true;
	}
	snprintf(why, n,
	         is_saturated ? "saturated: all threads are busy"
	                      : "no worker is ready");
	return false;
}

enum gt_err
gt_control_init(struct gt_arbiter *a, char *why, size_t n)
{
	static const struct gt_ctl_ops ops = {
	    .status = show_status,
	    .metrics = show_metrics,
	    .health = show_health,
	    .command = command,
	};
	const struct gt_settings *s = a->gen->settings;
	const struct gt_ctl_options opt = {
	    .path = s->control_socket,
	    .mode = s->control_socket_mode,
	    .ops = &ops,
	    .arg = a,
	};
	enum gt_err rc;

	if (s->control_socket == NULL || s->control_socket[0] == '\0')
		return GT_OK;
	rc = gt_ctl_create(a->base, &opt, why, n, &a->control.ctl);
	if (rc == GT_OK)
		gt_log_info("control socket: %s", opt.path);
	return rc;
}

void
gt_control_fini(struct gt_arbiter *a)
{
	gt_control_stopping(a);
	gt_stacks_stop(a);
	gt_ctl_destroy(a->control.ctl);
	a->control.ctl = NULL;
	forget_detail(a);
}

void
gt_control_leave(struct gt_arbiter *a)
{
	gt_ctl_leave(a->control.ctl);
	gt_metricsd_leave(a);
	gt_stacks_leave(a);
}

void
gt_control_look(struct gt_arbiter *a)
{
	if (a->control.ctl != NULL && a->state == GT_ARBITER_RUNNING)
		gt_ctl_mend(a->control.ctl);
}
