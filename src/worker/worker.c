/* SPDX-License-Identifier: MIT */
/*
 * A worker's life: boot, serve, drain, exit. The process's main thread boots
 * Python and imports the app, then becomes the loop; it takes the GIL again
 * only when the loop has ended.
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/worker/worker.h"
#include "lastout_priv.h"
#include "logthread_priv.h"
#include "reloader_priv.h"
#include "worker_priv.h"

#define QUICK_EXIT_US 1000000 /* for what runs at exit, after INT or QUIT */
#define INT_HOOK_US   500000  /* of it for worker_int */
#define FREED_US      300000  /* of it for who waited for a client */

/* ---- boot ---- */

static enum gt_err
init_service(struct gt_worker *w)
{
	const struct gt_settings *s = w->settings;
	const char *why;
	enum gt_err rc;

	w->service.settings = s;
	w->service.send_now = gt_conn_send_now;
	w->service.limits = (struct gt_http_limits){
	    .line = s->limit_request_line,
	    .fields = s->limit_request_fields,
	    .field = s->limit_request_field_size,
	    .head = s->limit_request_head,
	};
	if ((rc = gt_trust_create(s, getenv("SCRIPT_NAME"), &w->trust)) !=
	    GT_OK)
		return rc;
	w->service.trust = w->trust;
	w->service.server = gt_str_of(s->server_header);
	w->service.id_header = gt_str_of(s->request_id_header);
	if (w->child->access_log_fd < 0 && !gt_relay_wants_access(s))
		return GT_OK;
	rc = gt_access_compile(s->access_logformat, &w->service.access, &why);
	if (rc == GT_OK && s->access_log_json)
		gt_access_set_json(w->service.access);
	return rc;
}

static enum gt_err
init(struct gt_worker *w, const struct gt_child *child)
{
	enum gt_err rc;

	w->child = child;
	w->settings = child->settings;
	w->wake_fd = -1;
	TAILQ_INIT(&w->conns);
	gt_queue_init(&w->queue, &w->service.mailbox);
	if ((rc = gt_output_init(w)) != GT_OK)
		return rc;
	/* Not sooner: syslog shall have it, too. */
	gt_log_info("booting worker with pid: %d", (int)getpid());
	if ((rc = gt_board_map(child->board_fd, true, &w->board)) != GT_OK)
		return rc;
	if ((rc = gt_roster_map(child->roster_fd, &w->roster)) != GT_OK)
		return rc;
	atomic_store(&w->board->pid, getpid());
	w->nthreads = w->board->threads;
	w->queue_size = w->settings->queue_size != 0 ? w->settings->queue_size
	                                             : 2 * w->nthreads;
	return init_service(w);
}

GT_NO_GIL static enum gt_err
start_threads(struct gt_worker *w)
{
	enum gt_err rc;

	gt_log_set_tee(NULL, NULL);
	rc =
	    gt_logthread_create(w->child->error_log_fd, w->child->access_log_fd,
	                        w->relay, &w->board->log_dropped, &w->log);
	if (rc != GT_OK) {
		gt_log_set_tee(w->relay != NULL ? gt_output_tee : NULL,
		               w->relay);
		return rc;
	}
	w->relay = NULL;
	if ((rc = gt_loop_init(w)) != GT_OK ||
	    (rc = gt_obey_start(w)) != GT_OK ||
	    (rc = gt_pool_start(w)) != GT_OK)
		return rc;
	if ((rc = gt_monitor_start(w)) != GT_OK ||
	    (rc = gt_reloader_start(w)) != GT_OK)
		return rc;
	return gt_acceptor_start(w);
}

static void
say_ready(struct gt_worker *w)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_READY};

	atomic_store(&w->board->loop_beat_us, gt_clock_us());
	atomic_store(&w->board->gil_beat_us, gt_clock_us());
	atomic_store(&w->board->ready, 1);
	if (gt_channel_send(w->child->channel_fd, &msg) != GT_OK)
		gt_log_error("worker could not say that it is ready: %s",
		             gt_err_text(GT_SYS));
	gt_log_debug("worker ready threads=%u", w->nthreads);
}

/* ---- exit ---- */

static bool
is_busy(const struct gt_worker *w)
{
	size_t queued;

	return gt_queue_load(&w->queue, &queued) > 0;
}

/*
 * Other threads may log until the very end, so nothing of the log is taken
 * down: its thread writes what is there and ends the process.
 */
GT_NORETURN GT_NO_GIL static void
end_by_log(struct gt_worker *w, int code)
{
	gt_logthread_set_deadline(w->log, 1, code); /* long ago */
	for (;;)
		pause();
}

/*
 * A thread is still in the middle of a request: Python must not be taken
 * down under it. What is logged is written, and that is the end.
 */
