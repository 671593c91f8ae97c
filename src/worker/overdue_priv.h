/* SPDX-License-Identifier: MIT */
/*
 * Requests that take too long, and what becomes of them. Included by
 * worker_priv.h.
 */
#ifndef GTHREADD_WORKER_OVERDUE_PRIV_H
#define GTHREADD_WORKER_OVERDUE_PRIV_H

#include <stdbool.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/exchange/exchange.h"

struct gt_conn;
struct gt_worker;

/* ---- giveup.c: requests that are answered without the app ---- */

/*
 * Take the request away from the queue or from the thread that runs it.
 * false: the thread is past the app and about to let go.
 */
bool gt_conn_abandon(struct gt_exchange *ex) GT_ON_LOOP;
/*
 * Answer with status what is queued or running, as from says, or close the
 * connection when the response has begun; the access log says status in both
 * cases. Nothing happens when a thread was faster: who is told that his
 * request was not run may send it again. c may be freed.
 */
void gt_conn_give_up(struct gt_conn *c, enum gt_exchange_state from,
                     unsigned status, const char *why) GT_ON_LOOP;
/*
 * Every request that is queued, with 503, and with status those that run;
 * status 0: not these.
 */
void gt_conn_give_up_all(struct gt_worker *w, unsigned status,
                         const char *why) GT_ON_LOOP;
/* c->lost came off the mailbox, done. c may be freed. */
void gt_conn_regain(struct gt_conn *c) GT_ON_LOOP;

/* ---- overdue.c: requests that take too long ---- */

/* Once a tick: what do the threads do, and for how long? */
void gt_overdue_check(struct gt_worker *w) GT_ON_LOOP;
/* The request of c, which is_slow, has ended. */
void gt_overdue_tell_end(struct gt_conn *c,
                         const struct gt_exchange *ex) GT_ON_LOOP;

#endif
