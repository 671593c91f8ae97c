/* SPDX-License-Identifier: MIT */
/*
 * Log lines to syslog, metrics to statsd. Counters are gathered between two
 * flushes, so that a busy worker sends one line for many requests; every
 * request has a line of its own for its duration.
 */
#include "gthreadd/stats/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"

#define SYSLOG_PORT 514
#define STATSD_PORT 8125
#define STATUS_MAX  1000

/* Log counters, with gunicorn's names. */
enum count {
	COUNT_WARNING,
	COUNT_ERROR,
	COUNT_CRITICAL,
	COUNT_EXCEPTION, /* a traceback */
	COUNTS
};

struct gt_relay {
	struct gt_remote *syslog; /* NULL: none */
	bool wants_access;
	struct gt_syslog format;
	struct gt_buf message;

	struct gt_remote *to_statsd; /* NULL: none */
	struct gt_statsd statsd;
	/* since the last flush */
	uint64_t requests;
	uint32_t status[STATUS_MAX];
	uint64_t count[COUNTS];
};

static enum gt_err
resolve(const char *setting, const char *text, unsigned port,
        struct gt_remote_addr *out, char *why, size_t n)
{
	const char *what = "";
	enum gt_err rc = gt_remote_resolve(gt_str_of(text), port, out, &what);

	if (rc != GT_OK)
		snprintf(why, n, "%s '%s': %s", setting, text, what);
	return rc;
}

enum gt_err
gt_relay_resolve(const struct gt_settings *s, struct gt_relay_targets *out,
                 char *why, size_t n)
{
	enum gt_err rc = GT_OK;

	*out = (struct gt_relay_targets){.syslog = {.len = 0}};
	if (s->log_syslog)
		rc = resolve("log-syslog-to", s->log_syslog_to, SYSLOG_PORT,
		             &out->syslog, why, n);
	if (rc == GT_OK && s->statsd_host[0] != '\0')
		rc = resolve("statsd-host", s->statsd_host, STATSD_PORT,
		             &out->statsd, why, n);
	return rc;
}

bool
gt_relay_wants_access(const struct gt_settings *s)
{
	return s->log_syslog && !s->disable_redirect_access_to_syslog;
}

enum gt_err
gt_relay_create(const struct gt_settings *s, const struct gt_relay_targets *t,
                const char *name, struct gt_relay **out)
{
	struct gt_relay *r;
	enum gt_err rc = GT_OK;

	*out = NULL;
	if (t->syslog.len == 0 && t->statsd.len == 0)
		return GT_OK;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return GT_NOMEM;
	r->wants_access = gt_relay_wants_access(s);
	gt_syslog_init(&r->format, s->log_syslog_facility, s->log_syslog_prefix,
	               name, t->syslog.sa.ss_family == AF_UNIX);
	if (t->syslog.len != 0)
		rc = gt_remote_create(&t->syslog, &r->syslog);
	if (rc == GT_OK && t->statsd.len != 0)
		rc = gt_remote_create(&t->statsd, &r->to_statsd);
	if (rc == GT_OK && r->to_statsd != NULL)
		rc = gt_statsd_init(&r->statsd, s, r->to_statsd);
	if (rc != GT_OK) {
		gt_relay_destroy(r);
		return rc;
	}
	*out = r;
	return GT_OK;
}

void
gt_relay_destroy(struct gt_relay *r)
{
	if (r == NULL)
		return;
	gt_remote_destroy(r->syslog);
	gt_statsd_fini(&r->statsd);
	gt_remote_destroy(r->to_statsd);
	gt_buf_fini(&r->message);
	free(r);
}

static void
send_line(struct gt_relay *r, enum gt_log_kind kind,
          const struct gt_syslog_line *line, int64_t now_us)
{
	if (r->syslog == NULL || line->message.n == 0)
		return;
	r->format.is_stream = gt_remote_is_stream(r->syslog);
	if (gt_syslog_format(&r->format, kind, line->level, (int)getpid(),
	                     gt_clock_wall_us(), line->message,
	                     &r->message) == GT_OK)
		gt_remote_send(r->syslog, r->message.p, r->message.len, now_us);
}

