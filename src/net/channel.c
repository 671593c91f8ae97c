/* SPDX-License-Identifier: MIT */
/*
 * The channel between the master and one worker. A packet is a type and a
 * value; descriptors travel beside it. Any thread, no GIL, nothing blocks.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/net/channel.h"

/* Both ends are one program. */
struct packet {
	uint64_t type;
	uint64_t value;
};

/* Room for the descriptors of a message, aligned as the kernel wants it. */
union fd_room {
	struct cmsghdr head;
	char octets[CMSG_SPACE(sizeof(int) * GT_CHANNEL_FDS)];
};

enum gt_err
gt_channel_pair(int fd[2])
{
	fd[0] = fd[1] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
	               0, fd) < 0)
		return GT_SYS;
	return GT_OK;
}

static void
attach_fds(struct msghdr *m, union fd_room *room,
           const struct gt_channel_msg *msg)
{
	struct cmsghdr *c;
	size_t len = sizeof(int) * msg->nfds;

	if (msg->nfds == 0)
		return;
	m->msg_control = room->octets;
	m->msg_controllen = CMSG_SPACE(len);
	c = &room->head;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), msg->fds, len);
}

enum gt_err
gt_channel_send(int fd, const struct gt_channel_msg *msg)
{
	struct packet p = {.type = msg->type, .value = msg->value};
	struct iovec iov = {.iov_base = &p, .iov_len = sizeof(p)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union fd_room room;
	ssize_t n;

	GT_ASSERT(msg->nfds <= GT_CHANNEL_FDS);
	memset(&room, 0, sizeof(room));
	attach_fds(&m, &room, msg);
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

static void
close_fds(struct gt_channel_msg *msg)
{
	while (msg->nfds > 0)
		gt_fd_close(&msg->fds[--msg->nfds]);
}

static void
detach_fds(struct msghdr *m, struct gt_channel_msg *msg)
{
	struct cmsghdr *c;
	size_t n;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(msg->fds, CMSG_DATA(c), n * sizeof(int));
		msg->nfds = n;
	}
}

static enum gt_err
receive(int fd, struct msghdr *m)
{
	ssize_t n;

	do
		n = recvmsg(fd, m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return GT_OK;
	/* Closed with packets unread: a reset, but an end all the same. */
	if (n == 0 || errno == ECONNRESET)
		return GT_EOF;
	return errno == EAGAIN ? GT_AGAIN : GT_SYS;
}

enum gt_err
gt_channel_recv(int fd, struct gt_channel_msg *msg)
{
	struct packet p = {0};
	union fd_room room;
	struct iovec iov = {.iov_base = &p, .iov_len = sizeof(p)};
	struct msghdr m = {.msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = room.octets,
	                   .msg_controllen = sizeof(room.octets)};
	enum gt_err rc;

	*msg = (struct gt_channel_msg){0};
	if ((rc = receive(fd, &m)) != GT_OK)
		return rc;
	detach_fds(&m, msg);
	msg->type = (enum gt_channel_type)p.type;
	msg->value = p.value;
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return GT_OK;
	/* Descriptors were lost (no room for them): the message is void. */
	close_fds(msg);
	errno = EMSGSIZE;
	return GT_SYS;
}
