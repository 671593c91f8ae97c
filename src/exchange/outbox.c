/* SPDX-License-Identifier: MIT */
/*
 * The response between the app and the loop: the thread fills a buffer of its
 * own and publishes it by swapping or appending; the loop swaps what was
 * published for what it has sent. Octets are copied once at most.
 */
#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

static void
swap(struct gt_buf *a, struct gt_buf *b)
{
	struct gt_buf t = *a;

	*a = *b;
	*b = t;
}

static enum gt_err publish_locked(struct gt_exchange *ex)
    GT_REQUIRES(&ex->lock);

static enum gt_err
publish_locked(struct gt_exchange *ex)
{
	struct gt_outbox *out = &ex->out;
	size_t n = out->own.len;

	if (out->gone)
		return GT_GONE;
	if (out->shared.len == 0)
		swap(&out->shared, &out->own);
	else if (gt_buf_add(&out->shared, out->own.p, n) != GT_OK)
		return GT_NOMEM;
	out->own.len = 0;
	out->waiting += n;
	out->published = true;
	return out->waiting >= ex->service->settings->response_buffer ? GT_FULL
	                                                              : GT_OK;
}

enum gt_err
gt_outbox_publish(struct gt_exchange *ex)
{
	enum gt_err rc;

	gt_mutex_lock(&ex->lock);
	rc = publish_locked(ex);
	gt_mutex_unlock(&ex->lock);
	if (rc == GT_OK || rc == GT_FULL)
		gt_exchange_post(ex);
	return rc;
}

enum gt_err
gt_outbox_wait(struct gt_exchange *ex)
{
	size_t half = ex->service->settings->response_buffer / 2;
	struct gt_outbox *out = &ex->out;
	bool gone;

	gt_mutex_lock(&ex->lock);
	out->writer_waits = true;
	while (!out->gone && out->waiting > half)
		gt_cond_wait(&ex->changed, &ex->lock);
	out->writer_waits = false;
	gone = out->gone;
	gt_mutex_unlock(&ex->lock);
	return gone ? GT_GONE : GT_OK;
}

enum gt_err
gt_outbox_append(struct gt_exchange *ex, const char *p, size_t n)
{
	struct gt_outbox *out = &ex->out;
	enum gt_err rc;

	gt_mutex_lock(&ex->lock);
	if ((rc = gt_buf_add(&out->shared, p, n)) == GT_OK) {
		out->waiting += n;
		out->published = true;
	}
	gt_mutex_unlock(&ex->lock);
	return rc;
}

void
gt_outbox_take(struct gt_exchange *ex)
{
	struct gt_outbox *out = &ex->out;

	if (out->drained < out->drain.len)
		return;
	out->drained = 0;
	out->drain.len = 0;
	gt_mutex_lock(&ex->lock);
	swap(&out->drain, &out->shared);
	gt_mutex_unlock(&ex->lock);
}

void
gt_outbox_sent(struct gt_exchange *ex, size_t n)
{
	size_t half = ex->service->settings->response_buffer / 2;
	struct gt_outbox *out = &ex->out;
	bool wake;

	out->drained += n;
	gt_mutex_lock(&ex->lock);
	out->waiting -= n < out->waiting ? n : out->waiting;
	wake = out->writer_waits && out->waiting <= half;
	gt_mutex_unlock(&ex->lock);
	if (wake)
		gt_cond_signal(&ex->changed);
}

void
gt_outbox_fail(struct gt_exchange *ex)
{
	bool wake;

	gt_mutex_lock(&ex->lock);
	ex->out.gone = true;
	wake = ex->out.writer_waits;
	gt_mutex_unlock(&ex->lock);
	if (wake)
		gt_cond_signal(&ex->changed);
}
