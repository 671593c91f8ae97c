/* SPDX-License-Identifier: MIT */
/*
 * The master's end of a forkserver: its life. There is one for each generation
 * whose settings ask for it, forked between two turns of the loop. The master
 * never waits for it: it gives an order, goes on, and is told when that is
 * done. A forkserver that dies, or is late, is replaced with growing pauses;
 * the workers that it has forked are the master's children and stay.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/config/hooks.h"

#include "arbiter_priv.h"
#include "ending_priv.h"
#include "event_priv.h"

#define BACKOFF_MIN_US 100000
#define BACKOFF_MAX_US 30000000
#define SEASONED_US    10000000 /* ready for so long: the back-off is over */
#define LEAVE_US       3000000  /* from EOF to KILL */

static bool
is_wanted(const struct gt_settings *s)
{
	return s->preload || gt_hooks_are_set(s, GT_HOOK_MASTER);
}

/* Its generation is the one that serves, or on trial. */
static bool
is_current(const struct gt_forkserver *f)
{
	const struct gt_arbiter *a = f->arbiter;

	return f->gen != NULL && (f->gen == a->gen || f->gen == a->next);
}

void
gt_forkserver_set_due(struct gt_forkserver *f, int64_t us)
{
	struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

	f->due_us = gt_clock_us() + us;
	if (event_add(f->timer, &tv) < 0)
		gt_log_critical("timer of the forkserver cannot be set");
}

void
gt_forkserver_clear_due(struct gt_forkserver *f)
{
	f->due_us = 0;
	event_del(f->timer);
}

void
gt_forkserver_kill(struct gt_forkserver *f, const char *why)
{
	gt_log_error("forkserver %d is killed: %s", (int)f->pid, why);
	f->kill_why = why;
	gt_forkserver_clear_due(f);
	kill(f->pid, SIGKILL);
}

/* ---- its life ---- */

void
gt_forkserver_be_ready(struct gt_forkserver *f)
{
	int64_t now = gt_clock_us();

	if (f->state != GT_FORKSERVER_BOOTING)
		return;
	f->state = GT_FORKSERVER_READY;
	f->ready_us = now;
	gt_forkserver_clear_due(f);
	gt_log_info("forkserver %d is ready boot=%lldms", (int)f->pid,
	            (long long)((now - f->spawned_us) / 1000));
}

