/* SPDX-License-Identifier: MIT */
/*
 * Watching the workers: their channels, their heartbeats on the board, and
 * everything that is due at a certain time. One timer, always set to the
 * earliest of these.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "event_priv.h"
#include "relays_priv.h"

#define ROUND_US    1000000 /* longest pause between two looks */
#define ROUND_MIN   50000
#define BEAT_MIN_US 3000000 /* a beat comes each second, if all is well */
#define WORDS_US    1000000 /* to say what it can, before ABRT */
#define ABORT_US    1000000 /* from ABRT to KILL */
#define LATE_US     1000000 /* a look so late: we did not run */
#define SEASONED_US 1000000 /* served so long: the back-off is over */

static const char gil_held[] = "its GIL is held without a pause";

/* How often to look, so that a short timeout is kept too. */
static int64_t
round_us(const struct gt_settings *s)
{
	int64_t us = ROUND_US;

	if (s->timeout_ms > 0 && s->timeout_ms * 250 < us)
		us = s->timeout_ms * 250;
	return us < ROUND_MIN ? ROUND_MIN : us;
}

static int64_t
newer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A booting worker must be ready by then. */
static int64_t
boot_end(const struct gt_arbiter *a, const struct gt_proc *p)
{
	return newer(p->spawned_us, a->resumed_us) +
	       p->gen->settings->boot_timeout_ms * 1000;
}

/* When p is due at the latest; 0: never. */
static int64_t
due_of(const struct gt_arbiter *a, const struct gt_proc *p)
{
	if (p->is_killed)
		return 0;
	if (p->abort_at_us != 0)
		return p->abort_at_us;
	if (p->kill_at_us != 0)
		return p->kill_at_us;
	return p->state == GT_PROC_BOOTING ? boot_end(a, p) : 0;
}

void
gt_watch_arm(struct gt_arbiter *a)
{
	int64_t now = gt_clock_us(), next, due;
	struct timeval tv;
	struct gt_proc *p;

	if (a->look_at_us == 0)
		a->look_at_us = now + round_us(a->gen->settings);
	next = a->look_at_us;
	TAILQ_FOREACH (p, &a->procs, link)
		if ((due = due_of(a, p)) != 0 && due < next)
			next = due;
	if (a->state == GT_ARBITER_RUNNING && a->spawn_at_us > now &&
	    a->spawn_at_us < next)
		next = a->spawn_at_us;
	if (a->notify.watchdog_us > 0 && a->notify.due_us > now &&
	    a->notify.due_us < next)
		next = a->notify.due_us;
	next = next > now ? next - now : 0;
	tv.tv_sec = next / 1000000;
	tv.tv_usec = next % 1000000;
	if (event_add(a->timer, &tv) < 0)
		gt_log_critical("timer of the master cannot be set");
}

static void
kill_proc(struct gt_proc *p)
{
	gt_log_error("worker %d is killed: %s", (int)p->pid, p->kill_why);
	p->is_killed = true;
	kill(p->pid, SIGKILL);
}

/*
 * Its beats, as old as its readiness at most, or as the end of a time in which
 * nobody ran. false: it is alive.
 */
static bool
is_overdue(const struct gt_arbiter *a, const struct gt_proc *p, int64_t now,
           int64_t limit, int64_t *age_us, const char **what)
{
	int64_t loop, gil, least = newer(p->ready_us, a->resumed_us);
	const struct gt_board *b = p->board;

	loop = atomic_load_explicit(&b->loop_beat_us, memory_order_relaxed);
	gil = atomic_load_explicit(&b->gil_beat_us, memory_order_relaxed);
	*age_us = now - newer(loop, least);
	*what = "its loop has stopped";
	if (*age_us > limit)
		return true;
	*age_us = now - newer(gil, least);
	/* A process that stands still shows neither; the loop beats often. */
	if (now - newer(loop, least) <= limit / 2)
		*what = gil_held;
	return *age_us > limit;
}

/*
 * It must go. Its loop may still say what its threads do and answer its
 * clients; then ABRT makes it show the stacks that nobody else can see; if it
 * has not ended then, KILL.
 */
