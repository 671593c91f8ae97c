/* SPDX-License-Identifier: MIT */
/*
 * The server of the control socket: libevent's evhttp on the master's loop,
 * with bounds on time, size and number of connections. evhttp does not tell
 * how many it has, nor when one ends: they are counted where the kernel keeps
 * them.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/stats/json.h"

#include "ctl_priv.h"

#define FLUSH_TURNS 4 /* of the loop, for the last answers */
#define PAUSE_US    50000

/* ---- connections ---- */

/* At the limit nobody is accepted: the kernel's queue has the others. */
static void
pause_accepting(struct gt_ctl *c)
{
	const struct timeval tv = {.tv_usec = PAUSE_US};

	if (c->bound == NULL || evtimer_add(c->pause, &tv) < 0)
		return;
	evconnlistener_disable(evhttp_bound_socket_get_listener(c->bound));
}

static void
on_pause_end(evutil_socket_t fd, short what, void *arg)
{
	struct gt_ctl *c = arg;

	gt_assert_master();
	(void)fd;
	(void)what;
	if (gt_ctl_each_conn(c->fd, NULL) >= GT_CTL_CONNECTIONS)
		pause_accepting(c);
	else if (c->bound != NULL)
		evconnlistener_enable(
		    evhttp_bound_socket_get_listener(c->bound));
}

/* evhttp has accepted one, and makes its bufferevent itself. */
static struct bufferevent *
on_accept(struct event_base *base, void *arg)
{
	struct gt_ctl *c = arg;

	gt_assert_master();
	(void)base;
	if (gt_ctl_each_conn(c->fd, NULL) >= GT_CTL_CONNECTIONS)
		pause_accepting(c);
	return NULL;
}

/* Errors: GT_FORBIDDEN. */
static enum gt_err
check_peer(struct evhttp_request *req, struct ucred *peer)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct bufferevent *b = evhttp_connection_get_bufferevent(conn);
	socklen_t len = sizeof(*peer);

	if (getsockopt(bufferevent_getfd(b), SOL_SOCKET, SO_PEERCRED, peer,
	               &len) < 0)
		return GT_FORBIDDEN;
	return peer->uid == 0 || peer->uid == geteuid() ? GT_OK : GT_FORBIDDEN;
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct gt_ctl *c = arg;
	struct ucred peer;

	gt_assert_master();
	if (check_peer(req, &peer) == GT_OK) {
		gt_ctl_route(c, req, peer.uid, peer.pid);
		return;
	}
	gt_log_warning("control socket: refused uid=%u pid=%d",
	               (unsigned)peer.uid, (int)peer.pid);
	gt_ctl_send_message(req, 403, "only root and the server's user");
}

/* ---- answers ---- */

void
gt_ctl_send(struct evhttp_request *req, int status, const char *type,
            const char *p, size_t n)
{
	struct evkeyvalq *head = evhttp_request_get_output_headers(req);
	bool is_head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;
	struct evbuffer *body = evbuffer_new();
	char length[24];

	/* evhttp would send a body after all, and its length is that of it. */
	snprintf(length, sizeof(length), "%zu", n);
	evhttp_add_header(head, "Content-Length", length);
	evhttp_add_header(head, "Content-Type", type);
	evhttp_add_header(head, "Cache-Control", "no-store");
	evhttp_add_header(head, "X-Content-Type-Options", "nosniff");
	if (!is_head && (body == NULL || evbuffer_add(body, p, n) < 0)) {
		evhttp_remove_header(head, "Content-Length");
		status = 500;
	}
	evhttp_send_reply(req, status, NULL, body);
	if (body != NULL)
		evbuffer_free(body);
}

void
gt_ctl_send_message(struct evhttp_request *req, int status, const char *text)
{
	struct gt_buf out = {0};
	struct gt_json j = {.out = &out};

	gt_json_open(&j, '{');
	gt_json_bool(&j, "ok", status < 400);
	gt_json_text(&j, "message", text);
	gt_json_close(&j, '}');
	gt_ctl_send(req, j.err == GT_OK ? status : 500, "application/json",
	            out.p, out.len);
	gt_buf_fini(&out);
}

void
gt_ctl_answer(struct gt_ctl_call *call, int status, const char *fmt, ...)
{
	struct evhttp_request *req = call->req;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	TAILQ_REMOVE(&call->ctl->calls, call, link);
	free(call);
	gt_ctl_send_message(req, status, text);
}

