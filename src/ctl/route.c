/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of the control socket. GET shows, POST does.
 */
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/log.h"
#include "gthreadd/base/parse.h"

#include "ctl_priv.h"

#define WORKERS_MAX 1024 /* as the setting has it */
#define TEXT_MAX    64

/* A request on its way to what it asks for. */
struct asked {
	struct gt_ctl *ctl;
	struct evhttp_request *req;
	struct gt_str path;
	char text[TEXT_MAX]; /* the parameter that a route wants */
	unsigned uid;
	int pid;
};

struct route {
	const char *path; /* '*' stands for a number */
	enum evhttp_cmd_type method;
	void (*act)(struct asked *a, const struct route *r, uint64_t number);
	enum gt_ctl_verb verb;
	const char *param; /* of the query; NULL: it takes none */
};

static void
show(struct asked *a, enum gt_err (*fill)(void *arg, struct gt_buf *out),
     const char *type)
{
	struct gt_buf out = {0};

	if (fill(a->ctl->opt.arg, &out) == GT_OK)
		gt_ctl_send(a->req, 200, type, out.p, out.len);
	else
		gt_ctl_send_message(a->req, 500, "out of memory");
	gt_buf_fini(&out);
}

static void
show_status(struct asked *a, const struct route *r, uint64_t number)
{
	(void)r;
	(void)number;
	show(a, a->ctl->opt.ops->status, "application/json");
}

static void
show_metrics(struct asked *a, const struct route *r, uint64_t number)
{
	(void)r;
	(void)number;
	show(a, a->ctl->opt.ops->metrics, GT_CTL_METRICS_TYPE);
}

static void
show_health(struct asked *a, const struct route *r, uint64_t number)
{
	char why[256];
	bool is_healthy =
	    a->ctl->opt.ops->health(a->ctl->opt.arg, why, sizeof(why));

	(void)r;
	(void)number;
	gt_ctl_send_message(a->req, is_healthy ? 200 : 503,
	                    is_healthy ? "ok" : why);
}

static void
show_page(struct asked *a, const struct route *r, uint64_t number)
{
	struct evkeyvalq *head = evhttp_request_get_output_headers(a->req);

	(void)r;
	(void)number;
	evhttp_add_header(head, "Content-Security-Policy", gt_ctl_page_policy);
	evhttp_add_header(head, "Referrer-Policy", "no-referrer");
	gt_ctl_send(a->req, 200, "text/html; charset=utf-8", gt_ctl_page,
	            gt_ctl_page_len);
}

/* Give it to the master, who answers when it is done. */
static void
command(struct asked *a, const struct route *r, uint64_t number)
{
	const struct gt_ctl_command cmd = {
	    .verb = r->verb,
	    .number = number,
	    .text = a->text,
	    .peer_uid = a->uid,
	    .peer_pid = a->pid,
	};
	struct gt_ctl_call *call = calloc(1, sizeof(*call));

	if (call == NULL) {
		gt_ctl_send_message(a->req, 500, "out of memory");
		return;
	}
	call->ctl = a->ctl;
	call->req = a->req;
	TAILQ_INSERT_TAIL(&a->ctl->calls, call, link);
	a->ctl->opt.ops->command(a->ctl->opt.arg, &cmd, call);
}

static void
set_workers(struct asked *a, const struct route *r, uint64_t number)
{
	if (gt_parse_decimal(gt_str_of(a->text), &number) != GT_OK ||
	    number > WORKERS_MAX)
		gt_ctl_send_message(a->req, 400,
		                    "n is a number from 0 to 1024");
	else
		command(a, r, number);
}