static void
condemn(struct gt_proc *p, const char *why, int64_t now)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_ABORT};
	bool hears = why == gil_held && p->channel_fd >= 0 &&
	             gt_channel_send(p->channel_fd, &msg) == GT_OK;

	p->kill_why = why;
	p->is_aborted = true;
	p->is_tired = true; /* a successor need not wait for its end */
	p->end = GT_END_TIMEOUT;
	p->abort_at_us = now + (hears ? WORDS_US : 0);
	p->kill_at_us = p->abort_at_us + ABORT_US;
}

/* The beats of a ready worker. */
static void
check_beats(const struct gt_arbiter *a, struct gt_proc *p, int64_t now)
{
	int64_t age_us, timeout_ms = p->gen->settings->timeout_ms;
	const char *what;

	if (timeout_ms <= 0 ||
	    !is_overdue(a, p, now, timeout_ms * 1000, &age_us, &what))
		return;
	gt_log_critical("worker %d timed out: %s age=%lldms timeout=%lldms",
	                (int)p->pid, what, (long long)(age_us / 1000),
	                (long long)timeout_ms);
	condemn(p, what, now);
}

static void
check_boot(const struct gt_arbiter *a, struct gt_proc *p, int64_t now)
{
	if (now < boot_end(a, p))
		return;
	p->kill_why = "it was not ready within boot-timeout";
	kill_proc(p);
}

GT_ON_MASTER static void
check_proc(struct gt_arbiter *a, struct gt_proc *p, int64_t now)
{
	if (p->is_killed)
		return;
	if (p->abort_at_us != 0 && now >= p->abort_at_us) {
		p->abort_at_us = 0;
		kill(p->pid, SIGABRT);
		return;
	}
	if (p->kill_at_us != 0) {
		if (now >= p->kill_at_us)
			kill_proc(p);
		return;
	}
	if (p->state == GT_PROC_BOOTING) {
		check_boot(a, p, now);
		return;
	}
	check_beats(a, p, now);
	if (!p->is_seasoned && now - p->ready_us >= SEASONED_US) {
		p->is_seasoned = true;
		a->backoff_us = 0;
	}
	if (p->owes_reopen)
		gt_logs_tell(p);
}

/*
 * Is there a worker that can serve, or one on its way? Nobody is asked for
 * while there shall be none.
 */
static bool
is_alive(const struct gt_arbiter *a, int64_t now)
{
	int64_t limit = newer(a->notify.watchdog_us, BEAT_MIN_US), age_us;
	const struct gt_proc *p;
	const char *what;

	TAILQ_FOREACH (p, &a->procs, link)
		if (p->state == GT_PROC_BOOTING ||
		    !is_overdue(a, p, now, limit, &age_us, &what))
			return true;
	return a->target == 0 || !TAILQ_EMPTY(&a->unborn) ||
	       a->spawn_at_us > now;
}

/*
 * The master did not run: stopped, most likely with its workers, or starved.
 * Who was not seen meanwhile is given its time again.
 */
GT_ON_MASTER static void
resume(struct gt_arbiter *a, int64_t now)
{
	int64_t late = now - a->look_at_us;
	struct gt_proc *p;

	gt_log_warning("master did not run for %lldms, timeouts begin anew",
	               (long long)late / 1000);
	a->resumed_us = now;
	TAILQ_FOREACH (p, &a->procs, link)
		if (p->kill_at_us != 0) {
			p->kill_at_us += late;
			p->abort_at_us += p->abort_at_us != 0 ? late : 0;
		}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;
	int64_t now = gt_clock_us();
	struct gt_proc *p;

	gt_assert_master();
	(void)fd;
	(void)what;
	if (a->look_at_us != 0 && now - a->look_at_us > LATE_US)
		resume(a, now);
	a->look_at_us = now + round_us(a->gen->settings);
	TAILQ_FOREACH (p, &a->procs, link) {
		p->rss = gt_os_rss(p->pid);
		check_proc(a, p, now);
	}
	gt_control_look(a);
	if (a->was_complete)
		gt_notify_alive(a, is_alive(a, now));
	gt_relays_tick(a);
	gt_watch_arm(a);
}

