/* SPDX-License-Identifier: MIT */
/*
 * What connections wait for too long: every tick of the loop looks at each
 * one, and what is over its limit ends. Nothing is armed for a request.
 */
#include <stdatomic.h>

#include "gthreadd/exchange/inbox.h"

#include "worker_priv.h"

#define LINGER_US 2000000 /* wait for the client's FIN */
#define QUIET_US  1000000 /* a draining worker waits for a last request */
/* Then an idle connection gives its exchange back. */
#define SETTLED_KEEP_US 1000000

void
gt_conn_count_timeout(const struct gt_conn *c, enum gt_timeout kind)
{
	gt_count_add(&c->worker->board->counts, GT_COUNT_TIMEOUTS + kind, 1);
}

GT_ON_LOOP static void
close_overdue(struct gt_conn *c, enum gt_timeout kind, const char *why)
{
	gt_conn_count_timeout(c, kind);
	gt_conn_close(c, why);
}

GT_ON_LOOP static void
refuse_overdue(struct gt_conn *c, enum gt_timeout kind, const char *why)
{
	gt_conn_count_timeout(c, kind);
	gt_conn_refuse(c, GT_TIMEOUT, why);
}

/* 0 = off. */
static bool
is_over(int64_t since_us, int64_t limit_ms, int64_t now_us)
{
	return limit_ms > 0 && now_us - since_us > limit_ms * 1000;
}

/* The app waits for its client, or the client does not read. */
GT_ON_LOOP static void
sweep_busy(struct gt_conn *c, int64_t now_us)
{
	const struct gt_settings *s = c->worker->settings;

	GT_ASSERT(c->ex != NULL);
	if (c->close_due) {
		gt_conn_close(c, "client left");
	} else if (is_over(c->ex->queued_us, s->queue_timeout_ms, now_us) &&
	           gt_exchange_state(c->ex) == GT_EX_QUEUED) {
		gt_conn_count_timeout(c, GT_TIMEOUT_QUEUE);
		gt_conn_give_up(c, GT_EX_QUEUED, 503, "queue-timeout");
	} else if (gt_conn_is_stuck(c, now_us)) {
		close_overdue(c, GT_TIMEOUT_WRITE,
		              "client did not read (write-timeout)");
	} else if (!gt_body_is_done(&c->body) && c->reads &&
	           gt_inbox_reader_waits(c->ex) &&
	           gt_pace_is_over(&c->body_pace, s->body_timeout_ms, now_us)) {
		gt_conn_count_timeout(c, GT_TIMEOUT_BODY);
		c->body_broken = true;
		gt_conn_arm_read(c, false);
		gt_inbox_fail(c->ex, GT_TIMEOUT);
	}
}

/*
 * A draining worker closes a connection after a quiet window: one on which
 * nothing came since it was accepted, and one between two requests.
 */
static bool
is_quiet_at_end(const struct gt_conn *c, int64_t now_us)
{
	return c->worker->state == GT_WORKER_DRAINING &&
	       now_us - c->since_us > QUIET_US;
}

GT_ON_LOOP static void
sweep_idle(struct gt_conn *c, int64_t now_us)
{
	const struct gt_worker *w = c->worker;

	if (is_quiet_at_end(c, now_us))
		gt_conn_close(c, "worker stops");
	else if (is_over(c->since_us, w->settings->keep_alive_ms, now_us))
		close_overdue(c, GT_TIMEOUT_KEEP_ALIVE, "idle (keep-alive)");
}

void
gt_conn_sweep(struct gt_conn *c, int64_t now_us)
{
	const struct gt_settings *s = c->worker->settings;

	if (c->state == GT_CONN_BUSY && now_us - c->since_us > SETTLED_KEEP_US)
		gt_conn_settle(c);
	switch (c->state) {
	case GT_CONN_PROXY:
	case GT_CONN_FIRST:
		if (is_quiet_at_end(c, now_us))
			gt_conn_close(c, "worker stops");
		else if (is_over(c->since_us, s->header_timeout_ms, now_us))
			close_overdue(c, GT_TIMEOUT_HEADER,
			              "nothing came (header-timeout)");
		return;
	case GT_CONN_HEAD:
		if (is_over(c->since_us, s->header_timeout_ms, now_us))
			refuse_overdue(c, GT_TIMEOUT_HEADER, "header-timeout");
		return;
	case GT_CONN_BODY:
		if (gt_pace_is_over(&c->body_pace, s->body_timeout_ms, now_us))
			refuse_overdue(c, GT_TIMEOUT_BODY, "body-timeout");
		return;
	case GT_CONN_BUSY:
		sweep_busy(c, now_us);
		return;
	case GT_CONN_WRITE:
		if (gt_conn_is_stuck(c, now_us))
			close_overdue(c, GT_TIMEOUT_WRITE,
			              "client did not read (write-timeout)");
		return;
	case GT_CONN_DRAIN:
		if (is_over(c->since_us, s->body_timeout_ms, now_us))
			close_overdue(c, GT_TIMEOUT_BODY, "body-timeout");
		return;
	case GT_CONN_IDLE:
		sweep_idle(c, now_us);
		return;
	case GT_CONN_LINGER:
		if (now_us - c->since_us > LINGER_US)
			gt_conn_close(c, "lingered");
		return;
	case GT_CONN_GONE:
		return;
	}
}
