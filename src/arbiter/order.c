/* SPDX-License-Identifier: MIT */
/*
 * What a forkserver is asked for: to fork a worker, to call a hook. Orders are
 * done one after the other, so hooks keep their order; an order holds its
 * generation. A worker that was ordered has no pid until it is born: it waits
 * on a list of its own, and counts as one that boots.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/config/hooks.h"
#include "gthreadd/net/forkmsg.h"

#include "arbiter_priv.h"

/* The first one, and the generation it held, which the caller lets go. */
GT_ON_MASTER static struct gt_order *
take_first(struct gt_forkserver *f)
{
	struct gt_order *o = STAILQ_FIRST(&f->orders);

	STAILQ_REMOVE_HEAD(&f->orders, link);
	return o;
}

GT_ON_MASTER static void
destroy(struct gt_arbiter *a, struct gt_order *o)
{
	gt_fd_close(&o->channel_fd);
	gt_generation_unref(a, o->gen);
	free(o);
}

/* It will not be done: the worker is not, the others are as if they were. */
GT_ON_MASTER static void
drop(struct gt_arbiter *a, struct gt_order *o)
{
	if (o->proc != NULL)
		gt_spawn_abandon(a, o->proc);
	if (o->done != NULL)
		o->done(a);
	destroy(a, o);
}

/* NULL: out of memory, logged. */
GT_ON_MASTER static struct gt_order *
add(struct gt_generation *g, enum gt_hook hook)
{
	struct gt_order *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		gt_log_error("forkserver is not told of '%s': out of memory",
		             hook < GT_HOOK_COUNT ? gt_hook_name(hook)
		                                  : "spawn");
		return NULL;
	}
	o->hook = hook;
	o->channel_fd = -1;
	o->before = o->after = -1;
	o->gen = gt_generation_ref(g);
	STAILQ_INSERT_TAIL(&g->forkserver->orders, o, link);
	return o;
}

static bool
is_set(const struct gt_generation *g, enum gt_hook hook)
{
	return g != NULL && g->forkserver != NULL &&
	       gt_hook_spec(g->settings, hook) != NULL;
}

void
gt_order_hook(struct gt_arbiter *a, struct gt_generation *g, enum gt_hook hook)
{
	(void)a;
	if (is_set(g, hook) && add(g, hook) != NULL)
		gt_forkserver_push(g->forkserver);
}

void
gt_order_scaled(struct gt_arbiter *a, int64_t before)
{
	struct gt_generation *g = a->gen;
	struct gt_order *o;

	if (!is_set(g, GT_HOOK_nworkers_changed) ||
	    (o = add(g, GT_HOOK_nworkers_changed)) == NULL)
		return;
	o->before = before;
	o->after = (int64_t)a->target;
	gt_forkserver_push(g->forkserver);
}

/* When its own forkserver is no more, that of those who follow. */
void
gt_order_child_exit(struct gt_arbiter *a, const struct gt_proc *p)
{
	struct gt_generation *g = p->gen;
	struct gt_order *o;

	if (!is_set(g, GT_HOOK_child_exit))
		g = a->gen;
	if (!is_set(g, GT_HOOK_child_exit) ||
	    (o = add(g, GT_HOOK_child_exit)) == NULL)
		return;
	o->worker = (struct gt_fork_proc){p->pid, p->age};
	gt_forkserver_push(g->forkserver);
}

bool
gt_order_pre_exec(struct gt_arbiter *a, void (*done)(struct gt_arbiter *))
{
	struct gt_generation *g = a->gen;
	struct gt_order *o;

	if (!is_set(g, GT_HOOK_pre_exec) ||
	    g->forkserver->state != GT_FORKSERVER_READY ||
	    (o = add(g, GT_HOOK_pre_exec)) == NULL)
		return false;
	o->done = done;
	gt_forkserver_push(g->forkserver);
	return true;
}

