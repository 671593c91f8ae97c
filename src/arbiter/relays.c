/* SPDX-License-Identifier: MIT */
/*
 * What the master tells syslog and statsd: its own log lines, the number of
 * workers, the length of the listen queues. It never waits for them; what a
 * connection does not take at once is tried again with each look at the
 * workers, which is once a second at least.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "relays_priv.h"

#define GAUGE_US  10000000 /* between two gauges that did not change */
#define METRIC_US 1000000
#define LAST_MS   300 /* at the end, for what is on its way */

enum gt_err
gt_relays_open(struct gt_generation *g, char *why, size_t n)
{
	return gt_relay_resolve(g->settings, &g->relay, why, n);
}

static void
warn_of(const char *setting, const char *text,
        const struct gt_remote_addr *addr)
{
	if (gt_remote_reach(addr) != GT_OK)
		gt_log_warning("%s %s: %s, what is sent there is lost until "
		               "somebody listens",
		               setting, text, gt_err_text(GT_SYS));
}

void
gt_relays_warn(const struct gt_settings *s, const struct gt_relay_targets *t)
{
	warn_of("log-syslog-to", s->log_syslog_to, &t->syslog);
	warn_of("statsd-host", s->statsd_host, &t->statsd);
}

/* The line is in the file already. */
static void
take_line(void *arg, const char *line, size_t n)
{
	struct gt_arbiter *a = arg;
	int64_t now = gt_clock_us();

	gt_relay_lines(a->relay, GT_LOG_KIND_ERROR, line, n, now);
	(void)gt_relay_flush(a->relay, now);
}

void
gt_relays_use(struct gt_arbiter *a)
{
	const struct gt_generation *g = a->gen;

	gt_relays_fini(a);
	if (gt_relay_create(g->settings, &g->relay, gt_generation_name(g),
	                    &a->relay) != GT_OK)
		gt_log_error("log-syslog and statsd-host: out of memory");
	if (a->relay != NULL)
		gt_log_set_tee(take_line, a);
	a->gauge_us = a->metric_us = 0;
	gt_relays_warn(g->settings, &g->relay);
}

static void
send_workers(struct gt_arbiter *a, int64_t now)
{
	if (a->gauge == a->nprocs && now < a->gauge_us + GAUGE_US &&
	    a->gauge_us != 0)
		return;
	gt_relay_metric(a->relay, "workers", a->nprocs, GT_STATSD_GAUGE, now);
	a->gauge = a->nprocs;
	a->gauge_us = now;
}

/* Connections that wait to be accepted; a listening socket tells so. */
static uint64_t
count_backlog(const struct gt_listeners *ls)
{
	struct tcp_info info;
	uint64_t sum = 0;
	socklen_t len;

	for (size_t i = 0; i < ls->n; i++) {
		len = sizeof(info);
		if (ls->v[i].fd >= 0 && !ls->v[i].is_unix &&
		    getsockopt(ls->v[i].fd, IPPROTO_TCP, TCP_INFO, &info,
		               &len) == 0)
			sum += info.tcpi_unacked;
	}
	return sum;
}

static void
send_backlog(struct gt_arbiter *a, int64_t now)
{
	if (!a->gen->settings->enable_backlog_metric ||
	    now < a->metric_us + METRIC_US)
		return;
	gt_relay_metric(a->relay, "backlog", count_backlog(&a->gen->listeners),
	                GT_STATSD_HISTOGRAM, now);
	a->metric_us = now;
}

void
gt_relays_tick(struct gt_arbiter *a)
{
	int64_t now = gt_clock_us();

	if (a->relay == NULL)
		return;
	send_workers(a, now);
	send_backlog(a, now);
	(void)gt_relay_flush(a->relay, now);
}

static void
finish(struct gt_arbiter *a)
{
	int64_t until = gt_clock_us() + LAST_MS * 1000, next;

	gt_log_set_tee(NULL, NULL);
	while ((next = gt_relay_flush(a->relay, gt_clock_us())) != 0 &&
	       next < until && gt_clock_us() < until)
		poll(NULL, 0, 1);
	gt_relay_destroy(a->relay);
	a->relay = NULL;
}

void
gt_relays_fini(struct gt_arbiter *a)
{
	if (a->relay != NULL)
		finish(a);
}

void
gt_relays_leave(struct gt_arbiter *a)
{
	gt_log_set_tee(NULL, NULL);
	gt_relay_destroy(a->relay);
	a->relay = NULL;
}

void
gt_relays_tell_last(struct gt_arbiter *a, const struct gt_child *child,
                    const char *what)
{
	enum gt_err rc = GT_OK;
	int saved = errno;

	if (child->relay != NULL)
		rc = gt_relay_create(child->settings, child->relay, child->name,
		                     &a->relay);
	if (rc == GT_OK && a->relay != NULL)
		gt_log_set_tee(take_line, a);
	gt_log_critical("%s: %s", what, strerror(saved));
	if (a->relay != NULL)
		finish(a);
}
