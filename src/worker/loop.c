/* SPDX-License-Identifier: MIT */
/*
 * The loop: one libevent batch a turn, then what the threads posted, then one
 * flush of all requests the turn has parsed. It never takes the GIL and never
 * waits but in libevent, and shortly for its threads (gt_queue_doze).
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/mem.h"
#include "worker_priv.h"

#define TICK_MAX_US 1000000
#define TICK_MIN_US 10000
#define DOZE_US     1000
#define FREE_MAX    256 /* exchanges kept for later requests */
#define HAND_STEPS  32  /* connections looked at before one is made */
#define CALM_MAX    16  /* of them after a burst */
#define TRIM_MIN    (2 * 1024 * 1024) /* octets worth a trim */

int64_t
gt_loop_now(struct gt_worker *w)
{
	if (w->now_us == 0)
		w->now_us = gt_clock_us();
	return w->now_us;
}

const char *
gt_loop_date(struct gt_worker *w)
{
	time_t now = time(NULL);

	if (now != w->date_second) {
		gt_clock_http_date(now, w->date);
		w->date_second = now;
	}
	return w->date;
}

/*
 * A thread that has sent its answer itself leaves the exchange with the
 * connection until the loop looks at that again. Before more are made, look
 * at some connections: so there are not many more than requests in flight.
 */
GT_ON_LOOP static void
collect_settled(struct gt_worker *w)
{
	struct gt_conn *c = w->hand;

	for (int i = 0; i < HAND_STEPS && w->nfree == 0; i++) {
		if (c == NULL && (c = TAILQ_FIRST(&w->conns)) == NULL)
			break;
		if (c->state == GT_CONN_BUSY)
			gt_conn_settle(c);
		c = TAILQ_NEXT(c, link);
	}
	w->hand = c;
}

struct gt_exchange *
gt_loop_take_exchange(struct gt_worker *w)
{
	struct gt_exchange *ex;

	if (w->nfree == 0)
		collect_settled(w);
	if ((ex = w->free_exchanges) != NULL) {
		w->free_exchanges = ex->next;
		w->nfree--;
		ex->next = NULL;
		return ex;
	}
	return gt_exchange_create(&w->service, &ex) == GT_OK ? ex : NULL;
}

static size_t
size_of_buffers(const struct gt_exchange *ex)
{
	return ex->head.cap + ex->in.cap + ex->out.own.cap +
	       ex->out.shared.cap + ex->out.drain.cap;
}

void
gt_loop_give_exchange(struct gt_worker *w, struct gt_exchange *ex)
{
	w->freed += size_of_buffers(ex);
	if (w->nfree >= FREE_MAX) {
		w->freed += sizeof(*ex);
		gt_exchange_destroy(ex);
		return;
	}
	gt_exchange_reset(ex);
	w->freed -= size_of_buffers(ex);
	ex->next = w->free_exchanges;
	w->free_exchanges = ex;
	w->nfree++;
}

static void
drop_free_exchanges(struct gt_worker *w, size_t keep)
{
	struct gt_exchange *ex;

	for (; w->nfree > keep; w->nfree--) {
		ex = w->free_exchanges;
		w->free_exchanges = ex->next;
		gt_exchange_destroy(ex);
	}
}

void
gt_loop_dispatch(struct gt_worker *w, struct gt_exchange *ex)
{
	ex->number = ++w->nrequests;
	ex->queued_us = gt_loop_now(w);
	if (w->batch_last == NULL)
		w->batch = ex;
	else
		w->batch_last->next = ex;
	w->batch_last = ex;
	w->nbatch++;
}

GT_ON_LOOP static void
flush_batch(struct gt_worker *w)
{
	if (w->nbatch == 0)
		return;
	gt_queue_give(&w->queue, w->batch, w->batch_last, w->nbatch);
	w->batch = w->batch_last = NULL;
	w->nbatch = 0;
}

void
gt_loop_drain_mailbox(struct gt_worker *w)
{
	struct gt_exchange *ex = gt_mailbox_take(&w->service.mailbox), *next;

	for (; ex != NULL; ex = next) {
		next = ex->next_posted;
		gt_conn_attend(ex);
	}
}

/* A counter of the board: one writer, so no read-modify-write. */
#define SHOW(field, value) \
	atomic_store_explicit(&w->board->field, (value), memory_order_relaxed)

/* All requests of the turn go to the queue at once; then the board. */
GT_ON_LOOP static void
end_turn(struct gt_worker *w)
{
	size_t queued, load;

	flush_batch(w);
	load = gt_queue_load(&w->queue, &queued);
	gt_acceptor_admit(w, load);
	SHOW(loop_beat_us, gt_loop_now(w));
	SHOW(connections, w->nconns);
	SHOW(parked, w->nparked);
	SHOW(requests, w->nrequests);
	SHOW(queued, queued);
	gt_recycle_check(w);
	if (w->state == GT_WORKER_SERVING)
		gt_roster_show(w->roster, w->child->seat, w->nconns,
		               gt_loop_now(w));
}

