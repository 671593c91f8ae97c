/* SPDX-License-Identifier: MIT */
/*
 * Connections: their states and their ends. The loop's alone. A connection
 * outlives its exchange: while a thread still has it, a closed connection waits
 * in the state GONE.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "worker_priv.h"

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	gt_assert_loop();
	gt_conn_read(arg);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	gt_assert_loop();
	gt_conn_write(arg);
}

void
gt_conn_open(struct gt_worker *w, int fd, const struct gt_listener *ls,
             const struct sockaddr *sa)
{
	struct gt_conn *c;

	if ((c = gt_slab_take(&w->conn_slab)) == NULL) {
		gt_log_error("connection dropped: out of memory");
		close(fd);
		return;
	}
	c->worker = w;
	c->fd = fd;
	c->peer.is_unix = ls->is_unix;
	c->peer.local = &ls->local;
	gt_trust_open(c, sa);
	event_assign(&c->write_ev, w->base, fd, EV_WRITE | EV_PERSIST, on_write,
	             c);
	TAILQ_INSERT_TAIL(&w->conns, c, link);
	w->nconns++;
	gt_conn_move(c, w->service.trust->proxy_mode == GT_PROXY_OFF
	                    ? GT_CONN_FIRST
	                    : GT_CONN_PROXY);
	gt_conn_arm_read(c, true);
}

static void
add_read_event(struct gt_conn *c, short flags)
{
	event_assign(&c->read_ev, c->worker->base, c->fd,
	             (short)(EV_READ | EV_PERSIST | flags), on_read, c);
	event_add(&c->read_ev, NULL);
}

/*
 * While a thread has the request and nothing is read, the end of the client
 * must be seen all the same: an event that fires once for each change,
 * whatever octets wait. libevent's EV_CLOSED does not tell an RST; and an
 * edge-triggered event must be alone on its descriptor, but the one for
 * writing tells as much.
 */
GT_ON_LOOP static void
watch(struct gt_conn *c)
{
	bool on = c->state == GT_CONN_BUSY && !c->reads && !c->writes;

	if (c->watches == on)
		return;
	c->watches = on;
	if (on)
		add_read_event(c, EV_ET);
	else
		event_del(&c->read_ev);
}

void
gt_conn_move(struct gt_conn *c, enum gt_conn_state to)
{
	struct gt_worker *w = c->worker;

	w->nparked += (size_t)(to == GT_CONN_IDLE);
	w->nparked -= (size_t)(c->state == GT_CONN_IDLE);
	c->state = to;
	c->since_us = gt_loop_now(w);
	watch(c);
	if (to == GT_CONN_IDLE && c->rest.len == 0)
		gt_buf_fini(&c->rest); /* it may be idle for long */
}

void
gt_conn_arm_read(struct gt_conn *c, bool on)
{
	if (c->reads == on)
		return;
	c->reads = on;
	if (!on)
		event_del(&c->read_ev);
	watch(c);
	if (on)
		add_read_event(c, 0);
}

void
gt_conn_arm_write(struct gt_conn *c, bool on)
{
	if (c->writes == on)
		return;
	c->writes = on;
	if (!on)
		event_del(&c->write_ev);
	watch(c);
	if (on)
		event_add(&c->write_ev, NULL);
}

GT_ON_LOOP static void
disarm(struct gt_conn *c)
{
	if (c->reads || c->watches)
		event_del(&c->read_ev);
	if (c->writes)
		event_del(&c->write_ev);
	c->reads = c->writes = c->watches = false;
}

GT_ON_LOOP static void
drop_exchange(struct gt_conn *c)
{
	if (c->ex != NULL)
		gt_loop_give_exchange(c->worker, c->ex);
	c->ex = NULL;
}

void
gt_conn_destroy(struct gt_conn *c)
{
	drop_exchange(c);
	gt_buf_fini(&c->rest);
	gt_trust_close(c);
	if (c->worker->hand == c)
		c->worker->hand = TAILQ_NEXT(c, link);
	TAILQ_REMOVE(&c->worker->conns, c, link);
	gt_slab_give(&c->worker->conn_slab, c);
}

