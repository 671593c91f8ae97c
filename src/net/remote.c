/* SPDX-License-Identifier: MIT */
/*
 * Messages to another program. Everything is non-blocking: a connection that
 * is being made, a full socket or a pause between two tries only lets the
 * queue grow up to its limit. In the queue a message has its length before it,
 * so that after a break a new connection begins with a whole one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/net/remote.h"

#define QUEUE_MAX    (256 * 1024) /* octets that may wait */
#define QUEUE_KEEP   (16 * 1024)  /* memory kept when nothing does */
#define AGAIN_US     10000        /* the socket took no more */
#define CONNECT_US   5000000      /* for a connection to come about */
#define PAUSE_MIN_US 100000       /* between two tries to connect */
#define PAUSE_MAX_US 30000000

enum link {
	LINK_CLOSED,
	LINK_CONNECTING,
	LINK_OPEN,
};

struct gt_remote {
	struct gt_remote_addr addr;
	enum gt_remote_kind kind; /* EITHER: not known yet */
	int fd;
	enum link link;
	int64_t since_us; /* of CONNECTING */
	int64_t retry_us; /* not before; 0: at once */
	int64_t pause_us; /* before the next try */
	uint64_t lost;
	struct gt_buf queue; /* uint32_t length, octets, ... */
	size_t done;         /* octets of whole messages that are out */
	size_t sent;         /* octets of the first message that are out */
};

/* Errors: GT_SYS. */
static enum gt_err
try_connect(const struct gt_remote_addr *addr, int type)
{
	int fd, rc, saved;

	fd = socket(addr->sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return GT_SYS;
	rc = connect(fd, (const struct sockaddr *)&addr->sa, addr->len);
	saved = errno;
	close(fd);
	errno = saved;
	return rc == 0 || errno == EAGAIN ? GT_OK : GT_SYS;
}

/* It is there most often: then its kind is known before the first message. */
static enum gt_remote_kind
probe(const struct gt_remote_addr *addr)
{
	if (addr->kind != GT_REMOTE_EITHER)
		return addr->kind;
	if (try_connect(addr, SOCK_DGRAM) == GT_OK)
		return GT_REMOTE_DGRAM;
	return errno == EPROTOTYPE ? GT_REMOTE_STREAM : GT_REMOTE_EITHER;
}

enum gt_err
gt_remote_reach(const struct gt_remote_addr *addr)
{
	if (addr->sa.ss_family != AF_UNIX)
		return GT_OK;
	if (addr->kind != GT_REMOTE_EITHER)
		return try_connect(addr, addr->kind == GT_REMOTE_STREAM
		                             ? SOCK_STREAM
		                             : SOCK_DGRAM);
	if (try_connect(addr, SOCK_DGRAM) == GT_OK || errno == EPROTOTYPE)
		return GT_OK;
	return GT_SYS;
}

enum gt_err
gt_remote_create(const struct gt_remote_addr *addr, struct gt_remote **out)
{
	struct gt_remote *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return GT_NOMEM;
	r->addr = *addr;
	r->kind = probe(addr);
	r->fd = -1;
	*out = r;
	return GT_OK;
}

void
gt_remote_destroy(struct gt_remote *r)
{
	if (r == NULL)
		return;
	gt_fd_close(&r->fd);
	gt_buf_fini(&r->queue);
	free(r);
}

uint64_t
gt_remote_lost(const struct gt_remote *r)
{
	return r->lost;
}

bool
gt_remote_is_stream(const struct gt_remote *r)
{
	return r->kind == GT_REMOTE_STREAM;
}

/* ---- the queue ---- */

static bool
is_empty(const struct gt_remote *r)
{
	return r->done == r->queue.len;
}

static struct gt_str
first(const struct gt_remote *r)
{
	uint32_t n;

	memcpy(&n, r->queue.p + r->done, sizeof(n));
	return (struct gt_str){r->queue.p + r->done + sizeof(n), n};
}

static void
drop_first(struct gt_remote *r)
{
	r->done += sizeof(uint32_t) + first(r).n;
	r->sent = 0;
	if (is_empty(r)) {
		gt_buf_reset(&r->queue, QUEUE_KEEP);
		r->done = 0;
	} else if (r->done > QUEUE_MAX / 2) {
		gt_buf_consume(&r->queue, r->done);
		r->done = 0;
	}
}

static bool
add(struct gt_remote *r, const char *p, size_t n)
{
	uint32_t len = (uint32_t)n;

	if (r->queue.len - r->done + sizeof(len) + n > QUEUE_MAX ||
	    gt_buf_reserve(&r->queue, sizeof(len) + n) != GT_OK)
		return false;
	memcpy(r->queue.p + r->queue.len, &len, sizeof(len));
	memcpy(r->queue.p + r->queue.len + sizeof(len), p, n);
	r->queue.len += sizeof(len) + n;
	return true;
}

/* ---- the socket ---- */

/* The line is broken: what was begun cannot be completed. */
static void
break_off(struct gt_remote *r, int64_t now_us)
{
	gt_fd_close(&r->fd);
	r->link = LINK_CLOSED;
	if (r->sent > 0) {
		drop_first(r);
		r->lost++;
	}
	if (r->pause_us < PAUSE_MIN_US)
		r->pause_us = PAUSE_MIN_US;
	r->retry_us = now_us + r->pause_us;
	r->pause_us *= 2;
	if (r->pause_us > PAUSE_MAX_US)
		r->pause_us = PAUSE_MAX_US;
}

static bool
open_socket(struct gt_remote *r)
{
	int type = r->kind == GT_REMOTE_STREAM ? SOCK_STREAM : SOCK_DGRAM;

	r->fd = socket(r->addr.sa.ss_family,
	               type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return r->fd >= 0;
}

static void
begin_connect(struct gt_remote *r, int64_t now_us)
{
	if (now_us < r->retry_us)
		return;
	if (!open_socket(r)) {
		break_off(r, now_us);
		return;
	}
	r->since_us = now_us;
	if (connect(r->fd, (const struct sockaddr *)&r->addr.sa, r->addr.len) ==
	    0)
		r->link = LINK_OPEN;
	else if (errno == EINPROGRESS)
		r->link = LINK_CONNECTING;
	else
		break_off(r, now_us);
}

static void
end_connect(struct gt_remote *r, int64_t now_us)
{
	struct pollfd p = {.fd = r->fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, 0) == 0) {
		if (now_us - r->since_us > CONNECT_US)
			break_off(r, now_us);
		return;
	}
	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ||
	    error != 0)
		break_off(r, now_us);
	else
		r->link = LINK_OPEN;
}

