/* SPDX-License-Identifier: MIT */
/*
 * The log thread: it alone writes to the log files of a worker, so nobody
 * else waits for a disk or a pipe. Lines go through a ring; what has no room
 * is dropped and counted. It never takes the GIL, so it also keeps the
 * deadline of a worker's exit.
 *
 * Lines of the error log are written at once, those of the access log within
 * BATCH_US, many in one write.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "worker_priv.h"

#define RING_MAX (1024 * 1024) /* octets that may wait, both files */
#define BATCH_US 50000
#define WAKE_AT  (64 * 1024) /* this much is written without delay */

struct gt_logthread {
	struct gt_thread thread;
	int fd[2]; /* by enum gt_log_file; -1: none */
	_Atomic uint64_t *dropped;

	struct gt_mutex lock;
	struct gt_cond changed;
	/* all under lock */
	struct gt_buf waiting[2];
	bool urgent; /* write now */
	bool idle;   /* the thread waits without a time limit */
	bool stop;
	int64_t deadline_us; /* 0: none */
	int exit_code;

	/* the thread's */
	struct gt_buf writing[2];
	uint64_t told; /* drops that were reported */
};

void
gt_logthread_give(struct gt_logthread *lt, enum gt_log_file file, const char *p,
                  size_t n)
{
	bool wake, full;
	size_t sum;

	gt_mutex_lock(&lt->lock);
	sum = lt->waiting[0].len + lt->waiting[1].len + n;
	full = sum > RING_MAX || gt_buf_add(&lt->waiting[file], p, n) != GT_OK;
	if (file == GT_LOG_FILE_ERROR || sum > WAKE_AT)
		lt->urgent = true;
	wake = lt->idle || lt->urgent;
	lt->idle = false;
	gt_mutex_unlock(&lt->lock);
	if (full)
		atomic_fetch_add(lt->dropped, 1);
	if (wake)
		gt_cond_signal(&lt->changed);
}

void
gt_logthread_set_deadline(struct gt_logthread *lt, int64_t at_us, int exit_code)
{
	gt_mutex_lock(&lt->lock);
	lt->deadline_us = at_us;
	lt->exit_code = exit_code;
	lt->idle = false;
	gt_mutex_unlock(&lt->lock);
	gt_cond_signal(&lt->changed);
}

static void wait_batch_locked(struct gt_logthread *lt) GT_REQUIRES(&lt->lock);
static bool wait_locked(struct gt_logthread *lt) GT_REQUIRES(&lt->lock);

static bool
is_empty(const struct gt_logthread *lt)
{
	return lt->waiting[0].len + lt->waiting[1].len == 0;
}

/* Let access lines gather for a moment. */
static void
wait_batch_locked(struct gt_logthread *lt)
{
	int64_t until = gt_clock_us() + BATCH_US;

	while (!lt->urgent && !lt->stop &&
	       gt_cond_wait_until(&lt->changed, &lt->lock, until))
		;
}

/*
 * Until there is something to write. false: it is time to end the process,
 * or to stop with nothing left.
 */
static bool
wait_locked(struct gt_logthread *lt)
{
	while (is_empty(lt) && !lt->stop) {
		if (lt->deadline_us == 0) {
			lt->idle = true;
			gt_cond_wait(&lt->changed, &lt->lock);
		} else if (!gt_cond_wait_until(&lt->changed, &lt->lock,
		                               lt->deadline_us)) {
			return false;
		}
	}
	lt->idle = false;
	if (!is_empty(lt))
		wait_batch_locked(lt);
	lt->urgent = false;
	return !is_empty(lt) || !lt->stop;
}

static void
report_drops(struct gt_logthread *lt)
{
	uint64_t dropped = atomic_load(lt->dropped);

	if (dropped == lt->told)
		return;
	gt_log_warning("log lines dropped: %llu, the log is written too slowly",
	               (unsigned long long)(dropped - lt->told));
	lt->told = dropped;
}

static void
write_out(struct gt_logthread *lt)
{
	for (int i = 0; i < 2; i++) {
		struct gt_buf *b = &lt->writing[i];

		if (b->len > 0 && lt->fd[i] >= 0 &&
		    gt_fd_write_all(lt->fd[i], b->p, b->len) != GT_OK)
			atomic_fetch_add(lt->dropped, 1);
		gt_buf_reset(b, WAKE_AT);
	}
}

static bool
is_overdue(const struct gt_logthread *lt)
{
	return lt->deadline_us != 0 && gt_clock_us() >= lt->deadline_us;
}

/* Exchange what was written for what waits. false: the end. */
static bool
take_lines(struct gt_logthread *lt)
{
	bool more, overdue;

	gt_mutex_lock(&lt->lock);
	more = wait_locked(lt);
	for (int i = 0; i < 2; i++) {
		struct gt_buf t = lt->writing[i];

		lt->writing[i] = lt->waiting[i];
		lt->waiting[i] = t;
	}
	overdue = is_overdue(lt);
	gt_mutex_unlock(&lt->lock);
	write_out(lt);
	if (overdue)
		_exit(lt->exit_code);
	return more;
}

static void *
log_main(void *arg)
{
	struct gt_logthread *lt = arg;

	while (take_lines(lt))
		report_drops(lt);
	return NULL;
}

/* The sink of base/log. */
static void
take_error_line(void *arg, const char *line, size_t n)
{
	gt_logthread_give(arg, GT_LOG_FILE_ERROR, line, n);
}

enum gt_err
gt_logthread_create(int error_fd, int access_fd, _Atomic uint64_t *dropped,
                    struct gt_logthread **out)
{
	struct gt_logthread *lt;
	enum gt_err rc;

	if ((lt = calloc(1, sizeof(*lt))) == NULL)
		return GT_NOMEM;
	lt->fd[GT_LOG_FILE_ERROR] = error_fd;
	lt->fd[GT_LOG_FILE_ACCESS] = access_fd;
	lt->dropped = dropped;
	gt_mutex_init(&lt->lock);
	gt_cond_init(&lt->changed);
	if ((rc = gt_thread_create(&lt->thread, "log", log_main, lt)) !=
	    GT_OK) {
		free(lt);
		return rc;
	}
	gt_log_set_sink(take_error_line, lt);
	*out = lt;
	return GT_OK;
}

void
gt_logthread_destroy(struct gt_logthread *lt)
{
	if (lt == NULL)
		return;
	gt_log_set_sink(NULL, NULL);
	gt_mutex_lock(&lt->lock);
	lt->stop = true;
	gt_mutex_unlock(&lt->lock);
	gt_cond_signal(&lt->changed);
	gt_thread_join(&lt->thread);
	for (int i = 0; i < 2; i++) {
		gt_buf_fini(&lt->waiting[i]);
		gt_buf_fini(&lt->writing[i]);
	}
	gt_mutex_fini(&lt->lock);
	gt_cond_fini(&lt->changed);
	free(lt);
}