GT_NORETURN GT_NO_GIL static void
leave_busy(struct gt_worker *w, int code)
{
	gt_log_warning("worker leaves while requests run");
	if (gt_hooks_has(w->hooks, GT_HOOK_worker_exit)) {
		gt_gil_take();
		gt_hooks_run(w->hooks, GT_HOOK_worker_exit);
		gt_gil_give();
	}
	end_by_log(w, code);
}

/* Who still waits for an answer gets one, if none has begun. */
GT_ON_LOOP static void
close_connections(struct gt_worker *w)
{
	struct gt_conn *c, *next;

	gt_conn_give_up_all(w, 503, "worker ends");
	for (c = TAILQ_FIRST(&w->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		gt_conn_close(c, "worker ends");
	}
}

static bool
has_waiting(const struct gt_worker *w)
{
	struct gt_cell_copy cell;

	for (unsigned i = 0; i < w->nthreads; i++)
		if (gt_cell_read(w->threads[i].cell, &cell) &&
		    cell.state == GT_CELL_WAITING)
			return true;
	return false;
}

/*
 * Threads that waited for a client have been told that there is none any more:
 * they will not be long, and then Python can be taken down in order.
 */
GT_ON_LOOP GT_NO_GIL static void
end_requests(struct gt_worker *w)
{
	bool may_end = has_waiting(w);
	int64_t until = gt_clock_us() + FREED_US;

	close_connections(w);
	while (may_end && is_busy(w) && gt_clock_us() < until)
		poll(NULL, 0, 1);
}

/* Everything but Python; also after a boot that failed half-way. */
static void
fini(struct gt_worker *w)
{
	gt_logthread_destroy(w->log);
	gt_log_set_tee(NULL, NULL);
	gt_relay_destroy(w->relay);
	gt_loop_fini(w);
	gt_obey_stop();
	gt_queue_fini(&w->queue);
	gt_access_format_destroy(w->service.access);
	gt_trust_destroy(w->trust);
	free(w->acceptors);
	gt_roster_unmap(w->roster);
	gt_board_unmap(w->board);
	free(w);
}

GT_ON_LOOP GT_NO_GIL static void
finish(struct gt_worker *w)
{
	int64_t until = gt_clock_us() + QUICK_EXIT_US;

	if (!w->quick && w->drain_until_us > until)
		until = w->drain_until_us;
	gt_logthread_set_deadline(w->log, until, GT_EXIT_OK);
	end_requests(w);
	if (w->interrupted && !gt_monitor_run_hook(w, GT_HOOK_worker_int,
	                                           gt_clock_us() + INT_HOOK_US))
		gt_log_warning("hook 'worker_int' has not returned in time");
	gt_queue_close(&w->queue);
	if (is_busy(w))
		leave_busy(w, GT_EXIT_OK);
	gt_reloader_stop(w);
	gt_monitor_stop(w); /* what it was asked for names threads */
	gt_pool_join(w);
	gt_loop_drain_mailbox(w);
	gt_boot_stop(w);
	gt_log_info("worker exits pid=%d", (int)getpid());
}

/* Threads are there already: no way back but the exit. */
GT_NORETURN GT_NO_GIL static void
leave_unbooted(struct gt_worker *w, enum gt_err rc)
{
	gt_log_error("worker cannot boot: %s", gt_err_text(rc));
	if (w->log == NULL)
		_exit(GT_EXIT_BOOT); /* it was the one that failed */
	end_by_log(w, GT_EXIT_BOOT);
}

/* An enum gt_exit. */
static int
live(struct gt_worker *w, const struct gt_child *child,
     const struct gt_inherited *got)
{
	int code = GT_EXIT_BOOT;
	enum gt_err rc;

	gt_role_set(GT_ROLE_LOOP);
	gt_assert_loop();
	if ((rc = init(w, child)) != GT_OK)
		gt_log_error("worker cannot boot: %s", gt_err_text(rc));
	else if ((code = gt_boot_python(w, got)) == GT_EXIT_OK) {
		if ((rc = start_threads(w)) != GT_OK)
			leave_unbooted(w, rc);
		say_ready(w);
		gt_recycle_init(w);
		gt_loop_run(w);
		finish(w);
	}
	fini(w);
	return code;
}

int
gt_worker_main(const struct gt_child *child)
{
	struct gt_worker *w = gt_xcalloc(1, sizeof(*w));
	const struct gt_strv *env = &child->settings->env;

	for (size_t i = 0; i < env->n; i++)
		putenv(env->v[i]); /* owned by the settings, which stay */
	return live(w, child, NULL);
}

int
gt_worker_inherit(const struct gt_child *child, const struct gt_inherited *got)
{
	struct gt_worker *w = gt_xcalloc(1, sizeof(*w));

	return live(w, child, got);
}
