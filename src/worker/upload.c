/* SPDX-License-Identifier: MIT */
/*
 * Request bodies: from the socket, or from what waits in rest, to the inbox,
 * to the file behind it, or to nowhere. A Content-Length body goes straight
 * into the inbox. The loop's alone.
 */
#include <string.h>

#include "gthreadd/base/log.h"
#include "worker_priv.h"

/* Where the octets of a body go. */
enum sink {
	SINK_INBOX,
	SINK_SPOOL,
	SINK_DROP,
};

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
GT_ON_LOOP static enum gt_got
decode_some(struct gt_conn *c, size_t room, enum sink sink, enum gt_err *rc)
{
	char *scratch = c->worker->scratch;
	enum gt_got got;
	size_t n, used;

	if (c->rest.len > 0) {
		n = c->rest.len < room ? c->rest.len : room;
		*rc = decode(c, c->rest.p, n, sink, &used);
		gt_buf_consume(&c->rest, used);
		return GT_GOT_OCTETS;
	}
	got = gt_conn_receive(c, scratch, room < GT_SCRATCH ? room : GT_SCRATCH,
	                      &n);
	if (got != GT_GOT_OCTETS)
		return got;
	*rc = decode(c, scratch, n, sink, &used);
	if (*rc == GT_OK && used < n)
		*rc = gt_buf_add(&c->rest, scratch + used, n - used);
	return GT_GOT_OCTETS;
}

/* A Content-Length body goes from the socket to the reader in one copy. */
GT_ON_LOOP static enum gt_got
receive_direct(struct gt_conn *c)
{
	uint64_t want = gt_body_direct(&c->body);
	char *to;
	size_t room = gt_inbox_room(c->ex, &to), n;
	enum gt_got got;

	got = gt_conn_receive(c, to, room < want ? room : (size_t)want, &n);
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
		gt_conn_dispatch(c);
}

GT_ON_LOOP static void
end_body(struct gt_conn *c)
{
	gt_inbox_end(c->ex);
	if (c->state == GT_CONN_BODY)
		gt_conn_dispatch(c);
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
GT_ON_LOOP static enum gt_got
receive_body(struct gt_conn *c, size_t room, enum gt_err *rc)
{
	uint64_t before = c->body.received;
	enum gt_got got;

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
settle_body(struct gt_conn *c, enum gt_got got, enum gt_err rc)
{
	if (got == GT_GOT_END)
		fail_body(c, GT_GONE, "client left in its body");
	else if (got == GT_GOT_RESET)
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
	enum gt_got got;
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
void
gt_conn_drop_body(struct gt_conn *c)
{
	enum gt_err rc = GT_OK;
	enum gt_got got;

	if (gt_body_direct(&c->body) > GT_INBOX_DROP_MAX ||
	    c->body.received > c->ex->in.filled + GT_INBOX_DROP_MAX) {
		gt_conn_linger(c);
		return;
	}
	if ((got = decode_some(c, GT_SCRATCH, SINK_DROP, &rc)) !=
	    GT_GOT_OCTETS) {
		if (got != GT_GOT_NOTHING)
			gt_conn_close(c, "client left in its body");
		return;
	}
	if (rc != GT_OK)
		gt_conn_linger(c);
	else if (gt_body_is_done(&c->body))
		gt_conn_next(c);
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
		gt_conn_dispatch(c);
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
void
gt_conn_begin_body(struct gt_conn *c)
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
		gt_conn_dispatch(c);
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
