/* SPDX-License-Identifier: MIT */
/*
 * The metrics and their writer: the text format of Prometheus, version 0.0.4.
 * What they are is in tbl/metrics.def; what they are worth comes from above.
 * The first error sticks. No locale, no floating point.
 */
#ifndef GTHREADD_STATS_METRICS_H
#define GTHREADD_STATS_METRICS_H

#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"

enum gt_metric {
#define GT_METRIC(id, name, type, label, help, more) GT_METRIC_##id,
#include "../../../src/stats/tbl/metrics.def"
#undef GT_METRIC
	GT_METRIC_COUNT
};

enum gt_metric_type { GT_METRIC_GAUGE, GT_METRIC_COUNTER, GT_METRIC_HISTOGRAM };

struct gt_metric_info {
	const char *name; /* without its prefix */
	enum gt_metric_type type;
	const char *label; /* "": none */
	const char *help;
	const char *more;
};

#define GT_METRIC_PREFIX "gthreadd_"
/* By enum gt_metric; one more with a NULL name at the end. */
extern const struct gt_metric_info gt_metric_table[];
const char *gt_metric_type_name(enum gt_metric_type type);

struct gt_metrics {
	struct gt_buf *out; /* borrowed */
	enum gt_err err;    /* the first one; GT_OK */
	int last;           /* whose head was written; -1: none yet */
};

void gt_metrics_init(struct gt_metrics *m, struct gt_buf *out);
/*
 * One sample; the head goes before the first of a metric. value of a metric
 * with a label: what the label is, else NULL.
 */
void gt_metrics_put(struct gt_metrics *m, enum gt_metric id, const char *label,
                    uint64_t value);
/* The same, with microseconds as seconds. */
void gt_metrics_put_us(struct gt_metrics *m, enum gt_metric id,
                       const char *label, uint64_t us);
/* GT_BUCKETS counts (stats/counts.h), not cumulated, and the sum. */
void gt_metrics_put_histogram(struct gt_metrics *m, enum gt_metric id,
                              const uint64_t *bucket, uint64_t sum_us);

#endif