/* Octets would go into a connection that the other end has closed. */
static bool
is_hung_up(const struct gt_remote *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN | POLLRDHUP};
	char c;

	if (poll(&p, 1, 0) <= 0)
		return false;
	if (p.revents & (POLLHUP | POLLERR | POLLRDHUP))
		return true;
	return recv(r->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Be connected. false: not now. */
static bool
is_linked(struct gt_remote *r, int64_t now_us)
{
	if (r->link == LINK_OPEN && is_hung_up(r))
		break_off(r, now_us);
	if (r->link == LINK_CLOSED)
		begin_connect(r, now_us);
	if (r->link == LINK_CONNECTING)
		end_connect(r, now_us);
	return r->link == LINK_OPEN;
}

/* true: go on with the next message. */
static bool
send_stream(struct gt_remote *r, int64_t now_us)
{
	struct gt_str m = first(r);
	ssize_t n = send(r->fd, m.p + r->sent, m.n - r->sent,
	                 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			break_off(r, now_us);
		return errno == EINTR;
	}
	r->pause_us = 0;
	r->sent += (size_t)n;
	if (r->sent < m.n)
		return false;
	drop_first(r);
	return true;
}

/*
 * Not connected: it may be started again under the same name. What nobody
 * takes is lost.
 */
static bool
send_dgram(struct gt_remote *r)
{
	struct gt_str m = first(r);
	ssize_t n;

	if (r->fd < 0 && !open_socket(r)) {
		r->lost++;
		drop_first(r);
		return true;
	}
	n = sendto(r->fd, m.p, m.n, MSG_NOSIGNAL | MSG_DONTWAIT,
	           (const struct sockaddr *)&r->addr.sa, r->addr.len);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EPROTOTYPE && r->kind == GT_REMOTE_EITHER) {
		gt_fd_close(&r->fd);
		r->kind = GT_REMOTE_STREAM;
		return true;
	}
	r->lost += n < 0;
	drop_first(r);
	return true;
}

int64_t
gt_remote_flush(struct gt_remote *r, int64_t now_us)
{
	bool more = true;

	while (more && !is_empty(r)) {
		if (r->kind != GT_REMOTE_STREAM)
			more = send_dgram(r);
		else if (is_linked(r, now_us))
			more = send_stream(r, now_us);
		else
			more = false;
	}
	if (is_empty(r))
		return 0;
	if (r->kind == GT_REMOTE_STREAM && r->link == LINK_CLOSED)
		return r->retry_us;
	return now_us + AGAIN_US;
}

void
gt_remote_send(struct gt_remote *r, const char *p, size_t n, int64_t now_us)
{
	if (!add(r, p, n)) {
		gt_remote_flush(r, now_us);
		if (!add(r, p, n)) {
			r->lost++;
			return;
		}
	}
	gt_remote_flush(r, now_us);
}