static struct gt_proc *
find_channel(const struct gt_arbiter *a, int fd)
{
	struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		if (p->channel_fd == fd)
			return p;
	return NULL;
}

GT_ON_MASTER static void
be_ready(struct gt_arbiter *a, struct gt_proc *p)
{
	if (p->state != GT_PROC_BOOTING)
		return;
	p->state = GT_PROC_SERVING;
	p->ready_us = gt_clock_us();
	p->rss = gt_os_rss(p->pid);
	a->was_ready = true;
	gt_log_info("worker %d is ready age=%u boot=%lldms", (int)p->pid,
	            p->age, (long long)((p->ready_us - p->spawned_us) / 1000));
	if (p->gen != a->next)
		return;
	gt_reload_commit(a);
	gt_logs_tell(p);
}

/* It serves on until its successor is ready. */
static void
be_tired(struct gt_proc *p, uint64_t reason)
{
	static const char *const names[GT_RECYCLE_COUNT] = {
	    [GT_RECYCLE_REQUESTS] = "max-requests",
	    [GT_RECYCLE_LIFETIME] = "max-lifetime",
	    [GT_RECYCLE_RSS] = "max-rss",
	    [GT_RECYCLE_RSS_HARD] = "max-rss-hard",
	    [GT_RECYCLE_RELOAD] = "reload",
	    [GT_RECYCLE_STUCK] = "a thread is stuck (request-timeout)",
	};
	static const enum gt_end ends[GT_RECYCLE_COUNT] = {
	    [GT_RECYCLE_REQUESTS] = GT_END_REQUESTS,
	    [GT_RECYCLE_LIFETIME] = GT_END_LIFETIME,
	    [GT_RECYCLE_RSS] = GT_END_RSS,
	    [GT_RECYCLE_RSS_HARD] = GT_END_RSS,
	    [GT_RECYCLE_STUCK] = GT_END_STUCK,
	    [GT_RECYCLE_RELOAD] = GT_END_RELOAD,
	};

	if (p->is_tired)
		return;
	p->is_tired = true;
	if (reason < GT_RECYCLE_COUNT)
		p->end = ends[reason];
	gt_log_info("worker %d is to be replaced: %s", (int)p->pid,
	            reason < GT_RECYCLE_COUNT ? names[reason] : "unknown");
}

/* A message nobody expects is dropped, with what it brought. */
GT_ON_MASTER static void
take_message(struct gt_arbiter *a, struct gt_proc *p,
             struct gt_channel_msg *msg)
{
	gt_channel_close_fds(msg);
	if (msg->type == GT_CHANNEL_READY)
		be_ready(a, p);
	else if (msg->type == GT_CHANNEL_RECYCLE)
		be_tired(p, msg->value);
	else if (msg->type == GT_CHANNEL_STACKS)
		gt_stacks_take(a, p, msg->value);
	else
		gt_log_warning("worker %d sent an unknown message type=%d",
		               (int)p->pid, (int)msg->type);
}

/* After EOF the worker is about to end: SIGCHLD tells the rest. */
static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;
	struct gt_channel_msg msg;
	struct gt_proc *p;
	enum gt_err rc;

	gt_assert_master();
	(void)what;
	if ((p = find_channel(a, (int)fd)) == NULL)
		return;
	if ((rc = gt_channel_recv((int)fd, &msg)) == GT_OK) {
		take_message(a, p, &msg);
	} else if (rc != GT_AGAIN) {
		gt_event_drop(&p->channel_event);
		gt_fd_close(&p->channel_fd);
	}
}

enum gt_err
gt_watch_channel(struct gt_arbiter *a, struct gt_proc *p)
{
	return gt_event_watch(a->base, p->channel_fd, on_channel, a,
	                      &p->channel_event);
}

enum gt_err
gt_watch_init(struct gt_arbiter *a)
{
	a->timer = evtimer_new(a->base, on_timer, a);
	return a->timer == NULL ? GT_NOMEM : GT_OK;
}

void
gt_watch_fini(struct gt_arbiter *a)
{
	gt_event_drop(&a->timer);
}