GT_ON_MASTER static void
be_late(struct gt_forkserver *f)
{
	switch (f->state) {
	case GT_FORKSERVER_NONE:
		return; /* the next step forks it */
	case GT_FORKSERVER_BOOTING:
		gt_forkserver_kill(f, "it was not ready within boot-timeout");
		return;
	case GT_FORKSERVER_READY:
		if (!f->is_under_way)
			gt_forkserver_push(f);
		else
			gt_forkserver_kill(f, gt_order_is_late(f));
		return;
	case GT_FORKSERVER_LEAVING:
		kill(f->pid, SIGKILL);
		return;
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct gt_forkserver *f = arg;

	gt_assert_master();
	(void)fd;
	(void)what;
	f->due_us = 0;
	be_late(f);
}

bool
gt_forkserver_attach(struct gt_arbiter *a, struct gt_generation *g)
{
	struct gt_forkserver *f;

	if (!is_wanted(g->settings) || a->ops == NULL ||
	    a->ops->forkserver == NULL)
		return true;
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return false;
	f->arbiter = a;
	f->gen = g;
	f->channel_fd = -1;
	STAILQ_INIT(&f->orders);
	TAILQ_INSERT_TAIL(&a->forkservers, f, link);
	g->forkserver = f;
	return true;
}

GT_ON_MASTER static void
back_off(struct gt_forkserver *f)
{
	bool was_seasoned =
	    f->ready_us != 0 && gt_clock_us() - f->ready_us > SEASONED_US;

	f->state = GT_FORKSERVER_NONE;
	f->ready_us = 0;
	f->backoff_us = f->backoff_us == 0 || was_seasoned ? BACKOFF_MIN_US
	                                                   : 2 * f->backoff_us;
	if (f->backoff_us > BACKOFF_MAX_US)
		f->backoff_us = BACKOFF_MAX_US;
	if (!is_current(f))
		return;
	gt_log_warning("forkserver is started again in %lldms",
	               (long long)(f->backoff_us / 1000));
	gt_forkserver_set_due(f, f->backoff_us);
}

/* Between two turns of the loop. */
GT_ON_MASTER static enum gt_err
start(struct gt_forkserver *f)
{
	struct gt_arbiter *a = f->arbiter;
	int fd[2];
	enum gt_err rc;

	/* Workers that it forks shall be ours. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL) < 0 ||
	    gt_channel_pair(fd) != GT_OK)
		return GT_SYS;
	f->timer =
	    f->timer != NULL ? f->timer : evtimer_new(a->base, on_timer, f);
	rc = gt_forkserver_listen(f, fd[0]);
	if (rc == GT_OK && f->timer == NULL)
		rc = GT_NOMEM;
	if (rc == GT_OK)
		rc = gt_spawn_forkserver(a, f->gen, fd[1], &f->pid);
	gt_fd_close(&fd[1]);
	if (rc != GT_OK) {
		gt_forkserver_cut(f);
		return rc;
	}
	f->state = GT_FORKSERVER_BOOTING;
	f->spawned_us = gt_clock_us();
	f->kill_why = NULL;
	gt_forkserver_set_due(f, f->gen->settings->boot_timeout_ms * 1000);
	return GT_OK;
}

GT_ON_MASTER static void
try_start(struct gt_forkserver *f)
{
	struct gt_arbiter *a = f->arbiter;
	enum gt_err rc = start(f);

	if (rc == GT_OK)
		return;
	gt_log_error("forkserver cannot be started: %s", gt_err_text(rc));
	if (f->gen == a->next)
		gt_reload_fail(a, "forkserver cannot be started");
	else if (!a->was_ready)
		gt_reap_halt(a, GT_EXIT_BOOT, "forkserver cannot be started");
	else if (f->timer != NULL) /* else in the next turn */
		back_off(f);
}

void
gt_forkserver_leave(struct gt_generation *g)
{
	struct gt_forkserver *f = g->forkserver;
	bool is_idle;

	if (f == NULL)
		return;
	is_idle = f->state == GT_FORKSERVER_READY && !f->is_under_way;
	g->forkserver = NULL;
	f->gen = NULL;
	f->state = GT_FORKSERVER_LEAVING;
	gt_forkserver_cut(f);
	if (f->pid == 0)
		return;
	if (is_idle)
		gt_forkserver_set_due(f, LEAVE_US);
	else
		kill(f->pid, SIGKILL);
}

void
gt_forkserver_discard(struct gt_generation *g)
{
	if (g->forkserver == NULL)
		return;
	gt_generation_ref(g);
	gt_order_drop_all(g->forkserver);
	gt_forkserver_leave(g);
	gt_generation_unref(g->arbiter, g);
}

static void
forget(struct gt_forkserver *f)
{
	TAILQ_REMOVE(&f->arbiter->forkservers, f, link);
	gt_event_drop(&f->timer);
	free(f);
}

GT_ON_MASTER static void
step(struct gt_forkserver *f)
{
	const struct gt_arbiter *a = f->arbiter;
	bool serves = a->state == GT_ARBITER_RUNNING && is_current(f);

	if (f->state == GT_FORKSERVER_LEAVING) {
		if (f->pid == 0)
			forget(f);
	} else if (serves && f->state == GT_FORKSERVER_NONE) {
		if (gt_clock_us() >= f->due_us)
			try_start(f);
	} else if (!serves) {
		/* Nobody starts it again, nobody needs its workers. */
		if (f->state == GT_FORKSERVER_NONE)
			gt_order_drop_all(f);
		else
			gt_order_drop_spawns(f);
	}
}

void
gt_forkserver_step(struct gt_arbiter *a)
{
	struct gt_forkserver *f, *next;

	for (f = TAILQ_FIRST(&a->forkservers); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		step(f);
	}
}

/* ---- its end ---- */

static void
describe(const struct gt_forkserver *f, int status, char *out, size_t n)
{
	char how[180];

	if (WIFSIGNALED(status) && f->kill_why != NULL)
		snprintf(how, sizeof(how), "was killed by the master: %s",
		         f->kill_why);
	else
		gt_ending_describe_boot(status, how, sizeof(how));
	snprintf(out, n, "forkserver %s", how);
}

/* It never was ready. */
GT_ON_MASTER static void
fail_boot(struct gt_forkserver *f, int status, const char *reason)
{
	struct gt_arbiter *a = f->arbiter;

	if (f->gen == a->next)
		gt_reload_fail(a, reason);
	else if (!a->was_ready)
		gt_reap_halt(a, gt_ending_exit_code(status), reason);
	else
		back_off(f);
}

GT_ON_MASTER static void
bury(struct gt_forkserver *f, int status)
{
	enum gt_forkserver_state was = f->state;
	bool is_stopping = f->arbiter->state != GT_ARBITER_RUNNING;
	char reason[200];

	gt_forkserver_hear(f);
	gt_forkserver_cut(f);
	if (f->timer != NULL)
		gt_forkserver_clear_due(f);
	if (was == GT_FORKSERVER_LEAVING) {
		f->pid = 0;
		return;
	}
	describe(f, status, reason, sizeof(reason));
	gt_log_error("%s pid=%d", reason, (int)f->pid);
	f->pid = 0;
	f->state = GT_FORKSERVER_NONE;
	if (f->is_under_way)
		gt_order_blame(f);
	if (is_stopping)
		return; /* the next step drops what it should have done */
	if (was == GT_FORKSERVER_BOOTING)
		fail_boot(f, status, reason);
	else
		back_off(f);
}

bool
gt_forkserver_reap(struct gt_arbiter *a, pid_t pid, int status)
{
	struct gt_forkserver *f;

	TAILQ_FOREACH (f, &a->forkservers, link) {
		if (f->pid != pid)
			continue;
		bury(f, status);
		return true;
	}
	return false;
}

bool
gt_forkserver_holds(struct gt_arbiter *a)
{
	struct gt_forkserver *f;
	bool is_busy = false;

	if (TAILQ_EMPTY(&a->forkservers))
		return false;
	if (!a->said_on_exit) {
		a->said_on_exit = true;
		if ((f = a->gen->forkserver) != NULL &&
		    f->state == GT_FORKSERVER_READY)
			gt_order_hook(a, a->gen, GT_HOOK_on_exit);
	}
	TAILQ_FOREACH (f, &a->forkservers, link)
		is_busy |= f->state == GT_FORKSERVER_READY &&
		           !STAILQ_EMPTY(&f->orders);
	if (is_busy)
		return true;
	TAILQ_FOREACH (f, &a->forkservers, link)
		if (f->gen != NULL)
			gt_forkserver_discard(f->gen);
	gt_forkserver_step(a);
	return !TAILQ_EMPTY(&a->forkservers);
}

void
gt_forkserver_fini(struct gt_arbiter *a)
{
	struct gt_forkserver *f, *next;

	for (f = TAILQ_FIRST(&a->forkservers); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->gen != NULL)
			gt_forkserver_discard(f->gen);
		if (f->pid != 0)
			kill(f->pid, SIGKILL);
		forget(f);
	}
}

void
gt_forkserver_close_all(struct gt_arbiter *a)
{
	struct gt_forkserver *f;

	TAILQ_FOREACH (f, &a->forkservers, link) {
		gt_fd_close(&f->channel_fd);
		gt_order_close_all(f);
	}
}
