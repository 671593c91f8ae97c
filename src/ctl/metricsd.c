/* SPDX-License-Identifier: MIT */
/*
 * The metrics process: evhttp on the addresses of metrics-bind. What comes is
 * answered with what the master sent last, if that is new enough; else the
 * master is asked, once for all who wait. One thread, no role.
 */
#include "gthreadd/ctl/metricsd.h"

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/config/child.h"
#include "gthreadd/net/channel.h"

#include "ctl_priv.h"

#define FRESH_US 100000  /* an answer may be so old */
#define WAIT_S   2       /* for the master */
#define PAUSE_MS 100     /* of accepting, with all descriptors in use */
#define TEXT_MAX 1048576 /* octets of the metrics */

struct waiter {
	struct evhttp_request *req;
	TAILQ_ENTRY(waiter) link;
};

struct metricsd {
	struct event_base *base;
	struct evhttp *http;
	struct event *channel, *patience;
	int channel_fd;
	bool is_asked;      /* the master has not answered yet */
	int64_t got_us;     /* when it last did; 0: never */
	struct gt_buf text; /* what it sent: a line, then the metrics */
	TAILQ_HEAD(, waiter) waiters;
};

/* ---- answers ---- */

static void
answer_health(struct evhttp_request *req, struct gt_str why)
{
	if (why.n == 0)
		gt_ctl_send(req, 200, "text/plain", "ok\n", 3);
	else
		gt_ctl_send(req, 503, "text/plain", why.p, why.n);
}

/* From the text of the master. */
static void
answer(const struct metricsd *d, struct evhttp_request *req)
{
	const char *path =
	    evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	struct gt_str rest = gt_buf_str(&d->text), why;

	if (!gt_str_split(&rest, '\n', &why) || rest.p == NULL)
		gt_ctl_send_message(req, 503, "the master's answer is broken");
	else if (strcmp(path, "/healthz") == 0)
		answer_health(req, why);
	else
		gt_ctl_send(req, 200, GT_CTL_METRICS_TYPE, rest.p, rest.n);
}

/* All who wait; failed: with what went wrong. */
static void
answer_all(struct metricsd *d, const char *failed)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(&d->waiters)) != NULL) {
		TAILQ_REMOVE(&d->waiters, w, link);
		if (failed != NULL)
			gt_ctl_send_message(w->req, 503, failed);
		else
			answer(d, w->req);
		free(w);
	}
}

/* ---- the master ---- */

static void
ask(struct metricsd *d)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_METRICS};
	const struct timeval tv = {.tv_sec = WAIT_S};

	if (d->is_asked)
		return;
	if (gt_channel_send(d->channel_fd, &msg) != GT_OK) {
		answer_all(d, "the master cannot be asked");
		return;
	}
	d->is_asked = true;
	evtimer_add(d->patience, &tv);
}

static void
on_patience_end(evutil_socket_t fd, short what, void *arg)
{
	struct metricsd *d = arg;

	(void)fd;
	(void)what;
	d->is_asked = false;
	answer_all(d, "the master does not answer");
}

static void
take_message(struct metricsd *d, struct gt_channel_msg *msg)
{
	enum gt_err rc = GT_INVALID;

	if (msg->type == GT_CHANNEL_METRICS && msg->nfds == 1) {
		gt_buf_reset(&d->text, TEXT_MAX);
		rc = gt_fd_read_file(msg->fds[0], TEXT_MAX, &d->text);
	}
	gt_channel_close_fds(msg);
	d->is_asked = false;
	evtimer_del(d->patience);
	if (d->text.len == TEXT_MAX)
		rc = GT_RANGE; /* it is cut */
	if (rc == GT_OK)
		d->got_us = gt_clock_us();
	answer_all(d, rc == GT_OK ? NULL : "the master's answer is broken");
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct metricsd *d = arg;
	struct gt_channel_msg msg;
	enum gt_err rc;

	(void)what;
	/* GT_INVALID: connections have taken all descriptors. */
	while ((rc = gt_channel_recv((int)fd, &msg)) == GT_OK ||
	       rc == GT_INVALID)
		take_message(d, &msg);
	if (rc != GT_AGAIN)
		event_base_loopbreak(d->base); /* the master is gone */
}

