/* SPDX-License-Identifier: MIT */
/*
 * The request body between the loop and the app: a ring whose positions only
 * grow, and a file behind it. See the header for who may touch what.
 */
#include <stdlib.h>

#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

#define RING_MIN 4096

static size_t
filled_locked(const struct gt_inbox *in)
{
	return (size_t)(in->filled - in->taken);
}

enum gt_err
gt_inbox_open(struct gt_exchange *ex, size_t size)
{
	struct gt_inbox *in = &ex->in;
	size_t cap = RING_MIN;

	while (cap < size)
		cap *= 2;
	if ((in->ring = malloc(cap)) == NULL)
		return GT_NOMEM;
	in->cap = cap;
	in->has_body = true;
	return GT_OK;
}

size_t
gt_inbox_free(struct gt_exchange *ex)
{
	struct gt_inbox *in = &ex->in;
	size_t room;

	gt_mutex_lock(&ex->lock);
	room = in->spooled > in->unspooled ? 0 : in->cap - filled_locked(in);
	in->loop_waits = room == 0;
	gt_mutex_unlock(&ex->lock);
	return room;
}

size_t
gt_inbox_room(struct gt_exchange *ex, char **p)
{
	struct gt_inbox *in = &ex->in;
	size_t room = gt_inbox_free(ex);
	size_t at = (size_t)in->filled & (in->cap - 1);

	*p = in->ring + at;
	return room < in->cap - at ? room : in->cap - at;
}

/* The end of a change: a waiting reader looks again. */
static void unlock_and_tell(struct gt_exchange *ex)
    GT_TSA(release_capability(&ex->lock));

static void
unlock_and_tell(struct gt_exchange *ex)
{
	bool wake = ex->in.reader_waits;

	gt_mutex_unlock(&ex->lock);
	if (wake)
		gt_cond_signal(&ex->changed);
}

void
gt_inbox_filled(struct gt_exchange *ex, size_t n)
{
	gt_mutex_lock(&ex->lock);
	ex->in.filled += n;
	/* Who sends already does not wait for the 100 (RFC 9110 10.1.1). */
	if (n > 0)
		ex->in.wants_continue = false;
	unlock_and_tell(ex);
}

enum gt_err
gt_inbox_spool(struct gt_exchange *ex, const char *p, size_t n)
{
	const char *dir = ex->service->settings->tmp_upload_dir;
	struct gt_inbox *in = &ex->in;
	enum gt_err rc;

	if (in->spool_fd < 0 &&
	    (rc = gt_spool_open(dir, &in->spool_fd)) != GT_OK)
		return rc;
	rc = gt_spool_write(in->spool_fd, in->spooled, p, n);
	if (rc == GT_OK)
		in->spooled += n;
	return rc;
}

void
gt_inbox_end(struct gt_exchange *ex)
{
	gt_mutex_lock(&ex->lock);
	ex->in.ended = true;
	ex->in.loop_waits = false;
	unlock_and_tell(ex);
}

void
gt_inbox_fail(struct gt_exchange *ex, enum gt_err err)
{
	gt_mutex_lock(&ex->lock);
	if (!ex->in.ended)
		ex->in.failed = err;
	unlock_and_tell(ex);
}

bool
gt_inbox_take_continue(struct gt_exchange *ex)
{
	bool due;

	gt_mutex_lock(&ex->lock);
	due = ex->in.wants_continue && ex->in.reader_waits;
	if (due)
		ex->in.wants_continue = false;
	gt_mutex_unlock(&ex->lock);
	return due;
}

bool
gt_inbox_reader_waits(struct gt_exchange *ex)
{
	bool waits;

	gt_mutex_lock(&ex->lock);
	waits = ex->in.reader_waits && !ex->in.wants_continue;
	gt_mutex_unlock(&ex->lock);
	return waits;
}

struct gt_str
gt_inbox_peek(struct gt_exchange *ex)
{
	struct gt_inbox *in = &ex->in;
	size_t at, n;

	if (!in->has_body)
		return (struct gt_str){NULL, 0};
	gt_mutex_lock(&ex->lock);
	at = in->cap == 0 ? 0 : (size_t)in->taken & (in->cap - 1);
	n = filled_locked(in);
	gt_mutex_unlock(&ex->lock);
	return (struct gt_str){in->ring + at,
	                       n < in->cap - at ? n : in->cap - at};
}

