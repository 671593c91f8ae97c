/* SPDX-License-Identifier: MIT */
/*
 * Inside the control layer: the server's state, shared by socket.c (the file
 * in the file system), server.c (connections, answers) and route.c (what is
 * asked). The master's only thread.
 */
#ifndef GTHREADD_CTL_PRIV_H
#define GTHREADD_CTL_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/check.h"
#include "gthreadd/base/err.h"
#include "gthreadd/ctl/ctl.h"

struct event;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_request;

#define GT_CTL_CONNECTIONS  32
#define GT_CTL_TIMEOUT      5 /* seconds, for a client to send or to read */
#define GT_CTL_HEAD         8192
#define GT_CTL_BODY         65536
#define GT_CTL_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The socket in the file system; see socket.c. */
struct gt_ctl_file {
	char *path; /* owned */
	unsigned mode;
	dev_t dev; /* which file it was when it was made */
	ino_t ino;
};

struct gt_ctl_call {
	struct gt_ctl *ctl;
	struct evhttp_request *req;
	TAILQ_ENTRY(gt_ctl_call) link;
};

struct gt_ctl {
	struct event_base *base;
	struct gt_ctl_options opt; /* path is file.path */
	struct gt_ctl_file file;
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
	int fd;              /* that it listens on */
	struct event *pause; /* while the listener is out of the loop */
	unsigned looks;      /* of gt_ctl_mend */
	TAILQ_HEAD(, gt_ctl_call) calls; /* that wait for their answer */
};

/* socket.c */
/* Make the socket and give it its name. Errors as gt_ctl_create. */
GT_MUST_CHECK enum gt_err gt_ctl_file_open(struct gt_ctl_file *f, int *fd,
                                           char *why, size_t n);
/* Is the file that stands there the one we made? */
bool gt_ctl_file_is_ours(const struct gt_ctl_file *f);
/* Does nobody listen there, so that we may? */
bool gt_ctl_file_is_free(const struct gt_ctl_file *f);

/*
 * Connections accepted from fd, a listening unix socket: call fn (may be
 * NULL) for each; returns how many there are.
 */
size_t gt_ctl_each_conn(int fd, void (*fn)(int conn));

/* page.c, made from page.html */
extern const char gt_ctl_page[];
extern const size_t gt_ctl_page_len;
extern const char gt_ctl_page_policy[]; /* Content-Security-Policy */

/* server.c */
void gt_ctl_send(struct evhttp_request *req, int status, const char *type,
                 const char *p, size_t n);
/* {"ok":..., "message":"..."} */
void gt_ctl_send_message(struct evhttp_request *req, int status,
                         const char *text);

/* route.c */
/* Answer req, or begin to. The peer may ask. */
void gt_ctl_route(struct gt_ctl *c, struct evhttp_request *req, unsigned uid,
                  int pid) GT_ON_MASTER;

#endif
