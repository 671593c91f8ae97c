/* SPDX-License-Identifier: MIT */
/*
 * Octets of a response on their way out: the head before the first ones, then
 * pieces, each of which the client gets before the app is asked for the next.
 */
#include "wsgi_priv.h"

#define PIECE_MAX (128 << 10) /* octets of a chunk sent at a time */

static enum gt_err publish(struct gt_call *c) GT_NEEDS_GIL GT_NEEDS_RESPONSE;
static enum gt_err send_piece(struct gt_call *c, const char *p,
                              size_t n) GT_NEEDS_GIL GT_NEEDS_RESPONSE;

static bool
status_has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

enum gt_err
gt_call_end_head(struct gt_call *c, bool known, uint64_t length)
{
	struct gt_response *r = &c->ex->response;
	enum gt_err rc;

	/* What only closing can tell is better said in the head. */
	if (gt_inbox_refuse(c->ex, known) ||
	    (known && r->has_length && length < r->length && !r->is_head &&
	     status_has_body(r->status)))
		r->keep_alive = false;
	rc = gt_response_end_head(r, &c->ex->out.own, known, length);
	if (rc == GT_OK)
		c->head_done = true;
	return rc;
}

/* Let the loop begin to send; wait when too much waits for the client. */
static enum gt_err
publish(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;
	enum gt_err rc = gt_outbox_publish(ex);

	if (rc == GT_OK || rc == GT_FULL)
		c->published = true;
	return rc == GT_FULL ? gt_call_wait(c) : rc;
}

enum gt_err
gt_call_wait(struct gt_call *c)
{
	enum gt_err rc;

	gt_call_pause(c->ex);
	rc = gt_outbox_wait(c->ex);
	gt_call_resume(c->ex);
	return rc;
}

/* Nothing that may be sent is missing. */
static bool
is_complete(const struct gt_response *r)
{
	return r->body == GT_RESPONSE_NO_BODY ||
	       (r->body == GT_RESPONSE_LENGTH && r->sent == r->length);
}

/*
 * PEP 3333: no block may be delayed while the app works on, and what it does
 * behind the one that completes its Content-Length, in close() above all,
 * takes as long as it likes. So that block leaves now; but to wake the loop
 * for it, and once more at the end of the request, would cost more than to
 * send it from here.
 */
static bool
send_now(struct gt_call *c)
{
	struct gt_exchange *ex = c->ex;

	if (ex->service->send_now == NULL || !ex->service->send_now(ex))
		return false;
	c->published = true;
	return true;
}

static enum gt_err
send_piece(struct gt_call *c, const char *p, size_t n)
{
	struct gt_response *r = &c->ex->response;
	struct gt_buf *out = &c->ex->out.own;
	enum gt_err rc = GT_OK;

	n = gt_response_admit(r, n);
	if (n > 0) {
		rc = gt_response_chunk_begin(r, out, n);
		if (rc == GT_OK)
			rc = gt_buf_add(out, p, n);
		if (rc == GT_OK)
			rc = gt_response_chunk_end(r, out);
	}
	if (rc != GT_OK || out->len == 0)
		return rc;
	return is_complete(r) && send_now(c) ? GT_OK : publish(c);
}

enum gt_err
gt_call_send(struct gt_call *c, const char *p, size_t n, bool known)
{
	enum gt_err rc = GT_OK;
	size_t piece;

	if (c->thread->app->is_forked)
		gt_fork_end();
	if (!c->started)
		return GT_INVALID;
	if (n > 0 && !c->head_done)
		rc = gt_call_end_head(c, known, n);
	/* While it waits for the client the response may be ended elsewhere. */
	for (; n > 0 && rc == GT_OK; p += piece, n -= piece) {
		piece = n < PIECE_MAX ? n : PIECE_MAX;
		rc = c->complete ? GT_EOF : send_piece(c, p, piece);
	}
	return rc;
}