/* Close what has waited too long. */
GT_ON_LOOP static void
sweep(struct gt_worker *w)
{
	int64_t now = gt_loop_now(w);
	struct gt_conn *c, *next;

	for (c = TAILQ_FIRST(&w->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		gt_conn_sweep(c, now);
	}
}

/* What dropping the free exchanges would free. */
GT_ON_LOOP static size_t
kept_octets(const struct gt_worker *w)
{
	const struct gt_exchange *ex = w->free_exchanges;
	size_t n = 0;

	for (; ex != NULL; ex = ex->next)
		n += sizeof(*ex) + size_of_buffers(ex);
	return n;
}

/*
 * A burst has left its holes in the heap, where free() alone gives nothing
 * back. At the first tick at which nothing more was freed it is over.
 */
GT_ON_LOOP static void
trim_after_burst(struct gt_worker *w)
{
	if (w->freed > 0 && w->freed == w->freed_seen &&
	    w->freed + kept_octets(w) >= TRIM_MIN) {
		drop_free_exchanges(w, CALM_MAX);
		gt_mem_trim();
		w->freed = 0;
	}
	w->freed_seen = w->freed;
}

/*
 * No connection is left, and no thread in the application: one may be in
 * close() after its client has all of the response and has gone. One whose
 * request has timed out is not waited for.
 */
GT_ON_LOOP static bool
is_drained(struct gt_worker *w)
{
	return w->nconns == 0 && !gt_queue_call_at(&w->queue, w->ntimed_out);
}

GT_ON_LOOP static void
check_drained(struct gt_worker *w)
{
	if (w->state != GT_WORKER_DRAINING)
		return;
	if (is_drained(w)) {
		w->state = GT_WORKER_ENDED;
	} else if (gt_loop_now(w) >= w->drain_until_us) {
		gt_log_warning("worker gives up draining connections=%zu "
		               "(graceful-timeout)",
		               w->nconns);
		w->state = GT_WORKER_ENDED;
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct gt_worker *w = arg;

	(void)fd;
	(void)what;
	gt_assert_loop();
	sweep(w);
	gt_overdue_check(w);
	trim_after_burst(w);
	gt_recycle_check_rss(w);
}

/* The eventfd is edge-triggered and never read: waking costs one write. */
static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
wake_loop(void *arg)
{
	struct gt_worker *w = arg;
	uint64_t one = 1;
	ssize_t n;

	if (gt_queue_rouse(&w->queue))
		return;
	n = write(w->wake_fd, &one, sizeof(one));
	(void)n; /* a full counter wakes as well */
}

/* A quarter of the shortest timeout, within bounds. */
static int64_t
tick_us(const struct gt_settings *s)
{
	const int64_t ms[] = {s->header_timeout_ms,  s->body_timeout_ms,
	                      s->write_timeout_ms,   s->keep_alive_ms,
	                      s->request_timeout_ms, s->interrupt_timeout_ms,
	                      s->queue_timeout_ms,   s->saturation_warning_ms,
	                      s->timeout_ms,         s->slow_request_ms};
	int64_t us = TICK_MAX_US;

	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
		if (ms[i] > 0 && ms[i] * 250 < us)
			us = ms[i] * 250;
	return us < TICK_MIN_US ? TICK_MIN_US : us;
}

enum gt_err
gt_loop_init(struct gt_worker *w)
{
	struct event_config *cfg;
	int64_t tick = tick_us(w->settings);
	struct timeval tv = {tick / 1000000, tick % 1000000};

	gt_evmem_init();
	gt_slab_init(&w->conn_slab, sizeof(struct gt_conn));
	if ((cfg = event_config_new()) == NULL)
		return GT_NOMEM;
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	w->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (w->base == NULL)
		return GT_NOMEM;
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->wake_fd < 0)
		return GT_SYS;
	gt_mailbox_init(&w->service.mailbox, wake_loop, w);
	event_assign(&w->wake_ev, w->base, w->wake_fd,
	             EV_READ | EV_PERSIST | EV_ET, on_wake, w);
	event_assign(&w->tick_ev, w->base, -1, EV_PERSIST, on_tick, w);
	if (event_add(&w->wake_ev, NULL) < 0 || event_add(&w->tick_ev, &tv) < 0)
		return GT_SYS;
	return GT_OK;
}

void
gt_loop_fini(struct gt_worker *w)
{
	drop_free_exchanges(w, 0);
	if (w->base != NULL)
		event_base_free(w->base);
	w->base = NULL;
	gt_fd_close(&w->wake_fd);
	gt_slab_fini(&w->conn_slab);
}

/*
 * It would fail again and again, and its beat would go on. The log thread may
 * have lost its files too, so nobody waits for it: libevent has said why.
 */
GT_NORETURN static void
lose_loop(void)
{
	gt_log_set_sink(NULL, NULL);
	gt_log_critical("event loop fails, the worker ends: has the "
	                "application closed descriptors of the server?");
	_exit(EXIT_FAILURE);
}

void
gt_loop_turn(struct gt_worker *w, bool may_wait)
{
	struct gt_mailbox *mb = &w->service.mailbox;
	bool may_sleep;

	if (may_wait)
		gt_queue_doze(&w->queue, DOZE_US);
	may_sleep = may_wait && gt_mailbox_may_sleep(mb);
	w->now_us = 0;
	if (event_base_loop(w->base, may_sleep
	                                 ? EVLOOP_ONCE
	                                 : EVLOOP_ONCE | EVLOOP_NONBLOCK) < 0)
		lose_loop();
	gt_mailbox_woke(mb);
	gt_loop_drain_mailbox(w);
	end_turn(w);
	check_drained(w);
}

void
gt_loop_run(struct gt_worker *w)
{
	w->looked_us = gt_clock_us();
	end_turn(w); /* begins to accept */
	while (w->state != GT_WORKER_ENDED)
		gt_loop_turn(w, true);
}