enum gt_err
gt_order_spawn(struct gt_arbiter *a, struct gt_proc *p, int channel_fd)
{
	struct gt_generation *g = p->gen;
	struct gt_order *o;

	(void)a;
	if ((o = add(g, GT_HOOK_COUNT)) == NULL)
		return GT_NOMEM;
	o->proc = p;
	o->channel_fd = channel_fd;
	gt_forkserver_push(g->forkserver);
	return GT_OK;
}

/* ---- sending ---- */

GT_ON_MASTER static void
describe_master(const struct gt_arbiter *a, struct gt_fork_msg *msg)
{
	const struct gt_proc *p;

	msg->master = (int32_t)getpid();
	msg->target = (uint32_t)a->target;
	TAILQ_FOREACH (p, &a->procs, link)
		if (msg->nprocs < GT_FORK_PROCS)
			msg->procs[msg->nprocs++] =
			    (struct gt_fork_proc){p->pid, p->age};
}

/* What does not go into one message goes ahead of it. */
GT_ON_MASTER static enum gt_err
add_fd(const struct gt_forkserver *f, struct gt_fork_fds *fds, int fd)
{
	static const struct gt_fork_msg first = {.type = GT_FORK_FIRST};
	enum gt_err rc;

	if (fds->n == GT_FORK_FDS) {
		rc = gt_fork_send(f->channel_fd, &first, fds);
		if (rc != GT_OK) /* half an order cannot be given again */
			return rc == GT_GONE ? GT_GONE : GT_SYS;
		fds->n = 0;
	}
	fds->v[fds->n++] = fd;
	return GT_OK;
}

GT_ON_MASTER static enum gt_err
add_fds(const struct gt_forkserver *f, const struct gt_order *o,
        struct gt_fork_fds *fds)
{
	const struct gt_listeners *ls = &o->gen->listeners;
	enum gt_err rc = GT_OK;

	fds->v[fds->n++] = o->proc->board_fd;
	fds->v[fds->n++] = o->channel_fd;
	for (size_t i = 0; rc == GT_OK && i < ls->n; i++)
		rc = add_fd(f, fds, ls->v[i].fd);
	return rc;
}

GT_ON_MASTER static void
describe_spawn(const struct gt_forkserver *f, const struct gt_order *o,
               struct gt_fork_msg *msg)
{
	msg->type = GT_FORK_SPAWN;
	if (gt_hook_spec(o->gen->settings, GT_HOOK_pre_fork) != NULL &&
	    !f->skips_pre_fork)
		msg->hook = GT_HOOK_pre_fork;
	msg->worker.age = o->proc->age;
	msg->seat = o->proc->seat;
	msg->slot = o->proc->slot;
	msg->slots = f->arbiter->slots;
}

enum gt_err
gt_order_send(const struct gt_forkserver *f, const struct gt_order *o)
{
	struct gt_fork_msg msg;
	struct gt_fork_fds fds;
	enum gt_err rc;

	memset(&msg, 0, sizeof(msg));
	fds.n = 0;
	msg.type = GT_FORK_HOOK;
	msg.hook = o->hook;
	msg.worker = o->worker;
	msg.before = o->before;
	msg.after = o->after;
	msg.log_level = (uint32_t)gt_control_log_level(f->arbiter, o->gen);
	describe_master(f->arbiter, &msg);
	if (o->proc != NULL) {
		describe_spawn(f, o, &msg);
		if ((rc = add_fds(f, o, &fds)) != GT_OK)
			return rc;
	}
	return gt_fork_send(f->channel_fd, &msg, &fds);
}

void
gt_order_logs(const struct gt_generation *g)
{
	const struct gt_forkserver *f = g->forkserver;
	struct gt_fork_msg msg;
	struct gt_fork_fds fds;
	enum gt_err rc;

	if (f == NULL || f->channel_fd < 0)
		return;
	memset(&msg, 0, sizeof(msg));
	msg.type = GT_FORK_LOGS;
	fds.n = 0;
	fds.v[fds.n++] = g->error_log_fd;
	if (g->access_log_fd >= 0)
		fds.v[fds.n++] = g->access_log_fd;
	rc = gt_fork_send(f->channel_fd, &msg, &fds);
	if (rc != GT_OK && rc != GT_GONE)
		gt_log_error("forkserver cannot be given the log files: %s",
		             gt_err_text(rc));
}

