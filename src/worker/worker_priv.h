/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a worker know of each other. See doc/threads.md for who
 * runs where: the loop is the process's main thread.
 */
#ifndef GTHREADD_WORKER_PRIV_H
#define GTHREADD_WORKER_PRIV_H

#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "boot_priv.h"
#include "conn_priv.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/check.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/lock.h"
#include "gthreadd/base/slab.h"
#include "gthreadd/config/child.h"
#include "gthreadd/exchange/exchange.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/net/listener.h"
#include "gthreadd/stats/board.h"
#include "gthreadd/stats/relay.h"
#include "gthreadd/stats/roster.h"
#include "gthreadd/wsgi/hooks.h"
#include "gthreadd/wsgi/wsgi.h"
#include "monitor_priv.h"
#include "overdue_priv.h"

struct gt_worker;

/* ---- queue.c: requests, and the threads that wait for them ---- */

/* What the loop has done about the request that a thread runs. */
struct gt_watched {
	uint64_t request; /* its number; 0: none */
	bool told_slow;
	bool timed_out;
	int64_t replace_at_us; /* when it is still there then */
};

/* Bits of in_app: the monitor raises the timeout exception; it has. */
#define GT_APP_RAISING (UINT64_C(1) << 63)
#define GT_APP_RAISED  (UINT64_C(1) << 62)

struct gt_pool_thread {
	struct gt_worker *worker;
	unsigned number; /* from 1 */
	struct gt_thread thread;
	unsigned long ident; /* gt_stacks_self(); constant after the start */
	struct gt_app_thread *app;
	struct gt_cell *cell;
	/* number of the request the app runs, 0: none; see leave_app() */
	_Atomic uint64_t in_app;
	struct gt_watched watched; /* the loop's */

	struct gt_sem wake;           /* made heir, or the queue is closed */
	struct gt_pool_thread *below; /* on the stack of parked threads */
	int64_t took_us;              /* when it took the GIL; its own */
};

struct gt_queue {
	struct gt_mutex lock;
	struct gt_mailbox *mailbox; /* the loop's */
	/* all under lock; the atomics may be read without it */
	struct gt_exchange *first, **last;
	_Atomic size_t queued;
	struct gt_pool_thread *parked; /* newest on top */
	bool has_heir;                 /* a thread waits for the GIL */
	_Atomic size_t running;        /* threads in the middle of a request */
	bool calls; /* the loop is called when the load is at call_load */
	size_t call_load;
	bool dozes; /* the loop, in gt_queue_doze() */
	struct gt_cond roused;
	_Atomic int64_t run_us; /* of the request that ended last */
	bool closed;
};

/*
 * So long that the thread's own write adds little to the time for which it has
 * had the GIL, and a turn of the loop for one answer costs more than it.
 */
static inline bool
gt_run_is_long(int64_t us)
{
	return us >= 20;
}

/* Why a holder of the GIL got no request. */
enum gt_take {
	GT_TAKE_WORK,  /* it got one */
	GT_TAKE_EMPTY, /* nothing is queued */
	GT_TAKE_YIELD, /* it has had the GIL for long enough */
};

void gt_queue_init(struct gt_queue *q, struct gt_mailbox *mailbox);
void gt_queue_fini(struct gt_queue *q);
/* A chain of n requests, linked by next: one lock, at most one wake. */
void gt_queue_give(struct gt_queue *q, struct gt_exchange *first,
                   struct gt_exchange *last, size_t n) GT_ON_LOOP;
/* Requests waiting and requests running. */
size_t gt_queue_load(const struct gt_queue *q, size_t *queued);
/*
 * Have the loop called, once, when no more than this many requests wait or
 * run. false: no more do.
 */
bool gt_queue_call_at(struct gt_queue *q, size_t load) GT_ON_LOOP;
/*
 * Before the loop waits for sockets: while long requests are queued, threads
 * have enough to do, and each request that the loop would read now takes the
 * CPU from them twice. So it lets them come together: until nothing is queued,
 * until gt_queue_rouse(), for us at most. true: it was roused.
 */