void
gt_ctl_answer_text(struct gt_ctl_call *call, struct gt_buf *text)
{
	struct evhttp_request *req = call->req;

	TAILQ_REMOVE(&call->ctl->calls, call, link);
	free(call);
	gt_ctl_send(req, 200, "text/plain; charset=utf-8", text->p, text->len);
	gt_buf_fini(text);
}

/* ---- life ---- */

GT_MUST_CHECK static enum gt_err
listen_at(struct gt_ctl *c, char *why, size_t n)
{
	struct evconnlistener *listener;
	enum gt_err rc;

	if ((rc = gt_ctl_file_open(&c->file, &c->fd, why, n)) != GT_OK)
		return rc;
	listener = evconnlistener_new(
	    c->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE,
	    0, c->fd);
	if (listener == NULL) {
		gt_fd_close(&c->fd);
	} else if ((c->bound = evhttp_bind_listener(c->http, listener)) ==
	           NULL) {
		evconnlistener_free(listener);
	}
	if (c->bound != NULL)
		return GT_OK;
	snprintf(why, n, "control socket %s: out of memory", c->file.path);
	return GT_NOMEM;
}

/* Errors: GT_NOMEM. */
static enum gt_err
create_http(struct gt_ctl *c)
{
	c->pause = evtimer_new(c->base, on_pause_end, c);
	c->http = evhttp_new(c->base);
	if (c->pause == NULL || c->http == NULL)
		return GT_NOMEM;
	evhttp_set_timeout(c->http, GT_CTL_TIMEOUT);
	evhttp_set_max_headers_size(c->http, GT_CTL_HEAD);
	evhttp_set_max_body_size(c->http, GT_CTL_BODY);
	evhttp_set_allowed_methods(c->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
	                                        EVHTTP_REQ_POST);
	evhttp_set_default_content_type(c->http, NULL);
	evhttp_set_bevcb(c->http, on_accept, c);
	evhttp_set_gencb(c->http, on_request, c);
	return GT_OK;
}

enum gt_err
gt_ctl_create(struct event_base *base, const struct gt_ctl_options *opt,
              char *why, size_t n, struct gt_ctl **out)
{
	struct gt_ctl *c = calloc(1, sizeof(*c));
	enum gt_err rc = GT_NOMEM;

	snprintf(why, n, "control socket %s: out of memory", opt->path);
	if (c == NULL)
		return GT_NOMEM;
	c->base = base;
	c->opt = *opt;
	c->fd = -1;
	TAILQ_INIT(&c->calls);
	c->file.mode = opt->mode;
	if ((c->file.path = strdup(opt->path)) == NULL ||
	    (rc = create_http(c)) != GT_OK ||
	    (rc = listen_at(c, why, n)) != GT_OK) {
		gt_ctl_destroy(c);
		return rc;
	}
	*out = c;
	return GT_OK;
}

void
gt_ctl_mend(struct gt_ctl *c)
{
	char why[256];

	if (gt_ctl_file_is_ours(&c->file))
		return;
	/* Whoever listens there now is not asked at every look. */
	if (c->looks++ % 8 != 0 || !gt_ctl_file_is_free(&c->file))
		return;
	if (c->bound != NULL)
		evhttp_del_accept_socket(c->http, c->bound);
	c->bound = NULL;
	c->fd = -1;
	if (listen_at(c, why, sizeof(why)) != GT_OK)
		gt_log_warning("%s", why);
	else
		gt_log_info("control socket made anew: %s", c->file.path);
}

void
gt_ctl_destroy(struct gt_ctl *c)
{
	struct gt_ctl_call *call;

	if (c == NULL)
		return;
	while ((call = TAILQ_FIRST(&c->calls)) != NULL)
		gt_ctl_answer(call, 503, "the server ends");
	for (int i = 0; i < FLUSH_TURNS && c->bound != NULL; i++)
		event_base_loop(c->base, EVLOOP_NONBLOCK);
	if (c->bound != NULL && gt_ctl_file_is_ours(&c->file))
		unlink(c->file.path);
	if (c->http != NULL)
		evhttp_free(c->http);
	if (c->pause != NULL)
		event_free(c->pause);
	free(c->file.path);
	free(c);
}

static void
close_conn(int fd)
{
	close(fd);
}

/* evhttp_free() would shut the connections down, for the master too. */
void
gt_ctl_leave(struct gt_ctl *c)
{
	if (c == NULL || c->fd < 0)
		return;
	gt_ctl_each_conn(c->fd, close_conn);
	gt_fd_close(&c->fd);
}