static const struct route routes[] = {
    {"/", EVHTTP_REQ_GET, show_page, 0, NULL},
    {"/status", EVHTTP_REQ_GET, show_status, 0, NULL},
    {"/metrics", EVHTTP_REQ_GET, show_metrics, 0, NULL},
    {"/healthz", EVHTTP_REQ_GET, show_health, 0, NULL},
    {"/stacks", EVHTTP_REQ_GET, command, GT_CTL_STACKS, NULL},
    {"/reload", EVHTTP_REQ_POST, command, GT_CTL_RELOAD, NULL},
    {"/reopen", EVHTTP_REQ_POST, command, GT_CTL_REOPEN, NULL},
    {"/upgrade", EVHTTP_REQ_POST, command, GT_CTL_UPGRADE, NULL},
    {"/stop", EVHTTP_REQ_POST, command, GT_CTL_STOP, NULL},
    {"/quit", EVHTTP_REQ_POST, command, GT_CTL_QUIT, NULL},
    {"/workers", EVHTTP_REQ_POST, set_workers, GT_CTL_WORKERS, "n"},
    {"/workers/*/recycle", EVHTTP_REQ_POST, command, GT_CTL_RECYCLE, NULL},
    {"/log-level", EVHTTP_REQ_POST, command, GT_CTL_LOG_LEVEL, "level"},
};

/* Does path look like pattern? The number that stands for '*', if any. */
static bool
is_match(struct gt_str path, struct gt_str pattern, uint64_t *number)
{
	struct gt_str have, want;

	*number = 0;
	while (gt_str_split(&pattern, '/', &want)) {
		if (!gt_str_split(&path, '/', &have))
			return false;
		if (gt_str_eq(want, GT_STR("*"))) {
			if (gt_parse_decimal(have, number) != GT_OK)
				return false;
		} else if (!gt_str_eq(want, have)) {
			return false;
		}
	}
	return path.p == NULL;
}

/* The value of name in the query goes to a->text. false: it is not there. */
static bool
read_param(struct asked *a, const char *name)
{
	const char *query =
	    evhttp_uri_get_query(evhttp_request_get_evhttp_uri(a->req));
	struct evkeyvalq params;
	const char *value = NULL;

	if (query == NULL || evhttp_parse_query_str(query, &params) < 0)
		return false;
	value = evhttp_find_header(&params, name);
	if (value != NULL)
		snprintf(a->text, sizeof(a->text), "%s", value);
	evhttp_clear_headers(&params);
	return value != NULL;
}

static void
take(struct asked *a, const struct route *r, uint64_t number)
{
	char why[TEXT_MAX];

	if (r->param != NULL && !read_param(a, r->param)) {
		snprintf(why, sizeof(why), "parameter %s is missing", r->param);
		gt_ctl_send_message(a->req, 400, why);
	} else {
		r->act(a, r, number);
	}
}

/* An address, or this host: no name that somebody else gives to it. */
static bool
is_own_host(const char *host)
{
	size_t n = strspn(host, "0123456789.");

	if (*host == '\0' || *host == '[')
		return true;
	if (strncmp(host, "localhost", 9) == 0)
		n = 9;
	return n > 0 && (host[n] == '\0' || host[n] == ':');
}

/*
 * A browser that reaches the socket through a tunnel obeys any page it shows:
 * no page may do anything, and none but one of this host may read.
 */
static bool
is_foreign_page(struct evhttp_request *req)
{
	struct evkeyvalq *head = evhttp_request_get_input_headers(req);
	const char *host = evhttp_find_header(head, "Host");

	if (evhttp_request_get_command(req) == EVHTTP_REQ_POST &&
	    evhttp_find_header(head, "Origin") != NULL)
		return true;
	return host != NULL && !is_own_host(host);
}

static bool
is_method(const struct route *r, enum evhttp_cmd_type method)
{
	return r->method == method ||
	       (r->method == EVHTTP_REQ_GET && method == EVHTTP_REQ_HEAD);
}

void
gt_ctl_route(struct gt_ctl *c, struct evhttp_request *req, unsigned uid,
             int pid)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	struct asked a = {.ctl = c, .req = req, .uid = uid, .pid = pid};
	const char *path = evhttp_uri_get_path(uri);
	bool is_known = false;
	uint64_t number;

	a.path = gt_str_of(path != NULL ? path : "");
	if (is_foreign_page(req)) {
		gt_ctl_send_message(req, 403, "not for pages of other hosts");
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!is_match(a.path, gt_str_of(routes[i].path), &number))
			continue;
		is_known = true;
		if (!is_method(&routes[i], method))
			continue;
		take(&a, &routes[i], number);
		return;
	}
	gt_ctl_send_message(req, is_known ? 405 : 404,
	                    is_known ? "wrong method"
	                             : "there is no such page");
}
