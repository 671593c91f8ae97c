/* SPDX-License-Identifier: MIT */
/*
 * Two masters, after USR2: what reexec.c (the old one's side) and heir.c (the
 * new one's) know of each other. Part of arbiter_priv.h.
 */
#ifndef GTHREADD_REEXEC_PRIV_H
#define GTHREADD_REEXEC_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/net/listener.h"

struct event;
struct gt_arbiter;

/* Names the process that is meant, the other master, and what it passes on. */
#define GT_UPGRADE_ENV "GTHREADD_UPGRADE"

/* Another master beside this one, after USR2. At most one of the two is set. */
struct gt_upgrade {
	pid_t parent;        /* it has started us and lives; 0: none */
	pid_t child;         /* we have started it; 0: none */
	bool child_is_ready; /* its workers serve */
	bool stop_waits;     /* TERM came before that */
	bool empty_waits;    /* WINCH came before that */
	bool was_emptied;    /* WINCH came since the child was started */
	bool hook_runs;      /* pre_exec: the child is not started yet */
	int fd;              /* channel to the other master; -1: none */
	int says_fd;         /* what the child says; -1: it has its own place */
	struct event *event, *says_event, *timer;
	struct gt_listeners shared; /* the sockets that were passed on, and */
	uint64_t adopted; /* which were taken: a bit for each address */
};

/* reexec.c */
void gt_reexec_init(struct gt_arbiter *a) GT_ON_MASTER;
void gt_reexec_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* In a child: what is between the masters is not its own. */
void gt_reexec_leave(struct gt_arbiter *a);
/* USR2: start the program that is there now. */
void gt_reexec_start(struct gt_arbiter *a) GT_ON_MASTER;
/* Was it the new master that has ended? Then what follows was done. */
bool gt_reexec_reap(struct gt_arbiter *a, pid_t pid, int status) GT_ON_MASTER;
/* After WINCH the other one was to serve, but will not: serve again. */
void gt_reexec_restore(struct gt_arbiter *a) GT_ON_MASTER;
/* Is there a new master that is not ready yet? */
bool gt_reexec_is_starting(const struct gt_arbiter *a);
/* Is there another master, new or old? */
bool gt_reexec_has_peer(const struct gt_arbiter *a);
/* Does it listen at the same socket? */
bool gt_reexec_shares(const struct gt_arbiter *a, const struct gt_listener *l);
/*
 * TERM, WINCH: true when it has to wait until the new master is ready. Then it
 * is done from here.
 */
bool gt_reexec_defer_stop(struct gt_arbiter *a) GT_ON_MASTER;
bool gt_reexec_defer_empty(struct gt_arbiter *a) GT_ON_MASTER;

/* heir.c */
/* Has an older master started us? First of all: it may have our stderr. */
void gt_heir_init(struct gt_arbiter *a) GT_ON_MASTER;
/* The sockets are open: close what was passed on in vain. */
void gt_heir_adopt(struct gt_arbiter *a) GT_ON_MASTER;
/* The pid file this master has to write; the caller frees it. */
char *gt_heir_pid_path(const struct gt_arbiter *a) GT_ON_MASTER;
/* Set the title: "starting" until all workers are ready, then "master". */
void gt_heir_title(const struct gt_arbiter *a) GT_ON_MASTER;
/* Wait for the end of the older one. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_heir_watch(struct gt_arbiter *a) GT_ON_MASTER;
/* All workers serve. */
void gt_heir_ready(struct gt_arbiter *a) GT_ON_MASTER;

#endif
