/* SPDX-License-Identifier: MIT */
/*
 * The log thread: it alone writes to the log files of a worker and to what
 * its log is relayed to, so nobody else waits for a disk, a pipe or a
 * network. Lines wait in memory; what has no room, or cannot be written, is
 * dropped and counted, and the count is logged as soon as the error log takes
 * lines again. It never takes the GIL, so it also keeps the deadline of a
 * worker's exit.
 *
 * Lines of the error log are written at once, those of the access log within
 * BATCH_US, many in one write. A pipe or terminal that is full does not keep
 * the thread: it is tried again, while the other file goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "logthread_priv.h"
#include "worker_priv.h"

#define WAIT_MAX   (1024 * 1024) /* octets of a file that may wait */
#define BATCH_US   50000
#define WAKE_AT    (64 * 1024) /* this much is written without delay */
#define AGAIN_US   20000       /* until a full pipe is tried again */
#define REPORT_US  10000000    /* between two reports of drops */
#define RETRY_US   1000000     /* when a report could not be written */
#define LAST_US    500000      /* for what is left at the end */
#define SAMPLE_MAX 16384       /* requests that may wait to be counted */

struct sample { /* a request, for statsd */
	unsigned status;
	int64_t duration_us;
};

struct log_file {
	int fd;                /* -1: none */
	struct gt_buf waiting; /* under lock */
	struct gt_buf writing; /* the thread's, as the rest */
	size_t done;           /* octets of writing that are out */
	bool is_cut;           /* the rest of a line that was begun is lost */
	bool fails;
};

struct gt_logthread {
	struct gt_thread thread;
	_Atomic uint64_t *dropped;
	struct log_file file[2]; /* by enum gt_log_kind */

	struct gt_mutex lock;
	struct gt_cond changed;
	/* all under lock */
	struct gt_buf samples; /* struct sample */
	bool urgent;           /* write now */
	bool idle;             /* the thread waits and must be woken */
	bool stop;
	int64_t deadline_us; /* 0: none */
	int exit_code;

	/* the thread's */
	struct gt_relay *relay; /* NULL: none */
	struct gt_buf counting; /* struct sample */
	uint64_t relay_lost;    /* as counted in dropped */
	uint64_t told;          /* drops that were reported */
	int64_t told_us;        /* the last try; 0: report at once */
	int64_t next_us;        /* something is to be tried again; 0: nothing */
};

static void
drop(struct gt_logthread *lt, uint64_t lines)
{
	if (lines > 0)
		atomic_fetch_add(lt->dropped, lines);
}

void
gt_logthread_give(struct gt_logthread *lt, enum gt_log_kind kind, const char *p,
                  size_t n)
{
	struct log_file *f = &lt->file[kind];
	bool wake, full;

	gt_mutex_lock(&lt->lock);
	full = f->waiting.len + n > WAIT_MAX ||
	       gt_buf_add(&f->waiting, p, n) != GT_OK;
	if (kind == GT_LOG_KIND_ERROR || f->waiting.len > WAKE_AT)
		lt->urgent = true;
	wake = lt->idle || lt->urgent;
	lt->idle = false;
	gt_mutex_unlock(&lt->lock);
	if (full)
		drop(lt, 1);
	if (wake)
		gt_cond_signal(&lt->changed);
}

