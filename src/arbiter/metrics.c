/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics: what the boards of the workers show, added to what those that
 * have ended had counted.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/stats/metrics.h"

#include "arbiter_priv.h"

/* What is added up, or is the greatest, over all workers. */
struct sums {
	struct gt_tally tally;
	uint64_t workers[GT_PROC_DRAINING + 1];
	uint64_t threads[GT_CELL_STATES];
	uint64_t connections, parked, queued, rss;
	int64_t oldest_us, loop_age_us, gil_age_us;
};

static void
raise_to(int64_t *greatest, int64_t us)
{
	if (us > *greatest)
		*greatest = us;
}

static void
add_threads(struct sums *s, const struct gt_board *b, int64_t now)
{
	struct gt_cell_copy c;

	for (unsigned i = 0; i < gt_board_threads(b); i++) {
		if (!gt_cell_read(&b->cell[i], &c) || c.state >= GT_CELL_STATES)
			continue;
		s->threads[c.state]++;
		if (gt_cell_state_is_busy(c.state))
			raise_to(&s->oldest_us, now - c.started_us);
	}
}

static void
add_beats(struct sums *s, const struct gt_board *b, int64_t now)
{
	int64_t loop, gil;

	loop = atomic_load_explicit(&b->loop_beat_us, memory_order_relaxed);
	gil = atomic_load_explicit(&b->gil_beat_us, memory_order_relaxed);
	raise_to(&s->loop_age_us, now - loop);
	raise_to(&s->gil_age_us, now - gil);
}

static void
add_up(const struct gt_arbiter *a, struct sums *s)
{
	int64_t now = gt_clock_us();
	const struct gt_proc *p;

	*s = (struct sums){.tally = a->control.dead};
	TAILQ_FOREACH (p, &a->procs, link) {
		gt_tally_add(&s->tally, p->board);
		s->workers[p->state]++;
		s->rss += gt_os_rss(p->pid);
		s->connections += gt_count_get(&p->board->connections);
		s->parked += gt_count_get(&p->board->parked);
		s->queued += gt_count_get(&p->board->queued);
		if (p->state != GT_PROC_BOOTING)
			add_threads(s, p->board, now);
		if (p->state == GT_PROC_SERVING)
			add_beats(s, p->board, now);
	}
}

static void
put_master(struct gt_metrics *m, const struct gt_arbiter *a)
{
	int64_t age_us = gt_clock_us() - a->control.started_us;
	char why[256];

	gt_metrics_put(m, GT_METRIC_INFO, PACKAGE_VERSION, 1);
	gt_metrics_put_us(m, GT_METRIC_START, NULL,
	                  (uint64_t)(gt_clock_wall_us() - age_us));
	gt_metrics_put(m, GT_METRIC_HEALTHY, NULL,
	               gt_control_health(a, why, sizeof(why)));
	gt_metrics_put(m, GT_METRIC_GENERATION, NULL, a->gen->number);
	gt_metrics_put(m, GT_METRIC_RELOADS, "ok", a->control.reloads[0]);
	gt_metrics_put(m, GT_METRIC_RELOADS, "failed", a->control.reloads[1]);
}

static void
put_workers(struct gt_metrics *m, const struct gt_arbiter *a,
            const struct sums *s)
{
	gt_metrics_put(m, GT_METRIC_WORKERS, "booting",
	               s->workers[GT_PROC_BOOTING]);
	gt_metrics_put(m, GT_METRIC_WORKERS, "serving",
	               s->workers[GT_PROC_SERVING]);
	gt_metrics_put(m, GT_METRIC_WORKERS, "draining",
	               s->workers[GT_PROC_DRAINING]);
	gt_metrics_put(m, GT_METRIC_WANTED, NULL, a->target);
	gt_metrics_put(m, GT_METRIC_STARTED, NULL, a->age);
	for (size_t i = 0; i < GT_END_COUNT; i++)
		gt_metrics_put(m, GT_METRIC_ENDED, gt_end_labels[i],
		               a->control.ends[i]);
	gt_metrics_put(m, GT_METRIC_HOOKS, NULL, a->hook_failures);
	gt_metrics_put(m, GT_METRIC_RSS, NULL, s->rss);
}

