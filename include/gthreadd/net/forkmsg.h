/* SPDX-License-Identifier: MIT */
/*
 * Messages between the master and a forkserver, over a pair of
 * gt_channel_pair(). One message a packet, descriptors beside it; one order of
 * the master is under way at a time, and each is answered. EOF at the
 * forkserver's end: it is not needed any more.
 */
#ifndef GTHREADD_NET_FORKMSG_H
#define GTHREADD_NET_FORKMSG_H

#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

#define GT_FORK_FDS   250  /* of one message; the kernel takes 253 */
#define GT_FORK_PROCS 1024 /* the setting workers has no more */

enum gt_fork_type {
	GT_FORK_READY = 1, /* forkserver -> master: it has booted */
	GT_FORK_HOOK,      /* master -> forkserver: call hook */
	GT_FORK_DONE, /* forkserver -> master: result 0, or -1: it raised */
	/*
	 * master -> forkserver: call pre_fork, if hook names it, and fork the
	 * worker with that age and seat; fds = board, channel, listeners.
	 */
	GT_FORK_SPAWN,
	GT_FORK_FIRST, /* master -> forkserver: fds that come before those of
	                  the next message; not answered */
	GT_FORK_BORN,  /* forkserver -> master: result = its pid, or -errno */
	GT_FORK_LOGS,  /* master -> forkserver: fds = error log[, access log];
	                  not answered */
};

struct gt_fork_proc {
	int32_t pid;
	uint32_t age;
};

struct gt_fork_msg {
	uint32_t type; /* enum gt_fork_type */
	uint32_t hook; /* enum gt_hook */
	int32_t result;
	int32_t master;             /* pid */
	struct gt_fork_proc worker; /* whom the hook or the fork is about */
	uint32_t seat;
	uint32_t slot, slots;  /* as in config/child.h */
	uint32_t log_level;    /* that holds now */
	uint32_t target;       /* how many workers there should be */
	int64_t before, after; /* nworkers_changed; before -1: none */
	uint32_t nprocs;
	struct gt_fork_proc procs[GT_FORK_PROCS]; /* all workers; nprocs go */
};

/* Descriptors of a message. Received: the caller owns them. */
struct gt_fork_fds {
	int v[GT_FORK_FDS];
	size_t n;
};

/*
 * fds may be NULL. Errors: GT_AGAIN (the other end does not read), GT_GONE,
 * GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_fork_send(int fd, const struct gt_fork_msg *msg,
                                       const struct gt_fork_fds *fds);
/* Errors: GT_AGAIN (nothing there), GT_EOF, GT_SYS, GT_INVALID. */
GT_MUST_CHECK enum gt_err gt_fork_recv(int fd, struct gt_fork_msg *msg,
                                       struct gt_fork_fds *fds);
void gt_fork_close(struct gt_fork_fds *fds);

#endif
