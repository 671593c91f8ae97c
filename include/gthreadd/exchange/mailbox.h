/* SPDX-License-Identifier: MIT */
/*
 * The road back from the pool threads to the loop: exchanges that want the
 * loop's attention, on a lock-free list. An exchange is on it at most once;
 * the loop is woken only when it had said that it sleeps.
 */
#ifndef GTHREADD_EXCHANGE_MAILBOX_H
#define GTHREADD_EXCHANGE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

#include "gthreadd/base/annot.h"

struct gt_exchange;

struct gt_mailbox {
	_Atomic(struct gt_exchange *) head; /* newest first */
	_Atomic bool called;                /* a turn is wanted as well */
	_Atomic int sleeping;               /* 1: the loop waits, or will */
	void (*wake)(void *arg);            /* makes its wait return */
	void *wake_arg;
};

void gt_mailbox_init(struct gt_mailbox *mb, void (*wake)(void *arg), void *arg);
/* Any thread; callers use gt_exchange_post(), which keeps ex on it once. */
void gt_mailbox_push(struct gt_mailbox *mb, struct gt_exchange *ex);
/* Any thread: have the loop take a turn, without an exchange. */
void gt_mailbox_call(struct gt_mailbox *mb);
/* All that was posted, oldest first, linked by ex->next_posted. */
struct gt_exchange *gt_mailbox_take(struct gt_mailbox *mb) GT_ON_LOOP;
/*
 * Before the loop waits: say so. false: something was posted meanwhile, or it
 * was called: do not wait. After the wait: gt_mailbox_woke().
 */
bool gt_mailbox_may_sleep(struct gt_mailbox *mb) GT_ON_LOOP;
void gt_mailbox_woke(struct gt_mailbox *mb) GT_ON_LOOP;

#endif