GT_ON_LOOP static void
count_unanswered(const struct gt_conn *c)
{
	atomic_fetch_add_explicit(&c->worker->board->unanswered, 1,
	                          memory_order_relaxed);
}

/* Has the client got all that it could expect? */
static bool
is_answered(const struct gt_conn *c)
{
	if (c->state == GT_CONN_WRITE || c->state == GT_CONN_BUSY)
		return c->ex->logged || atomic_load(&c->ex->answered);
	return c->state == GT_CONN_IDLE || c->state == GT_CONN_DRAIN ||
	       c->state == GT_CONN_LINGER;
}

/* One debug line each; who is left without an answer is counted, too. */
GT_ON_LOOP static void
account(const struct gt_conn *c, const char *why)
{
	static const char *const name[] = {
	    [GT_CONN_PROXY] = "proxy",   [GT_CONN_FIRST] = "first",
	    [GT_CONN_HEAD] = "head",     [GT_CONN_BODY] = "body",
	    [GT_CONN_BUSY] = "busy",     [GT_CONN_WRITE] = "write",
	    [GT_CONN_DRAIN] = "drain",   [GT_CONN_IDLE] = "idle",
	    [GT_CONN_LINGER] = "linger",
	};
	int64_t age_us = gt_loop_now(c->worker) - c->since_us;
	bool answered = is_answered(c);

	if (!answered)
		count_unanswered(c);
	gt_log_debug("connection closed%s peer=%s requests=%u state=%s "
	             "age_ms=%lld reason=\"%s\"",
	             answered ? "" : " without an answer",
	             gt_peer_name(&c->peer), c->requests, name[c->state],
	             (long long)age_us / 1000, why);
}

void
gt_conn_close(struct gt_conn *c, const char *why)
{
	bool with_thread = c->state == GT_CONN_BUSY && !gt_conn_settle(c);

	if (c->state == GT_CONN_GONE)
		return;
	c->close_due = false;
	if (with_thread && !gt_conn_abandon(c->ex)) {
		with_thread = !gt_conn_claim(c);
		c->close_due = with_thread; /* see gt_conn_attend */
	}
	disarm(c);
	if (c->close_due)
		return;
	account(c, why);
	if (c->state == GT_CONN_WRITE)
		gt_conn_log(c->ex, &c->worker->board->counts,
		            gt_loop_now(c->worker)); /* sent in part */
	gt_fd_close(&c->fd);
	c->worker->nconns--;
	gt_conn_move(c, GT_CONN_GONE);
	if (!with_thread && c->lost == NULL)
		gt_conn_destroy(c);
}

void
gt_conn_look(struct gt_conn *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN | POLLRDHUP};

	if (poll(&p, 1, 0) <= 0)
		return;
	if (p.revents & (POLLERR | POLLHUP))
		gt_conn_close(c, "client reset the connection");
	else if (p.revents & POLLRDHUP)
		atomic_store(&c->ex->half_closed, true);
}

void
gt_conn_linger(struct gt_conn *c)
{
	gt_conn_move(c, GT_CONN_LINGER);
	drop_exchange(c);
	gt_buf_fini(&c->rest);
	if (c->ended || shutdown(c->fd, SHUT_WR) < 0) {
		gt_conn_close(c, "answered");
		return;
	}
	gt_conn_arm_write(c, false);
	gt_conn_arm_read(c, true);
}

/* The app, or a file, gave less than the head has announced. */
static bool
is_cut(const struct gt_exchange *ex)
{
	const struct gt_response *r = &ex->response;

	if (r->body == GT_RESPONSE_LENGTH)
		return r->sent < r->length;
	return r->body != GT_RESPONSE_NO_BODY && ex->failed;
}

