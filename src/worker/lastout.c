/* SPDX-License-Identifier: MIT */
/*
 * What a thread sends itself, without blocking, on the socket that it is lent
 * for this moment: its last response when nothing is queued behind it, or when
 * the request was a long one, and the block that completes a response while
 * the app is still to be asked for its end. The exchange is SENDING meanwhile,
 * so the loop does not take the request away; whatever is not sent here is sent
 * by the loop.
 */
#include <sys/socket.h>

#include "gthreadd/base/clock.h"
#include "lastout_priv.h"

/* More than this may take its time, with the GIL held. */
#define NOW_MAX 65536

/* In octets alone, and nothing of it is with the loop. */
static bool
is_simple(const struct gt_exchange *ex)
{
	const struct gt_outbox *out = &ex->out;

	return (atomic_load(&ex->state) & GT_EX_ATTENTION) == 0 &&
	       !ex->failed && !out->published && out->parcel == NULL &&
	       out->file_fd < 0;
}

/* The connection goes on, and the loop need not know. */
static bool
may_settle(const struct gt_exchange *ex)
{
	return is_simple(ex) && ex->response.keep_alive &&
	       !atomic_load_explicit(&ex->service->closing,
	                             memory_order_relaxed);
}

/* Send what is in own; false: a rest stays there. SENDING. */
static bool
send_own(struct gt_exchange *ex)
{
	const struct gt_conn *c = ex->conn;
	struct gt_buf *own = &ex->out.own;
	ssize_t n = send(c->fd, own->p, own->len, MSG_NOSIGNAL);

	if (n > 0)
		gt_buf_consume(own, (size_t)n);
	return own->len == 0;
}

bool
gt_conn_send_now(struct gt_exchange *ex)
{
	size_t n = ex->out.own.len;
	bool sent;

	if (n > NOW_MAX || !is_simple(ex) ||
	    !gt_exchange_move(ex, GT_EX_RUNNING, GT_EX_SENDING))
		return false;
	sent = send_own(ex);
	atomic_store(&ex->answered, sent);
	/* A part is out: the loop may go on with it, not answer instead. */
	if (ex->out.own.len < n && !sent)
		ex->out.published = true;
	(void)gt_exchange_move(ex, GT_EX_SENDING, GT_EX_RUNNING);
	return sent;
}

/* Send what is left and leave ex with its connection, or give it back. */
static void
end_alone(struct gt_exchange *ex)
{
	if (!may_settle(ex) ||
	    !gt_exchange_move(ex, GT_EX_RUNNING, GT_EX_SENDING)) {
		gt_exchange_give_back(ex);
		return;
	}
	/* The loop sends the rest, or meets the error itself. */
	if (ex->out.own.len > 0 && !send_own(ex)) {
		gt_exchange_give_back(ex);
		return;
	}
	ex->ended_us = gt_clock_us();
	gt_conn_log(ex, &ex->cell->counts, ex->ended_us);
	if (!gt_exchange_settle(ex))
		gt_exchange_give_back(ex);
}

void
gt_conn_send_last(struct gt_exchange *ex)
{
	end_alone(ex);
}

void
gt_conn_end(struct gt_exchange *ex)
{
	if ((atomic_load(&ex->answered) && ex->out.own.len == 0) ||
	    (gt_run_is_long(ex->ended_us - ex->started_us) &&
	     ex->out.own.len <= NOW_MAX))
		end_alone(ex);
	else
		gt_exchange_give_back(ex);
}
