/* SPDX-License-Identifier: MIT */
/* What a thread sends itself: see lastout.c. */
#ifndef GTHREADD_LASTOUT_PRIV_H
#define GTHREADD_LASTOUT_PRIV_H

#include "worker_priv.h"

/*
 * Last-out send: the pool thread sends a complete response itself, without
 * blocking, on the socket it is lent for this moment (design: rule 7), or
 * gives the exchange back to the loop. ex must not be touched afterwards.
 */
void gt_conn_send_last(struct gt_exchange *ex) GT_ON_POOL GT_NO_GIL;
/*
 * The same in the middle of a request, for the block that completes its
 * response. With the GIL. false: not all was sent, the rest is in ex->out.own.
 */
bool gt_conn_send_now(struct gt_exchange *ex);
/*
 * A thread is done with ex and goes on with the next request: as above when
 * all has been sent, else the loop does the rest. With the GIL.
 */
void gt_conn_end(struct gt_exchange *ex);

#endif
