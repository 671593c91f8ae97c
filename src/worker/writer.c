/* SPDX-License-Identifier: MIT */
/*
 * From the outbox to the socket: by the loop, or by a pool thread for the one
 * write it is lent the socket for.
 *
 * Order on the wire: drain, then what was published, then what the thread
 * left in own, then the parcel or the file.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "logthread_priv.h"
#include "worker_priv.h"

#define SENDFILE_MAX (1024 * 1024) /* octets of one connection's turn */
#define IOV_PARTS    16
#define SENDS_MAX    8 /* then the other connections have their turn */

/* What one try to send came to. */
enum sent {
	SENT_SOME,
	SENT_NOTHING_LEFT,
	SENT_BLOCKED, /* the socket takes no more now */
	SENT_FAILED,
};

static enum sent
sent_of_errno(void)
{
	if (errno == EAGAIN)
		return SENT_BLOCKED;
	return errno == EINTR ? SENT_SOME : SENT_FAILED;
}

/* Make drain the next octets to send; false: there are none now. */
GT_ON_LOOP static bool
fill_drain(struct gt_exchange *ex, bool done)
{
	struct gt_outbox *out = &ex->out;
	struct gt_buf spent;

	if (out->drained < out->drain.len)
		return true;
	if (out->published)
		gt_outbox_take(ex);
	if (out->drained < out->drain.len)
		return true;
	if (!done || out->own.len == 0)
		return false;
	spent = out->drain;
	out->drain = out->own;
	out->own = spent;
	out->own.len = 0;
	out->drained = 0;
	return true;
}

static size_t
gather(const struct gt_outbox *out, bool done, struct iovec iov[IOV_PARTS])
{
	/* own, when it could not be moved into drain yet, goes before it. */
	const struct gt_parcel *pc =
	    done && out->own.len == 0 ? out->parcel : NULL;
	size_t n = 0;

	if (out->drained < out->drain.len)
		iov[n++] = (struct iovec){out->drain.p + out->drained,
		                          out->drain.len - out->drained};
	for (size_t i = pc == NULL ? 0 : pc->pos;
	     pc != NULL && i < pc->n && n < IOV_PARTS; i++)
		iov[n++] = pc->iov[i];
	return n;
}

static void
advance_parcel(struct gt_parcel *pc, size_t n)
{
	while (n > 0) {
		struct iovec *v = &pc->iov[pc->pos];

		if (n < v->iov_len) {
			v->iov_base = (char *)v->iov_base + n;
			v->iov_len -= n;
			return;
		}
		n -= v->iov_len;
		pc->pos++;
	}
}

GT_ON_LOOP static void
advance(struct gt_exchange *ex, size_t n)
{
	struct gt_outbox *out = &ex->out;
	size_t left = out->drain.len - out->drained;
	size_t octets = n < left ? n : left;

	if (out->published)
		gt_outbox_sent(ex, octets);
	else
		out->drained += octets;
	if (n > octets)
		advance_parcel(out->parcel, n - octets);
}

/* One sendmsg of octets and parcel. */
GT_ON_LOOP static enum sent
send_octets(struct gt_conn *c, bool done)
{
	struct iovec iov[IOV_PARTS];
	struct gt_outbox *out = &c->ex->out;
	struct msghdr msg = {.msg_iov = iov};
	int flags = MSG_NOSIGNAL;
	ssize_t n;

	fill_drain(c->ex, done);
	msg.msg_iovlen = gather(out, done, iov);
	if (msg.msg_iovlen == 0)
		return SENT_NOTHING_LEFT;
	if (done && out->file_left > 0)
		flags |= MSG_MORE;
	if ((n = sendmsg(c->fd, &msg, flags)) < 0)
		return sent_of_errno();
	c->sent += (uint64_t)n;
	advance(c->ex, (size_t)n);
	return SENT_SOME;
}

