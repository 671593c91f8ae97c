/* SPDX-License-Identifier: MIT */
/*
 * Life and states of an exchange. Any thread, as the header says; no
 * descriptors of connections, no libevent, no Python.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/exchange/exchange.h"

/* Octets of buffers that stay with an idle exchange for its next request. */
#define KEEP_HEAD 8192
#define KEEP_OUT  16384

enum gt_err
gt_exchange_create(struct gt_service *service, struct gt_exchange **out)
{
	struct gt_exchange *ex;

	if ((ex = calloc(1, sizeof(*ex))) == NULL)
		return GT_NOMEM;
	ex->service = service;
	ex->out.file_fd = -1;
	ex->in.spool_fd = -1;
	gt_mutex_init(&ex->lock);
	gt_cond_init(&ex->changed);
	*out = ex;
	return GT_OK;
}

/* Drop what a response left behind: file, parcel, body ring. */
static void
drop_content(struct gt_exchange *ex)
{
	if (ex->out.parcel != NULL)
		gt_service_release(ex->service, ex->out.parcel);
	ex->out.parcel = NULL;
	gt_fd_close(&ex->out.file_fd);
	free(ex->in.ring);
	gt_fd_close(&ex->in.spool_fd);
	ex->in = (struct gt_inbox){.spool_fd = -1};
}

void
gt_exchange_destroy(struct gt_exchange *ex)
{
	if (ex == NULL)
		return;
	drop_content(ex);
	gt_buf_fini(&ex->head);
	gt_buf_fini(&ex->out.own);
	gt_buf_fini(&ex->out.shared);
	gt_buf_fini(&ex->out.drain);
	gt_arena_fini(&ex->arena);
	gt_mutex_fini(&ex->lock);
	gt_cond_fini(&ex->changed);
	free(ex);
}

static void
reset_outbox(struct gt_outbox *out)
{
	gt_buf_reset(&out->own, KEEP_OUT);
	gt_buf_reset(&out->shared, KEEP_OUT);
	gt_buf_reset(&out->drain, KEEP_OUT);
	out->drained = 0;
	out->waiting = 0;
	out->writer_waits = false;
	out->published = false;
	out->gone = false;
}

void
gt_exchange_reset(struct gt_exchange *ex)
{
	drop_content(ex);
	reset_outbox(&ex->out);
	gt_buf_reset(&ex->head, KEEP_HEAD);
	gt_arena_reset(&ex->arena);
	ex->head_len = 0;
	ex->request = (struct gt_request){0};
	ex->verdict = (struct gt_verdict){0};
	ex->response = (struct gt_response){0};
	ex->failed = ex->logged = false;
	atomic_store_explicit(&ex->answered, false, memory_order_relaxed);
	ex->thread = 0;
	ex->cell = NULL;
	ex->received_us = ex->queued_us = ex->started_us = ex->ended_us = 0;
	ex->gil_us = 0;
	ex->log_out = ex->log_env = NULL;
	ex->request_id.n = 0;
	atomic_store_explicit(&ex->half_closed, false, memory_order_relaxed);
	atomic_store_explicit(&ex->state, GT_EX_IDLE, memory_order_relaxed);
}

const struct gt_addr_text *
gt_exchange_client(const struct gt_exchange *ex)
{
	if (ex->verdict.has_client)
		return &ex->verdict.client;
	return ex->peer->proxy != NULL ? &ex->peer->proxy->client
	                               : &ex->peer->remote;
}

void
gt_exchange_describe(const struct gt_exchange *ex, bool with_port,
                     char out[GT_REQUEST_TEXT])
{
	struct gt_str method = gt_exchange_str(ex, ex->request.method);
	struct gt_str target = gt_exchange_str(ex, ex->request.target);
	bool has_port = with_port && !ex->peer->is_unix;

	snprintf(out, GT_REQUEST_TEXT, "request=\"%.*s %.*s\" peer=%s%s%s",
	         (int)(method.n < 32 ? method.n : 32), method.p,
	         (int)(target.n < 256 ? target.n : 256), target.p,
	         gt_peer_name(ex->peer), has_port ? ":" : "",
	         has_port ? ex->peer->remote.port : "");
}

bool
gt_exchange_move(struct gt_exchange *ex, enum gt_exchange_state from,
                 enum gt_exchange_state to)
{
	unsigned s = atomic_load(&ex->state);

