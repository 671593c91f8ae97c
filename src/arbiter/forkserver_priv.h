/* SPDX-License-Identifier: MIT */
/*
 * The master's end of forkservers, and what they are asked for. Included by
 * arbiter_priv.h.
 */
#ifndef GTHREADD_ARBITER_FORKSERVER_PRIV_H
#define GTHREADD_ARBITER_FORKSERVER_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/hooks.h"
#include "gthreadd/net/forkmsg.h"

struct event;
struct gt_arbiter;
struct gt_generation;
struct gt_proc;

enum gt_forkserver_state {
	GT_FORKSERVER_NONE,    /* to be forked, not before due_us */
	GT_FORKSERVER_BOOTING, /* imports; boot-timeout at due_us */
	GT_FORKSERVER_READY,   /* idle, or does the first of its orders */
	GT_FORKSERVER_LEAVING, /* nobody needs it any more; KILL at due_us */
};

/* To fork a worker, or to call a hook. */
struct gt_order {
	struct gt_generation *gen; /* a reference */
	enum gt_hook hook;         /* GT_HOOK_COUNT: a worker */
	struct gt_proc *proc;      /* of a->unborn; NULL: a hook */
	int channel_fd;            /* the worker's end */
	struct gt_fork_proc worker;
	int64_t before, after;             /* nworkers_changed */
	void (*done)(struct gt_arbiter *); /* whatever became of it; or NULL */
	STAILQ_ENTRY(gt_order) link;
};

/* The Python side of the master for one generation: see forkserver.c. */
struct gt_forkserver {
	struct gt_arbiter *arbiter;
	struct gt_generation *gen; /* borrowed: it goes first; NULL: LEAVING */
	enum gt_forkserver_state state;
	pid_t pid; /* 0: no process */
	int channel_fd;
	struct event *channel_event, *timer;
	int64_t due_us; /* 0: nothing */
	int64_t spawned_us;
	int64_t ready_us;
	int64_t backoff_us;
	const char *kill_why;
	bool is_under_way; /* the first order was sent */
	bool skips_pre_fork;
	STAILQ_HEAD(, gt_order) orders;
	TAILQ_ENTRY(gt_forkserver) link;
};
TAILQ_HEAD(gt_forkservers, gt_forkserver);

/* forkserver.c */
/* Give g one if its settings ask for it. false: out of memory. */
bool gt_forkserver_attach(struct gt_arbiter *a,
                          struct gt_generation *g) GT_ON_MASTER;
/* g is over: let its forkserver end, as soon as it is idle. */
void gt_forkserver_leave(struct gt_generation *g) GT_ON_MASTER;
/* The same, and what it was asked for is dropped. */
void gt_forkserver_discard(struct gt_generation *g) GT_ON_MASTER;
/* Fork those that are missing. Between two turns of the loop only. */
void gt_forkserver_step(struct gt_arbiter *a) GT_ON_MASTER;
/* Was it one that has ended? Then what follows was done. */
bool gt_forkserver_reap(struct gt_arbiter *a, pid_t pid,
                        int status) GT_ON_MASTER;
/* The workers have ended: end the forkservers too. false: all have. */
bool gt_forkserver_holds(struct gt_arbiter *a) GT_ON_MASTER;
void gt_forkserver_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* In a child: close the master's ends. */
void gt_forkserver_close_all(struct gt_arbiter *a);
/* It has said that it can do what it is asked for. */
void gt_forkserver_be_ready(struct gt_forkserver *f) GT_ON_MASTER;
/* It is to have done in so long what it does. */
void gt_forkserver_set_due(struct gt_forkserver *f, int64_t us) GT_ON_MASTER;
void gt_forkserver_clear_due(struct gt_forkserver *f) GT_ON_MASTER;
/* KILL it; why is constant text. SIGCHLD tells the rest. */
void gt_forkserver_kill(struct gt_forkserver *f, const char *why) GT_ON_MASTER;

/* forkchannel.c */
/* Give it the next order, if it has time. */
void gt_forkserver_push(struct gt_forkserver *f) GT_ON_MASTER;
/* fd is given: the channel to a new process. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_forkserver_listen(struct gt_forkserver *f,
                                               int fd) GT_ON_MASTER;
/* Take all that it has said. */
void gt_forkserver_hear(struct gt_forkserver *f) GT_ON_MASTER;
/* All of them: a worker's birth comes before its death. */
void gt_forkserver_poll(struct gt_arbiter *a) GT_ON_MASTER;
/* It hears no more; to it that is EOF. */
void gt_forkserver_cut(struct gt_forkserver *f) GT_ON_MASTER;

/* order.c */
/* Have a hook of g called, if it is set. */
void gt_order_hook(struct gt_arbiter *a, struct gt_generation *g,
                   enum gt_hook hook) GT_ON_MASTER;
/* nworkers_changed: a->target was before; -1: nothing. */
void gt_order_scaled(struct gt_arbiter *a, int64_t before) GT_ON_MASTER;
/* child_exit */
void gt_order_child_exit(struct gt_arbiter *a,
                         const struct gt_proc *p) GT_ON_MASTER;
/* pre_exec, and then done. false: it is not called, nor is done. */
bool gt_order_pre_exec(struct gt_arbiter *a,
                       void (*done)(struct gt_arbiter *)) GT_ON_MASTER;
/*
 * Have p of a->unborn forked; channel_fd is given. Errors: GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_order_spawn(struct gt_arbiter *a,
                                         struct gt_proc *p,
                                         int channel_fd) GT_ON_MASTER;
/* Tell the forkserver of g the logs that are in use. */
void gt_order_logs(const struct gt_generation *g) GT_ON_MASTER;
/* Errors: GT_AGAIN, GT_GONE, GT_SYS. */
GT_MUST_CHECK enum gt_err gt_order_send(const struct gt_forkserver *f,
                                        const struct gt_order *o) GT_ON_MASTER;
/* The first one was answered. */
void gt_order_done(struct gt_forkserver *f, enum gt_fork_type type,
                   int32_t result) GT_ON_MASTER;
/* It was not, for too long: log what; a reason to be killed. */
const char *gt_order_is_late(const struct gt_forkserver *f) GT_ON_MASTER;
/* The forkserver has ended over it. */
void gt_order_blame(struct gt_forkserver *f) GT_ON_MASTER;
/* None of them, or none that was not begun, is needed any more. */
void gt_order_drop_all(struct gt_forkserver *f) GT_ON_MASTER;
void gt_order_drop_spawns(struct gt_forkserver *f) GT_ON_MASTER;
/* In a child. */
void gt_order_close_all(struct gt_forkserver *f);

/* spawn.c */
/* It is born, or never will be. p is of a->unborn. */
void gt_spawn_adopt(struct gt_arbiter *a, struct gt_proc *p,
                    pid_t pid) GT_ON_MASTER;
void gt_spawn_abandon(struct gt_arbiter *a, struct gt_proc *p) GT_ON_MASTER;
/*
 * Fork the forkserver of g; channel_fd is its end. Returns in the parent only.
 * Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_spawn_forkserver(struct gt_arbiter *a,
                                              struct gt_generation *g,
                                              int channel_fd,
                                              pid_t *pid) GT_ON_MASTER;

#endif
