/* SPDX-License-Identifier: MIT */
/*
 * The one road by which workers come and go. The state is in the list of
 * workers; a step compares it with what should be and does what is next:
 * fork what is missing, boot successors of those that are stale (of an older
 * generation, or tired), and let go whoever is more than wanted, the stale
 * and the oldest first. As nobody is let go before enough others are ready,
 * no planned change leaves fewer workers than the settings say.
 */
#include <signal.h>
#include <string.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"

#define WORKERS_MAX 1024 /* as the setting has it */

/* Workers that are not on their way out; the canary apart. */
struct census {
	uint64_t fresh_booting, fresh_serving;
	uint64_t stale_booting, stale_serving;
	bool has_canary;
};

static bool
is_stale(const struct gt_arbiter *a, const struct gt_proc *p)
{
	return p->gen != a->gen || p->is_tired;
}

static void
count_one(const struct gt_arbiter *a, const struct gt_proc *p, struct census *c)
{
	if (p->state == GT_PROC_DRAINING)
		return;
	if (a->next != NULL && p->gen == a->next)
		c->has_canary = true;
	else if (p->state == GT_PROC_BOOTING)
		*(is_stale(a, p) ? &c->stale_booting : &c->fresh_booting) += 1;
	else
		*(is_stale(a, p) ? &c->stale_serving : &c->fresh_serving) += 1;
}

static struct census
count(const struct gt_arbiter *a)
{
	struct census c = {0};
	const struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		count_one(a, p, &c);
	TAILQ_FOREACH (p, &a->unborn, link)
		count_one(a, p, &c);
	return c;
}

/*
 * The listening sockets of p that nobody but its like serves: a bit for each
 * address. Not those that our settings or another master still want.
 */
static uint64_t
orphans_of(const struct gt_arbiter *a, const struct gt_proc *p)
{
	const struct gt_listeners *ls = &p->gen->listeners;
	uint64_t bits = 0;

	for (size_t i = 0; i < ls->n; i++)
		if ((a->state != GT_ARBITER_RUNNING ||
		     gt_listeners_find(&a->gen->listeners, &ls->v[i]) ==
		         NULL) &&
		    !gt_reexec_shares(a, &ls->v[i]))
			bits |= (uint64_t)1 << gt_listeners_address(ls, i);
	return bits;
}

/* Who still boots has nothing to finish. */
void
gt_road_drain(const struct gt_arbiter *a, struct gt_proc *p)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_DRAIN,
	                                   .value = orphans_of(a, p)};
	int64_t limit_us = p->gen->settings->graceful_timeout_ms * 1000;

	gt_log_info("worker %d is told to end", (int)p->pid);
	if (p->state == GT_PROC_BOOTING || p->channel_fd < 0 ||
	    gt_channel_send(p->channel_fd, &msg) != GT_OK)
		kill(p->pid, SIGTERM);
	p->state = GT_PROC_DRAINING;
	if (p->end == GT_END_EXIT)
		p->end = p->gen != a->gen ? GT_END_RELOAD : GT_END_SCALE;
	if (p->kill_at_us != 0)
		return;
	p->kill_at_us = gt_clock_us() + limit_us + GT_SPARE_US;
	p->kill_why = "it had not ended within graceful-timeout";
}

/* The first to go: stale before fresh, old before young. */
GT_ON_MASTER static struct gt_proc *
next_to_go(const struct gt_arbiter *a, enum gt_proc_state state, bool stale)
{
	struct gt_proc *p, *first = NULL;

	TAILQ_FOREACH (p, &a->procs, link)
		if (p->state == state && p->gen != a->next &&
		    is_stale(a, p) == stale &&
		    (first == NULL || gt_slots_goes_before(a, p, first)))
			first = p;
	return first;
}

GT_ON_MASTER static void
drain_surplus(struct gt_arbiter *a)
{
	struct census c = count(a);
	uint64_t serving = c.fresh_serving + c.stale_serving;
	struct gt_proc *p;

	/* No use for workers of an older generation that are not ready. */
	while ((p = next_to_go(a, GT_PROC_BOOTING, true)) != NULL)
		gt_road_drain(a, p);
	for (; serving > a->target; serving--) {
		p = next_to_go(a, GT_PROC_SERVING, true);
		if (p == NULL)
			p = next_to_go(a, GT_PROC_SERVING, false);
		gt_road_drain(a, p);
	}
	while (a->target == 0 &&
	       (p = next_to_go(a, GT_PROC_BOOTING, false)) != NULL)
		gt_road_drain(a, p);
}

