/* SPDX-License-Identifier: MIT */
/*
 * The pool threads: park, take the GIL, run the app while requests are
 * queued, let the GIL go, send the last response. A pool thread owns no
 * socket.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/stacks.h"
#include "lastout_priv.h"

/*
 * An exception that the monitor has raised belongs to this request: none may
 * reach the next one.
 */
GT_NEEDS_GIL static void
leave_app(struct gt_pool_thread *t, uint64_t number)
{
	if (atomic_compare_exchange_strong(&t->in_app, &number, 0))
		return;
	/* Without a GIL the monitor may be in the middle of it. */
	while ((atomic_load(&t->in_app) & GT_APP_RAISED) == 0)
		sched_yield();
	gt_app_calm(t->ident);
	atomic_store(&t->in_app, 0);
}

/* Has it waited for longer than its client is thought to? */
static bool
is_stale(const struct gt_pool_thread *t, const struct gt_exchange *ex,
         int64_t now_us)
{
	int64_t limit_ms = t->worker->settings->queue_timeout_ms;

	return limit_ms > 0 && now_us - ex->queued_us > limit_ms * 1000;
}

/*
 * Run one request. It may have been abandoned while it was queued, or have
 * waited too long; then it only goes back to the loop. false: nothing was
 * run, and ex->started_us is 0.
 */
GT_NEEDS_GIL static bool
run(struct gt_pool_thread *t, struct gt_exchange *ex, int64_t now_us)
{
	if (is_stale(t, ex, now_us) ||
	    !gt_exchange_move(ex, GT_EX_QUEUED, GT_EX_RUNNING))
		return false;
	ex->started_us = now_us;
	ex->thread = t->number;
	ex->cell = t->cell;
	gt_count_wait(&t->cell->counts, now_us - ex->queued_us);
	gt_cell_begin(t->cell, ex->number, now_us,
	              gt_exchange_str(ex, ex->request.method),
	              gt_exchange_str(ex, ex->request.target),
	              gt_str_of(gt_peer_name(ex->peer)));
	atomic_store_explicit(&t->in_app, ex->number, memory_order_relaxed);
	gt_app_call(t->app, ex);
	leave_app(t, ex->number);
	ex->gil_us += gt_gil_waited_us();
	return true;
}

GT_NEEDS_GIL static void
end_run(struct gt_pool_thread *t, const struct gt_exchange *ex)
{
	int64_t us = ex->ended_us - ex->started_us;

	gt_count_run(&t->cell->counts, us, ex->gil_us);
	atomic_store_explicit(&t->worker->queue.run_us, us,
	                      memory_order_relaxed);
}

/*
 * Serve from ex on while requests are queued, never letting the GIL go in
 * between. Returns the last one when nobody waits behind it: the caller sends
 * it itself. NULL: all were given back.
 */
GT_NEEDS_GIL static struct gt_exchange *
serve(struct gt_pool_thread *t, struct gt_exchange *ex)
{
	struct gt_queue *q = &t->worker->queue;
	int64_t now = t->took_us;
	struct gt_exchange *next;
	enum gt_take take;
	bool ran;

	for (;; ex = next) {
		ran = run(t, ex, now);
		now = gt_clock_us();
		ex->ended_us = now;
		if (ran)
			end_run(t, ex);
		take = gt_queue_take_next(q, t, now, &next);
		if (take == GT_TAKE_EMPTY && ran)
			return ex;
		gt_conn_end(ex);
		if (take != GT_TAKE_WORK)
			return NULL;
	}
}

/* The heir waits for the GIL, serves, and lets it go. */
GT_ON_POOL static void
take_turn(struct gt_pool_thread *t)
{
	struct gt_worker *w = t->worker;
	struct gt_exchange *ex, *last = NULL;
	int64_t asked_us = gt_clock_us();

	gt_cell_set(t->cell, GT_CELL_HEIR, asked_us);
	gt_gil_take();
	t->took_us = gt_clock_us();
	gt_app_release(&w->service);
	if (gt_queue_take_first(&w->queue, &ex)) {
		ex->gil_us = t->took_us - asked_us;
		last = serve(t, ex);
	}
	gt_gil_give();
	if (last != NULL)
		gt_conn_send_last(last);
	gt_cell_set(t->cell, GT_CELL_PARKED, gt_clock_us());
}

/* gt_pool_start() waits until every thread has said whether it can serve. */
static void
report_start(struct gt_worker *w, bool ok)
{
	gt_mutex_lock(&w->queue.lock);
	if (ok)
		w->pool_ready++;
	else
		w->pool_failed++;
	gt_mutex_unlock(&w->queue.lock);
	gt_cond_signal(&w->pool_started);
}

static void *
pool_main(void *arg)
{
	struct gt_pool_thread *t = arg;
	char name[32];
	enum gt_err rc;

	gt_role_set(GT_ROLE_POOL);
	gt_assert_pool();
	snprintf(name, sizeof(name), "gthreadd-%u", t->number);
	gt_gil_thread_init(name);
	t->ident = gt_stacks_self();
	gt_gil_take();
	rc = gt_app_thread_create(t->worker->app, t->number, &t->app);
	gt_gil_give();
	report_start(t->worker, rc == GT_OK);
	while (rc == GT_OK && gt_queue_park(&t->worker->queue, t))
		take_turn(t);
	gt_gil_take();
	gt_app_thread_destroy(t->app);
	gt_gil_give();
	gt_gil_thread_fini();
	return NULL;
}

static enum gt_err
start_thread(struct gt_worker *w, unsigned i)
{
	struct gt_pool_thread *t = &w->threads[i];
	char name[32];

	t->worker = w;
	t->number = i + 1;
	t->cell = &w->board->cell[i];
	gt_sem_init(&t->wake);
	snprintf(name, sizeof(name), "pool-%u", t->number);
	return gt_thread_create(&t->thread, name, pool_main, t);
}

static enum gt_err
wait_started(struct gt_worker *w)
{
	unsigned failed;

	gt_mutex_lock(&w->queue.lock);
	while (w->pool_ready + w->pool_failed < w->nthreads)
		gt_cond_wait(&w->pool_started, &w->queue.lock);
	failed = w->pool_failed;
	gt_mutex_unlock(&w->queue.lock);
	return failed > 0 ? GT_PYTHON : GT_OK;
}

enum gt_err
gt_pool_start(struct gt_worker *w)
{
	unsigned want = w->nthreads;
	enum gt_err rc = GT_OK;

	w->nthreads = 0;
	if ((w->threads = calloc(want, sizeof(*w->threads))) == NULL)
		return GT_NOMEM;
	gt_cond_init(&w->pool_started);
	for (; rc == GT_OK && w->nthreads < want; w->nthreads++)
		rc = start_thread(w, w->nthreads);
	if (rc != GT_OK)
		w->nthreads--;
	return rc == GT_OK ? wait_started(w) : rc;
}

void
gt_pool_join(struct gt_worker *w)
{
	for (unsigned i = 0; i < w->nthreads; i++) {
		gt_thread_join(&w->threads[i].thread);
		gt_sem_fini(&w->threads[i].wake);
	}
	free(w->threads);
	w->threads = NULL;
	w->nthreads = 0;
}
