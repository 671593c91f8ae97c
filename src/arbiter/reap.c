/* SPDX-License-Identifier: MIT */
/*
 * Ended children: who it was, why in words, and what follows from it.
 * Children we do not know (the master may be PID 1) are reaped silently.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"

/* A worker that has served for less long died young. */
#define YOUNG_US 1000000

static struct gt_proc *
find_proc(const struct gt_arbiter *a, pid_t pid)
{
	struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		if (p->pid == pid)
			return p;
	return NULL;
}

static void
describe_exit(int code, char *out, size_t n)
{
	switch (code) {
	case GT_EXIT_OK:
		snprintf(out, n, "exited");
		break;
	case GT_EXIT_BOOT:
		snprintf(out, n, "could not boot (exit code %d)", code);
		break;
	case GT_EXIT_APP:
		snprintf(out, n,
		         "could not import the application (exit code %d)",
		         code);
		break;
	default:
		snprintf(out, n, "exited with code %d", code);
	}
}

static void
describe_signal(const struct gt_proc *p, int status, char *out, size_t n)
{
	int number = WTERMSIG(status);

	if (number == SIGKILL && p->is_killed)
		snprintf(out, n, "was killed by the master: %s", p->kill_why);
	else if (number == SIGABRT && p->kill_why != NULL)
		snprintf(out, n, "was aborted by the master: %s", p->kill_why);
	else if (number == SIGKILL)
		snprintf(out, n,
		         "was killed by another process or the kernel "
		         "(out of memory?)");
	else
		snprintf(out, n, "was ended by signal %d (%s%s)", number,
		         strsignal(number),
		         WCOREDUMP(status) ? ", core dumped" : "");
}

static void
log_end(const struct gt_arbiter *a, const struct gt_proc *p, int status,
        const char *reason)
{
	bool is_wanted =
	    (a->state != GT_ARBITER_RUNNING || p->state == GT_PROC_DRAINING) &&
	    !p->is_killed;
	bool is_clean = WIFEXITED(status) && WEXITSTATUS(status) == GT_EXIT_OK;

	gt_log(is_wanted || is_clean ? GT_LOG_INFO : GT_LOG_ERROR,
	       "worker %d %s", (int)p->pid, reason);
}

void
gt_reap_halt(struct gt_arbiter *a, int code, const char *why)
{
	char text[400];

	snprintf(text, sizeof(text), "server cannot start: %s", why);
	gt_log_critical("%s", text);
	gt_daemon_tell(a, text);
	a->exit_code = code;
	gt_signal_stop(a, GT_ARBITER_QUICK);
}

/* Before any worker was ready nothing is served: give up, once and for all. */
GT_ON_MASTER static void
give_up(struct gt_arbiter *a, int status, const char *reason)
{
	char why[256];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : GT_EXIT_BOOT;

	snprintf(why, sizeof(why), "a worker %s", reason);
	gt_reap_halt(a, code == GT_EXIT_APP ? GT_EXIT_APP : GT_EXIT_BOOT, why);
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
		describe_exit(WEXITSTATUS(status), reason, sizeof(reason));
	else
		describe_signal(p, status, reason, sizeof(reason));
	log_end(a, p, status, reason);
	gt_control_bury(a, p, status);
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
		if (pid < 0 || gt_reexec_reap(a, pid, status))
			continue;
		if ((p = find_proc(a, pid)) != NULL)
			bury(a, p, status);
	}
}
