/* SPDX-License-Identifier: MIT */
/* Statsd lines, gathered into datagrams. */
#include "gthreadd/stats/statsd.h"

#include <inttypes.h>
#include <stdio.h>

/* gunicorn's rule: one dot behind the prefix, however many there were. */
static enum gt_err
make_prefix(struct gt_statsd *sd, const struct gt_settings *s)
{
	struct gt_str prefix = gt_str_trim(gt_str_of(s->statsd_prefix));

	while (prefix.n > 0 && prefix.p[prefix.n - 1] == '.')
		prefix.n--;
	return gt_buf_addf(&sd->prefix, "%.*s%s%s.", (int)prefix.n, prefix.p,
	                   prefix.n > 0 ? "." : "",
	                   s->statsd_names == 0 ? "gunicorn" : "gthreadd");
}

static enum gt_err
make_tags(struct gt_statsd *sd, const struct gt_strv *tags)
{
	enum gt_err rc = GT_OK;

	for (size_t i = 0; i < tags->n && rc == GT_OK; i++)
		rc = gt_buf_addf(&sd->tags, "%s%s", i == 0 ? "|#" : ",",
		                 tags->v[i]);
	return rc;
}

enum gt_err
gt_statsd_init(struct gt_statsd *sd, const struct gt_settings *s,
               struct gt_remote *to)
{
	enum gt_err rc;

	*sd = (struct gt_statsd){.to = to};
	if ((rc = make_prefix(sd, s)) == GT_OK &&
	    (rc = make_tags(sd, &s->dogstatsd_tags)) == GT_OK)
		rc = gt_buf_reserve(&sd->packet, GT_STATSD_PACKET);
	if (rc != GT_OK)
		gt_statsd_fini(sd);
	return rc;
}

void
gt_statsd_fini(struct gt_statsd *sd)
{
	gt_buf_fini(&sd->prefix);
	gt_buf_fini(&sd->tags);
	gt_buf_fini(&sd->packet);
}

void
gt_statsd_flush(struct gt_statsd *sd, int64_t now_us)
{
	if (sd->packet.len == 0)
		return;
	gt_remote_send(sd->to, sd->packet.p, sd->packet.len, now_us);
	sd->packet.len = 0;
}

/* "NAME:VALUE|TYPE|#tags" */
static enum gt_err
put_line(const struct gt_statsd *sd, const char *name, uint64_t value,
         enum gt_statsd_type type, struct gt_buf *out)
{
	static const char *const suffix[] = {"c|@1.0", "ms", "g", "h"};
	char text[32];

	if (type == GT_STATSD_TIME_US)
		snprintf(text, sizeof(text), "%" PRIu64 ".%03u", value / 1000,
		         (unsigned)(value % 1000));
	else
		snprintf(text, sizeof(text), "%" PRIu64, value);
	return gt_buf_addf(out, "%s%.*s%s:%s|%s%.*s", out->len > 0 ? "\n" : "",
	                   (int)sd->prefix.len, sd->prefix.p, name, text,
	                   suffix[type], (int)sd->tags.len, sd->tags.p);
}

void
gt_statsd_add(struct gt_statsd *sd, const char *name, uint64_t value,
              enum gt_statsd_type type, int64_t now_us)
{
	size_t before = sd->packet.len;

	if (put_line(sd, name, value, type, &sd->packet) != GT_OK) {
		sd->packet.len = before;
		return;
	}
	if (before == 0 || sd->packet.len <= GT_STATSD_PACKET)
		return;
	sd->packet.len = before;
	gt_statsd_flush(sd, now_us);
	if (put_line(sd, name, value, type, &sd->packet) != GT_OK)
		sd->packet.len = 0;
}
