/* SPDX-License-Identifier: MIT */
/*
 * From the socket to requests: heads, bodies, what a client sends meanwhile.
 *
 * Octets are received straight to where they are needed: heads into the
 * exchange's buffer, Content-Length bodies into the inbox. What was received
 * behind the current message waits in rest and is consumed first.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gthreadd/base/log.h"
#include "worker_priv.h"

#define HEAD_ROOM 4096  /* room for one read of a head */
#define DROP_MAX  65536 /* most octets of an unwanted body that are read */

/* What one recv came to. */
enum got {
	GOT_OCTETS,
	GOT_NOTHING, /* at the moment */
	GOT_END,     /* FIN; c->ended is set */
	GOT_RESET,
};

static enum got
receive(struct gt_conn *c, char *p, size_t room, size_t *n)
{
	ssize_t got = recv(c->fd, p, room, 0);

	*n = got > 0 ? (size_t)got : 0;
	if (got > 0)
		return GOT_OCTETS;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? GOT_NOTHING
		                                         : GOT_RESET;
	c->ended = true;
	return GOT_END;
}

GT_ON_LOOP static void
dispatch(struct gt_conn *c)
{
	struct gt_exchange *ex = c->ex;
	bool whole = gt_body_is_done(&c->body);
	unsigned state = GT_EX_QUEUED;

	/* Only a thread that sees nothing left to do may end it alone. */
	if (!whole || c->rest.len > 0 || c->ended)
		state |= GT_EX_ATTENTION;
	atomic_store(&ex->state, state);
	gt_conn_move(c, GT_CONN_BUSY);
	gt_loop_dispatch(c->worker, ex);
}

/* Octets of body data go into the inbox; the caller has seen to the room. */
GT_ON_LOOP static void
put_inbox(struct gt_exchange *ex, struct gt_str data)
{
	size_t room;
	char *to;

	while (data.n > 0 && (room = gt_inbox_room(ex, &to)) > 0) {
		if (room > data.n)
			room = data.n;
		memcpy(to, data.p, room);
		gt_inbox_filled(ex, room);
		data.p += room;
		data.n -= room;
	}
	GT_ASSERT(data.n == 0);
}

/* Decode n octets at p; keep: body data is wanted, else it is dropped. */
GT_ON_LOOP static enum gt_err
decode(struct gt_conn *c, const char *p, size_t n, bool keep, size_t *used)
{
	struct gt_str data;
	enum gt_err rc = GT_OK;
	size_t step;

	for (*used = 0; *used < n && !gt_body_is_done(&c->body);) {
		rc = gt_body_decode(&c->body, p + *used, n - *used, &step,
		                    &data);
		if (rc != GT_OK)
			break;
		*used += step;
		if (keep)
			put_inbox(c->ex, data);
	}
	return rc;
}

/*
 * Go on with the body by what waits in rest, or else by one recv; at most
 * room octets.
 */
GT_ON_LOOP static enum got
decode_some(struct gt_conn *c, size_t room, bool keep, enum gt_err *rc)
{
	char *scratch = c->worker->scratch;
	enum got got;
	size_t n, used;

	if (c->rest.len > 0) {
		n = c->rest.len < room ? c->rest.len : room;
		*rc = decode(c, c->rest.p, n, keep, &used);
		gt_buf_consume(&c->rest, used);
		return GOT_OCTETS;
	}
	got = receive(c, scratch, room < GT_SCRATCH ? room : GT_SCRATCH, &n);
	if (got != GOT_OCTETS)
		return got;
	*rc = decode(c, scratch, n, keep, &used);
	if (*rc == GT_OK && used < n)
		*rc = gt_buf_add(&c->rest, scratch + used, n - used);
	return GOT_OCTETS;
}

/* A Content-Length body goes from the socket to the reader in one copy. */
GT_ON_LOOP static enum got
receive_direct(struct gt_conn *c)
{
	uint64_t want = gt_body_direct(&c->body);
	char *to;
	size_t room = gt_inbox_room(c->ex, &to), n;
	enum got got;

	got = receive(c, to, room < want ? room : (size_t)want, &n);
	gt_inbox_filled(c->ex, n);
	gt_body_received(&c->body, n);
	return got;
}

/* The body will never be complete. */
GT_ON_LOOP static void
fail_body(struct gt_conn *c, enum gt_err err, const char *why)
{
	gt_conn_arm_read(c, false);
	c->body_broken = true;
	if (c->state == GT_CONN_BUSY)
		gt_inbox_fail(c->ex, err);
	else
		gt_conn_refuse(c, err == GT_GONE ? GT_PROTO : err, why);
}

/* The inbox is full: the app shall read, then the loop reads on. */
GT_ON_LOOP static void
pause_body(struct gt_conn *c)
{
	gt_conn_arm_read(c, false);
	if (c->state == GT_CONN_BODY)
		dispatch(c);
}

GT_ON_LOOP static void
end_body(struct gt_conn *c)
{
	gt_inbox_end(c->ex);
	if (c->state == GT_CONN_BODY)
		dispatch(c);
}

