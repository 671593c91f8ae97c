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

#define HEAD_ROOM 4096 /* room for one read of a head */

/* Where the octets of a body go. */
enum sink {
	SINK_INBOX,
	SINK_SPOOL,
	SINK_DROP,
};

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
	atomic_store(&ex->half_closed, c->ended);
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

GT_ON_LOOP static enum gt_err
put_spool(struct gt_conn *c, struct gt_str data)
{
	if (data.n == 0 || gt_inbox_spool(c->ex, data.p, data.n) == GT_OK)
		return GT_OK;
	gt_log_error("request body not spooled dir=%s octets=%llu: %s",
	             c->worker->settings->tmp_upload_dir,
	             (unsigned long long)c->body.received, gt_err_text(GT_SYS));
	return GT_STORAGE;
}

GT_ON_LOOP static enum gt_err
put(struct gt_conn *c, struct gt_str data, enum sink sink)
{
	if (sink == SINK_SPOOL)
		return put_spool(c, data);
	if (sink == SINK_INBOX)
		put_inbox(c->ex, data);
	return GT_OK;
}

/* Decode n octets at p. */
GT_ON_LOOP static enum gt_err
decode(struct gt_conn *c, const char *p, size_t n, enum sink sink, size_t *used)
{
	struct gt_str data;
	enum gt_err rc = GT_OK;
	size_t step;

	for (*used = 0;
	     rc == GT_OK && *used < n && !gt_body_is_done(&c->body);) {
		rc = gt_body_decode(&c->body, p + *used, n - *used, &step,
		                    &data);
		if (rc != GT_OK)
			break;
		*used += step;
		rc = put(c, data, sink);
	}
	return rc;
}

/*
 * Go on with the body by what waits in rest, or else by one recv; at most
 * room octets.
 */
GT_ON_LOOP static enum got
decode_some(struct gt_conn *c, size_t room, enum sink sink, enum gt_err *rc)
{
	char *scratch = c->worker->scratch;
	enum got got;
	size_t n, used;

	if (c->rest.len > 0) {
		n = c->rest.len < room ? c->rest.len : room;
		*rc = decode(c, c->rest.p, n, sink, &used);
		gt_buf_consume(&c->rest, used);
		return GOT_OCTETS;
	}
	got = receive(c, scratch, room < GT_SCRATCH ? room : GT_SCRATCH, &n);
	if (got != GOT_OCTETS)
		return got;
	*rc = decode(c, scratch, n, sink, &used);
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
gt_conn_await_body(struct gt_conn *c)
{
	gt_pace_start(&c->body_pace, gt_loop_now(c->worker));
	gt_conn_arm_read(c, true);
}

/* The ring is full; the file takes what body-spool allows. */
static bool
may_spool(const struct gt_conn *c)
{
	return c->state == GT_CONN_BODY && c->spools &&
	       c->body.received < c->worker->settings->body_spool;
}

/* The next octets of the body, to where there is room for them. */
GT_ON_LOOP static enum got
receive_body(struct gt_conn *c, size_t room, enum gt_err *rc)
{
	uint64_t before = c->body.received;
	enum got got;

	if (room == 0)
		got = decode_some(c, GT_SCRATCH, SINK_SPOOL, rc);
	else if (c->rest.len == 0 && gt_body_direct(&c->body) > 0)
		got = receive_direct(c);
	else
		got = decode_some(c, room, SINK_INBOX, rc);
	gt_pace_add(&c->body_pace, c->body.received - before,
	            gt_loop_now(c->worker));
	return got;
}

/* The body ends here, or cannot go on. false: neither. c may be freed. */
GT_ON_LOOP static bool
settle_body(struct gt_conn *c, enum got got, enum gt_err rc)
{
	if (got == GOT_END)
		fail_body(c, GT_GONE, "client left in its body");
	else if (got == GOT_RESET)
		gt_conn_close(c, "client reset the connection");
	else if (rc != GT_OK)
		fail_body(c, rc, rc == GT_STORAGE ? NULL : c->body.why);
	else if (gt_body_is_done(&c->body))
		end_body(c);
	else
		return false;
	return true;
}

/* What waits in rest, or else one recv. */
void
gt_conn_read_body(struct gt_conn *c)
{
	enum gt_err rc = GT_OK;
	enum got got;
	size_t room;

	do {
		room = gt_inbox_free(c->ex);
		if (room == 0 && !may_spool(c)) {
			pause_body(c);
			return;
		}
		if (!c->reads)
			gt_conn_await_body(c);
		got = receive_body(c, room, &rc);
		if (settle_body(c, got, rc))
			return;
	} while (c->rest.len > 0);
}

/* A body that nobody read is dropped, within bounds. */
GT_ON_LOOP static void
drop_body(struct gt_conn *c)
{
	enum gt_err rc = GT_OK;
	enum got got;

	if (gt_body_direct(&c->body) > GT_INBOX_DROP_MAX ||
	    c->body.received > c->ex->in.filled + GT_INBOX_DROP_MAX) {
		gt_conn_linger(c);
		return;
	}
	if ((got = decode_some(c, GT_SCRATCH, SINK_DROP, &rc)) != GOT_OCTETS) {
		if (got != GOT_NOTHING)
			gt_conn_close(c, "client left in its body");
		return;
	}
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

/* Shall all of the body be received before the app is called? */
static bool
is_spooled(const struct gt_conn *c)
{
	uint64_t most = c->worker->settings->body_spool;
	const struct gt_request *rq = &c->ex->request;

	return rq->framing == GT_FRAMING_LENGTH ? rq->content_length <= most
	                                        : most > 0;
}

/*
 * Who waits for 100 Continue gets it when the app first reads: the app may
 * refuse. A body that is received whole is wanted at once.
 */
GT_ON_LOOP static void
begin_receiving(struct gt_conn *c)
{
	struct gt_exchange *ex = c->ex;

	if (ex->request.expects_continue && c->rest.len == 0 && !c->spools) {
		ex->in.wants_continue = true;
		gt_conn_await_body(c);
		dispatch(c);
		return;
	}
	if (ex->request.expects_continue && c->rest.len == 0 &&
	    !gt_conn_send_continue(c))
		return;
	gt_conn_await_body(c);
	if (c->rest.len > 0)
		gt_conn_read_body(c);
}

/* The head is complete: is there a body, and where does it go? */
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
	c->spools = is_spooled(c);
	gt_conn_move(c, GT_CONN_BODY);
	begin_receiving(c);
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
	c->parser.any_method = w->settings->permit_unconventional_http_method;
	c->parser.folding = w->settings->permit_obsolete_folding;
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
			drop_body(c);
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
 * Something came while the request is with a thread: the next request, or
 * the client's end. FIN alone is a half-close: the answer is still wanted.
 */
GT_ON_LOOP static void
read_early(struct gt_conn *c)
{
	unsigned before = atomic_fetch_or(&c->ex->state, GT_EX_ATTENTION);

	if ((before & GT_EX_STATE) == GT_EX_IDLE) {
		atomic_store(&c->ex->state, GT_EX_IDLE);
		gt_conn_settle(c);
		read_head(c);
		return;
	}
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
		drop_body(c);
		return;
	case GT_CONN_LINGER:
		drop_octets(c);
		return;
	}
}
