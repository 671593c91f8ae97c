/* SPDX-License-Identifier: MIT */
/*
 * How a request meets the GIL. A thread takes the GIL first and pops then, so
 * a request is never with a thread that cannot run it. At most one thread, the
 * heir, waits for the GIL; the holder alone pops.
 *
 * The invariant, under the lock after every change: something queued and a
 * thread parked => there is an heir. See doc/threads.md.
 */
#include "gthreadd/base/clock.h"
#include "worker_priv.h"

/*
 * A holder that has had the GIL for longer lets it go between two requests
 * when another thread is in the middle of one: else a preempted request would
 * wait behind all new ones.
 */
#define QUANTUM_US 1000

/*
 * While another waits for the GIL, Python takes it from the holder after its
 * switch interval of 5 ms, wherever that is: with a lock of the app, it may be,
 * for which the others then wait. So let it go before, between two requests.
 */
#define TURN_US 4000

#define DOZE_LEAST 2 /* requests that wait */

void
gt_queue_init(struct gt_queue *q, struct gt_mailbox *mailbox)
{
	*q = (struct gt_queue){.mailbox = mailbox};
	gt_mutex_init(&q->lock);
	gt_cond_init(&q->roused);
	q->last = &q->first;
}

void
gt_queue_fini(struct gt_queue *q)
{
	gt_cond_fini(&q->roused);
	gt_mutex_fini(&q->lock);
}

static struct gt_pool_thread *choose_heir_locked(struct gt_queue *q)
    GT_REQUIRES(&q->lock);
static struct gt_exchange *pop_locked(struct gt_queue *q) GT_REQUIRES(&q->lock);
static bool calls_locked(struct gt_queue *q) GT_REQUIRES(&q->lock);

/* Restore the invariant; the caller wakes who is returned, after unlock. */
static struct gt_pool_thread *
choose_heir_locked(struct gt_queue *q)
{
	struct gt_pool_thread *heir = q->parked;

	if (q->has_heir || heir == NULL || q->queued == 0)
		return NULL;
	q->parked = heir->below;
	q->has_heir = true;
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

/* After each change by a thread: is it what the loop waits for? */
static bool
calls_locked(struct gt_queue *q)
{
	bool fell = q->calls && q->queued + q->running <= q->call_load;

	if (fell)
		q->calls = false;
	return fell || (q->dozes && q->queued == 0);
}

static void
wake(struct gt_pool_thread *heir)
{
	if (heir != NULL)
		gt_sem_post(&heir->wake);
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

bool
gt_queue_call_at(struct gt_queue *q, size_t load)
{
	bool above;

	gt_mutex_lock(&q->lock);
	above = q->queued + q->running > load;
	q->calls = above;
	q->call_load = load;
	gt_mutex_unlock(&q->lock);
	return above;
}

static bool
is_busy(const struct gt_queue *q)
{
	return atomic_load_explicit(&q->queued, memory_order_relaxed) >=
	           DOZE_LEAST &&
	       gt_run_is_long(
	           atomic_load_explicit(&q->run_us, memory_order_relaxed));
}

/*
 * The mailbox is told that the loop sleeps after the lock is taken: who wakes
 * it then waits for the lock and finds it dozing.
 */
bool
gt_queue_doze(struct gt_queue *q, int64_t us)
{
	bool roused = false;
	int64_t until;

	if (!is_busy(q))
		return false;
	until = gt_clock_us() + us;
	gt_mutex_lock(&q->lock);
	if (q->queued > 0 && gt_mailbox_may_sleep(q->mailbox)) {
		q->dozes = true;
		while (q->dozes &&
		       gt_cond_wait_until(&q->roused, &q->lock, until))
			;
		roused = !q->dozes;
		q->dozes = false;
	}
	gt_mutex_unlock(&q->lock);
	return roused;
}

bool
gt_queue_rouse(struct gt_queue *q)
{
	bool dozed;

	gt_mutex_lock(&q->lock);
	dozed = q->dozes;
	q->dozes = false;
	gt_mutex_unlock(&q->lock);
	if (dozed)
		gt_cond_signal(&q->roused);
	return dozed;
}

void
gt_queue_close(struct gt_queue *q)
{
	struct gt_pool_thread *t;

	gt_mutex_lock(&q->lock);
	q->closed = true;
	t = q->parked;
	q->parked = NULL;
	gt_mutex_unlock(&q->lock);
	while (t != NULL) {
		struct gt_pool_thread *below = t->below;

		gt_sem_post(&t->wake);
		t = below;
	}
}

/* Go onto the stack. false: t is the heir at once, or the queue is closed. */
static bool
push_parked(struct gt_queue *q, struct gt_pool_thread *t)
{
	bool parks = false;

	gt_mutex_lock(&q->lock);
	if (q->queued > 0 && !q->has_heir) {
		q->has_heir = true;
	} else if (!q->closed) {
		t->below = q->parked;
		q->parked = t;
		parks = true;
	}
	gt_mutex_unlock(&q->lock);
	return parks;
}

bool
gt_queue_park(struct gt_queue *q, struct gt_pool_thread *t)
{
	bool more;

	if (push_parked(q, t))
		gt_sem_wait(&t->wake);
	gt_mutex_lock(&q->lock);
	more = !q->closed || q->queued > 0;
	gt_mutex_unlock(&q->lock);
	return more;
}

bool
gt_queue_take_first(struct gt_queue *q, struct gt_exchange **out)
{
	struct gt_pool_thread *heir;
	bool calls;

	gt_mutex_lock(&q->lock);
	q->has_heir = false;
	*out = pop_locked(q);
	heir = choose_heir_locked(q);
	calls = calls_locked(q);
	gt_mutex_unlock(&q->lock);
	wake(heir);
	if (calls)
		gt_mailbox_call(q->mailbox);
	return *out != NULL;
}

enum gt_take
gt_queue_take_next(struct gt_queue *q, const struct gt_pool_thread *t,
                   int64_t now_us, struct gt_exchange **out)
{
	struct gt_pool_thread *heir = NULL;
	enum gt_take take = GT_TAKE_WORK;
	bool calls;

	gt_mutex_lock(&q->lock);
	q->running--;
	if (q->queued == 0) {
		take = GT_TAKE_EMPTY;
	} else if (now_us - t->took_us >
	           (q->running > 0 ? QUANTUM_US : TURN_US)) {
		take = GT_TAKE_YIELD;
	} else {
		*out = pop_locked(q);
		heir = choose_heir_locked(q);
	}
	calls = calls_locked(q);
	gt_mutex_unlock(&q->lock);
	wake(heir);
	if (calls)
		gt_mailbox_call(q->mailbox);
	return take;
}
