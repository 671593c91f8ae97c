/* SPDX-License-Identifier: MIT */
/* The text format of Prometheus. Any thread; no locale. */
#include "gthreadd/stats/metrics.h"

#include <string.h>

#include "gthreadd/stats/counts.h"

const struct gt_metric_info gt_metric_table[] = {
#define GT_METRIC(id, name, type, label, help, more) \
	{name, GT_METRIC_##type, label, help, more},
#include "tbl/metrics.def"
#undef GT_METRIC
    {NULL, GT_METRIC_GAUGE, NULL, NULL, NULL},
};

const char *
gt_metric_type_name(enum gt_metric_type type)
{
	static const char *const names[] = {
	    [GT_METRIC_GAUGE] = "gauge",
	    [GT_METRIC_COUNTER] = "counter",
	    [GT_METRIC_HISTOGRAM] = "histogram",
	};

	return names[type];
}

void
gt_metrics_init(struct gt_metrics *m, struct gt_buf *out)
{
	*m = (struct gt_metrics){.out = out, .err = GT_OK, .last = -1};
}

#define ADD(m, ...)        \
	((m)->err != GT_OK \
	     ? (void)0     \
	     : (void)((m)->err = gt_buf_addf((m)->out, __VA_ARGS__)))

static void
put_head(struct gt_metrics *m, enum gt_metric id)
{
	const struct gt_metric_info *i = &gt_metric_table[id];

	if (m->last == (int)id)
		return;
	m->last = (int)id;
	ADD(m, "# HELP " GT_METRIC_PREFIX "%s %s\n", i->name, i->help);
	ADD(m, "# TYPE " GT_METRIC_PREFIX "%s %s\n", i->name,
	    gt_metric_type_name(i->type));
}

/* A value of a label, escaped. */
static void
put_label(struct gt_metrics *m, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			ADD(m, "\\n");
		else if (*value == '"' || *value == '\\')
			ADD(m, "\\%c", *value);
		else
			ADD(m, "%c", *value);
	}
}

static void
put_name(struct gt_metrics *m, enum gt_metric id, const char *label)
{
	const struct gt_metric_info *i = &gt_metric_table[id];

	put_head(m, id);
	ADD(m, GT_METRIC_PREFIX "%s", i->name);
	if (i->label[0] == '\0')
		return;
	ADD(m, "{%s=\"", i->label);
	put_label(m, label);
	ADD(m, "\"}");
}

static void
put_seconds(struct gt_metrics *m, uint64_t us)
{
	ADD(m, " %llu.%06llu\n", (unsigned long long)(us / 1000000),
	    (unsigned long long)(us % 1000000));
}

void
gt_metrics_put(struct gt_metrics *m, enum gt_metric id, const char *label,
               uint64_t value)
{
	put_name(m, id, label);
	ADD(m, " %llu\n", (unsigned long long)value);
}

void
gt_metrics_put_us(struct gt_metrics *m, enum gt_metric id, const char *label,
                  uint64_t us)
{
	put_name(m, id, label);
	put_seconds(m, us);
}

void
gt_metrics_put_histogram(struct gt_metrics *m, enum gt_metric id,
                         const uint64_t *bucket, uint64_t sum_us)
{
	const char *name = gt_metric_table[id].name;
	uint64_t n = 0;

	put_head(m, id);
	for (unsigned i = 0; i < GT_BOUNDS; i++) {
		n += bucket[i];
		ADD(m, GT_METRIC_PREFIX "%s_bucket{le=\"%lld.%03lld\"} %llu\n",
		    name, (long long)(gt_bound_us[i] / 1000000),
		    (long long)(gt_bound_us[i] % 1000000 / 1000),
		    (unsigned long long)n);
	}
	n += bucket[GT_BOUNDS];
	ADD(m, GT_METRIC_PREFIX "%s_bucket{le=\"+Inf\"} %llu\n", name,
	    (unsigned long long)n);
	ADD(m, GT_METRIC_PREFIX "%s_sum", name);
	put_seconds(m, sum_us);
	ADD(m, GT_METRIC_PREFIX "%s_count %llu\n", name, (unsigned long long)n);
}
