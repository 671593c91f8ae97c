/* SPDX-License-Identifier: MIT */
/*
 * Accepting connections: one per listener and turn of the loop, so that other
 * workers get theirs, and none while this worker has enough to do. A worker
 * without others takes some at once, so that their requests go to the queue
 * together.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gthreadd/base/log.h"
#include "worker_priv.h"

#define FD_PAUSE_US 100000   /* without descriptors: not again before */
#define FD_WARN_US  10000000 /* and one log line in this time */

/* Connections that a worker without others takes at once. */
#define ACCEPTS_MAX 16

/*
 * A worker that holds so many connections more than the least loaded one
 * leaves a new one to the others, for so long. If it is still there then, the
 * others are not as free as they look, and it is taken.
 */
#define DEFER_CONNS 8
#define DEFER_US    5000

/* Accept no more until then; the end of the turn decides again. */
GT_ON_LOOP static void
pause_for(struct gt_worker *w, int64_t us)
{
	const struct timeval tv = {us / 1000000, us % 1000000};

	evtimer_add(&w->pause_ev, &tv);
	w->accept_pause_us = gt_loop_now(w) + us;
}

GT_ON_LOOP static bool
is_others_turn(struct gt_worker *w)
{
	uint64_t least =
	    gt_roster_least_other(w->roster, w->child->seat, gt_loop_now(w));

	return least != UINT64_MAX && w->nconns > least + DEFER_CONNS;
}

/* No descriptors or memory left: leave the connection in the queue. */
GT_ON_LOOP static void
pause_accepting(struct gt_worker *w)
{
	int64_t now = gt_loop_now(w);

	pause_for(w, FD_PAUSE_US);
	if (now - w->fd_warned_us < FD_WARN_US && w->fd_warned_us != 0)
		return;
	w->fd_warned_us = now;
	gt_log_error("connections wait: %s", gt_err_text(GT_SYS));
}

/* false: there was none. */
GT_ON_LOOP static bool
accept_one(struct gt_acceptor *a)
{
	struct gt_worker *w = a->worker;
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	int fd;

	fd = accept4(a->listener->fd, (void *)&ss, &len,
	             SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		atomic_fetch_add_explicit(&w->board->accepted, 1,
		                          memory_order_relaxed);
		gt_conn_open(w, fd, a->listener, (void *)&ss);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		pause_accepting(w);
	return errno == ECONNABORTED || errno == EINTR;
}

/* How many connections to accept now: no more than may all ask at once. */
GT_ON_LOOP static size_t
batch_size(struct gt_worker *w)
{
	size_t queued, load = gt_queue_load(&w->queue, &queued);
	size_t conns = w->settings->worker_connections;
	size_t most = w->nthreads + w->queue_size, n = ACCEPTS_MAX;

	/* A request that a thread pops meanwhile is in the load twice. */
	if (load >= most || w->nconns >= conns)
		return 0;
	if (gt_roster_least_other(w->roster, w->child->seat, gt_loop_now(w)) !=
	    UINT64_MAX)
		return 1;
	n = n < most - load ? n : most - load;
	return n < conns - w->nconns ? n : conns - w->nconns;
}

/* The end of the turn decides; it needs a turn for that. */
static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct gt_acceptor *a = arg;
	struct gt_worker *w = a->worker;

	(void)fd;
	(void)what;
	gt_assert_loop();
	/* Others do not have what is in a socket of our own. */
	if (!w->defers && !w->settings->reuse_port && is_others_turn(w)) {
		w->defers = true;
		pause_for(w, DEFER_US);
		return;
	}
	w->defers = false;
	for (size_t i = batch_size(w); i > 0 && accept_one(a); i--)
		;
}

/*
 * With reuse-port: our slot's, and those of slots without a worker. Workers
 * that are more than there are slots share those of others.
 */
GT_ON_LOOP static bool
is_ours(const struct gt_worker *w, const struct gt_listener *l)
{
	return l->slot == GT_LISTENER_ALL || l->slot >= (int)w->slots ||
	       l->slot == (int)(w->child->slot % w->own_slots);
}

GT_ON_LOOP static void
arm(struct gt_worker *w, bool on)
{
	if (w->accepts == on)
		return;
	w->accepts = on;
	for (size_t i = 0; i < w->nacceptors; i++) {
		if (on && is_ours(w, w->acceptors[i].listener))
			event_add(&w->acceptors[i].ev, NULL);
		else
			event_del(&w->acceptors[i].ev);
	}
}

/*
 * Leave at the limits, return at half of them. Threads do not wake the loop
 * for each answer, so it has itself called when the load has fallen that far.
 */
GT_ON_LOOP static bool
has_room(struct gt_worker *w, size_t load)
{
	size_t most_load = w->nthreads + w->queue_size;
	size_t most_conns = w->settings->worker_connections;

	if (w->full)
		w->full = gt_queue_call_at(&w->queue, most_load / 2) ||
		          w->nconns > most_conns / 2;
	else
		w->full = load >= most_load || w->nconns >= most_conns;
	return !w->full;
}

void
gt_acceptor_admit(struct gt_worker *w, size_t load)
{
	if (w->state == GT_WORKER_SERVING)
		arm(w, has_room(w, load) && !w->hopeless &&
		           gt_loop_now(w) >= w->accept_pause_us);
}

enum gt_err
gt_acceptor_start(struct gt_worker *w)
{
	const struct gt_listeners *ls = w->child->listeners;

	w->own_slots = 1;
	if ((w->acceptors = calloc(ls->n, sizeof(*w->acceptors))) == NULL &&
	    ls->n > 0)
		return GT_NOMEM;
	for (size_t i = 0; i < ls->n; i++) {
		struct gt_acceptor *a = &w->acceptors[i];

		a->worker = w;
		a->listener = &ls->v[i];
		if (a->listener->slot >= (int)w->own_slots)
			w->own_slots = (unsigned)a->listener->slot + 1;
		event_assign(&a->ev, w->base, a->listener->fd,
		             EV_READ | EV_PERSIST, on_accept, a);
	}
	w->nacceptors = ls->n;
	w->slots = w->child->slots;
	evtimer_assign(&w->pause_ev, w->base, on_pause_over, w);
	return GT_OK;
}

void
gt_acceptor_set_slots(struct gt_worker *w, unsigned slots)
{
	bool accepts = w->accepts;

	if (w->state != GT_WORKER_SERVING)
		return;
	w->slots = slots;
	arm(w, false);
	arm(w, accepts);
}

void
gt_acceptor_stop(struct gt_worker *w, uint64_t orphans)
{
	bool is_orphan;

	arm(w, false);
	for (size_t i = 0; i < w->nacceptors; i++) {
		is_orphan =
		    orphans >> gt_listeners_address(w->child->listeners, i) & 1;
		while (is_orphan &&
		       w->nconns < w->settings->worker_connections &&
		       gt_loop_now(w) >= w->accept_pause_us &&
		       accept_one(&w->acceptors[i]))
			;
		close(w->acceptors[i].listener->fd);
	}
	w->nacceptors = 0;
}
