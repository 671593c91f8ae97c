/* SPDX-License-Identifier: MIT */
/* The pid file. Included by arbiter_priv.h. */
#ifndef GTHREADD_ARBITER_PIDFILE_PRIV_H
#define GTHREADD_ARBITER_PIDFILE_PRIV_H

#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

struct gt_pidfile {
	char *path;
	int fd; /* locked; -1: none */
};

/*
 * Lock path and write our pid into it. A file without a live holder is taken
 * over. Errors: GT_FULL (*holder has it: 0 when unknown), GT_SYS, GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_pidfile_init(struct gt_pidfile *pf,
                                          const char *path, pid_t *holder);
/* Close it; remove the file when it is still ours. */
void gt_pidfile_fini(struct gt_pidfile *pf);
/*
 * Let it be path from now on, which was that of former, a process that has
 * ended. Errors: GT_FULL (path is somebody else's), GT_SYS, GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_pidfile_move(struct gt_pidfile *pf,
                                          const char *path, pid_t former);
/* In a child: the lock is the master's, let it go with the master. */
void gt_pidfile_forget(struct gt_pidfile *pf);

#endif
