/* SPDX-License-Identifier: MIT */
/*
 * Packets between the master and a forkserver. Both ends are one program, but
 * what comes is checked all the same: an app's code runs at the other end.
 */
#include <stddef.h>
#include <string.h>

#include "gthreadd/base/check.h"
#include "gthreadd/net/forkmsg.h"

#include "fdpass_priv.h"

#define HEAD offsetof(struct gt_fork_msg, procs)

static size_t
length_of(const struct gt_fork_msg *msg)
{
	return HEAD + msg->nprocs * sizeof(msg->procs[0]);
}

enum gt_err
gt_fork_send(int fd, const struct gt_fork_msg *msg,
             const struct gt_fork_fds *fds)
{
	static const struct gt_fork_fds none;

	GT_ASSERT(msg->nprocs <= GT_FORK_PROCS);
	if (fds == NULL)
		fds = &none;
	return gt_fdpass_send(fd, msg, length_of(msg), fds->v, fds->n);
}

void
gt_fork_close(struct gt_fork_fds *fds)
{
	gt_fdpass_close(fds->v, &fds->n);
}

enum gt_err
gt_fork_recv(int fd, struct gt_fork_msg *msg, struct gt_fork_fds *fds)
{
	size_t len = sizeof(*msg);
	enum gt_err rc;

	memset(msg, 0, HEAD);
	fds->n = GT_FORK_FDS;
	if ((rc = gt_fdpass_recv(fd, msg, &len, fds->v, &fds->n)) != GT_OK)
		return rc;
	if (len >= HEAD && msg->nprocs <= GT_FORK_PROCS &&
	    len == length_of(msg))
		return GT_OK;
	gt_fork_close(fds);
	return GT_INVALID;
}
