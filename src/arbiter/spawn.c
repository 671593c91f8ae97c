/* SPDX-License-Identifier: MIT */
/*
 * Forking. A child shares libevent's descriptors and signal pair with its
 * parent until it has left them, so signals are blocked from before the fork
 * until the child has its own dispositions. Called between two turns of the
 * loop, never inside a callback.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "event_priv.h"
#include "relays_priv.h"

#define BACKOFF_MIN_US 100000
#define LATE_US        1000000 /* born during a stop: from TERM to KILL */
#define BACKOFF_MAX_US 30000000

/* What other generations listen on and log to. */
static void
close_generations(struct gt_arbiter *a, const struct gt_generation *mine)
{
	struct gt_generation *g;

	TAILQ_FOREACH (g, &a->generations, link) {
		if (g == mine)
			continue;
		gt_listeners_close(&g->listeners, false);
		gt_fd_close(&g->error_log_fd);
		gt_fd_close(&g->access_log_fd);
	}
}

/*
 * What a canary says goes to the log of the generation that serves: there
 * people look for what is wrong. When it is ready it gets its own.
 */
static void
use_log(const struct gt_arbiter *a, const struct gt_generation *g)
{
	if (g == a->next &&
	    dup3(a->gen->error_log_fd, g->error_log_fd, O_CLOEXEC) < 0)
		_exit(GT_EXIT_BOOT);
	gt_log_set_level((enum gt_log_level)gt_control_log_level(a, g));
	gt_log_set_fd(g->error_log_fd);
}

static void
close_proc(struct gt_proc *p)
{
	gt_fd_close(&p->channel_fd);
	gt_fd_close(&p->board_fd);
	gt_board_unmap(p->board);
	p->board = NULL;
}

static void
close_others(struct gt_arbiter *a, const struct gt_generation *mine)
{
	struct gt_proc *p;

	gt_pidfile_forget(&a->pidfile);
	gt_control_leave(a);
	gt_daemon_leave(a);
	gt_relays_leave(a);
	gt_reexec_leave(a);
	gt_reading_leave(a);
	close_generations(a, mine);
	gt_forkserver_close_all(a);
	TAILQ_FOREACH (p, &a->procs, link)
		close_proc(p);
	TAILQ_FOREACH (p, &a->unborn, link)
		close_proc(p);
	gt_roster_unmap(a->roster);
	a->roster = NULL;
}

#define WHAT_SIZE 512

/* Errors: GT_SYS; what failed. */
static enum gt_err
become_user(const struct gt_arbiter *a, const struct gt_child *child,
            char what[WHAT_SIZE])
{
	const char *dir = child->settings->chdir;

	snprintf(what, WHAT_SIZE, "user and group cannot be set");
	if (gt_os_user_become(&a->user) != GT_OK)
		return GT_SYS;
	snprintf(what, WHAT_SIZE, "directory %s cannot be entered", dir);
	if (dir[0] != '\0' && chdir(dir) < 0)
		return GT_SYS;
	return GT_OK;
}