/*
 * The answer said that the connection closes. An RST would cut the answer
 * off when octets arrive behind the close; a client that asked for the close
 * itself, and whose request was read to its end, sends none.
 */
GT_ON_LOOP static void
end_politely(struct gt_conn *c)
{
	if (!c->ex->request.keep_alive && c->rest.len == 0 &&
	    gt_body_is_done(&c->body) && !c->body_broken)
		gt_conn_close(c, "answered, as the client wished");
	else
		gt_conn_linger(c);
}

void
gt_conn_next(struct gt_conn *c)
{
	const struct gt_exchange *ex = c->ex;

	if (!ex->response.keep_alive || ex->failed || c->body_broken) {
		if (is_cut(ex))
			count_unanswered(c);
		end_politely(c);
		return;
	}
	if (!gt_body_is_done(&c->body)) {
		gt_conn_move(c, GT_CONN_DRAIN);
		gt_conn_arm_read(c, true);
		gt_conn_feed_rest(c);
		return;
	}
	drop_exchange(c);
	gt_conn_move(c, GT_CONN_IDLE);
	if (c->rest.len > 0)
		gt_conn_feed_rest(c);
	else if (c->ended)
		gt_conn_close(c, "client has nothing more to ask");
	else
		gt_conn_arm_read(c, true);
}

bool
gt_conn_settle(struct gt_conn *c)
{
	if (atomic_load(&c->ex->state) != GT_EX_IDLE)
		return false;
	gt_conn_move(c, GT_CONN_IDLE);
	c->since_us = c->ex->ended_us;
	if (c->is_slow)
		gt_overdue_tell_end(c, c->ex);
	drop_exchange(c);
	gt_conn_arm_read(c, true);
	return true;
}

bool
gt_conn_claim(struct gt_conn *c)
{
	unsigned before = atomic_fetch_or(&c->ex->state, GT_EX_ATTENTION);

	if ((before & GT_EX_STATE) != GT_EX_IDLE)
		return false;
	atomic_store(&c->ex->state, GT_EX_IDLE);
	return gt_conn_settle(c);
}

/* The thread has let go: send the answer, or bury a closed connection. */
GT_ON_LOOP static void
complete(struct gt_conn *c)
{
	if (c->is_slow)
		gt_overdue_tell_end(c, c->ex);
	if (c->state == GT_CONN_GONE) {
		/* A client that left had an answer all the same: log it. */
		if (c->ex->response.status != 0)
			gt_conn_log(c->ex, &c->worker->board->counts,
			            gt_loop_now(c->worker));
		gt_conn_destroy(c);
		return;
	}
	if (c->ex->started_us == 0 && !c->close_due) {
		gt_conn_count_timeout(c, GT_TIMEOUT_QUEUE);
		gt_conn_answer(c, 503);
		return;
	}
	gt_conn_move(c, GT_CONN_WRITE);
	if (c->close_due)
		gt_conn_close(c, "client left");
	else
		gt_conn_write(c);
}

/* A running request wants something: send, 100 Continue, more body. */
GT_ON_LOOP static void
help_busy(struct gt_conn *c)
{
	/* Then the thread cannot end it alone, so c stays. */
	bool incomplete = !gt_body_is_done(&c->body) && !c->body_broken;

	if (gt_inbox_take_continue(c->ex)) {
		if (!gt_conn_send_continue(c))
			return;
		gt_conn_await_body(c);
	}
	gt_conn_write(c);
	if (incomplete && !c->reads && c->state == GT_CONN_BUSY &&
	    !c->close_due)
		gt_conn_read_body(c);
}

void
gt_conn_attend(struct gt_exchange *ex)
{
	struct gt_conn *c = ex->conn;
	bool done = gt_exchange_open_post(ex) == GT_EX_DONE;

	if (ex == c->lost) {
		if (done)
			gt_conn_regain(c);
	} else if (done)
		complete(c);
	else if (c->state == GT_CONN_BUSY && !c->close_due)
		help_busy(c);
}
