/* SPDX-License-Identifier: MIT */
/*
 * The master's state, shared by the files of this layer. Everything here
 * belongs to the master's only thread. Include this header last.
 */
#ifndef GTHREADD_ARBITER_PRIV_H
#define GTHREADD_ARBITER_PRIV_H

#if defined(Py_PYTHON_H) || defined(_PTHREAD_H)
#error "the master has neither Python nor threads: it forks"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "gthreadd/arbiter/arbiter.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/check.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/os.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/net/listener.h"
#include "gthreadd/stats/board.h"
#include "gthreadd/stats/roster.h"

struct event;
struct event_base;

enum gt_signal_index {
#define GT_SIGNAL(name, action, text) GT_SIGNAL_##name,
#include "tbl/signals.def"
#undef GT_SIGNAL
	GT_SIGNAL_COUNT
};

/* In which order the states follow each other. */
enum gt_arbiter_state {
	GT_ARBITER_RUNNING,
	GT_ARBITER_GRACEFUL, /* workers were told TERM */
	GT_ARBITER_QUICK,    /* workers were told QUIT */
};

/* A worker as its master sees it. */
struct gt_proc {
	pid_t pid;
	unsigned age;   /* its number, from 1 */
	unsigned seat;  /* in the roster */
	int channel_fd; /* our end; -1: it has closed its own */
	int board_fd;
	struct gt_board *board; /* read-only */
	struct event *channel_event;
	int64_t spawned_us;
	int64_t ready_us;     /* 0: not ready yet */
	int64_t kill_at_us;   /* SIGKILL is due then; 0: no */
	const char *kill_why; /* why we end it; NULL: we do not */
	bool is_killed;       /* SIGKILL was sent by us */
	bool is_seasoned;     /* has served long enough to trust its kind */
	bool owes_reopen;     /* its channel had no room for new logs */
	TAILQ_ENTRY(gt_proc) link;
};
TAILQ_HEAD(gt_procs, gt_proc);

struct gt_pidfile {
	char *path;
	int fd; /* locked; -1: none */
};

struct gt_arbiter {
	const struct gt_settings *settings;
	const struct gt_child_ops *ops;
	const char *name;
	struct gt_os_user user; /* who the workers become */

	struct gt_pidfile pidfile;
	struct gt_listeners listeners;
	int error_log_fd;
	int access_log_fd; /* -1: no access log */
	int roster_fd;
	struct gt_roster *roster;

	struct event_base *base;
	struct event *signals[GT_SIGNAL_COUNT];
	struct event *timer; /* watch.c: the next thing that is due */

	enum gt_arbiter_state state;
	int exit_code;
	bool was_ready; /* some worker has been: boot errors do not end us */
	struct gt_procs procs;
	size_t nprocs;
	unsigned age;             /* of the newest worker */
	int64_t backoff_us;       /* pause before the next fork; 0: none */
	int64_t backoff_began_us; /* when it was last raised */
	int64_t spawn_at_us;      /* not before */
};

/* pidfile.c */
/*
 * Lock path and write our pid into it. A file without a live holder is taken
 * over. Errors: GT_FULL (*holder has it: 0 when unknown), GT_SYS, GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_pidfile_init(struct gt_pidfile *pf,
                                          const char *path, pid_t *holder);
/* Close it; remove the file when it is still ours. */
void gt_pidfile_fini(struct gt_pidfile *pf);
/* In a child: the lock is the master's, let it go with the master. */
void gt_pidfile_forget(struct gt_pidfile *pf);

/* sockets.c */
/* Errors: GT_INVALID, GT_SYS; why tells. */
GT_MUST_CHECK enum gt_err gt_sockets_open(struct gt_arbiter *a, char *why,
                                          size_t n) GT_ON_MASTER;

/* logs.c */
/* Errors: GT_SYS; *path is the file. */
GT_MUST_CHECK enum gt_err gt_logs_open(struct gt_arbiter *a,
                                       const char **path) GT_ON_MASTER;
/* Open the files again under the same numbers; tell the workers. */
void gt_logs_reopen(struct gt_arbiter *a) GT_ON_MASTER;
/* Try again to tell a worker whose channel was full. */
void gt_logs_tell(struct gt_arbiter *a, struct gt_proc *p) GT_ON_MASTER;
void gt_logs_close(struct gt_arbiter *a) GT_ON_MASTER;

/* signal.c */
GT_MUST_CHECK enum gt_err gt_signal_init(struct gt_arbiter *a) GT_ON_MASTER;
void gt_signal_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* Make the workers end, by TERM or QUIT; states only go forward. */
void gt_signal_stop(struct gt_arbiter *a,
                    enum gt_arbiter_state state) GT_ON_MASTER;

/* spawn.c */
/* Fork what is missing; returns in the parent only. */
void gt_spawn_missing(struct gt_arbiter *a) GT_ON_MASTER;
/* A worker born at born_us died young: wait before the next one. */
void gt_spawn_back_off(struct gt_arbiter *a, int64_t born_us) GT_ON_MASTER;
/* Take p off the list and free it. */
void gt_spawn_forget(struct gt_arbiter *a, struct gt_proc *p) GT_ON_MASTER;
/* Run ops->check in a child. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_spawn_check(struct gt_arbiter *a,
                                         int *status) GT_ON_MASTER;

/* reap.c */
void gt_reap_children(struct gt_arbiter *a) GT_ON_MASTER;
/* The server cannot start: end it with code. */
void gt_reap_halt(struct gt_arbiter *a, int code, const char *why) GT_ON_MASTER;

/* watch.c */
GT_MUST_CHECK enum gt_err gt_watch_init(struct gt_arbiter *a) GT_ON_MASTER;
void gt_watch_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* Let the timer run out when the next thing is due. */
void gt_watch_arm(struct gt_arbiter *a) GT_ON_MASTER;
/* The worker's end of the channel has something to say. */
GT_MUST_CHECK enum gt_err gt_watch_channel(struct gt_arbiter *a,
                                           struct gt_proc *p) GT_ON_MASTER;

#endif
