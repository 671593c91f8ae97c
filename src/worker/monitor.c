/* SPDX-License-Identifier: MIT */
/*
 * The monitor thread: the one that takes the GIL for the server's own needs,
 * so that the loop never has to. Once a second it stamps "GIL seen" on the
 * board for the master and releases what sent responses left behind; in
 * between it does what the loop asks for.
 */
#include <stdlib.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/python/gil.h"
#include "worker_priv.h"

#define BEAT_US      1000000
#define BEAT_MIN_US  10000
#define THREAD_JOBS  3  /* slow, timed out, to be interrupted */
#define GENERAL_JOBS 16 /* of the master and of hooks */

/* The master looks four times in a short timeout. */
static int64_t
beat_pause_us(const struct gt_settings *s)
{
	int64_t us = s->timeout_ms * 250;

	if (us <= 0 || us > BEAT_US)
		return BEAT_US;
	return us < BEAT_MIN_US ? BEAT_MIN_US : us;
}

GT_ON_MONITOR static void
beat(struct gt_worker *w)
{
	gt_gil_take();
	gt_app_release(&w->service);
	gt_gil_give();
	atomic_store_explicit(&w->board->gil_beat_us, gt_clock_us(),
	                      memory_order_relaxed);
}

/* ---- what the loop asks for ---- */

bool
gt_monitor_ask(struct gt_worker *w, const struct gt_job *job)
{
	struct gt_monitor *m = &w->monitor;
	bool has_room;

	gt_mutex_lock(&m->lock);
	if ((has_room = m->njobs < m->room)) {
		m->job[(m->first + m->njobs) % m->room] = *job;
		m->njobs++;
	}
	gt_mutex_unlock(&m->lock);
	gt_cond_signal(&m->wake);
	return has_room;
}

/* The master waits for the memory file. */
GT_ON_MONITOR static void
write_stacks(struct gt_worker *w, const struct gt_job *job)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_STACKS,
	                                   .value = job->value};
	struct gt_buf text = {0};
	int fd = job->fd;

	gt_gil_take();
	gt_inspect_all(w, &text);
	gt_gil_give();
	if (gt_fd_write_all(fd, text.p, text.len) != GT_OK)
		gt_log_error("stacks not written: %s", gt_err_text(GT_SYS));
	gt_fd_close(&fd);
	if (gt_channel_send(w->child->channel_fd, &msg) != GT_OK)
		gt_log_error("stacks not sent: %s", gt_err_text(GT_SYS));
	gt_buf_fini(&text);
}

/*
 * What a worker may still do before it is killed, if it gets the GIL: the
 * master waits a second for it.
 */
GT_NEEDS_GIL static void
say_last_words(struct gt_worker *w)
{
	struct gt_buf text = {0};

	gt_inspect_all(w, &text);
	gt_log_error("worker is about to be killed, its threads:");
	gt_log_raw(text.p, text.len);
	gt_buf_fini(&text);
	gt_hooks_run(w->hooks, GT_HOOK_worker_abort);
}

GT_ON_MONITOR static void
run_hook(struct gt_worker *w, enum gt_hook hook)
{
	struct gt_monitor *m = &w->monitor;

	gt_gil_take();
	gt_hooks_run(w->hooks, hook);
	gt_gil_give();
	gt_mutex_lock(&m->lock);
	m->hooks_done++;
	gt_mutex_unlock(&m->lock);
	gt_cond_signal(&m->hook_done);
}

/*
 * Only while the thread runs that request is it touched: the number in in_app
 * changes under the GIL.
 */
GT_NEEDS_GIL static void
show(struct gt_worker *w, const struct gt_job *job)
{
	const uint64_t flags = GT_APP_RAISING | GT_APP_RAISED;
	struct gt_buf text = {0};

	if ((atomic_load(&job->thread->in_app) & ~flags) != job->request)
		return;
	gt_inspect_one(w, job->thread, &text);
	if (text.len > 0)
		gt_log_raw(text.p, text.len);
	gt_buf_fini(&text);
}

