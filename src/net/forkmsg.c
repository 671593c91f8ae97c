/* SPDX-License-Identifier: MIT */
/*
 * Packets between the master and a forkserver. Both ends are one program, but
 * what comes is checked all the same: an app's code runs at the other end.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/net/forkmsg.h"

#define HEAD offsetof(struct gt_fork_msg, procs)

union fd_room {
	struct cmsghdr head;
	char octets[CMSG_SPACE(sizeof(int) * GT_FORK_FDS)];
};

static size_t
length_of(const struct gt_fork_msg *msg)
{
	return HEAD + msg->nprocs * sizeof(msg->procs[0]);
}

static void
attach(struct msghdr *m, union fd_room *room, const struct gt_fork_fds *fds)
{
	size_t len = sizeof(int) * fds->n;

	m->msg_control = room->octets;
	m->msg_controllen = CMSG_SPACE(len);
	room->head.cmsg_level = SOL_SOCKET;
	room->head.cmsg_type = SCM_RIGHTS;
	room->head.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&room->head), fds->v, len);
}

enum gt_err
gt_fork_send(int fd, const struct gt_fork_msg *msg,
             const struct gt_fork_fds *fds)
{
	/* sendmsg() does not write to it. */
	struct iovec iov = {.iov_base = (void *)(uintptr_t)msg,
	                    .iov_len = length_of(msg)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union fd_room room;
	ssize_t n;

	GT_ASSERT(msg->nprocs <= GT_FORK_PROCS);
	memset(&room, 0, sizeof(room));
	if (fds != NULL && fds->n > 0)
		attach(&m, &room, fds);
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return GT_OK;
	if (errno == EAGAIN || errno == ETOOMANYREFS)
		return GT_AGAIN;
	return errno == EPIPE || errno == ECONNRESET ? GT_GONE : GT_SYS;
}

void
gt_fork_close(struct gt_fork_fds *fds)
{
	while (fds->n > 0)
		gt_fd_close(&fds->v[--fds->n]);
}

static void
detach(struct msghdr *m, struct gt_fork_fds *fds)
{
	struct cmsghdr *c;
	size_t n;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds->v, CMSG_DATA(c), n * sizeof(int));
		fds->n = n;
	}
}

enum gt_err
gt_fork_recv(int fd, struct gt_fork_msg *msg, struct gt_fork_fds *fds)
{
	struct iovec iov = {.iov_base = msg, .iov_len = sizeof(*msg)};
	union fd_room room;
	struct msghdr m = {.msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = room.octets,
	                   .msg_controllen = sizeof(room.octets)};
	ssize_t n;

	fds->n = 0;
	memset(msg, 0, HEAD);
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return GT_AGAIN;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return GT_EOF;
	if (n < 0)
		return GT_SYS;
	detach(&m, fds);
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
	    (size_t)n >= HEAD && msg->nprocs <= GT_FORK_PROCS &&
	    (size_t)n == length_of(msg))
		return GT_OK;
	gt_fork_close(fds);
	return GT_INVALID;
}
