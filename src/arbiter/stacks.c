/* SPDX-License-Identifier: MIT */
/*
 * GET /stacks: each worker is given a memory file to write the stacks of its
 * threads into. What has not come within the deadline is said to be missing:
 * a worker whose GIL is held cannot answer. Who asks while a round runs has
 * its answer. Nothing here waits.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/ctl/ctl.h"

#include "arbiter_priv.h"
#include "event_priv.h"

#define DEADLINE_S 2
#define TEXT_MAX   (4 * 1048576) /* octets of one worker: it is not trusted */
#define HELD_US    2000000       /* the GIL was not seen for so long */

/* A worker that was asked. */
struct answer {
	pid_t pid;
	unsigned age;
	int fd; /* the memory file; -1: it could not be asked */
	bool is_done;
	int64_t gil_age_us;
	TAILQ_ENTRY(answer) link;
};

struct asker {
	struct gt_ctl_call *call;
	TAILQ_ENTRY(asker) link;
};

struct gt_stacks {
	uint64_t number; /* of the round */
	size_t nmissing;
	struct event *deadline;
	TAILQ_HEAD(, answer) answers;
	TAILQ_HEAD(, asker) askers;
};

static void
free_round(struct gt_stacks *s)
{
	struct answer *w;

	while ((w = TAILQ_FIRST(&s->answers)) != NULL) {
		TAILQ_REMOVE(&s->answers, w, link);
		gt_fd_close(&w->fd);
		free(w);
	}
	gt_event_drop(&s->deadline);
	free(s);
}

/* ---- the answer ---- */

static enum gt_err
add_missing(struct gt_buf *out, const struct answer *w)
{
	const char *why = w->gil_age_us > HELD_US
	                      ? "its GIL is held without a pause"
	                      : "the reason is not known";

	if (w->fd < 0)
		return gt_buf_addf(out, "could not be asked\n");
	return gt_buf_addf(out,
	                   "does not answer within %ds: %s "
	                   "gil_seen_ms_ago=%lld\n",
	                   DEADLINE_S, why, (long long)w->gil_age_us / 1000);
}

/* Errors: GT_NOMEM, GT_SYS. */
static enum gt_err
write_round(const struct gt_stacks *s, struct gt_buf *out)
{
	const struct answer *w;
	enum gt_err rc = GT_OK;

	TAILQ_FOREACH (w, &s->answers, link) {
		if (rc == GT_OK)
			rc = gt_buf_addf(out, "== worker %d age=%u\n",
			                 (int)w->pid, w->age);
		if (rc == GT_OK)
			rc = w->is_done ? gt_fd_read_file(w->fd, TEXT_MAX, out)
			                : add_missing(out, w);
		if (rc == GT_OK)
			rc = gt_buf_addf(out, "\n");
	}
	return rc;
}

/* To all who wait for it. */
GT_ON_MASTER static void
finish(struct gt_arbiter *a)
{
	struct gt_stacks *s = a->control.stacks;
	struct asker *k;

	a->control.stacks = NULL;
	while ((k = TAILQ_FIRST(&s->askers)) != NULL) {
		struct gt_buf text = {0};

		TAILQ_REMOVE(&s->askers, k, link);
		if (write_round(s, &text) == GT_OK) {
			gt_ctl_answer_text(k->call, &text);
		} else {
			gt_buf_fini(&text);
			gt_ctl_answer(k->call, 500, "out of memory");
		}
		free(k);
	}
	free_round(s);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	gt_assert_master();
	(void)fd;
	(void)what;
	finish(arg);
}

/* ---- the question ---- */

static void
ask_worker(struct gt_stacks *s, const struct gt_proc *p)
{
	struct gt_channel_msg msg = {
	    .type = GT_CHANNEL_STACKS, .value = s->number, .nfds = 1};
	struct answer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return;
	*w = (struct answer){.pid = p->pid, .age = p->age};
	w->gil_age_us =
	    gt_clock_us() -
	    atomic_load_explicit(&p->board->gil_beat_us, memory_order_relaxed);
	w->fd = memfd_create("gthreadd-stacks", MFD_CLOEXEC);
	msg.fds[0] = w->fd;
	TAILQ_INSERT_TAIL(&s->answers, w, link);
	if (w->fd >= 0 && gt_channel_send(p->channel_fd, &msg) == GT_OK)
		s->nmissing++;
	else
		gt_fd_close(&w->fd);
}

/* NULL: out of memory. */
GT_ON_MASTER static struct gt_stacks *
begin_round(struct gt_arbiter *a)
{
	struct gt_stacks *s = calloc(1, sizeof(*s));
	const struct gt_proc *p;

	if (s == NULL)
		return NULL;
	TAILQ_INIT(&s->answers);
	TAILQ_INIT(&s->askers);
	s->number = ++a->control.rounds;
	if (gt_event_after(a->base, DEADLINE_S * 1000000, on_deadline, a,
	                   &s->deadline) != GT_OK) {
		free_round(s);
		return NULL;
	}
	TAILQ_FOREACH (p, &a->procs, link)
		if (p->state != GT_PROC_BOOTING && p->channel_fd >= 0)
			ask_worker(s, p);
	return s;
}

void
gt_stacks_ask(struct gt_arbiter *a, struct gt_ctl_call *call)
{
	struct asker *k = calloc(1, sizeof(*k));

	if (k != NULL && a->control.stacks == NULL)
		a->control.stacks = begin_round(a);
	if (k == NULL || a->control.stacks == NULL) {
		free(k);
		gt_ctl_answer(call, 500, "out of memory");
		return;
	}
	k->call = call;
	TAILQ_INSERT_TAIL(&a->control.stacks->askers, k, link);
	if (a->control.stacks->nmissing == 0)
		finish(a);
}

void
gt_stacks_take(struct gt_arbiter *a, const struct gt_proc *p, uint64_t number)
{
	struct gt_stacks *s = a->control.stacks;
	struct answer *w;

	if (s == NULL || s->number != number)
		return; /* too late */
	TAILQ_FOREACH (w, &s->answers, link) {
		if (w->pid != p->pid || w->is_done)
			continue;
		w->is_done = true;
		if (--s->nmissing == 0)
			finish(a);
		return;
	}
}

void
gt_stacks_stop(struct gt_arbiter *a)
{
	if (a->control.stacks != NULL)
		finish(a);
}

void
gt_stacks_leave(struct gt_arbiter *a)
{
	struct answer *w;

	if (a->control.stacks == NULL)
		return;
	TAILQ_FOREACH (w, &a->control.stacks->answers, link)
		gt_fd_close(&w->fd);
}