void
gt_spawn_leave(struct gt_arbiter *a, const struct gt_generation *mine,
               const sigset_t *mask)
{
	if (a->base != NULL) {
		/* Without a reinit the free would disarm the parent's loop. */
		if (event_reinit(a->base) < 0)
			_exit(GT_EXIT_BOOT);
		event_base_free(a->base);
		a->base = NULL;
	}
	gt_os_reset_signals();
	if (mine == NULL)
		gt_log_set_fd(STDERR_FILENO);
	else if (mine->error_log_fd >= 0) /* --check-config opens none */
		use_log(a, mine);
	close_others(a, mine);
	gt_role_set(GT_ROLE_NONE);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

GT_NORETURN static void
run_child(struct gt_arbiter *a, const struct gt_child *child,
          int (*entry)(const struct gt_child *))
{
	char what[WHAT_SIZE];
	int code = GT_EXIT_BOOT;

	if (become_user(a, child, what) == GT_OK)
		code = entry(child);
	else
		gt_relays_tell_last(a, child, what);
	/* exit() reports leaks; it also flushes what the parent had in stdio */
	if (GT_IS_SANITIZED)
		exit(code);
	_exit(code);
}

GT_NORETURN static void
run_worker(struct gt_arbiter *a, const struct gt_proc *p, int board_fd,
           int channel_fd)
{
	const struct gt_generation *g = p->gen;
	const struct gt_child child = {
	    .settings = g->settings,
	    .listeners = &g->listeners,
	    .name = gt_generation_name(g),
	    .master = getppid(),
	    .age = p->age,
	    .seat = p->seat,
	    .slot = p->slot,
	    .slots = a->slots,
	    .roster_fd = a->roster_fd,
	    .board_fd = board_fd,
	    .channel_fd = channel_fd,
	    .error_log_fd = g->error_log_fd,
	    .access_log_fd = g->access_log_fd,
	    .relay = &g->relay,
	};

	gt_os_title_set("gthreadd: worker [%s]", child.name);
	run_child(a, &child, a->ops->worker);
}

static void
free_proc(struct gt_proc *p)
{
	gt_event_drop(&p->channel_event);
	gt_fd_close(&p->channel_fd);
	gt_fd_close(&p->board_fd);
	gt_board_unmap(p->board);
	free(p);
}

void
gt_spawn_forget(struct gt_arbiter *a, struct gt_proc *p)
{
	TAILQ_REMOVE(&a->procs, p, link);
	a->nprocs--;
	gt_control_inherit(a, p);
	gt_roster_leave(a->roster, p->seat);
	gt_generation_unref(a, p->gen);
	free_proc(p);
}

static bool
is_taken(const struct gt_procs *procs, unsigned seat)
{
	const struct gt_proc *p;

	TAILQ_FOREACH (p, procs, link)
		if (p->seat == seat)
			return true;
	return false;
}

/* The lowest seat of the roster that is free. */
static unsigned
free_seat(const struct gt_arbiter *a)
{
	unsigned seat = 0;

	while (seat < GT_ROSTER_SEATS &&
	       (is_taken(&a->procs, seat) || is_taken(&a->unborn, seat)))
		seat++;
	return seat;
}

/* What the master shares with one worker. Errors: GT_SYS, GT_NOMEM. */
GT_ON_MASTER static enum gt_err
create_proc(struct gt_arbiter *a, const struct gt_generation *g,
            struct gt_proc **out, int *channel_fd)
{
	unsigned seat = free_seat(a);
	struct gt_proc *p;
	enum gt_err rc;
	int fd[2];

	*channel_fd = -1;
	if (seat == GT_ROSTER_SEATS)
		return GT_FULL;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return GT_NOMEM;
	p->channel_fd = p->board_fd = -1;
	p->age = ++a->age;
	p->seat = seat;
	p->slot = gt_slots_free(a, g);
	p->spawned_us = gt_clock_us();
	rc = gt_board_create((unsigned)g->settings->threads, &p->board_fd);
	if (rc != GT_OK)
		goto fail;
	if ((rc = gt_board_map(p->board_fd, false, &p->board)) != GT_OK)
		goto fail;
	if ((rc = gt_channel_pair(fd)) != GT_OK)
		goto fail;
	p->channel_fd = fd[0];
	*channel_fd = fd[1];
	if ((rc = gt_watch_channel(a, p)) != GT_OK)
		goto fail;
	*out = p;
	return GT_OK;
fail:
	free_proc(p);
	gt_fd_close(channel_fd);
	return rc;
}

/* The forkserver forks it. Errors: GT_NOMEM. */
GT_ON_MASTER static enum gt_err
order_worker(struct gt_arbiter *a, struct gt_proc *p, int channel_fd)
{
	enum gt_err rc;

	gt_generation_ref(p->gen);
	TAILQ_INSERT_TAIL(&a->unborn, p, link);
	if ((rc = gt_order_spawn(a, p, channel_fd)) == GT_OK)
		return GT_OK;
	gt_fd_close(&channel_fd);
	gt_spawn_abandon(a, p);
	return rc;
}

void
gt_spawn_adopt(struct gt_arbiter *a, struct gt_proc *p, pid_t pid)
{
	int64_t now = gt_clock_us();

	TAILQ_REMOVE(&a->unborn, p, link);
	TAILQ_INSERT_TAIL(&a->procs, p, link);
	a->nprocs++;
	p->pid = pid;
	p->spawned_us = now;
	if (a->state == GT_ARBITER_RUNNING)
		return;
	/* The stop came before it. */
	kill(pid, SIGTERM);
	p->kill_at_us = now + LATE_US;
	p->kill_why = "it had not ended in time";
	gt_watch_arm(a);
}

void
gt_spawn_abandon(struct gt_arbiter *a, struct gt_proc *p)
{
	TAILQ_REMOVE(&a->unborn, p, link);
	gt_roster_leave(a->roster, p->seat);
	gt_generation_unref(a, p->gen);
	free_proc(p);
}

/* It has each socket from the master when it forks: none may stay with it. */
static void
close_listeners(struct gt_generation *g)
{
	for (size_t i = 0; i < g->listeners.n; i++)
		gt_fd_close(&g->listeners.v[i].fd);
}

enum gt_err
gt_spawn_forkserver(struct gt_arbiter *a, struct gt_generation *g,
                    int channel_fd, pid_t *pid)
{
	const struct gt_child child = {
	    .settings = g->settings,
	    .listeners = &g->listeners,
	    .name = gt_generation_name(g),
	    .roster_fd = a->roster_fd,
	    .board_fd = -1,
	    .channel_fd = channel_fd,
	    .error_log_fd = g->error_log_fd,
	    .access_log_fd = g->access_log_fd,
	    .relay = &g->relay,
	};
	sigset_t mask;

	if ((*pid = gt_os_fork(&mask)) != 0)
		return *pid < 0 ? GT_SYS : GT_OK;
	gt_spawn_leave(a, g, &mask);
	close_listeners(g);
	gt_os_title_set("gthreadd: forkserver [%s]", child.name);
	run_child(a, &child, a->ops->forkserver);
}

enum gt_err
gt_spawn_worker(struct gt_arbiter *a, struct gt_generation *g)
{
	int channel_fd, board_fd;
	struct gt_proc *p;
	sigset_t mask;
	enum gt_err rc;

	if ((rc = create_proc(a, g, &p, &channel_fd)) != GT_OK)
		return rc;
	p->gen = g;
	if (g->forkserver != NULL)
		return order_worker(a, p, channel_fd);
	if ((p->pid = gt_os_fork(&mask)) == 0) {
		board_fd = p->board_fd;
		p->board_fd = -1;
		TAILQ_INSERT_TAIL(&a->procs, p, link);
		gt_spawn_leave(a, g, &mask);
		run_worker(a, p, board_fd, channel_fd);
	}
	gt_fd_close(&channel_fd);
	if (p->pid < 0) {
		free_proc(p);
		return GT_SYS;
	}
	gt_generation_ref(g);
	TAILQ_INSERT_TAIL(&a->procs, p, link);
	a->nprocs++;
	return GT_OK;
}

/*
 * One step per wave: workers that were forked before the last step and die
 * after it tell nothing new.
 */
void
gt_spawn_back_off(struct gt_arbiter *a, int64_t born_us)
{
	int64_t now = gt_clock_us();

	if (a->backoff_us == 0)
		a->backoff_us = BACKOFF_MIN_US;
	else if (born_us >= a->backoff_began_us)
		a->backoff_us *= 2;
	else
		return;
	if (a->backoff_us > BACKOFF_MAX_US)
		a->backoff_us = BACKOFF_MAX_US;
	a->backoff_began_us = now;
	a->spawn_at_us = now + a->backoff_us;
	gt_log_warning("next worker is started in %lldms",
	               (long long)(a->backoff_us / 1000));
	gt_watch_arm(a);
}

enum gt_err
gt_spawn_check(struct gt_arbiter *a, int *status)
{
	const struct gt_child child = {
	    .settings = a->gen->settings,
	    .listeners = &a->gen->listeners,
	    .name = gt_generation_name(a->gen),
	    .board_fd = -1,
	    .channel_fd = -1,
	    .error_log_fd = gt_log_fd(),
	    .access_log_fd = -1,
	};
	sigset_t mask;
	pid_t pid, done;

	if ((pid = gt_os_fork(&mask)) < 0)
		return GT_SYS;
	if (pid == 0) {
		gt_spawn_leave(a, a->gen, &mask);
		run_child(a, &child, a->ops->check);
	}
	do
		done = waitpid(pid, status, 0);
	while (done < 0 && errno == EINTR);
	return done < 0 ? GT_SYS : GT_OK;
}