/* It cannot be completed: the connection closes in the middle. */
GT_ON_LOOP static enum sent
fail_file(struct gt_conn *c, const char *what, const char *why)
{
	struct gt_outbox *out = &c->ex->out;
	char who[GT_REQUEST_TEXT], link[32], path[256] = "?";
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", out->file_fd);
	if ((n = readlink(link, path, sizeof(path) - 1)) > 0)
		path[n] = '\0';
	gt_exchange_describe(c->ex, false, who);
	gt_log_error("file of a response %s missing=%llu path=%s %s%s%s", what,
	             (unsigned long long)out->file_left, path, who,
	             why != NULL ? ": " : "", why != NULL ? why : "");
	c->ex->failed = true;
	c->ex->response.sent -= out->file_left;
	out->file_left = 0;
	return SENT_NOTHING_LEFT;
}

/*
 * For files that sendfile(2) does not take. It does not tell either which of
 * the two ends has failed; here each has a call of its own.
 */
GT_ON_LOOP static enum sent
copy_file(struct gt_conn *c, size_t want)
{
	struct gt_outbox *out = &c->ex->out;
	char *p = c->worker->scratch;
	ssize_t n;

	n = pread(out->file_fd, p, want < GT_SCRATCH ? want : GT_SCRATCH,
	          out->file_off);
	if (n < 0 && errno != EINTR)
		return fail_file(c, "cannot be read", gt_err_text(GT_SYS));
	if (n == 0)
		return fail_file(c, "ended early", NULL);
	if (n < 0 || (n = send(c->fd, p, (size_t)n, MSG_NOSIGNAL)) < 0)
		return sent_of_errno();
	out->file_off += n;
	c->sent += (uint64_t)n;
	out->file_left -= (uint64_t)n;
	return SENT_SOME;
}

GT_ON_LOOP static enum sent
send_file(struct gt_conn *c)
{
	struct gt_outbox *out = &c->ex->out;
	size_t want = out->file_left < SENDFILE_MAX ? (size_t)out->file_left
	                                            : SENDFILE_MAX;
	ssize_t n;

	if (want == 0 || out->file_fd < 0)
		return SENT_NOTHING_LEFT;
	n = sendfile(c->fd, out->file_fd, &out->file_off, want);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? sent_of_errno()
		                                         : copy_file(c, want);
	if (n == 0)
		return fail_file(c, "ended early", NULL);
	c->sent += (uint64_t)n;
	out->file_left -= (uint64_t)n;
	return SENT_SOME;
}

/* Everything that can be sent in this turn. */
GT_ON_LOOP static enum sent
send_all(struct gt_conn *c, bool done)
{
	enum sent s = SENT_SOME;

	for (int i = 0; s == SENT_SOME && i < SENDS_MAX; i++)
		s = send_octets(c, done);
	if (s == SENT_SOME)
		return SENT_BLOCKED;
	if (s != SENT_NOTHING_LEFT || !done || c->ex->out.file_fd < 0)
		return s;
	if ((s = send_file(c)) == SENT_SOME)
		return c->ex->out.file_left > 0 ? SENT_BLOCKED
		                                : SENT_NOTHING_LEFT;
	return s;
}

/*
 * Octets that the client's system has taken. The socket becomes writable only
 * when a third of a buffer is free, which may be megabytes: too coarse to
 * tell a slow reader from none.
 */
static uint64_t
octets_taken(const struct gt_conn *c)
{
	int queued = 0;

	if (ioctl(c->fd, SIOCOUTQ, &queued) < 0)
		return c->acked;
	return c->sent - (uint64_t)queued;
}

bool
gt_conn_is_stuck(struct gt_conn *c, int64_t now_us)
{
	uint64_t acked;

	if (!c->writes)
		return false;
	acked = octets_taken(c);
	gt_pace_add(&c->send_pace, acked - c->acked, now_us);
	c->acked = acked;
	return gt_pace_is_over(&c->send_pace,
	                       c->worker->settings->write_timeout_ms, now_us);
}

/* The socket takes no more: write-timeout runs from now on. */
GT_ON_LOOP static void
await_room(struct gt_conn *c)
{
	if (c->writes)
		return;
	gt_pace_start(&c->send_pace, gt_loop_now(c->worker));
	c->acked = octets_taken(c);
	gt_conn_arm_write(c, true);
}

