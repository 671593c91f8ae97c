/* SPDX-License-Identifier: MIT */
/*
 * Requests that the loop answers although the app has not, or never will: the
 * exchange stays with its thread or in the queue until it comes back, and
 * another one carries the answer. The loop's alone.
 */
#include <string.h>

#include "gthreadd/base/log.h"
#include "worker_priv.h"

GT_ON_LOOP static bool
abandon(struct gt_exchange *ex, enum gt_exchange_state from)
{
	if (!gt_exchange_move(ex, from, GT_EX_ABANDONED))
		return false;
	gt_inbox_fail(ex, GT_GONE);
	gt_outbox_fail(ex);
	return true;
}

bool
gt_conn_abandon(struct gt_exchange *ex)
{
	return abandon(ex, GT_EX_QUEUED) || abandon(ex, GT_EX_RUNNING);
}

/*
 * What the answer and the access log say of the request, in memory that is
 * a's own: a may be needed for longer than ex. What cannot be copied is not
 * said.
 */
GT_ON_LOOP static void
copy_request(struct gt_exchange *a, const struct gt_exchange *ex)
{
	size_t n = ex->request.nfields * sizeof(*ex->request.field);
	struct gt_field *field = gt_arena_alloc(&a->arena, n);
	char *id;

	a->number = 0;
	a->on_conn = ex->on_conn;
	a->peer = ex->peer;
	a->conn = ex->conn;
	a->received_us = ex->received_us;
	if ((id = gt_arena_strdup(&a->arena, ex->request_id)) != NULL)
		a->request_id = (struct gt_str){id, ex->request_id.n};
	if (gt_buf_add(&a->head, ex->head.p, ex->head_len) != GT_OK)
		return;
	a->head_len = ex->head_len;
	a->request = ex->request;
	a->request.field = field;
	if (field == NULL)
		a->request.nfields = a->request.cap_fields = 0;
	else if (n > 0)
		memcpy(field, ex->request.field, n);
	a->verdict = ex->verdict;
	a->verdict.script_name = (struct gt_str){NULL, 0};
}

static void
tell(const struct gt_exchange *ex, unsigned status, const char *why)
{
	char who[GT_REQUEST_TEXT];

	gt_exchange_describe(ex, false, who);
	gt_log_warning("request given up status=%u %s reason=\"%s\"", status,
	               who, why);
}

void
gt_conn_give_up(struct gt_conn *c, enum gt_exchange_state from, unsigned status,
                const char *why)
{
	struct gt_exchange *ex = c->ex, *a;

	if (c->state != GT_CONN_BUSY || c->close_due)
		return;
	if ((a = gt_loop_take_exchange(c->worker)) == NULL) {
		gt_conn_close(c, "out of memory");
		return;
	}
	if (!abandon(ex, from)) {
		gt_loop_give_exchange(c->worker, a);
		return;
	}
	tell(ex, status, why);
	copy_request(a, ex);
	c->lost = ex;
	c->ex = a;
	/* From here on the thread sends and publishes nothing more. */
	if (!ex->out.published && !atomic_load(&ex->answered)) {
		gt_conn_answer(c, status);
		return;
	}
	a->response.status = status;
	if (atomic_load(&ex->answered)) {
		atomic_store(&a->answered, true);
		a->response.status = ex->response.status;
		a->response.sent = ex->response.sent;
	}
	gt_conn_move(c, GT_CONN_WRITE);
	gt_conn_close(c, why);
}

void
gt_conn_give_up_all(struct gt_worker *w, unsigned status, const char *why)
{
	struct gt_conn *c, *next;
	enum gt_exchange_state state;

	for (c = TAILQ_FIRST(&w->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state != GT_CONN_BUSY)
			continue;
		state = gt_exchange_state(c->ex);
		if (state == GT_EX_QUEUED)
			gt_conn_give_up(c, state, 503, why);
		else if (state == GT_EX_RUNNING && status != 0)
			gt_conn_give_up(c, state, status, why);
	}
}

void
gt_conn_regain(struct gt_conn *c)
{
	struct gt_exchange *ex = c->lost;

	if (ex->started_us != 0)
		gt_log_info("thread gthreadd-%u has come back age_ms=%lld",
		            ex->thread,
		            (long long)(ex->ended_us - ex->started_us) / 1000);
	c->lost = NULL;
	gt_loop_give_exchange(c->worker, ex);
	if (c->state == GT_CONN_GONE)
		gt_conn_destroy(c);
}