bool gt_queue_doze(struct gt_queue *q, int64_t us) GT_ON_LOOP;
/* Any thread: end that. false: the loop does not doze. */
bool gt_queue_rouse(struct gt_queue *q);
/* All parked threads leave; requests that are queued are still taken. */
void gt_queue_close(struct gt_queue *q);
/*
 * Wait to become the heir: the one thread that goes for the GIL. false: the
 * queue was closed and is empty.
 */
bool gt_queue_park(struct gt_queue *q, struct gt_pool_thread *t) GT_NO_GIL;
/* The heir has the GIL: its first request. false: others took all. */
bool gt_queue_take_first(struct gt_queue *q,
                         struct gt_exchange **out) GT_NEEDS_GIL;
/* The holder is done with one request and asks for the next. */
enum gt_take gt_queue_take_next(struct gt_queue *q,
                                const struct gt_pool_thread *t, int64_t now_us,
                                struct gt_exchange **out) GT_NEEDS_GIL;

/* ---- pool.c ---- */

/* Start all threads and wait until each is ready. Errors: GT_SYS, GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_pool_start(struct gt_worker *w) GT_NO_GIL;
/* Wait for the threads' end after gt_queue_close(). */
void gt_pool_join(struct gt_worker *w) GT_NO_GIL;

/* ---- acceptor.c ---- */

struct gt_acceptor {
	struct gt_worker *worker;
	const struct gt_listener *listener;
	struct event ev;
};

GT_MUST_CHECK enum gt_err gt_acceptor_start(struct gt_worker *w);
/* With reuse-port: accept from the sockets of slots from here on, too. */
void gt_acceptor_set_slots(struct gt_worker *w, unsigned slots) GT_ON_LOOP;
/* Listeners leave or return to the loop, as the load says. */
void gt_acceptor_admit(struct gt_worker *w, size_t load) GT_ON_LOOP;
/*
 * Never accept again; of the listeners of the addresses whose bit is set
 * (gt_listeners_address) first accept what already waits.
 */
void gt_acceptor_stop(struct gt_worker *w, uint64_t orphans) GT_ON_LOOP;

/* ---- recycle.c: planned replacement ---- */

struct gt_recycler {
	uint64_t requests; /* ask at so many; 0: never */
	int64_t at_us;     /* ask then; 0: never */
	uint64_t rss;      /* ask above so many octets; 0: never */
	uint64_t rss_hard; /* end above so many; 0: never */
	bool asked;
};

/* Ask for a successor, unless that was done. */
void gt_recycle_ask(struct gt_worker *w, enum gt_recycle why) GT_ON_LOOP;
void gt_recycle_init(struct gt_worker *w);
/* Once a turn: ask the master for a successor when it is time. */
void gt_recycle_check(struct gt_worker *w) GT_ON_LOOP;
/* Once a tick: how much memory is it? */
void gt_recycle_check_rss(struct gt_worker *w) GT_ON_LOOP;

/* ---- evmem.c: before the first event of this process ---- */

void gt_evmem_init(void);

/* ---- loop.c ---- */

GT_MUST_CHECK enum gt_err gt_loop_init(struct gt_worker *w);
void gt_loop_fini(struct gt_worker *w);
/* One batch of events and all that follows from it. */
void gt_loop_turn(struct gt_worker *w, bool may_wait) GT_ON_LOOP GT_NO_GIL;
/* See to what the threads have posted. */
void gt_loop_drain_mailbox(struct gt_worker *w) GT_ON_LOOP;
/* Until the worker has ended. */
void gt_loop_run(struct gt_worker *w) GT_ON_LOOP GT_NO_GIL;
/* Now, read once per turn of the loop. */
int64_t gt_loop_now(struct gt_worker *w) GT_ON_LOOP;
/* Queue it at the end of this turn. */
void gt_loop_dispatch(struct gt_worker *w, struct gt_exchange *ex) GT_ON_LOOP;
/* An exchange for a new request. NULL: out of memory. */
struct gt_exchange *gt_loop_take_exchange(struct gt_worker *w) GT_ON_LOOP;
void gt_loop_give_exchange(struct gt_worker *w,
                           struct gt_exchange *ex) GT_ON_LOOP;