GT_NEEDS_GIL static void
raise_timeout(struct gt_worker *w, const struct gt_job *job)
{
	_Atomic uint64_t *in_app = &job->thread->in_app;
	uint64_t n = job->request;

	if (!atomic_compare_exchange_strong(in_app, &n, n | GT_APP_RAISING))
		return;
	if (!gt_app_interrupt(w->app, job->thread->ident))
		gt_log_error("thread gthreadd-%u cannot be interrupted",
		             job->thread->number);
	atomic_fetch_or(in_app, GT_APP_RAISED);
}

GT_ON_MONITOR static void
do_job(struct gt_worker *w, const struct gt_job *job)
{
	switch (job->kind) {
	case GT_JOB_STACKS:
		write_stacks(w, job);
		return;
	case GT_JOB_ABORT:
		gt_gil_take();
		say_last_words(w);
		gt_gil_give();
		return;
	case GT_JOB_HOOK:
		run_hook(w, (enum gt_hook)job->value);
		return;
	case GT_JOB_SHOW:
		gt_gil_take();
		show(w, job);
		gt_gil_give();
		return;
	case GT_JOB_RAISE:
		gt_gil_take();
		raise_timeout(w, job);
		gt_gil_give();
		return;
	}
}

/* ---- the thread ---- */

static bool
is_due(const struct gt_monitor *m, int64_t at_us)
{
	return m->stop || m->njobs > 0 || gt_clock_us() >= at_us;
}

/* A job, or else the time for a beat; false: the thread shall end. */
static bool
wait_for_work(struct gt_monitor *m, int64_t beat_us, struct gt_job *job,
              bool *has_job)
{
	bool stop;

	gt_mutex_lock(&m->lock);
	while (!is_due(m, beat_us))
		if (!gt_cond_wait_until(&m->wake, &m->lock, beat_us))
			break;
	if ((*has_job = m->njobs > 0)) {
		*job = m->job[m->first];
		m->first = (m->first + 1) % m->room;
		m->njobs--;
	}
	stop = m->stop;
	gt_mutex_unlock(&m->lock);
	return !stop;
}

static void *
monitor_main(void *arg)
{
	struct gt_worker *w = arg;
	int64_t beat_us = 0;
	bool has_job = false;
	struct gt_job job = {.fd = -1};

	gt_role_set(GT_ROLE_MONITOR);
	gt_assert_monitor();
	gt_gil_thread_init(NULL);
	do {
		if (has_job)
			do_job(w, &job);
		if (gt_clock_us() >= beat_us) {
			beat(w);
			beat_us = gt_clock_us() + beat_pause_us(w->settings);
		}
	} while (wait_for_work(&w->monitor, beat_us, &job, &has_job));
	gt_gil_thread_fini();
	return NULL;
}

enum gt_err
gt_monitor_start(struct gt_worker *w)
{
	struct gt_monitor *m = &w->monitor;

	/* All threads at once must not fill it. */
	m->room = THREAD_JOBS * w->nthreads + GENERAL_JOBS;
	if ((m->job = calloc(m->room, sizeof(*m->job))) == NULL)
		return GT_NOMEM;
	gt_mutex_init(&m->lock);
	gt_cond_init(&m->wake);
	gt_cond_init(&m->hook_done);
	return gt_thread_create(&m->thread, "monitor", monitor_main, w);
}

void
gt_monitor_stop(struct gt_worker *w)
{
	struct gt_monitor *m = &w->monitor;

	gt_mutex_lock(&m->lock);
	m->stop = true;
	gt_mutex_unlock(&m->lock);
	gt_cond_signal(&m->wake);
	gt_thread_join(&m->thread);
	free(m->job);
	m->job = NULL;
}

bool
gt_monitor_run_hook(struct gt_worker *w, enum gt_hook hook, int64_t until_us)
{
	const struct gt_job job = {
	    .kind = GT_JOB_HOOK, .fd = -1, .value = hook};
	struct gt_monitor *m = &w->monitor;
	unsigned before;
	bool done;

	if (!gt_hooks_has(w->hooks, hook))
		return true;
	gt_mutex_lock(&m->lock);
	before = m->hooks_done;
	gt_mutex_unlock(&m->lock);
	if (!gt_monitor_ask(w, &job))
		return false;
	gt_mutex_lock(&m->lock);
	while (m->hooks_done == before &&
	       gt_cond_wait_until(&m->hook_done, &m->lock, until_us))
		;
	done = m->hooks_done != before;
	gt_mutex_unlock(&m->lock);
	return done;
}