void
gt_conn_read_body(struct gt_conn *c)
{
	size_t room = gt_inbox_free(c->ex);
	enum gt_err rc = GT_OK;
	enum got got;

	if (room == 0) {
		pause_body(c);
		return;
	}
	gt_conn_arm_read(c, true);
	if (c->rest.len == 0 && gt_body_direct(&c->body) > 0)
		got = receive_direct(c);
	else
		got = decode_some(c, room, true, &rc);
	if (got != GOT_OCTETS) {
		if (got == GOT_END)
			fail_body(c, GT_GONE, "client left in its body");
		else if (got == GOT_RESET)
			gt_conn_close(c, "client reset the connection");
		return;
	}
	c->since_us = gt_loop_now(c->worker);
	if (rc != GT_OK)
		fail_body(c, rc, c->body.why);
	else if (gt_body_is_done(&c->body))
		end_body(c);
	else if (c->rest.len > 0)
		pause_body(c);
}

/* A body that nobody read is dropped, within bounds. */
GT_ON_LOOP static void
drop_body(struct gt_conn *c)
{
	enum gt_err rc = GT_OK;
	enum got got;

	if (c->body.received > c->ex->in.filled + DROP_MAX) {
		gt_conn_linger(c);
		return;
	}
	if ((got = decode_some(c, GT_SCRATCH, false, &rc)) != GOT_OCTETS) {
		if (got != GOT_NOTHING)
			gt_conn_close(c, "client left in its body");
		return;
	}
	c->since_us = gt_loop_now(c->worker);
	if (rc != GT_OK)
		gt_conn_linger(c);
	else if (gt_body_is_done(&c->body))
		gt_conn_next(c);
}

GT_ON_LOOP static void
drop_octets(struct gt_conn *c)
{
	size_t n;
	enum got got = receive(c, c->worker->scratch, GT_SCRATCH, &n);

	if (got == GOT_END || got == GOT_RESET)
		gt_conn_close(c, "answered");
}

/* The head is complete: is there a body, and does the app wait for it? */
GT_ON_LOOP static void
begin_body(struct gt_conn *c)
{
	const struct gt_settings *s = c->worker->settings;
	struct gt_exchange *ex = c->ex;
	const struct gt_request *rq = &ex->request;
	size_t size = s->body_buffer;
	enum gt_err rc;

	rc = gt_body_init(&c->body, rq, s->max_body_size,
	                  &c->worker->service.limits);
	if (rc != GT_OK) {
		gt_conn_refuse(c, rc, c->body.why);
		return;
	}
	if (gt_body_is_done(&c->body)) {
		dispatch(c);
		return;
	}
	if (rq->framing == GT_FRAMING_LENGTH && rq->content_length < size)
		size = (size_t)rq->content_length;
	if (gt_inbox_open(ex, size) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	ex->in.wants_continue = rq->expects_continue && c->rest.len == 0;
	gt_conn_move(c, GT_CONN_BODY);
	if (ex->in.wants_continue)
		dispatch(c);
	else if (c->rest.len > 0)
		gt_conn_read_body(c);
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
	if (rc != GT_OK) {
		ex->head_len = head->len;
		gt_conn_refuse(c, rc, c->parser.why);
		return;
	}
	c->requests++;
	ex->head_len = used;
	if (gt_buf_add(&c->rest, head->p + used, head->len - used) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	head->len = used;
	begin_body(c);
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
	return true;
}

/* No octets for a head. */
GT_ON_LOOP static void
end_of_head(struct gt_conn *c, enum got got)
{
	if (got == GOT_RESET)
		gt_conn_close(c, "client reset the connection");
	else if (got == GOT_END && c->ex->head.len > 0)
		gt_conn_close(c, "client left in its head");
	else if (got == GOT_END)
		gt_conn_close(c, "client closed it");
}

GT_ON_LOOP static void
read_head(struct gt_conn *c)
{
	struct gt_buf *head;
	enum got got;
	size_t n;

	if (!begin_head(c))
		return;
	head = &c->ex->head;
	if (gt_buf_reserve(head, HEAD_ROOM) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	got = receive(c, head->p + head->len, head->cap - head->len, &n);
	if (got != GOT_OCTETS) {
		end_of_head(c, got);
		return;
	}
	head->len += n;
	if (c->state != GT_CONN_HEAD)
		gt_conn_move(c, GT_CONN_HEAD);
	parse_head(c);
}

void
gt_conn_feed_rest(struct gt_conn *c)
{
	if (c->state == GT_CONN_DRAIN) {
		if (c->rest.len > 0)
			drop_body(c);
		return;
	}
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
 * Something came while the request is with a thread: the next request, or
 * the client's end. FIN alone is a half-close: the answer is still wanted.
 */
GT_ON_LOOP static void
read_early(struct gt_conn *c)
{
	unsigned before = atomic_fetch_or(&c->ex->state, GT_EX_ATTENTION);
	char octet;
	ssize_t n;

	if ((before & GT_EX_STATE) == GT_EX_IDLE) {
		atomic_store(&c->ex->state, GT_EX_IDLE);
		gt_conn_settle(c);
		read_head(c);
		return;
	}
	n = recv(c->fd, &octet, 1, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		gt_conn_close(c, "client reset the connection");
		return;
	}
	c->ended = c->ended || n == 0;
	gt_conn_arm_read(c, false);
}

void
gt_conn_read(struct gt_conn *c)
{
	switch (c->state) {
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
		drop_body(c);
		return;
	case GT_CONN_LINGER:
		drop_octets(c);
		return;
	}
}
