/* SPDX-License-Identifier: MIT */
/*
 * Signals of the master. libevent turns them into events of the loop; the
 * table says what each of them does.
 */
#include <event2/event.h>
#include <signal.h>
#include <string.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "event_priv.h"

#define QUICK_US 1000000 /* from QUIT to KILL */

struct action {
	int number;
	const char *name;
	void (*act)(struct gt_arbiter *a, const struct action *self);
};

static const struct action actions[GT_SIGNAL_COUNT];

/* A worker that still boots has no handlers: QUIT would dump its core. */
GT_ON_MASTER static void
tell(struct gt_arbiter *a, int number, int64_t kill_at_us, const char *why)
{
	struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link) {
		/* Its queues are another master's, too: it must not empty
		 * them. */
		if (number == SIGTERM && p->state == GT_PROC_SERVING &&
		    gt_reexec_has_peer(a))
			gt_road_drain(a, p);
		else
			kill(p->pid, p->ready_us == 0 ? SIGTERM : number);
		/* Who is about to be killed already does not win time. */
		if (p->kill_at_us == 0 || p->kill_at_us > kill_at_us) {
			p->kill_at_us = kill_at_us;
			p->kill_why = why;
		}
	}
	gt_watch_arm(a);
}

/* With another master the service goes on: it is the one to watch. */
GT_ON_MASTER static void
tell_manager(const struct gt_arbiter *a)
{
	if (a->upgrade.child != 0)
		gt_notify(a, "MAINPID=%d", (int)a->upgrade.child);
	else if (a->upgrade.parent == 0)
		gt_notify(a, "STOPPING=1\nSTATUS=stopping");
}

void
gt_signal_stop(struct gt_arbiter *a, enum gt_arbiter_state state)
{
	int64_t now = gt_clock_us();

	if (state <= a->state)
		return;
	if (!gt_signal_is_stopping(a))
		tell_manager(a);
	a->state = state;
	gt_control_stopping(a);
	gt_reading_stop(a);
	/* A client is refused at once instead of waiting for nobody. */
	if (a->next != NULL)
		gt_sockets_close(a, a->next, NULL);
	gt_sockets_close(a, a->gen, NULL);
	if (state == GT_ARBITER_GRACEFUL)
		tell(a, SIGTERM,
		     now + a->gen->settings->graceful_timeout_ms * 1000 +
		         GT_SPARE_US,
		     "it had not ended within graceful-timeout");
	else
		tell(a, SIGQUIT, now + QUICK_US,
		     "it had not ended within 1s of a quick stop");
}

bool
gt_signal_is_stopping(const struct gt_arbiter *a)
{
	return a->state != GT_ARBITER_RUNNING || a->stop_timer != NULL;
}

static void
on_stop_delay(evutil_socket_t fd, short what, void *arg)
{
	gt_assert_master();
	(void)fd;
	(void)what;
	gt_signal_stop(arg, GT_ARBITER_GRACEFUL);
}

/*
 * A load balancer must see that the server goes before clients are refused.
 * false: there is no such delay, or it is over now.
 */
GT_ON_MASTER static bool
delay_stop(struct gt_arbiter *a)
{
	int64_t ms = a->gen->settings->stop_delay_ms;

	if (ms <= 0 || gt_signal_is_stopping(a) || gt_reexec_has_peer(a))
		return false;
	if (gt_event_after(a->base, ms * 1000, on_stop_delay, a,
	                   &a->stop_timer) != GT_OK)
		return false;
	gt_log_info("stopping in %lldms (stop-delay)", (long long)ms);
	tell_manager(a);
	gt_control_stopping(a);
	return true;
}

static void
stop_gracefully(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	if (!delay_stop(a) && !gt_reexec_defer_stop(a))
		gt_signal_stop(a, a->state == GT_ARBITER_RUNNING
		                      ? GT_ARBITER_GRACEFUL
		                      : GT_ARBITER_QUICK);
}

static void
stop_quickly(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	gt_signal_stop(a, GT_ARBITER_QUICK);
}

static void
reap_children(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	(void)self;
	gt_reap_children(a);
}

static void
reopen_logs(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	gt_logs_reopen(a);
}

static void
reload(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	gt_reload_start(a);
}

static void
add_worker(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	gt_road_scale(a, 1);
}

static void
remove_worker(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	gt_road_scale(a, -1);
}

static void
end_workers(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	if (!gt_reexec_defer_empty(a))
		gt_road_empty(a);
}

static void
upgrade(struct gt_arbiter *a, const struct action *self)
{
	gt_assert_master();
	gt_log_info("handling signal: %s", self->name);
	gt_reexec_start(a);
}

static const struct action actions[GT_SIGNAL_COUNT] = {
#define GT_SIGNAL(name, action, text) {SIG##name, #name, action},
#include "tbl/signals.def"
};

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct gt_arbiter *a = arg;

	gt_assert_master();
	(void)what;
	for (size_t i = 0; i < GT_SIGNAL_COUNT; i++)
		if (actions[i].number == (int)number)
			actions[i].act(a, &actions[i]);
}

enum gt_err
gt_signal_init(struct gt_arbiter *a)
{
	sigset_t none;

	/* What our parent blocked is its own affair. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < GT_SIGNAL_COUNT; i++) {
		a->signals[i] =
		    evsignal_new(a->base, actions[i].number, on_signal, a);
		if (a->signals[i] == NULL || event_add(a->signals[i], NULL) < 0)
			return GT_NOMEM;
	}
	return GT_OK;
}

/*
 * All is done: a second TERM must not end the process by its default action,
 * with another status, when the events are gone.
 */
void
gt_signal_fini(struct gt_arbiter *a)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (size_t i = 0; i < GT_SIGNAL_COUNT; i++)
		gt_event_drop(&a->signals[i]);
	gt_event_drop(&a->stop_timer);
}