/* ---- requests ---- */

static bool
is_page(const struct evhttp_request *req)
{
	const char *path =
	    evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));

	return path != NULL &&
	       (strcmp(path, "/metrics") == 0 || strcmp(path, "/healthz") == 0);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct metricsd *d = arg;
	struct waiter *w;

	if (!is_page(req)) {
		gt_ctl_send_message(req, 404, "there are /metrics, /healthz");
	} else if (d->got_us != 0 && gt_clock_us() - d->got_us < FRESH_US) {
		answer(d, req);
	} else if ((w = malloc(sizeof(*w))) == NULL) {
		gt_ctl_send_message(req, 503, "out of memory");
	} else {
		w->req = req;
		TAILQ_INSERT_TAIL(&d->waiters, w, link);
		ask(d);
	}
}

/* ---- life ---- */

static void
on_pause_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(arg);
}

/* Out of descriptors: the kernel's queue has the others meanwhile. */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	const struct timeval tv = {.tv_usec = PAUSE_MS * 1000L};

	(void)arg;
	evconnlistener_disable(l);
	event_base_once(evconnlistener_get_base(l), -1, EV_TIMEOUT,
	                on_pause_end, l, &tv);
}

/* So many connections at a time as there are descriptors. */
static void
limit_descriptors(void)
{
	int next = dup(STDERR_FILENO); /* the lowest that is free */
	struct rlimit limit = {.rlim_cur = (rlim_t)next + GT_CTL_CONNECTIONS,
	                       .rlim_max = (rlim_t)next + GT_CTL_CONNECTIONS};

	if (next >= 0)
		setrlimit(RLIMIT_NOFILE, &limit);
	gt_fd_close(&next);
}

/* Errors: GT_NOMEM. */
static enum gt_err
listen_at(struct metricsd *d, int fd)
{
	struct evconnlistener *l = evconnlistener_new(
	    d->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, fd);

	if (l == NULL || evhttp_bind_listener(d->http, l) == NULL)
		return GT_NOMEM;
	evconnlistener_set_error_cb(l, on_accept_error);
	return GT_OK;
}

/* Errors: GT_NOMEM. */
static enum gt_err
init(struct metricsd *d, const struct gt_listeners *ls)
{
	enum gt_err rc = GT_OK;

	TAILQ_INIT(&d->waiters);
	if ((d->base = event_base_new()) == NULL)
		return GT_NOMEM;
	d->http = evhttp_new(d->base);
	d->patience = evtimer_new(d->base, on_patience_end, d);
	d->channel = event_new(d->base, d->channel_fd, EV_READ | EV_PERSIST,
	                       on_channel, d);
	if (d->http == NULL || d->patience == NULL || d->channel == NULL ||
	    event_add(d->channel, NULL) < 0)
		return GT_NOMEM;
	evhttp_set_timeout(d->http, GT_CTL_TIMEOUT);
	evhttp_set_max_headers_size(d->http, GT_CTL_HEAD);
	evhttp_set_max_body_size(d->http, 0);
	evhttp_set_allowed_methods(d->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_default_content_type(d->http, NULL);
	evhttp_set_gencb(d->http, on_request, d);
	for (size_t i = 0; i < ls->n && rc == GT_OK; i++)
		rc = listen_at(d, ls->v[i].fd);
	return rc;
}

static void
fini(struct metricsd *d)
{
	answer_all(d, "the master is gone");
	if (d->http != NULL)
		evhttp_free(d->http);
	if (d->patience != NULL)
		event_free(d->patience);
	if (d->channel != NULL)
		event_free(d->channel);
	if (d->base != NULL)
		event_base_free(d->base);
	gt_buf_fini(&d->text);
}

int
gt_metricsd_run(const struct gt_listeners *ls, int channel_fd)
{
	struct metricsd d = {.channel_fd = channel_fd};
	int code = GT_EXIT_BOOT;

	if (init(&d, ls) == GT_OK) {
		limit_descriptors();
		event_base_dispatch(d.base);
		code = GT_EXIT_OK;
	}
	fini(&d);
	return code;
}