void
gt_logthread_count(struct gt_logthread *lt, unsigned status,
                   int64_t duration_us)
{
	const struct sample s = {status, duration_us};
	bool wake, full;

	gt_mutex_lock(&lt->lock);
	full = lt->samples.len >= SAMPLE_MAX * sizeof(s) ||
	       gt_buf_add(&lt->samples, &s, sizeof(s)) != GT_OK;
	wake = lt->idle;
	lt->idle = false;
	gt_mutex_unlock(&lt->lock);
	if (full)
		drop(lt, 1);
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

/* ---- waiting for lines ---- */

static void wait_batch_locked(struct gt_logthread *lt) GT_REQUIRES(&lt->lock);
static void wait_locked(struct gt_logthread *lt) GT_REQUIRES(&lt->lock);
static void swap_locked(struct gt_logthread *lt) GT_REQUIRES(&lt->lock);

static bool
is_empty(const struct gt_logthread *lt)
{
	return lt->file[0].waiting.len + lt->file[1].waiting.len +
	           lt->samples.len ==
	       0;
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

/* The earlier of two times, 0 being never. */
static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

/* Until there is something to write, or to try again, or the end has come. */
static void
wait_locked(struct gt_logthread *lt)
{
	int64_t until;

	while (is_empty(lt) && !lt->stop) {
		until = earlier(lt->next_us, lt->deadline_us);
		lt->idle = true;
		if (until == 0)
			gt_cond_wait(&lt->changed, &lt->lock);
		else if (!gt_cond_wait_until(&lt->changed, &lt->lock, until))
			break;
	}
	lt->idle = false;
	if (!is_empty(lt))
		wait_batch_locked(lt);
	lt->urgent = false;
}

static void
swap(struct gt_buf *a, struct gt_buf *b)
{
	struct gt_buf t = *a;

	*a = *b;
	*b = t;
}

/* Take over what waits for whatever is done with what it had. */
static void
swap_locked(struct gt_logthread *lt)
{
	for (int i = 0; i < 2; i++)
		if (lt->file[i].writing.len == 0)
			swap(&lt->file[i].waiting, &lt->file[i].writing);
	swap(&lt->samples, &lt->counting);
}

/* ---- writing ---- */

static uint64_t
count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

static void
finish_batch(struct log_file *f)
{
	f->done = 0;
	gt_buf_reset(&f->writing, WAKE_AT);
}

static void
drop_batch(struct gt_logthread *lt, struct log_file *f)
{
	drop(lt, count_lines(f->writing.p + f->done, f->writing.len - f->done));
	f->fails = true;
	if (f->done > 0)
		f->is_cut = f->writing.p[f->done - 1] != '\n';
	finish_batch(f);
}

/* What can be written now; the rest stays. */
static void
write_batch(struct gt_logthread *lt, struct log_file *f)
{
	ssize_t n;

	if (f->fd < 0)
		finish_batch(f);
	if (f->writing.len > 0 && f->done == 0 && f->is_cut &&
	    gt_fd_write_log(f->fd, "\n", 1) == 1)
		f->is_cut = false;
	while (f->done < f->writing.len) {
		n = gt_fd_write_log(f->fd, f->writing.p + f->done,
		                    f->writing.len - f->done);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			drop_batch(lt, f);
			return;
		}
		f->fails = false;
		f->done += (size_t)n;
	}
	if (f->writing.len > 0)
		finish_batch(f);
}

static void
relay_samples(struct gt_logthread *lt, int64_t now_us)
{
	const struct sample *s = (const void *)lt->counting.p;
	size_t n = lt->counting.len / sizeof(*s);

	for (size_t i = 0; i < n; i++)
		gt_relay_request(lt->relay, s[i].status, s[i].duration_us,
		                 now_us);
	gt_buf_reset(&lt->counting, WAKE_AT);
}

/* Only what was taken over in this turn: fresh[i] of file[i]. */
static int64_t
relay_all(struct gt_logthread *lt, const bool fresh[2])
{
	int64_t now_us = gt_clock_us(), at;
	uint64_t lost;

	if (lt->relay == NULL)
		return 0;
	for (int i = 0; i < 2; i++)
		if (fresh[i])
			gt_relay_lines(lt->relay, (enum gt_log_kind)i,
			               lt->file[i].writing.p,
			               lt->file[i].writing.len, now_us);
	relay_samples(lt, now_us);
	at = gt_relay_flush(lt->relay, now_us);
	lost = gt_relay_lost(lt->relay);
	drop(lt, lost - lt->relay_lost);
	lt->relay_lost = lost;
	return at;
}

/* Not through gt_log: it is neither relayed nor counted when it fails. */
static void
write_report(struct gt_logthread *lt, uint64_t dropped)
{
	struct log_file *f = &lt->file[GT_LOG_KIND_ERROR];
	char text[160], line[GT_LOG_LINE];
	size_t n;

	snprintf(text, sizeof(text),
	         "log lines dropped: %llu (a log file, log-syslog-to or "
	         "statsd-host does not take them)",
	         (unsigned long long)(dropped - lt->told));
	n = gt_log_format(line, GT_LOG_WARNING, text);
	if (gt_buf_add(&f->writing, line, n) != GT_OK)
		return;
	write_batch(lt, f);
	if (f->fails)
		atomic_fetch_sub(lt->dropped, 1); /* the report itself */
	else
		lt->told = dropped;
}

/*
 * Say how many were dropped, now and then, and when the error log takes lines
 * again. Returns when to look again; 0: all was told.
 */
static int64_t
report_drops(struct gt_logthread *lt)
{
	uint64_t dropped = atomic_load(lt->dropped);
	struct log_file *f = &lt->file[GT_LOG_KIND_ERROR];
	int64_t now_us = gt_clock_us(), at;

	if (dropped == lt->told || f->writing.len > 0)
		return 0;
	at = lt->told_us + (f->fails ? RETRY_US : REPORT_US);
	if (lt->told_us != 0 && now_us < at)
		return at;
	lt->told_us = now_us;
	write_report(lt, dropped);
	return f->fails ? now_us + RETRY_US : 0;
}

static bool
is_pending(const struct gt_logthread *lt)
{
	return lt->file[0].writing.len + lt->file[1].writing.len > 0;
}

/* One turn with what was taken over. */
static void
work(struct gt_logthread *lt, const bool fresh[2])
{
	const struct log_file *f = &lt->file[GT_LOG_KIND_ERROR];
	int64_t at = relay_all(lt, fresh);
	bool failed = f->fails;

	for (int i = 0; i < 2; i++)
		write_batch(lt, &lt->file[i]);
	if (failed && !f->fails)
		lt->told_us = 0;
	at = earlier(at, report_drops(lt));
	if (is_pending(lt))
		at = earlier(at, gt_clock_us() + AGAIN_US);
	lt->next_us = at;
}

/* ---- the thread ---- */

/* false: it is time to stop. */
static bool
turn(struct gt_logthread *lt)
{
	bool fresh[2], stop, overdue;

	gt_mutex_lock(&lt->lock);
	wait_locked(lt);
	fresh[0] = lt->file[0].writing.len == 0;
	fresh[1] = lt->file[1].writing.len == 0;
	swap_locked(lt);
	stop = lt->stop;
	overdue = lt->deadline_us != 0 && gt_clock_us() >= lt->deadline_us;
	gt_mutex_unlock(&lt->lock);
	work(lt, fresh);
	if (overdue)
		_exit(lt->exit_code);
	return !stop;
}

/* Some time for what a pipe or a network did not take at once. */
static void
finish(struct gt_logthread *lt)
{
	int64_t until = gt_clock_us() + LAST_US;

	lt->told_us = 0;
	while (turn(lt),
	       lt->next_us != 0 && lt->next_us < until && gt_clock_us() < until)
		usleep(1000);
}

static void *
log_main(void *arg)
{
	struct gt_logthread *lt = arg;

	while (turn(lt))
		;
	finish(lt);
	return NULL;
}

/* The sink of base/log. */
static void
take_error_line(void *arg, const char *line, size_t n)
{
	gt_logthread_give(arg, GT_LOG_KIND_ERROR, line, n);
}

enum gt_err
gt_logthread_create(int error_fd, int access_fd, struct gt_relay *relay,
                    _Atomic uint64_t *dropped, struct gt_logthread **out)
{
	struct gt_logthread *lt;
	enum gt_err rc;

	if ((lt = calloc(1, sizeof(*lt))) == NULL)
		return GT_NOMEM;
	lt->file[GT_LOG_KIND_ERROR].fd = error_fd;
	lt->file[GT_LOG_KIND_ACCESS].fd = access_fd;
	lt->relay = relay;
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
		gt_buf_fini(&lt->file[i].waiting);
		gt_buf_fini(&lt->file[i].writing);
	}
	gt_buf_fini(&lt->samples);
	gt_buf_fini(&lt->counting);
	gt_relay_destroy(lt->relay);
	gt_mutex_fini(&lt->lock);
	gt_cond_fini(&lt->changed);
	free(lt);
}
