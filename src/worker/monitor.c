/* SPDX-License-Identifier: MIT */
/*
 * The monitor thread: once a second it takes the GIL, stamps "GIL seen" on
 * the board for the master, and releases what sent responses left behind.
 */
#include "gthreadd/base/clock.h"
#include "gthreadd/python/gil.h"
#include "worker_priv.h"

#define BEAT_US 1000000

GT_ON_MONITOR static void
beat(struct gt_worker *w)
{
	gt_gil_take();
	gt_app_release(&w->service);
	gt_gil_give();
	atomic_store_explicit(&w->board->gil_beat_us, gt_clock_us(),
	                      memory_order_relaxed);
}

/* false: the thread shall end. */
static bool
wait_second(struct gt_monitor *m)
{
	int64_t until = gt_clock_us() + BEAT_US;
	bool stop;

	gt_mutex_lock(&m->lock);
	while (!m->stop && gt_cond_wait_until(&m->wake, &m->lock, until))
		;
	stop = m->stop;
	gt_mutex_unlock(&m->lock);
	return !stop;
}

static void *
monitor_main(void *arg)
{
	struct gt_worker *w = arg;

	gt_role_set(GT_ROLE_MONITOR);
	gt_assert_monitor();
	gt_gil_thread_init(NULL);
	do
		beat(w);
	while (wait_second(&w->monitor));
	gt_gil_thread_fini();
	return NULL;
}

enum gt_err
gt_monitor_start(struct gt_worker *w)
{
	struct gt_monitor *m = &w->monitor;

	gt_mutex_init(&m->lock);
	gt_cond_init(&m->wake);
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
}
