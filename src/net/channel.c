/* SPDX-License-Identifier: MIT */
/*
 * The channel between the master and one worker. A packet is a type and a
 * value; descriptors travel beside it. Any thread, no GIL, nothing blocks.
 */
#include <sys/socket.h>

#include "gthreadd/base/check.h"
#include "gthreadd/net/channel.h"

#include "fdpass_priv.h"

/* Both ends are one program. */
struct packet {
	uint64_t type;
	uint64_t value;
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

enum gt_err
gt_channel_send(int fd, const struct gt_channel_msg *msg)
{
	const struct packet p = {.type = msg->type, .value = msg->value};

	GT_ASSERT(msg->nfds <= GT_CHANNEL_FDS);
	return gt_fdpass_send(fd, &p, sizeof(p), msg->fds, msg->nfds);
}

void
gt_channel_close_fds(struct gt_channel_msg *msg)
{
	gt_fdpass_close(msg->fds, &msg->nfds);
}

enum gt_err
gt_channel_recv(int fd, struct gt_channel_msg *msg)
{
	struct packet p = {0};
	size_t len = sizeof(p), nfds = GT_CHANNEL_FDS;
	enum gt_err rc;

	*msg = (struct gt_channel_msg){0};
	rc = gt_fdpass_recv(fd, &p, &len, msg->fds, &nfds);
	msg->nfds = nfds;
	msg->type = (enum gt_channel_type)p.type;
	msg->value = p.value;
	return rc;
}