static void
count_line(struct gt_relay *r, const struct gt_syslog_line *line)
{
	if (line->is_raw)
		r->count[COUNT_EXCEPTION] +=
		    gt_str_eq(line->message,
		              GT_STR("Traceback (most recent call last):"));
	else if (line->level == GT_LOG_WARNING)
		r->count[COUNT_WARNING]++;
	else if (line->level == GT_LOG_ERROR)
		r->count[COUNT_ERROR]++;
	else if (line->level == GT_LOG_CRITICAL)
		r->count[COUNT_CRITICAL]++;
}

void
gt_relay_lines(struct gt_relay *r, enum gt_log_kind kind, const char *p,
               size_t n, int64_t now_us)
{
	struct gt_str rest = {p, n};
	struct gt_syslog_line line = {.level = GT_LOG_INFO};

	if (kind == GT_LOG_KIND_ACCESS && !r->wants_access)
		return;
	while (gt_syslog_next(&rest, &line.message)) {
		if (kind == GT_LOG_KIND_ERROR) {
			gt_syslog_parse(line.message, &line);
			count_line(r, &line);
		}
		send_line(r, kind, &line, now_us);
	}
}

bool
gt_relay_has_metrics(const struct gt_relay *r)
{
	return r != NULL && r->to_statsd != NULL;
}

void
gt_relay_request(struct gt_relay *r, unsigned status, int64_t duration_us,
                 int64_t now_us)
{
	if (r->to_statsd == NULL)
		return;
	r->requests++;
	if (status < STATUS_MAX)
		r->status[status]++;
	gt_statsd_add(&r->statsd, "request.duration",
	              duration_us < 0 ? 0 : (uint64_t)duration_us,
	              GT_STATSD_TIME_US, now_us);
}

void
gt_relay_metric(struct gt_relay *r, const char *name, uint64_t value,
                enum gt_statsd_type type, int64_t now_us)
{
	if (r->to_statsd != NULL)
		gt_statsd_add(&r->statsd, name, value, type, now_us);
}

static void
put_requests(struct gt_relay *r, int64_t now_us)
{
	char name[40];

	if (r->requests == 0)
		return;
	gt_statsd_add(&r->statsd, "requests", r->requests, GT_STATSD_COUNTER,
	              now_us);
	for (unsigned i = 0; i < STATUS_MAX; i++) {
		if (r->status[i] == 0)
			continue;
		snprintf(name, sizeof(name), "request.status.%u", i);
		gt_statsd_add(&r->statsd, name, r->status[i], GT_STATSD_COUNTER,
		              now_us);
		r->status[i] = 0;
	}
	r->requests = 0;
}

static void
put_counts(struct gt_relay *r, int64_t now_us)
{
	static const char *const names[COUNTS] = {
	    [COUNT_WARNING] = "log.warning",
	    [COUNT_ERROR] = "log.error",
	    [COUNT_CRITICAL] = "log.critical",
	    [COUNT_EXCEPTION] = "log.exception",
	};

	for (int i = 0; i < COUNTS; i++) {
		if (r->count[i] > 0)
			gt_statsd_add(&r->statsd, names[i], r->count[i],
			              GT_STATSD_COUNTER, now_us);
		r->count[i] = 0;
	}
}

int64_t
gt_relay_flush(struct gt_relay *r, int64_t now_us)
{
	int64_t syslog_us = 0, statsd_us = 0;

	if (r->to_statsd != NULL) {
		put_requests(r, now_us);
		put_counts(r, now_us);
		gt_statsd_flush(&r->statsd, now_us);
		statsd_us = gt_remote_flush(r->to_statsd, now_us);
	}
	if (r->syslog != NULL)
		syslog_us = gt_remote_flush(r->syslog, now_us);
	if (syslog_us == 0 || statsd_us == 0)
		return syslog_us + statsd_us;
	return syslog_us < statsd_us ? syslog_us : statsd_us;
}

uint64_t
gt_relay_lost(const struct gt_relay *r)
{
	return (r->syslog != NULL ? gt_remote_lost(r->syslog) : 0) +
	       (r->to_statsd != NULL ? gt_remote_lost(r->to_statsd) : 0);
}