void
gt_conn_write(struct gt_conn *c)
{
	bool done = c->state == GT_CONN_WRITE;

	switch (send_all(c, done)) {
	case SENT_BLOCKED:
		await_room(c);
		return;
	case SENT_FAILED:
		gt_conn_close(c, "client left while it was answered");
		return;
	case SENT_SOME:
	case SENT_NOTHING_LEFT:
		break;
	}
	gt_conn_arm_write(c, false);
	if (!done)
		return;
	gt_conn_log(c->ex, &c->worker->board->counts, gt_loop_now(c->worker));
	gt_conn_next(c);
}

/*
 * 100 Continue goes before anything of the answer (RFC 9110 10.1.1), behind
 * what else is on its way. It is sent at once or not at all: the thread may
 * send its answer itself as soon as it has the body. But when early hints were
 * published, 100 follows them with the next write, and so will the answer.
 */
bool
gt_conn_send_continue(struct gt_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct gt_outbox *out = &c->ex->out;
	ssize_t n = (ssize_t)sizeof(text) - 1;

	if (out->published && gt_outbox_append(c->ex, text, (size_t)n) == GT_OK)
		return true;
	if (!out->published && out->drained == out->drain.len &&
	    send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n)
		return true;
	gt_conn_close(c, "client takes no 100 Continue");
	return false;
}

void
gt_conn_answer(struct gt_conn *c, unsigned status)
{
	struct gt_worker *w = c->worker;
	struct gt_exchange *ex = c->ex;
	bool is_head = ex->request.method_id == GT_METHOD_HEAD;

	gt_response_init(&ex->response, 1, is_head, false);
	gt_response_set_id(&ex->response, w->service.id_header, ex->request_id);
	c->body_broken = true;
	ex->out.own.len = 0;
	if (gt_response_page(&ex->response, &ex->out.own, status,
	                     w->service.server, gt_loop_date(w)) != GT_OK) {
		gt_conn_close(c, "out of memory");
		return;
	}
	gt_conn_move(c, GT_CONN_WRITE);
	gt_conn_arm_read(c, false);
	gt_conn_write(c);
}

void
gt_conn_refuse(struct gt_conn *c, enum gt_err err, const char *why)
{
	struct gt_worker *w = c->worker;
	unsigned status = gt_status_of_err(err);

	gt_log_info("request refused status=%u peer=%s reason=\"%s\" "
	            "age_ms=%lld",
	            status, gt_peer_name(&c->peer),
	            why != NULL ? why : gt_err_text(err),
	            (long long)(gt_loop_now(w) - c->since_us) / 1000);
	c->ex->on_conn = c->requests + 1;
	gt_conn_answer(c, status);
}

/* access-log-exclude. What was not understood has no path: it is logged. */
static bool
is_excluded(const struct gt_exchange *ex)
{
	const struct gt_strv *globs =
	    &ex->service->settings->access_log_exclude;

	if (globs->n == 0 || ex->request.path.len == 0)
		return false;
	return gt_access_find_glob(globs->v, globs->n,
	                           gt_exchange_str(ex, ex->request.path)) !=
	       NULL;
}

/*
 * Once: what a thread has sent was logged by it, before the loop could see
 * the exchange again. The response is out, so its buffer takes the line.
 */
void
gt_conn_log(struct gt_exchange *ex, struct gt_counts *counts, int64_t now_us)
{
	const struct gt_conn *c = ex->conn;
	const struct gt_worker *w = c->worker;
	const struct gt_access_format *format = w->service.access;
	struct gt_buf *line = &ex->out.own;
	struct gt_access_record rec;
	uint64_t received, sent;

	if (ex->logged)
		return;
	ex->logged = true;
	gt_exchange_octets(ex, &received, &sent);
	gt_count_response(counts, ex->response.status, received, sent);
	if (format == NULL && !w->has_metrics)
		return;
	gt_exchange_record(ex, &rec, now_us, gt_clock_wall_us());
	if (w->has_metrics)
		gt_logthread_count(w->log, rec.status, rec.duration_us);
	if (format == NULL || is_excluded(ex))
		return;
	line->len = 0;
	if (gt_access_write(format, &rec, line) == GT_OK)
		gt_logthread_give(w->log, GT_LOG_KIND_ACCESS, line->p,
		                  line->len);
	line->len = 0;
}