/* 29 octets of the Date field, of this second. */
const char *gt_loop_date(struct gt_worker *w) GT_ON_LOOP;

/* ---- worker.c ---- */

enum gt_worker_state {
	GT_WORKER_SERVING,  /* from the end of the boot on */
	GT_WORKER_DRAINING, /* accepts no more; ends with its connections */
	GT_WORKER_ENDED,    /* the loop ends with this turn */
};

#define GT_WORKER_SIGNALS 6
#define GT_SCRATCH        65536

struct gt_worker {
	const struct gt_child *child;
	const struct gt_settings *settings;
	struct gt_service service;
	struct gt_trust *trust; /* service borrows it */
	struct gt_board *board;
	struct gt_roster *roster;
	struct gt_app *app;
	struct gt_hooks *hooks; /* NULL: none is set */
	struct gt_logthread *log;
	struct gt_relay *relay; /* until the log thread has it */
	bool has_metrics;       /* requests are counted for statsd */
	struct gt_monitor monitor;
	struct gt_reloader *reloader; /* NULL: the setting reload is off */

	struct gt_queue queue;
	struct gt_pool_thread *threads;
	unsigned nthreads;
	struct gt_cond pool_started;
	unsigned pool_ready, pool_failed; /* under queue.lock */

	/* the loop's */
	struct gt_recycler recycler;
	enum gt_worker_state state;
	bool quick;             /* INT or QUIT: nothing is waited for */
	bool interrupted;       /* by one of these signals */
	int64_t drain_until_us; /* graceful-timeout */
	int64_t now_us;         /* 0: not read in this turn */
	struct event_base *base;
	int wake_fd;
	struct event wake_ev, tick_ev, channel_ev;
	struct event signal_ev[GT_WORKER_SIGNALS];
	struct gt_acceptor *acceptors;
	size_t nacceptors;
	unsigned slots;        /* those from here on are everybody's */
	unsigned own_slots;    /* how many slots have sockets; at least 1 */
	bool accepts;          /* the acceptors' events are armed */
	bool full;             /* at a limit, until it is at half of it */
	bool hopeless;         /* no thread will run what is queued */
	unsigned ntimed_out;   /* threads that are in a request given up */
	bool is_doomed;        /* the master is about to kill us */
	bool is_stuck;         /* a thread did not come back: asked */
	int64_t looked_us;     /* at the threads; see overdue.c */
	int64_t resumed_us;    /* the process had stood still until then */
	int64_t busy_since_us; /* all threads are; 0: not */
	bool told_busy;
	size_t queue_size;       /* effective `queue-size` */
	struct event pause_ev;   /* ends a pause of accepting */
	int64_t accept_pause_us; /* no descriptors left: not before then */
	bool defers; /* a connection was left to less loaded workers */
	int64_t fd_warned_us;
	struct gt_slab conn_slab;
	TAILQ_HEAD(, gt_conn) conns;
	struct gt_conn *hand; /* where the search for settled ones goes on */
	size_t nconns;
	size_t nparked;
	struct gt_exchange *free_exchanges;
	size_t nfree;
	uint64_t freed, freed_seen; /* octets, since the heap was trimmed */
	struct gt_exchange *batch, *batch_last;
	size_t nbatch;
	uint64_t nrequests;
	struct gt_dropped dropped;
	struct gt_request_ids ids;
	time_t date_second;
	char date[GT_HTTP_DATE_LEN];
	char scratch[GT_SCRATCH]; /* chunked bodies, dropped octets */
};

/* ---- obey.c ---- */

/* From here on signals are events, whatever the app has installed. */
GT_MUST_CHECK enum gt_err gt_obey_start(struct gt_worker *w);
/* The process is about to end, whatever it is still told. */
void gt_obey_stop(void);
/* Say once what the app had in mind for signals that are ours. */
void gt_obey_warn(void) GT_NEEDS_GIL;
/* End at once. */
void gt_worker_quit(struct gt_worker *w, const char *why) GT_ON_LOOP;

#endif
