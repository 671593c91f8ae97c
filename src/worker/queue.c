/* SPDX-License-Identifier: MIT */
/*
 * How a request meets the GIL. A thread takes the GIL first and pops then, so
 * a request is never with a thread that cannot run it. At most one thread, the
 * heir, waits for the GIL; the holder alone pops.
 *
 * The invariant, under the lock after every change: something queued and a
 * thread parked => there is an heir. See doc/threads.md.
 */
#include "worker_priv.h"

/*
 * A holder that has had the GIL for longer lets it go between two requests
 * when another thread is in the middle of one: else a preempted request would
 * wait behind all new ones.
 */
#define QUANTUM_US 1000

void
gt_queue_init(struct gt_queue *q)
{
	*q = (struct gt_queue){0};
	gt_mutex_init(&q->lock);
	q->last = &q->first;
}

void
gt_queue_fini(struct gt_queue *q)
{
	gt_mutex_fini(&q->lock);
}

static struct gt_pool_thread *choose_heir_locked(struct gt_queue *q)
    GT_REQUIRES(&q->lock);
static struct gt_exchange *pop_locked(struct gt_queue *q) GT_REQUIRES(&q->lock);

/* Restore the invariant; the caller wakes who is returned, after unlock. */
static struct gt_pool_thread *
choose_heir_locked(struct gt_queue *q)
{
	struct gt_pool_thread *heir = q->parked;

	if (q->has_heir || heir == NULL || q->queued == 0)
		return NULL;
	q->parked = heir->below;
	q->has_heir = true;
	heir->woken = true;
	return heir;
}

static struct gt_exchange *
pop_locked(struct gt_queue *q)
{
	struct gt_exchange *ex = q->first;

	if (ex == NULL)
		return NULL;
	if ((q->first = ex->next) == NULL)
		q->last = &q->first;
	ex->next = NULL;
	q->queued--;
	q->running++;
	return ex;
}

static void
wake(struct gt_pool_thread *heir)
{
	if (heir != NULL)
		gt_cond_signal(&heir->wake);
}

void
gt_queue_give(struct gt_queue *q, struct gt_exchange *first,
              struct gt_exchange *last, size_t n)
{
	struct gt_pool_thread *heir;

	last->next = NULL;
	gt_mutex_lock(&q->lock);
	*q->last = first;
	q->last = &last->next;
	q->queued += n;
	heir = choose_heir_locked(q);
	gt_mutex_unlock(&q->lock);
	wake(heir);
}

size_t
gt_queue_load(const struct gt_queue *q, size_t *queued)
{
	*queued = atomic_load_explicit(&q->queued, memory_order_relaxed);
	return *queued +
	       atomic_load_explicit(&q->running, memory_order_relaxed);
}

void
gt_queue_close(struct gt_queue *q)
{
	struct gt_pool_thread *t;

	gt_mutex_lock(&q->lock);
	q->closed = true;
	t = q->parked;
	q->parked = NULL;
	for (struct gt_pool_thread *u = t; u != NULL; u = u->below)
		u->woken = true;
	gt_mutex_unlock(&q->lock);
	while (t != NULL) {
		struct gt_pool_thread *below = t->below;

		gt_cond_signal(&t->wake);
		t = below;
	}
}

static void wait_parked_locked(struct gt_queue *q, struct gt_pool_thread *t)
    GT_REQUIRES(&q->lock);

static void
wait_parked_locked(struct gt_queue *q, struct gt_pool_thread *t)
{
	t->woken = false;
	t->below = q->parked;
	q->parked = t;
	while (!t->woken)
		gt_cond_wait(&t->wake, &q->lock);
}

bool
gt_queue_park(struct gt_queue *q, struct gt_pool_thread *t)
{
	bool more;

	gt_mutex_lock(&q->lock);
	if (q->queued > 0 && !q->has_heir)
		q->has_heir = true;
	else if (!q->closed)
		wait_parked_locked(q, t);
	more = !q->closed || q->queued > 0;
	gt_mutex_unlock(&q->lock);
	return more;
}

bool
gt_queue_take_first(struct gt_queue *q, struct gt_exchange **out)
{
	struct gt_pool_thread *heir;

	gt_mutex_lock(&q->lock);
	q->has_heir = false;
	*out = pop_locked(q);
	heir = choose_heir_locked(q);
	gt_mutex_unlock(&q->lock);
	wake(heir);
	return *out != NULL;
}

enum gt_take
gt_queue_take_next(struct gt_queue *q, const struct gt_pool_thread *t,
                   int64_t now_us, struct gt_exchange **out)
{
	struct gt_pool_thread *heir = NULL;
	enum gt_take take = GT_TAKE_WORK;

	gt_mutex_lock(&q->lock);
	q->running--;
	if (q->queued == 0) {
		take = GT_TAKE_EMPTY;
	} else if (q->running > 0 && now_us - t->took_us > QUANTUM_US) {
		take = GT_TAKE_YIELD;
	} else {
		*out = pop_locked(q);
		heir = choose_heir_locked(q);
	}
	gt_mutex_unlock(&q->lock);
	wake(heir);
	return take;
}
