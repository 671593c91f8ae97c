/* SPDX-License-Identifier: MIT */
/*
 * Planned replacement: after max-requests, max-lifetime or above max-rss the
 * worker asks the master for a successor, once, and serves on until it is told
 * to drain. The loop's alone.
 */
#include <sys/random.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/os.h"
#include "gthreadd/net/channel.h"
#include "worker_priv.h"

/* 0 to most; workers that were forked together must not agree. */
static uint64_t
random_upto(uint64_t most)
{
	uint64_t n = 0;

	if (most == 0 || getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		return 0;
	return most == UINT64_MAX ? n : n % (most + 1);
}

void
gt_recycle_init(struct gt_worker *w)
{
	const struct gt_settings *s = w->settings;
	struct gt_recycler *r = &w->recycler;
	int64_t ms;

	if (s->max_requests > 0)
		r->requests =
		    s->max_requests + random_upto(s->max_requests_jitter);
	if (s->max_lifetime_ms > 0) {
		ms = s->max_lifetime_ms +
		     (int64_t)random_upto((uint64_t)s->max_lifetime_jitter_ms);
		r->at_us = gt_clock_us() + ms * 1000;
	}
	r->rss = s->max_rss;
	r->rss_hard = s->max_rss_hard;
}

void
gt_recycle_ask(struct gt_worker *w, enum gt_recycle why)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_RECYCLE,
	                                   .value = why};

	if (w->recycler.asked)
		return;
	/* No room: again in the next turn. */
	w->recycler.asked =
	    gt_channel_send(w->child->channel_fd, &msg) == GT_OK;
}

void
gt_recycle_check(struct gt_worker *w)
{
	const struct gt_recycler *r = &w->recycler;

	if (r->asked)
		return;
	if (r->requests > 0 && w->nrequests >= r->requests)
		gt_recycle_ask(w, GT_RECYCLE_REQUESTS);
	else if (r->at_us > 0 && gt_loop_now(w) >= r->at_us)
		gt_recycle_ask(w, GT_RECYCLE_LIFETIME);
}

/* The memory cannot wait for a successor; the clients hear of it. */
GT_ON_LOOP static void
end_at_once(struct gt_worker *w, uint64_t rss)
{
	gt_log_error("worker is larger than max-rss-hard rss=%lluk",
	             (unsigned long long)rss / 1024);
	gt_recycle_ask(w, GT_RECYCLE_RSS_HARD);
	gt_worker_quit(w, "max-rss-hard");
}

void
gt_recycle_check_rss(struct gt_worker *w)
{
	const struct gt_recycler *r = &w->recycler;
	uint64_t rss;

	if ((r->rss == 0 || r->asked) && r->rss_hard == 0)
		return;
	rss = gt_os_rss(getpid());
	if (r->rss_hard > 0 && rss > r->rss_hard) {
		end_at_once(w, rss);
		return;
	}
	if (r->rss == 0 || r->asked || rss <= r->rss)
		return;
	gt_log_info("worker is larger than max-rss rss=%lluk",
	            (unsigned long long)rss / 1024);
	gt_recycle_ask(w, GT_RECYCLE_RSS);
}