	while ((s & GT_EX_STATE) == (unsigned)from)
		if (atomic_compare_exchange_weak(
		        &ex->state, &s, (s & ~GT_EX_STATE) | (unsigned)to))
			return true;
	return false;
}

enum gt_exchange_state
gt_exchange_state(const struct gt_exchange *ex)
{
	return (enum gt_exchange_state)(atomic_load(&ex->state) & GT_EX_STATE);
}

void
gt_exchange_post(struct gt_exchange *ex)
{
	if ((atomic_fetch_or(&ex->state, GT_EX_POSTED) & GT_EX_POSTED) == 0)
		gt_mailbox_push(&ex->service->mailbox, ex);
}

/*
 * State and bit change in one step: had the loop seen DONE before the post,
 * it could free the exchange while this thread still posts it.
 */
void
gt_exchange_give_back(struct gt_exchange *ex)
{
	unsigned s = atomic_load(&ex->state), done;

	do
		done = (s & ~GT_EX_STATE) | GT_EX_DONE | GT_EX_POSTED;
	while (!atomic_compare_exchange_weak(&ex->state, &s, done));
	if ((s & GT_EX_POSTED) == 0)
		gt_mailbox_push(&ex->service->mailbox, ex);
}

bool
gt_exchange_settle(struct gt_exchange *ex)
{
	unsigned s = GT_EX_SENDING;

	return atomic_compare_exchange_strong(&ex->state, &s, GT_EX_IDLE);
}

enum gt_exchange_state
gt_exchange_open_post(struct gt_exchange *ex)
{
	unsigned s = atomic_fetch_and(&ex->state, ~GT_EX_POSTED);

	return (enum gt_exchange_state)(s & GT_EX_STATE);
}

bool
gt_exchange_is_gone(struct gt_exchange *ex)
{
	bool gone;

	if (gt_exchange_state(ex) == GT_EX_ABANDONED ||
	    atomic_load_explicit(&ex->half_closed, memory_order_relaxed))
		return true;
	gt_mutex_lock(&ex->lock);
	gone = ex->out.gone || ex->in.failed == GT_GONE;
	gt_mutex_unlock(&ex->lock);
	return gone;
}

/* Octets of the response that have not left, those of framing included. */
static uint64_t
count_unsent(const struct gt_outbox *out)
{
	const struct gt_parcel *pc = out->parcel;
	uint64_t n = out->file_left + out->shared.len + out->own.len +
	             (out->drain.len - out->drained);

	for (size_t i = pc == NULL ? 0 : pc->pos; pc != NULL && i < pc->n; i++)
		n += pc->iov[i].iov_len;
	return n;
}

/*
 * The body is what goes last, so what has not left is body first of all. Of a
 * chunked one that was cut, the frames in that rest are taken off too.
 */
static uint64_t
body_sent(const struct gt_exchange *ex)
{
	uint64_t n = ex->response.sent, rest = count_unsent(&ex->out);

	return rest < n ? n - rest : 0;
}

void
gt_exchange_octets(const struct gt_exchange *ex, uint64_t *received,
                   uint64_t *sent)
{
	*received =
	    ex->head_len + ex->in.filled + ex->in.spooled - ex->in.unspooled;
	*sent = body_sent(ex);
}

void
gt_exchange_record(const struct gt_exchange *ex, struct gt_access_record *rec,
                   int64_t now_us, int64_t wall_us)
{
	int64_t began = ex->received_us != 0 ? ex->received_us : now_us;
	bool understood = ex->request.method.len > 0;

	*rec = (struct gt_access_record){
	    .base = ex->head.p,
	    .request = understood ? &ex->request : NULL,
	    .peer = gt_str_of(gt_exchange_client(ex)->host),
	    .status = ex->response.status,
	    .wall_us = wall_us,
	    .duration_us = now_us - began,
	    .gil_us = ex->gil_us,
	    .thread = ex->thread,
	    .on_conn = ex->on_conn,
	    .request_id = ex->request_id,
	    .out = ex->log_out,
	    .env = ex->log_env,
	};
	if (ex->started_us != 0 && ex->queued_us != 0)
		rec->queue_us = ex->started_us - ex->queued_us;
	gt_exchange_octets(ex, &rec->received, &rec->body_sent);
}

void
gt_service_release(struct gt_service *sv, struct gt_parcel *parcel)
{
	parcel->next =
	    atomic_load_explicit(&sv->released, memory_order_relaxed);
	while (
	    !atomic_compare_exchange_weak(&sv->released, &parcel->next, parcel))
		;
}
