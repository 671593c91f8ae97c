/* SPDX-License-Identifier: MIT */
/*
 * The channel to a forkserver: one order at a time goes there, and what it has
 * come to comes back. What follows for its life is forkserver.c's.
 */
#include "gthreadd/base/fd.h"
#include "gthreadd/net/forkmsg.h"

#include "arbiter_priv.h"
#include "event_priv.h"

#define RETRY_US 100000 /* it takes nothing */

void
gt_forkserver_cut(struct gt_forkserver *f)
{
	gt_event_drop(&f->channel_event);
	gt_fd_close(&f->channel_fd);
}

void
gt_forkserver_push(struct gt_forkserver *f)
{
	const struct gt_order *o = STAILQ_FIRST(&f->orders);
	enum gt_err rc;

	if (f->state != GT_FORKSERVER_READY || f->is_under_way || o == NULL)
		return;
	rc = gt_order_send(f, o);
	if (rc == GT_OK) {
		f->is_under_way = true;
		gt_forkserver_set_due(f,
		                      f->gen->settings->hook_timeout_ms * 1000);
	} else if (rc == GT_AGAIN) {
		gt_forkserver_set_due(f, RETRY_US);
	} else if (rc != GT_GONE) { /* its end is on the way */
		gt_forkserver_kill(f, gt_err_text(rc));
	}
}

GT_ON_MASTER static void
take_message(struct gt_forkserver *f, const struct gt_fork_msg *msg)
{
	if (msg->type == GT_FORK_READY) {
		gt_forkserver_be_ready(f);
	} else if (f->is_under_way) {
		f->is_under_way = false;
		gt_forkserver_clear_due(f);
		gt_order_done(f, (enum gt_fork_type)msg->type, msg->result);
	}
	gt_forkserver_push(f);
}

void
gt_forkserver_hear(struct gt_forkserver *f)
{
	struct gt_fork_msg msg;
	struct gt_fork_fds fds;
	enum gt_err rc = GT_OK;

	while (f->channel_fd >= 0 && rc == GT_OK) {
		if ((rc = gt_fork_recv(f->channel_fd, &msg, &fds)) == GT_OK) {
			gt_fork_close(&fds);
			take_message(f, &msg);
		} else if (rc != GT_AGAIN) {
			gt_forkserver_cut(f); /* SIGCHLD tells the rest */
		}
	}
}

void
gt_forkserver_poll(struct gt_arbiter *a)
{
	struct gt_forkserver *f;

	TAILQ_FOREACH (f, &a->forkservers, link)
		gt_forkserver_hear(f);
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	gt_assert_master();
	(void)fd;
	(void)what;
	gt_forkserver_hear(arg);
}

enum gt_err
gt_forkserver_listen(struct gt_forkserver *f, int fd)
{
	f->channel_fd = fd;
	return gt_event_watch(f->arbiter->base, fd, on_channel, f,
	                      &f->channel_event);
}
