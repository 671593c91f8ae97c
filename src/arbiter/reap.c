/* SPDX-License-Identifier: MIT */
/*
 * Ended children: who it was, why in words, and what follows from it.
 * Children we do not know (the master may be PID 1) are reaped silently.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "ending_priv.h"

/* A worker that has served for less long died young. */
#define YOUNG_US 1000000
#define TOLD_MAX 16 /* requests that a dead worker is asked for */

static struct gt_proc *
find_proc(const struct gt_arbiter *a, pid_t pid)
{
	struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		if (p->pid == pid)
			return p;
	return NULL;
}

/* By somebody else: who that was cannot be known for sure. */
static void
describe_kill(const struct gt_proc *p, bool is_oom, char *out, size_t n)
{
	char rss[40] = "";

	if (p->rss != 0)
		snprintf(rss, sizeof(rss), " rss=%lluk",
		         (unsigned long long)p->rss / 1024);
	snprintf(out, n, "was killed%s%s",
	         is_oom ? ", probably by the kernel's out of memory killer"
	                : " by another process or the kernel",
	         rss);
}

static void
describe_signal(const struct gt_proc *p, int status, bool is_oom, char *out,
                size_t n)
{
	int number = WTERMSIG(status);

	if (number == SIGKILL && p->is_killed)
		snprintf(out, n, "was killed by the master: %s", p->kill_why);
	else if (number == SIGABRT && p->is_aborted)
		snprintf(out, n, "was aborted by the master: %s", p->kill_why);
	else if (number == SIGKILL)
		describe_kill(p, is_oom, out, n);
	else
		gt_ending_describe(status, out, n);
}

/* What an end that nobody planned has cut off, as the board shows it. */
static void
log_requests(const struct gt_proc *p, int64_t now)
{
	unsigned threads = gt_board_threads(p->board), told = 0;
	struct gt_cell_copy cell;
	int64_t age_us;

	for (unsigned i = 0; i < threads && told < TOLD_MAX; i++) {
		if (!gt_cell_read(&p->board->cell[i], &cell) ||
		    !gt_cell_is_busy(&cell, now, &age_us))
			continue;
		told++;
		gt_log_error("worker %d was running request=\"%s\" "
		             "peer=%s age_ms=%lld",
		             (int)p->pid, cell.text, gt_cell_peer(&cell),
		             (long long)age_us / 1000);
	}
}

/* An end by a signal: the words for it. */
GT_ON_MASTER static void
explain_signal(struct gt_arbiter *a, const struct gt_proc *p, int status,
               char *out, size_t n)
{
	bool is_foreign = WTERMSIG(status) == SIGKILL && !p->is_killed;

	describe_signal(p, status, is_foreign && gt_oom_claim(&a->oom), out, n);
}

static bool
is_clean(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == GT_EXIT_OK;
}

/* Who still boots has no handlers for what it is told. */
static bool
is_told(int status)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	return number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

static void
log_end(const struct gt_arbiter *a, const struct gt_proc *p, int status,
        const char *reason)
{
	bool is_planned =
	    a->state != GT_ARBITER_RUNNING || p->state == GT_PROC_DRAINING;

	gt_log(is_clean(status) || (is_planned && is_told(status))
	           ? GT_LOG_INFO
	           : GT_LOG_ERROR,
	       "worker %d %s", (int)p->pid, reason);
}

void
gt_reap_halt(struct gt_arbiter *a, int code, const char *why)
{
	char text[400];

	snprintf(text, sizeof(text), "server cannot start: %s", why);
	gt_log_critical("%s", text);
	snprintf(text, sizeof(text), "server cannot start: %s; see %s", why,
	         a->gen->settings->error_logfile);
	gt_daemon_tell(a, text);
	a->exit_code = code;
	gt_signal_stop(a, GT_ARBITER_QUICK);
}

/* Before any worker was ready nothing is served: give up, once and for all. */
GT_ON_MASTER static void
give_up(struct gt_arbiter *a, int status, const char *reason)
{
	char why[256];

	snprintf(why, sizeof(why), "a worker %s", reason);
	gt_reap_halt(a, gt_ending_exit_code(status), why);
}

GT_ON_MASTER static void
bury(struct gt_arbiter *a, struct gt_proc *p, int status)
{
	int64_t now = gt_clock_us(), born = p->spawned_us;
	bool is_young = p->ready_us == 0 || now - p->ready_us < YOUNG_US;
	bool is_canary = p->gen == a->next;
	bool is_planned = p->state == GT_PROC_DRAINING;
	char reason[200];

	if (WIFEXITED(status))
		gt_ending_describe_boot(status, reason, sizeof(reason));
	else
		explain_signal(a, p, status, reason, sizeof(reason));
	log_end(a, p, status, reason);
	if (!is_clean(status))
		log_requests(p, now);
	gt_control_bury(a, p, status);
	TAILQ_REMOVE(&a->procs, p, link);
	gt_order_child_exit(a, p);
	TAILQ_INSERT_TAIL(&a->procs, p, link);
	gt_spawn_forget(a, p);
	if (a->state != GT_ARBITER_RUNNING || is_planned)
		return;
	if (is_canary)
		gt_reload_fail(a, reason);
	else if (!a->was_ready)
		give_up(a, status, reason);
	else if (is_young)
		gt_spawn_back_off(a, born);
}

void
gt_reap_children(struct gt_arbiter *a)
{
	struct gt_proc *p;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 ||
	       (pid < 0 && errno == EINTR)) {
		if (pid < 0 || gt_reexec_reap(a, pid, status) ||
		    gt_metricsd_reap(a, pid) || gt_reading_reap(a, pid) ||
		    gt_forkserver_reap(a, pid, status))
			continue;
		if ((p = find_proc(a, pid)) == NULL) {
			gt_forkserver_poll(a); /* it may be just born */
			p = find_proc(a, pid);
		}
		if (p != NULL)
			bury(a, p, status);
	}
}