void
gt_inbox_consume(struct gt_exchange *ex, size_t n)
{
	struct gt_inbox *in = &ex->in;
	bool tell;

	gt_mutex_lock(&ex->lock);
	in->taken += n;
	GT_ASSERT(in->taken <= in->filled);
	tell = in->loop_waits && in->spooled == in->unspooled &&
	       filled_locked(in) <= in->cap / 2;
	if (tell)
		in->loop_waits = false;
	gt_mutex_unlock(&ex->lock);
	if (tell)
		gt_exchange_post(ex);
}

static bool
is_settled_locked(const struct gt_inbox *in)
{
	return !in->has_body || in->ended || in->failed != GT_OK ||
	       filled_locked(in) > 0 || in->spooled > in->unspooled;
}

bool
gt_inbox_would_wait(struct gt_exchange *ex)
{
	bool settled;

	gt_mutex_lock(&ex->lock);
	settled = is_settled_locked(&ex->in);
	gt_mutex_unlock(&ex->lock);
	return !settled;
}

bool
gt_inbox_is_whole(struct gt_exchange *ex, uint64_t *octets)
{
	const struct gt_inbox *in = &ex->in;
	bool whole;

	gt_mutex_lock(&ex->lock);
	whole = in->ended && in->failed == GT_OK && in->taken == 0;
	*octets = in->filled + in->spooled - in->unspooled;
	gt_mutex_unlock(&ex->lock);
	return whole;
}

bool
gt_inbox_is_over(struct gt_exchange *ex)
{
	const struct gt_inbox *in = &ex->in;
	bool over;

	gt_mutex_lock(&ex->lock);
	over = in->ended && in->filled == in->taken &&
	       in->spooled == in->unspooled;
	gt_mutex_unlock(&ex->lock);
	return over;
}

/* Announced, and not received yet. */
static uint64_t
missing_locked(const struct gt_exchange *ex)
{
	const struct gt_inbox *in = &ex->in;

	if (ex->request.framing != GT_FRAMING_LENGTH || in->ended)
		return 0;
	return ex->request.content_length - in->filled - in->spooled +
	       in->unspooled;
}

bool
gt_inbox_refuse(struct gt_exchange *ex, bool whole)
{
	struct gt_inbox *in = &ex->in;
	bool close;

	if (!in->has_body)
		return false;
	gt_mutex_lock(&ex->lock);
	in->refused = in->refused || in->wants_continue;
	in->wants_continue = false;
	close = in->refused || in->failed != GT_OK ||
	        (whole && missing_locked(ex) > GT_INBOX_DROP_MAX);
	gt_mutex_unlock(&ex->lock);
	return close;
}

/* An empty ring is filled from the file, if there is something in it. */
GT_NO_GIL static void
refill(struct gt_exchange *ex)
{
	struct gt_inbox *in = &ex->in;
	size_t at, n;
	enum gt_err rc;

	/* Then the loop does not touch the ring. */
	if (in->spooled == in->unspooled || in->filled > in->taken)
		return;
	at = (size_t)in->taken & (in->cap - 1);
	n = in->cap - at;
	if (n > in->spooled - in->unspooled)
		n = (size_t)(in->spooled - in->unspooled);
	rc = gt_spool_read(in->spool_fd, in->unspooled, in->ring + at, n);
	gt_mutex_lock(&ex->lock);
	if (rc == GT_OK) {
		in->filled += n;
		in->unspooled += n;
	} else {
		in->failed = GT_STORAGE;
		in->ended = false;
		in->unspooled = in->spooled;
	}
	gt_mutex_unlock(&ex->lock);
}

/*
 * The loop learns that a reader waits when 100 Continue is due or when it had
 * stopped reading; otherwise it reads anyway.
 */
enum gt_err
gt_inbox_wait(struct gt_exchange *ex)
{
	struct gt_inbox *in = &ex->in;
	enum gt_err rc;
	bool tell;

	refill(ex);
	gt_mutex_lock(&ex->lock);
	tell = !is_settled_locked(in) && (in->wants_continue || in->loop_waits);
	in->loop_waits = in->loop_waits && !tell;
	in->reader_waits = true;
	gt_mutex_unlock(&ex->lock);
	if (tell)
		gt_exchange_post(ex);
	gt_mutex_lock(&ex->lock);
	while (!is_settled_locked(in))
		gt_cond_wait(&ex->changed, &ex->lock);
	in->reader_waits = false;
	if (filled_locked(in) > 0)
		rc = GT_OK;
	else if (in->ended || !in->has_body)
		rc = GT_EOF;
	else
		rc = in->failed;
	gt_mutex_unlock(&ex->lock);
	return rc;
}
