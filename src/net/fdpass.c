/* SPDX-License-Identifier: MIT */
/*
 * SCM_RIGHTS. What does not arrive whole is void: its descriptors are closed.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/fd.h"

#include "fdpass_priv.h"

/* Aligned as the kernel wants it. */
union room {
	struct cmsghdr head;
	char octets[CMSG_SPACE(sizeof(int) * GT_FDPASS_MAX)];
};

static void
attach(struct msghdr *m, union room *room, const int *fds, size_t nfds)
{
	size_t len = sizeof(int) * nfds;

	memset(room, 0, CMSG_SPACE(len));
	m->msg_control = room->octets;
	m->msg_controllen = CMSG_SPACE(len);
	room->head.cmsg_level = SOL_SOCKET;
	room->head.cmsg_type = SCM_RIGHTS;
	room->head.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&room->head), fds, len);
}

enum gt_err
gt_fdpass_send(int fd, const void *p, size_t len, const int *fds, size_t nfds)
{
	/* sendmsg() does not write to it. */
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union room room;
	ssize_t n;

	GT_ASSERT(nfds <= GT_FDPASS_MAX);
	if (nfds > 0)
		attach(&m, &room, fds, nfds);
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return GT_OK;
	/* ETOOMANYREFS: too many descriptors are under way already. */
	if (errno == EAGAIN || errno == ETOOMANYREFS)
		return GT_AGAIN;
	return errno == EPIPE || errno == ECONNRESET ? GT_GONE : GT_SYS;
}

void
gt_fdpass_close(int *fds, size_t *nfds)
{
	while (*nfds > 0)
		gt_fd_close(&fds[--*nfds]);
}

static void
detach(struct msghdr *m, int *fds, size_t *nfds)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*nfds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *nfds * sizeof(int));
	}
}

static enum gt_err
receive(int fd, struct msghdr *m, size_t *len)
{
	ssize_t n;

	do
		n = recvmsg(fd, m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return GT_OK;
	/* Closed with packets unread: a reset, but an end all the same. */
	if (n == 0 || errno == ECONNRESET)
		return GT_EOF;
	return errno == EAGAIN ? GT_AGAIN : GT_SYS;
}

enum gt_err
gt_fdpass_recv(int fd, void *p, size_t *len, int *fds, size_t *nfds)
{
	struct iovec iov = {.iov_base = p, .iov_len = *len};
	union room room;
	/* Not CMSG_SPACE: its padding would be room for one more. */
	struct msghdr m = {.msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = room.octets,
	                   .msg_controllen = CMSG_LEN(sizeof(int) * *nfds)};
	enum gt_err rc;

	GT_ASSERT(*nfds <= GT_FDPASS_MAX);
	*nfds = 0;
	if ((rc = receive(fd, &m, len)) != GT_OK)
		return rc;
	detach(&m, fds, nfds);
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return GT_OK;
	gt_fdpass_close(fds, nfds);
	return GT_INVALID;
}