/* ---- what becomes of them ---- */

GT_ON_MASTER static void
count_failure(struct gt_arbiter *a, enum gt_hook hook, const char *how)
{
	a->hook_failures++;
	gt_log_error("hook '%s' %s failures=%llu", gt_hook_name(hook), how,
	             (unsigned long long)a->hook_failures);
}

/* As when the master itself cannot fork one. */
GT_ON_MASTER static void
miscarry(struct gt_arbiter *a, const struct gt_generation *g, int error)
{
	char why[200];

	snprintf(why, sizeof(why), "worker cannot be started: %s",
	         strerror(error));
	if (g == a->next) {
		gt_reload_fail(a, why);
	} else if (!a->was_ready) {
		gt_reap_halt(a, GT_EXIT_BOOT, why);
	} else {
		gt_log_error("%s", why);
		gt_spawn_back_off(a, gt_clock_us());
	}
}

GT_ON_MASTER static void
give_birth(struct gt_arbiter *a, struct gt_order *o, int32_t pid)
{
	struct gt_proc *p = o->proc;

	o->proc = NULL;
	if (pid > 0) {
		gt_spawn_adopt(a, p, (pid_t)pid);
		return;
	}
	gt_spawn_abandon(a, p);
	miscarry(a, o->gen, -pid);
}

void
gt_order_done(struct gt_forkserver *f, enum gt_fork_type type, int32_t result)
{
	struct gt_arbiter *a = f->arbiter;
	struct gt_order *o = take_first(f);

	if (type == GT_FORK_BORN && o->proc != NULL)
		give_birth(a, o, result);
	else if (result < 0 && o->proc == NULL)
		count_failure(a, o->hook, "has failed");
	drop(a, o);
}

const char *
gt_order_is_late(const struct gt_forkserver *f)
{
	const struct gt_order *o = STAILQ_FIRST(&f->orders);

	if (o->proc == NULL)
		gt_log_error("hook '%s' has not returned within hook-timeout",
		             gt_hook_name(o->hook));
	else
		gt_log_error("worker was not forked within hook-timeout");
	return "it has not done within hook-timeout what it was asked for";
}

/* A worker is wanted all the same: it is forked without the hook then. */
void
gt_order_blame(struct gt_forkserver *f)
{
	struct gt_order *o = take_first(f);

	f->is_under_way = false;
	if (o->proc == NULL) {
		count_failure(f->arbiter, o->hook, "has ended the forkserver");
	} else if (gt_hook_spec(o->gen->settings, GT_HOOK_pre_fork) != NULL &&
	           !f->skips_pre_fork) {
		f->skips_pre_fork = true;
		count_failure(f->arbiter, GT_HOOK_pre_fork,
		              "may have ended the forkserver: it is not called "
		              "any more until the next reload");
	}
	drop(f->arbiter, o);
}

void
gt_order_drop_all(struct gt_forkserver *f)
{
	struct gt_generation *g = gt_generation_ref(f->gen);

	while (!STAILQ_EMPTY(&f->orders))
		drop(f->arbiter, take_first(f));
	f->is_under_way = false;
	gt_generation_unref(f->arbiter, g);
}

void
gt_order_drop_spawns(struct gt_forkserver *f)
{
	struct gt_order *o, *next, *first = STAILQ_FIRST(&f->orders);
	struct gt_generation *g;

	if (f->gen == NULL)
		return;
	g = gt_generation_ref(f->gen);
	for (o = first; o != NULL; o = next) {
		next = STAILQ_NEXT(o, link);
		if (o->proc == NULL || (o == first && f->is_under_way))
			continue;
		STAILQ_REMOVE(&f->orders, o, gt_order, link);
		drop(f->arbiter, o);
	}
	gt_generation_unref(f->arbiter, g);
}

void
gt_order_close_all(struct gt_forkserver *f)
{
	struct gt_order *o;

	STAILQ_FOREACH (o, &f->orders, link)
		gt_fd_close(&o->channel_fd);
}