static void
put_threads(struct gt_metrics *m, const struct sums *s)
{
	for (unsigned i = 0; i < GT_CELL_STATES; i++)
		gt_metrics_put(m, GT_METRIC_THREADS,
		               gt_cell_state_name((enum gt_cell_state)i),
		               s->threads[i]);
	gt_metrics_put_us(m, GT_METRIC_OLDEST, NULL, (uint64_t)s->oldest_us);
	gt_metrics_put_us(m, GT_METRIC_LOOP_AGE, NULL,
	                  (uint64_t)s->loop_age_us);
	gt_metrics_put_us(m, GT_METRIC_GIL_AGE, NULL, (uint64_t)s->gil_age_us);
}

/* A listening socket tells in tcpi_unacked how many wait in it. */
static void
put_backlog(struct gt_metrics *m, const struct gt_listeners *ls)
{
	struct tcp_info info;
	socklen_t len;

	for (size_t i = 0; i < ls->n; i++) {
		len = sizeof(info);
		if (ls->v[i].fd < 0 || ls->v[i].is_unix ||
		    getsockopt(ls->v[i].fd, IPPROTO_TCP, TCP_INFO, &info,
		               &len) < 0)
			continue;
		gt_metrics_put(m, GT_METRIC_BACKLOG, ls->v[i].text,
		               info.tcpi_unacked);
	}
}

static void
put_traffic(struct gt_metrics *m, const struct sums *s)
{
	static const char *const classes[] = {"none", "1xx", "2xx",
	                                      "3xx",  "4xx", "5xx"};
	const struct gt_tally *t = &s->tally;

	gt_metrics_put(m, GT_METRIC_CONNECTIONS, NULL, s->connections);
	gt_metrics_put(m, GT_METRIC_PARKED, NULL, s->parked);
	gt_metrics_put(m, GT_METRIC_ACCEPTED, NULL, t->accepted);
	gt_metrics_put(m, GT_METRIC_UNANSWERED, NULL, t->unanswered);
	gt_metrics_put(m, GT_METRIC_QUEUED, NULL, s->queued);
	gt_metrics_put(m, GT_METRIC_REQUESTS, NULL, t->requests);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		gt_metrics_put(m, GT_METRIC_RESPONSES, classes[i],
		               t->n[GT_COUNT_RESPONSES + i]);
	gt_metrics_put(m, GT_METRIC_RECEIVED, NULL, t->n[GT_COUNT_RECEIVED]);
	gt_metrics_put(m, GT_METRIC_SENT, NULL, t->n[GT_COUNT_SENT]);
}

static void
put_times(struct gt_metrics *m, const struct gt_tally *t)
{
	static const char *const kinds[] = {
	    [GT_TIMEOUT_HEADER] = "header-timeout",
	    [GT_TIMEOUT_BODY] = "body-timeout",
	    [GT_TIMEOUT_WRITE] = "write-timeout",
	    [GT_TIMEOUT_KEEP_ALIVE] = "keep-alive",
	    [GT_TIMEOUT_QUEUE] = "queue-timeout",
	    [GT_TIMEOUT_REQUEST] = "request-timeout",
	};

	gt_metrics_put_histogram(m, GT_METRIC_WAIT, &t->n[GT_COUNT_WAIT],
	                         t->n[GT_COUNT_WAIT_US]);
	gt_metrics_put_histogram(m, GT_METRIC_RUN, &t->n[GT_COUNT_RUN],
	                         t->n[GT_COUNT_RUN_US]);
	gt_metrics_put_us(m, GT_METRIC_GIL, NULL, t->n[GT_COUNT_GIL_US]);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		gt_metrics_put(m, GT_METRIC_TIMEOUTS, kinds[i],
		               t->n[GT_COUNT_TIMEOUTS + i]);
	gt_metrics_put(m, GT_METRIC_LOG_DROPPED, NULL, t->log_dropped);
}

enum gt_err
gt_control_metrics(const struct gt_arbiter *a, struct gt_buf *out)
{
	struct gt_metrics m;
	struct sums s;

	gt_metrics_init(&m, out);
	add_up(a, &s);
	put_master(&m, a);
	put_workers(&m, a, &s);
	put_threads(&m, &s);
	put_backlog(&m, &a->gen->listeners);
	put_traffic(&m, &s);
	put_times(&m, &s.tally);
	return m.err;
}
