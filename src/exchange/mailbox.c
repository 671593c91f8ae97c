/* SPDX-License-Identifier: MIT */
/*
 * Lock-free list from the pool threads to the loop. The protocol of
 * `sleeping` uses read-modify-write operations only (no fences: gcc's
 * ThreadSanitizer does not know them): the loop publishes 1 and then looks at
 * the list (and at `called`); a thread pushes and then takes the 1 away. One
 * of the two sees the other.
 */
#include "gthreadd/exchange/mailbox.h"
#include "gthreadd/base/check.h"
#include "gthreadd/exchange/exchange.h"

void
gt_mailbox_init(struct gt_mailbox *mb, void (*wake)(void *arg), void *arg)
{
	atomic_init(&mb->head, NULL);
	atomic_init(&mb->called, false);
	atomic_init(&mb->sleeping, 0);
	mb->wake = wake;
	mb->wake_arg = arg;
}

static void
wake(struct gt_mailbox *mb)
{
	if (atomic_exchange(&mb->sleeping, 0) == 1)
		mb->wake(mb->wake_arg);
}

void
gt_mailbox_push(struct gt_mailbox *mb, struct gt_exchange *ex)
{
	struct gt_exchange *head;

	head = atomic_load_explicit(&mb->head, memory_order_relaxed);
	do
		ex->next_posted = head;
	while (!atomic_compare_exchange_weak(&mb->head, &head, ex));
	wake(mb);
}

void
gt_mailbox_call(struct gt_mailbox *mb)
{
	atomic_exchange(&mb->called, true);
	wake(mb);
}

struct gt_exchange *
gt_mailbox_take(struct gt_mailbox *mb)
{
	struct gt_exchange *newest, *oldest = NULL, *next;

	if (atomic_load_explicit(&mb->head, memory_order_relaxed) == NULL)
		return NULL;
	newest = atomic_exchange(&mb->head, NULL);
	for (; newest != NULL; newest = next) {
		next = newest->next_posted;
		newest->next_posted = oldest;
		oldest = newest;
	}
	return oldest;
}

bool
gt_mailbox_may_sleep(struct gt_mailbox *mb)
{
	atomic_exchange(&mb->sleeping, 1);
	if (atomic_load(&mb->head) == NULL && !atomic_load(&mb->called))
		return true;
	atomic_exchange(&mb->sleeping, 0);
	return false;
}

void
gt_mailbox_woke(struct gt_mailbox *mb)
{
	atomic_exchange(&mb->sleeping, 0);
	if (atomic_load(&mb->called))
		atomic_exchange(&mb->called, false);
}
