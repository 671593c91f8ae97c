/* SPDX-License-Identifier: MIT */
/*
 * The channel between the master and one worker: a SOCK_SEQPACKET pair, one
 * message a packet, descriptors by SCM_RIGHTS. EOF at the worker's end: the
 * master is gone.
 */
#ifndef GTHREADD_NET_CHANNEL_H
#define GTHREADD_NET_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

enum gt_channel_type {
	GT_CHANNEL_READY = 1, /* worker -> master: booted, serving */
	GT_CHANNEL_REOPEN, /* master -> worker: fds = error log[, access log] */
	/*
	 * master -> worker: end gracefully, as on TERM, but others serve the
	 * listening sockets, except those of the addresses whose bit is set
	 * in value (gt_listeners_address).
	 */
	GT_CHANNEL_DRAIN,
	/*
	 * master -> worker, with reuse-port: from slot value on nobody has a
	 * socket as its own; all accept from them.
	 */
	GT_CHANNEL_SLOTS,
	/* worker -> master: replace me; value = enum gt_recycle. Serves on. */
	GT_CHANNEL_RECYCLE,
	/*
	 * master -> worker: write what all threads of Python are doing, as
	 * text, to fds[0], a memory file. worker -> master, of the same value:
	 * it is written. No answer comes while nobody can get the GIL.
	 */
	GT_CHANNEL_STACKS,
	/*
	 * master -> worker: it is about to be killed, because it was not seen
	 * for `timeout`. It tells its stacks and its clients, as far as it can.
	 */
	GT_CHANNEL_ABORT,
	/*
	 * metrics process -> master: send them. master -> metrics process:
	 * fds[0], a memory file: a line why the server is not healthy (empty:
	 * it is), then the metrics.
	 */
	GT_CHANNEL_METRICS,
	GT_CHANNEL_LOG_LEVEL, /* master -> worker: value = enum gt_log_level */
};

/* Why a worker wants to be replaced. */
enum gt_recycle {
	GT_RECYCLE_REQUESTS, /* max-requests */
	GT_RECYCLE_LIFETIME, /* max-lifetime */
	GT_RECYCLE_RSS,      /* max-rss */
	GT_RECYCLE_RSS_HARD, /* max-rss-hard: it does not wait */
	GT_RECYCLE_STUCK,    /* a thread did not come back: request-timeout */
	GT_RECYCLE_RELOAD,   /* reload: a file has changed */
	GT_RECYCLE_COUNT
};

#define GT_CHANNEL_FDS 4

struct gt_channel_msg {
	enum gt_channel_type type;
	uint64_t value;
	int fds[GT_CHANNEL_FDS]; /* received: the caller owns them */
	size_t nfds;
};

/* Both ends non-blocking and close-on-exec. */
GT_MUST_CHECK enum gt_err gt_channel_pair(int fd[2]);
/* Errors: GT_AGAIN (the other end does not read), GT_GONE, GT_SYS. */
GT_MUST_CHECK enum gt_err gt_channel_send(int fd,
                                          const struct gt_channel_msg *msg);
/*
 * Errors: GT_AGAIN (nothing there), GT_EOF (other end closed), GT_SYS,
 * GT_INVALID (a message whose descriptors this process has no room for: they
 * are closed, others may follow).
 */
GT_MUST_CHECK enum gt_err gt_channel_recv(int fd, struct gt_channel_msg *msg);
/* The descriptors of a message that was received. */
void gt_channel_close_fds(struct gt_channel_msg *msg);

#endif
