/* SPDX-License-Identifier: MIT */
/*
 * From the socket to requests: heads, and what a client sends meanwhile;
 * bodies are read in upload.c.
 *
 * Octets are received straight to where they are needed: heads into the
 * exchange's buffer. What was received behind the current message waits in
 * rest and is consumed first.
 */
#include <errno.h>
#include <sys/socket.h>

#include "worker_priv.h"

#define HEAD_ROOM 4096 /* room for one read of a head */

enum gt_got
gt_conn_receive(struct gt_conn *c, char *p, size_t room, size_t *n)
{
	ssize_t got = recv(c->fd, p, room, 0);

	*n = got > 0 ? (size_t)got : 0;
	if (got > 0)
		return GT_GOT_OCTETS;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? GT_GOT_NOTHING
		                                         : GT_GOT_RESET;
	c->ended = true;
	return GT_GOT_END;
}

void
gt_conn_dispatch(struct gt_conn *c)
{
	struct gt_exchange *ex = c->ex;
	bool whole = gt_body_is_done(&c->body);
	unsigned state = GT_EX_QUEUED;

	/* Only a thread that sees nothing left to do may end it alone. */
	if (!whole || c->rest.len > 0 || c->ended)
		state |= GT_EX_ATTENTION;
	atomic_store(&ex->half_closed, c->ended);
	atomic_store(&ex->state, state);
	gt_conn_move(c, GT_CONN_BUSY);
	gt_loop_dispatch(c->worker, ex);
}

GT_ON_LOOP static void
drop_octets(struct gt_conn *c)
{
	size_t n;
	enum gt_got got =
	    gt_conn_receive(c, c->worker->scratch, GT_SCRATCH, &n);

	if (got == GT_GOT_END || got == GT_GOT_RESET)
		gt_conn_close(c, "answered");
}

