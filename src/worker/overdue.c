/* SPDX-License-Identifier: MIT */
/*
 * Requests that take too long, as the cells of the board show them: they are
 * named while they run, then answered, interrupted, and at last the worker is
 * replaced. A look at every thread once a tick; a request costs nothing. The
 * loop's alone: what needs the GIL is asked of the monitor.
 */
#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "worker_priv.h"

#define OLDEST_MAX     3       /* requests that a warning names */
#define GIL_LOST_US    3000000 /* the monitor takes it each second */
#define STOOD_STILL_US 2000000 /* a tick is a second at most */

static struct gt_conn *
find_conn(const struct gt_worker *w, uint64_t request)
{
	struct gt_conn *c;

	TAILQ_FOREACH (c, &w->conns, link)
		if (c->ex != NULL && c->ex->number == request)
			return c;
	return NULL;
}

/* Without room the stack or the exception is left out: the rest follows. */
GT_ON_LOOP static void
ask(struct gt_worker *w, enum gt_job_kind kind, struct gt_pool_thread *t)
{
	const struct gt_job job = {
	    .kind = kind, .thread = t, .request = t->watched.request};

	if (!gt_monitor_ask(w, &job))
		gt_log_debug("monitor is busy");
}

GT_ON_LOOP static void
tell_slow(struct gt_worker *w, struct gt_pool_thread *t,
          const struct gt_cell_copy *cell, int64_t age_us)
{
	struct gt_conn *c = find_conn(w, cell->request);

	gt_log_warning("slow request request=\"%s\" peer=%s age_ms=%lld "
	               "thread=gthreadd-%u, its stack follows",
	               cell->text, gt_cell_peer(cell), (long long)age_us / 1000,
	               t->number);
	ask(w, GT_JOB_SHOW, t);
	t->watched.told_slow = true;
	if (c != NULL)
		c->is_slow = true;
}

void
gt_overdue_tell_end(struct gt_conn *c, const struct gt_exchange *ex)
{
	char who[GT_REQUEST_TEXT];

	gt_exchange_describe(ex, false, who);
	c->is_slow = false;
	gt_log_warning("slow request ended %s took_ms=%lld", who,
	               (long long)(ex->ended_us - ex->started_us) / 1000);
}

/* The client need not wait any longer, and the thread shall come back. */
GT_ON_LOOP static void
time_out(struct gt_worker *w, struct gt_pool_thread *t,
         const struct gt_cell_copy *cell, int64_t age_us)
{
	const struct gt_settings *s = w->settings;
	struct gt_conn *c = find_conn(w, cell->request);

	gt_log_error("request timed out request=\"%s\" peer=%s age_ms=%lld "
	             "thread=gthreadd-%u request-timeout=%lldms, its stack "
	             "follows",
	             cell->text, gt_cell_peer(cell), (long long)age_us / 1000,
	             t->number, (long long)s->request_timeout_ms);
	ask(w, GT_JOB_SHOW, t);
	if (s->interrupt_timeout_ms > 0)
		ask(w, GT_JOB_RAISE, t);
	t->watched.timed_out = true;
	t->watched.replace_at_us =
	    gt_loop_now(w) + s->interrupt_timeout_ms * 1000;
	if (c == NULL)
		return; /* given up before, as by a worker that ends */
	gt_conn_count_timeout(c, GT_TIMEOUT_REQUEST);
	gt_conn_give_up(c, GT_EX_RUNNING, 504, "request-timeout");
}

/* It is still there. */
GT_ON_LOOP static void
be_stuck(struct gt_worker *w, const struct gt_pool_thread *t,
         const struct gt_cell_copy *cell)
{
	if (!w->is_stuck)
		gt_log_error(
		    "thread gthreadd-%u is stuck, the worker asks to be "
		    "replaced request=\"%s\" peer=%s age_ms=%lld",
		    t->number, cell->text, gt_cell_peer(cell),
		    (long long)(gt_loop_now(w) - cell->started_us) / 1000);
	w->is_stuck = true;
	if (w->state == GT_WORKER_SERVING)
		gt_recycle_ask(w, GT_RECYCLE_STUCK);
}

/* 0 = off. */
static bool
is_over(int64_t age_us, int64_t limit_ms)
{
	return limit_ms > 0 && age_us >= limit_ms * 1000;
}

/* false: it is in no request. */
GT_ON_LOOP static bool
watch_thread(struct gt_worker *w, struct gt_pool_thread *t,
             struct gt_cell_copy *cell)
{
	const struct gt_settings *s = w->settings;
	struct gt_watched *wd = &t->watched;
	int64_t age_us = 0;
	bool busy = gt_cell_read(t->cell, cell) &&
	            gt_cell_is_busy(cell, gt_loop_now(w), &age_us);

