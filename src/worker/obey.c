/* SPDX-License-Identifier: MIT */
/*
 * What a worker is told: signals, and the messages of the master. The loop's,
 * once it runs.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/python/interp.h"
#include "logthread_priv.h"
#include "worker_priv.h"

/*
 * Signals a worker obeys, the last two by doing nothing; an app's own handlers
 * for them are replaced. None is ignored: programs that the app runs would
 * ignore it as well.
 */
static const int obeyed[GT_WORKER_SIGNALS] = {SIGTERM, SIGINT, SIGQUIT,
                                              SIGUSR1, SIGHUP, SIGWINCH};

/* orphans: see gt_acceptor_stop. */
GT_ON_LOOP static void
drain(struct gt_worker *w, uint64_t orphans)
{
	/* Its stacks are still to be shown. */
	if (w->state != GT_WORKER_SERVING || w->is_doomed)
		return;
	gt_log_info("worker drains connections=%zu", w->nconns);
	gt_acceptor_stop(w, orphans);
	gt_roster_leave(w->roster, w->child->seat);
	w->state = GT_WORKER_DRAINING;
	w->drain_until_us =
	    gt_loop_now(w) + w->settings->graceful_timeout_ms * 1000;
	atomic_store(&w->service.closing, true);
	atomic_store(&w->board->ready, 2);
}

void
gt_worker_quit(struct gt_worker *w, const char *why)
{
	gt_log_info("worker quits reason=\"%s\"", why);
	w->quick = true;
	w->state = GT_WORKER_ENDED;
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct gt_worker *w = arg;

	(void)what;
	gt_assert_loop();
	switch (sig) {
	case SIGTERM:
		drain(w, UINT64_MAX);
		return;
	case SIGUSR1:
		gt_output_reopen(w);
		return;
	case SIGHUP:
	case SIGWINCH:
		return; /* sent to a group: the master decides */
	default:
		w->interrupted = true;
		gt_worker_quit(w, sig == SIGINT ? "INT" : "QUIT");
	}
}

/* The master wants to know what the threads do. */
GT_ON_LOOP static void
pass_on_stacks(struct gt_worker *w, const struct gt_channel_msg *msg)
{
	struct gt_job job = {.kind = GT_JOB_STACKS, .value = msg->value};

	if (msg->nfds == 0)
		return;
	job.fd = msg->fds[0];
	if (!gt_monitor_ask(w, &job))
		gt_fd_close(&job.fd);
}

/* The monitor says what it can; the clients get what answer they can. */
GT_ON_LOOP static void
prepare_for_death(struct gt_worker *w)
{
	const struct gt_job job = {.kind = GT_JOB_ABORT};

	w->is_doomed = w->hopeless = true;
	if (!gt_monitor_ask(w, &job))
		gt_log_error("worker is about to be killed");
	gt_conn_give_up_all(w, 504, "timeout");
}

GT_ON_LOOP static void
take_message(struct gt_worker *w, const struct gt_channel_msg *msg)
{
	if (msg->type == GT_CHANNEL_STACKS)
		pass_on_stacks(w, msg);
	if (msg->type == GT_CHANNEL_ABORT)
		prepare_for_death(w);
	if (msg->type == GT_CHANNEL_REOPEN)
		gt_output_take(w, msg->fds, msg->nfds);
	if (msg->type == GT_CHANNEL_SLOTS)
		gt_acceptor_set_slots(w, (unsigned)msg->value);
	if (msg->type == GT_CHANNEL_DRAIN)
		drain(w, msg->value);
	if (msg->type == GT_CHANNEL_LOG_LEVEL && msg->value <= GT_LOG_CRITICAL)
		gt_log_set_level((enum gt_log_level)msg->value);
}

/* Its descriptors had no room; what it was about is left as it was. */
static void
tell_lost(const struct gt_channel_msg *msg)
{
	gt_log_error("no descriptors left for %s",
	             msg->type == GT_CHANNEL_REOPEN
	                 ? "the new log files, the old ones are written on"
	                 : "what the master asks");
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct gt_worker *w = arg;
	struct gt_channel_msg msg;
	enum gt_err rc;

	(void)what;
	gt_assert_loop();
	do {
		if ((rc = gt_channel_recv((int)fd, &msg)) == GT_OK)
			take_message(w, &msg);
		else if (rc == GT_INVALID)
			tell_lost(&msg);
	} while (rc == GT_OK || rc == GT_INVALID);
	if (rc == GT_AGAIN)
		return;
	event_del(&w->channel_ev);
	gt_worker_quit(w, "the master is gone");
}

/* Say once what the app had in mind for signals that are ours. */
void
gt_obey_warn(void)
{
	char names[128];

	if (gt_interp_signals(obeyed, GT_WORKER_SIGNALS, names, sizeof(names)))
		gt_log_warning("the application's signal handlers are replaced "
		               "signals=\"%s\"",
		               names);
}

/*
 * In a process that the app forks: it has the pipe by which handlers tell the
 * loop, so a signal to it would be taken for one to the worker.
 */
static void
leave_signals(void)
{
	for (size_t i = 0; i < GT_WORKER_SIGNALS; i++)
		signal(obeyed[i], SIG_DFL);
}

/* From here on signals are events, whatever the app has installed. */
enum gt_err
gt_obey_start(struct gt_worker *w)
{
	if (gt_thread_at_fork(leave_signals) != GT_OK)
		return GT_NOMEM;
	for (size_t i = 0; i < GT_WORKER_SIGNALS; i++) {
		struct event *ev = &w->signal_ev[i];

		evsignal_assign(ev, w->base, obeyed[i], on_signal, w);
		if (evsignal_add(ev, NULL) < 0)
			return GT_SYS;
	}
	event_assign(&w->channel_ev, w->base, w->child->channel_fd,
	             EV_READ | EV_PERSIST, on_channel, w);
	return event_add(&w->channel_ev, NULL) < 0 ? GT_SYS : GT_OK;
}

void
gt_obey_stop(void)
{
	for (size_t i = 0; i < GT_WORKER_SIGNALS; i++)
		signal(obeyed[i], SIG_IGN);
}
