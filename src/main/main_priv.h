/* SPDX-License-Identifier: MIT */
/*
 * Inside gthreadctl: what it shows (ctlview.c) and how it shows it again and
 * again (ctltop.c). gthreadd itself is gthreadd.c alone.
 */
#ifndef GTHREADD_MAIN_PRIV_H
#define GTHREADD_MAIN_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"

/* A view appends lines to out, made from the answer to GET /status. */
typedef void gt_view(const json_t *status, struct gt_buf *out);

void gt_view_status(const json_t *status, struct gt_buf *out);
void gt_view_workers(const json_t *status, struct gt_buf *out);
void gt_view_threads(const json_t *status, struct gt_buf *out);

/* What top has seen before: rates come from the difference. */
struct gt_view_past {
	json_t *status; /* owned; NULL: nothing yet */
	double at;      /* seconds, of any clock that does not jump */
};

/* past becomes status, which is given. */
void gt_view_top(json_t *status, double at, struct gt_view_past *past,
                 struct gt_buf *out);

/* Get the status. NULL: *why was filled in. */
typedef json_t *gt_top_source(void *arg, char *why, size_t n);

struct gt_top_options {
	gt_top_source *source;
	void *arg;
	unsigned interval_ms;
	bool is_batch;
	unsigned count; /* rounds; 0: until it is ended */
};

/* The exit code. */
int gt_top_run(const struct gt_top_options *o);

/* Codes of exit, as the manual has them. */
enum gt_ctl_exit {
	GT_CTL_DONE = 0,
	GT_CTL_REFUSED = 1, /* by the server */
	GT_CTL_USAGE = 2,
	GT_CTL_NO_SERVER = 3,
};

#endif