GT_ON_LOOP static void
parse_head(struct gt_conn *c)
{
	struct gt_exchange *ex = c->ex;
	struct gt_buf *head = &ex->head;
	enum gt_err rc;
	size_t used;

	rc = gt_head_feed(&c->parser, head->p, head->len, &used);
	if (rc == GT_AGAIN) {
		gt_conn_arm_read(c, true);
		return;
	}
	ex->received_us = gt_loop_now(c->worker);
	ex->on_conn = c->requests + 1;
	if (rc == GT_OK && ex->request.folded)
		gt_request_unfold(&ex->request, head->p);
	if (rc == GT_OK)
		rc = gt_trust_judge(c, &c->parser.why);
	if (rc == GT_OK && c->worker->service.id_header.n > 0)
		rc = gt_request_id_give(c);
	if (rc != GT_OK) {
		ex->head_len = head->len;
		gt_conn_refuse(c, rc, c->parser.why);
		return;
	}
	c->requests++;
	ex->head_len = used;
	if (used < head->len &&
	    gt_buf_add(&c->rest, head->p + used, head->len - used) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	head->len = used;
	gt_conn_begin_body(c);
}

/* An exchange for the next head. */
GT_ON_LOOP static bool
begin_head(struct gt_conn *c)
{
	struct gt_worker *w = c->worker;

	if (c->ex != NULL)
		return true;
	if ((c->ex = gt_loop_take_exchange(w)) == NULL) {
		gt_conn_close(c, "out of memory");
		return false;
	}
	c->ex->conn = c;
	c->ex->peer = &c->peer;
	gt_head_init(&c->parser, &c->ex->request, &c->ex->arena,
	             &w->service.limits);
	c->parser.any_method = w->settings->permit_unconventional_http_method;
	c->parser.folding = w->settings->permit_obsolete_folding;
	return true;
}

/* No octets for a head. */
GT_ON_LOOP static void
end_of_head(struct gt_conn *c, enum gt_got got)
{
	if (got == GT_GOT_RESET)
		gt_conn_close(c, "client reset the connection");
	else if (got == GT_GOT_END && c->ex->head.len > 0)
		gt_conn_close(c, "client left in its head");
	else if (got == GT_GOT_END)
		gt_conn_close(c, c->requests == 0 ? "client sent nothing"
		                                  : "client closed it");
}

/* Octets before the first head: a preface, or the head itself. */
GT_ON_LOOP static void
parse_preface(struct gt_conn *c)
{
	const char *why = NULL;
	enum gt_err rc = gt_trust_preface(c, &why);

	if (rc == GT_AGAIN)
		return;
	if (rc != GT_OK) {
		gt_conn_refuse(c, rc, why);
	} else if (c->ex->head.len == 0) {
		gt_loop_give_exchange(c->worker, c->ex);
		c->ex = NULL;
		gt_conn_move(c, GT_CONN_FIRST);
	} else {
		gt_conn_move(c, GT_CONN_HEAD);
		parse_head(c);
	}
}

GT_ON_LOOP static void
read_head(struct gt_conn *c)
{
	struct gt_buf *head;
	enum gt_got got;
	size_t n;

	if (!begin_head(c))
		return;
	head = &c->ex->head;
	if (gt_buf_reserve(head, HEAD_ROOM) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	got =
	    gt_conn_receive(c, head->p + head->len, head->cap - head->len, &n);
	if (got != GT_GOT_OCTETS) {
		end_of_head(c, got);
		return;
	}
	head->len += n;
	if (c->state == GT_CONN_PROXY) {
		parse_preface(c);
		return;
	}
	if (c->state != GT_CONN_HEAD)
		gt_conn_move(c, GT_CONN_HEAD);
	parse_head(c);
}

void
gt_conn_feed_rest(struct gt_conn *c)
{
	if (c->state == GT_CONN_DRAIN) {
		if (c->rest.len > 0)
			gt_conn_drop_body(c);
		return;
	}
	gt_conn_arm_read(c, true);
	if (!begin_head(c))
		return;
	if (gt_buf_add(&c->ex->head, c->rest.p, c->rest.len) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	c->rest.len = 0;
	gt_conn_move(c, GT_CONN_HEAD);
	parse_head(c);
}

/*
 * The client may have its answer already: then this is its next request, and
 * the thread will not be long. Taken now, its octets need no change of events.
 */
GT_ON_LOOP static bool
read_ahead(struct gt_conn *c)
{
	size_t n;

	if (c->rest.len > 0 ||
	    (!atomic_load(&c->ex->answered) &&
	     gt_exchange_state(c->ex) != GT_EX_SENDING) ||
	    gt_buf_reserve(&c->rest, HEAD_ROOM) != GT_OK)
		return false;
	if (gt_conn_receive(c, c->rest.p, HEAD_ROOM, &n) != GT_GOT_OCTETS)
		return false;
	c->rest.len = n;
	return true;
}

/*
 * Something came while the request is with a thread: the next request, or
 * the client's end. FIN alone is a half-close: the answer is still wanted.
 */
GT_ON_LOOP static void
read_early(struct gt_conn *c)
{
	if (gt_conn_claim(c)) {
		read_head(c);
		return;
	}
	if (read_ahead(c))
		return;
	gt_conn_arm_read(c, false);
	gt_conn_look(c);
}

void
gt_conn_read(struct gt_conn *c)
{
	switch (c->state) {
	case GT_CONN_PROXY:
	case GT_CONN_FIRST:
	case GT_CONN_IDLE:
	case GT_CONN_HEAD:
		read_head(c);
		return;
	case GT_CONN_BODY:
		gt_conn_read_body(c);
		return;
	case GT_CONN_BUSY:
		if (gt_conn_settle(c))
			read_head(c);
		else if (c->watches)
			gt_conn_look(c);
		else if (!gt_body_is_done(&c->body) && !c->body_broken)
			gt_conn_read_body(c);
		else
			read_early(c);
		return;
	case GT_CONN_WRITE:
	case GT_CONN_GONE:
		gt_conn_arm_read(c, false);
		return;
	case GT_CONN_DRAIN:
		gt_conn_drop_body(c);
		return;
	case GT_CONN_LINGER:
		drop_octets(c);
		return;
	}
}
