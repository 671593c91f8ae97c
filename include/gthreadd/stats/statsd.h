/* SPDX-License-Identifier: MIT */
/*
 * Metrics as statsd lines, with gunicorn's names: counters
 * "PREFIXgunicorn.requests:3|c|@1.0", times "...:1.234|ms", gauges "...:4|g",
 * histograms "...:0|h", each with "|#tags" behind it when there are some.
 * Lines are gathered into datagrams. One thread at a time, no locks.
 */
#ifndef GTHREADD_STATS_STATSD_H
#define GTHREADD_STATS_STATSD_H

#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/config/settings.h"
#include "gthreadd/net/remote.h"

#define GT_STATSD_PACKET 1432 /* fits a frame of Ethernet */

enum gt_statsd_type {
	GT_STATSD_COUNTER,
	GT_STATSD_TIME_US, /* given in microseconds, sent in milliseconds */
	GT_STATSD_GAUGE,
	GT_STATSD_HISTOGRAM,
};

struct gt_statsd {
	struct gt_buf prefix; /* "mine.gunicorn." */
	struct gt_buf tags;   /* "|#a,b" or empty */
	struct gt_buf packet; /* lines that wait */
	struct gt_remote *to; /* borrowed */
};

/* s: statsd-prefix, statsd-names, dogstatsd-tags. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_statsd_init(struct gt_statsd *sd,
                                         const struct gt_settings *s,
                                         struct gt_remote *to);
void gt_statsd_fini(struct gt_statsd *sd);
/* name: without "gunicorn.". A full packet is sent. */
void gt_statsd_add(struct gt_statsd *sd, const char *name, uint64_t value,
                   enum gt_statsd_type type, int64_t now_us);
/* Send what waits. */
void gt_statsd_flush(struct gt_statsd *sd, int64_t now_us);

#endif