/* How many may be forked now. */
static uint64_t
missing(const struct gt_arbiter *a)
{
	struct census c = count(a);
	uint64_t fresh = c.fresh_booting + c.fresh_serving;
	uint64_t live = fresh + c.stale_serving;
	uint64_t surge = a->gen->settings->reload_surge, n;

	if (live < a->target)
		return a->target - live;
	if (fresh >= a->target || c.fresh_booting >= surge)
		return 0;
	n = a->target - fresh;
	return n < surge - c.fresh_booting ? n : surge - c.fresh_booting;
}

GT_ON_MASTER static void
fork_missing(struct gt_arbiter *a)
{
	int64_t now = gt_clock_us();
	enum gt_err rc = GT_OK;

	if (now < a->spawn_at_us)
		return;
	for (uint64_t n = missing(a); n > 0 && rc == GT_OK; n--)
		rc = gt_spawn_worker(a, a->gen);
	if (rc == GT_OK)
		return;
	gt_log_error("worker cannot be started: %s", gt_err_text(rc));
	if (a->was_ready)
		gt_spawn_back_off(a, now);
	else
		gt_reap_halt(a, GT_EXIT_BOOT, "worker cannot be started");
}

GT_ON_MASTER static void
fork_canary(struct gt_arbiter *a)
{
	enum gt_err rc;

	if (a->next == NULL || count(a).has_canary)
		return;
	if ((rc = gt_spawn_worker(a, a->next)) != GT_OK)
		gt_reload_fail(a, gt_err_text(rc));
}

/* All are there and of one kind: a start or a reload has come to its end. */
GT_ON_MASTER static void
tell_end(struct gt_arbiter *a)
{
	struct census c = count(a);
	unsigned long long n = a->target;

	if (c.fresh_serving < a->target || c.stale_serving > 0)
		return;
	if (a->reload == GT_RELOAD_ROLLING) {
		a->reload = GT_RELOAD_NONE;
		gt_control_reloaded(a, NULL);
		gt_log_info("reload is complete, generation %u workers=%llu",
		            a->gen->number, n);
	} else if (a->was_complete) {
		return;
	}
	gt_notify(a, "READY=1\nSTATUS=generation %u serves, workers=%llu",
	          a->gen->number, n);
	if (!a->was_complete) {
		gt_daemon_release(a);
		gt_heir_ready(a);
	}
	a->was_complete = true;
	/* Until now it was "starting", which an upgrade by script looks at. */
	gt_heir_title(a);
}

void
gt_road_step(struct gt_arbiter *a)
{
	if (a->state != GT_ARBITER_RUNNING)
		return;
	if (a->reload_again && !gt_reload_is_trying(a) &&
	    !gt_reload_is_early(a)) {
		a->reload_again = false;
		gt_reload_start(a);
	}
	fork_canary(a);
	drain_surplus(a);
	fork_missing(a);
	gt_slots_tell(a);
	tell_end(a);
	gt_watch_arm(a);
}

GT_ON_MASTER static void
add(struct gt_arbiter *a, int64_t by)
{
	int64_t n = (int64_t)a->target + by, before;

	if (by == 0)
		return;
	if (n > WORKERS_MAX)
		n = WORKERS_MAX;
	before = (int64_t)a->target;
	a->target = n < 1 ? 1 : (uint64_t)n;
	gt_order_scaled(a, before);
	gt_log_info("workers=%llu", (unsigned long long)a->target);
}

void
gt_road_scale(struct gt_arbiter *a, int by)
{
	if (gt_reload_is_trying(a))
		a->scaling.by += by;
	else
		add(a, by);
}

void
gt_road_empty(struct gt_arbiter *a)
{
	a->target = 0;
	if (gt_reload_is_trying(a))
		a->scaling = (struct gt_scaling){.to_zero = true};
}

void
gt_road_settle(struct gt_arbiter *a)
{
	int64_t by = a->scaling.by;

	a->scaling = (struct gt_scaling){0};
	add(a, by);
}

void
gt_road_reset(struct gt_arbiter *a)
{
	int64_t before = (int64_t)a->target;

	a->target = a->scaling.to_zero ? 0 : a->gen->settings->workers;
	gt_order_scaled(a, before);
	gt_road_settle(a);
}
