/* SPDX-License-Identifier: MIT */
/*
 * The control socket: HTTP on a unix socket, served by the master's own loop.
 * What it shows and does comes as a table of functions, so it knows nothing of
 * the master. Who connects must be root or the master's user.
 */
#ifndef GTHREADD_CTL_CTL_H
#define GTHREADD_CTL_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"

struct event_base;
struct gt_ctl;
/* A request that waits for its answer; it is answered exactly once. */
struct gt_ctl_call;

enum gt_ctl_verb {
	GT_CTL_RELOAD,    /* answered when the reload has ended */
	GT_CTL_REOPEN,    /* log files */
	GT_CTL_UPGRADE,   /* as USR2 */
	GT_CTL_STOP,      /* as TERM */
	GT_CTL_QUIT,      /* as QUIT */
	GT_CTL_WORKERS,   /* number: so many */
	GT_CTL_RECYCLE,   /* number: pid of a worker */
	GT_CTL_LOG_LEVEL, /* text: its name */
	GT_CTL_STACKS,    /* answered when all workers have, or time is up */
};

struct gt_ctl_command {
	enum gt_ctl_verb verb;
	uint64_t number;
	const char *text; /* "" when there is none; valid during the call */
	unsigned peer_uid;
	int peer_pid;
};

/* All called on the master's loop; none may block. */
struct gt_ctl_ops {
	/* Append JSON, or Prometheus text, to out. Errors: GT_NOMEM. */
	enum gt_err (*status)(void *arg, struct gt_buf *out);
	enum gt_err (*metrics)(void *arg, struct gt_buf *out);
	/* true: healthy. Else why not, in a few words, in why (n octets). */
	bool (*health)(void *arg, char *why, size_t n);
	/* Do it, and give call to gt_ctl_answer, now or later. */
	void (*command)(void *arg, const struct gt_ctl_command *cmd,
	                struct gt_ctl_call *call);
};

struct gt_ctl_options {
	const char *path;
	unsigned mode; /* of the socket file */
	const struct gt_ctl_ops *ops;
	void *arg; /* for ops */
};

/*
 * Listen at path. A file that a dead server left is replaced; the socket of
 * the process that started us (an upgrade) is taken over.
 * Errors: GT_INVALID, GT_SYS, GT_NOMEM; why (n octets) tells.
 */
GT_MUST_CHECK enum gt_err gt_ctl_create(struct event_base *base,
                                        const struct gt_ctl_options *opt,
                                        char *why, size_t n,
                                        struct gt_ctl **out);
/* Send what was answered, close; the file goes when it is still ours. */
void gt_ctl_destroy(struct gt_ctl *c);
/* In a forked child, base already freed: close its descriptors only. */
void gt_ctl_leave(struct gt_ctl *c);
/*
 * Now and then: when nobody has a socket at path any more (a successor that
 * took it over has ended, or it was removed), listen there anew.
 */
void gt_ctl_mend(struct gt_ctl *c);

/* Status of HTTP, and one line of text. call is gone afterwards. */
void gt_ctl_answer(struct gt_ctl_call *call, int status, const char *fmt, ...)
    GT_PRINTF(3, 4);
/* 200 with text, which may have many lines; it is emptied. */
void gt_ctl_answer_text(struct gt_ctl_call *call, struct gt_buf *text);

#endif