	if (age_us > gt_loop_now(w) - w->resumed_us)
		age_us = gt_loop_now(w) - w->resumed_us;
	if (!busy || cell->request != wd->request)
		*wd = (struct gt_watched){.request = busy ? cell->request : 0};
	if (!busy)
		return false;
	if (!wd->told_slow && is_over(age_us, s->slow_request_ms))
		tell_slow(w, t, cell, age_us);
	if (!wd->timed_out && is_over(age_us, s->request_timeout_ms))
		time_out(w, t, cell, age_us);
	if (wd->timed_out && gt_loop_now(w) >= wd->replace_at_us)
		be_stuck(w, t, cell);
	return true;
}

/* ---- all threads at once ---- */

/* The oldest requests, oldest first. */
struct oldest {
	struct gt_cell_copy cell[OLDEST_MAX];
	size_t n;
};

static void
note_age(struct oldest *o, const struct gt_cell_copy *cell)
{
	size_t at = o->n;

	while (at > 0 && cell->started_us < o->cell[at - 1].started_us)
		at--;
	if (at == OLDEST_MAX)
		return;
	if (o->n < OLDEST_MAX)
		o->n++;
	for (size_t i = o->n - 1; i > at; i--)
		o->cell[i] = o->cell[i - 1];
	o->cell[at] = *cell;
}

/* Health checks look at it. */
GT_ON_LOOP static void
show_saturation(struct gt_worker *w)
{
	atomic_store_explicit(&w->board->saturated, w->told_busy,
	                      memory_order_relaxed);
}

GT_ON_LOOP static void
warn_busy(struct gt_worker *w, const struct oldest *o)
{
	struct gt_buf text = {0};
	int64_t now = gt_loop_now(w);
	enum gt_err rc = GT_OK;

	for (size_t i = 0; rc == GT_OK && i < o->n; i++)
		rc = gt_buf_addf(&text, " request=\"%s\" peer=%s age_ms=%lld",
		                 o->cell[i].text, gt_cell_peer(&o->cell[i]),
		                 (long long)(now - o->cell[i].started_us) /
		                     1000);
	gt_log_warning("all threads are busy since_ms=%lld threads=%u, the "
	               "oldest requests:%.*s",
	               (long long)(now - w->busy_since_us) / 1000, w->nthreads,
	               (int)text.len, text.p != NULL ? text.p : "");
	gt_buf_fini(&text);
	w->told_busy = true;
	show_saturation(w);
}

GT_ON_LOOP static void
check_saturation(struct gt_worker *w, bool all_busy, const struct oldest *o)
{
	int64_t now = gt_loop_now(w);

	if (!all_busy) {
		if (w->told_busy)
			gt_log_info("not all threads are busy any more "
			            "took_ms=%lld",
			            (long long)(now - w->busy_since_us) / 1000);
		w->busy_since_us = 0;
		w->told_busy = false;
		show_saturation(w);
		return;
	}
	if (w->busy_since_us == 0)
		w->busy_since_us = now;
	if (!w->told_busy &&
	    is_over(now - w->busy_since_us, w->settings->saturation_warning_ms))
		warn_busy(w, o);
}

/*
 * Will a thread ever run what is queued? If not, it is answered: to run it
 * nowhere is safe to repeat, and what comes is left to the others.
 */
GT_ON_LOOP static void
check_hope(struct gt_worker *w, bool all_timed_out)
{
	int64_t beat_us =
	    atomic_load_explicit(&w->board->gil_beat_us, memory_order_relaxed);
	bool gil_lost = gt_clock_us() - beat_us > GIL_LOST_US;

	if (!w->is_doomed)
		w->hopeless = w->is_stuck && (all_timed_out || gil_lost);
	if (w->hopeless)
		gt_conn_give_up_all(w, 0, "all threads are stuck");
}

/* The process stood still (SIGSTOP): no request is to blame for that time. */
GT_ON_LOOP static void
note_pause(struct gt_worker *w)
{
	int64_t now = gt_loop_now(w);

	if (now - w->looked_us > STOOD_STILL_US)
		w->resumed_us = now;
	w->looked_us = now;
}

void
gt_overdue_check(struct gt_worker *w)
{
	struct oldest oldest = {.n = 0};
	struct gt_cell_copy cell;
	unsigned busy = 0, timed_out = 0;

	note_pause(w);
	for (unsigned i = 0; i < w->nthreads; i++) {
		struct gt_pool_thread *t = &w->threads[i];

		if (!watch_thread(w, t, &cell))
			continue;
		note_age(&oldest, &cell);
		busy++;
		timed_out += t->watched.timed_out;
	}
	check_saturation(w, busy == w->nthreads, &oldest);
	w->ntimed_out = timed_out;
	check_hope(w, timed_out == w->nthreads);
}
