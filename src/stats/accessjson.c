/* SPDX-License-Identifier: MIT */
/*
 * Access-log lines as JSON (RFC 8259): one object a line, its members always
 * the same and in the same order, null for what is not known. Octets of a
 * client that are no UTF-8 become \u00XX, so that a line is always valid.
 * Runs once per request; any thread, no locks, no Python.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "gthreadd/stats/json.h"

#include "stats_priv.h"

/* A string, or null. */
static void
add_text(struct gt_json *j, const char *name, struct gt_str value)
{
	if (value.p == NULL)
		gt_json_null(j, name);
	else
		gt_json_str(j, name, value);
}

/* A duration; clocks of two threads may differ by a hair. */
static void
add_span(struct gt_json *j, const char *name, int64_t us)
{
	gt_json_uint(j, name, us < 0 ? 0 : (uint64_t)us);
}

/* RFC 3339, UTC, microseconds. The text of the second is kept per thread. */
static void
add_time(struct gt_json *j, int64_t wall_us)
{
	static _Thread_local char second_text[60];
	static _Thread_local time_t second = -1;
	time_t now = (time_t)(wall_us / 1000000);
	char text[80];
	struct tm tm;

	if (now != second && gmtime_r(&now, &tm) != NULL) {
		snprintf(second_text, sizeof(second_text),
		         "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
		         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		         tm.tm_sec);
		second = now;
	}
	snprintf(text, sizeof(text), "%s.%06uZ", second_text,
	         (unsigned)(wall_us % 1000000));
	gt_json_text(j, "time", text);
}

/* What percent-encoding stands for; bad encodings stay. */
static void
add_path(struct gt_json *j, struct gt_str path)
{
	struct gt_buf plain = {0};
	int high, low;

	if (path.p == NULL || memchr(path.p, '%', path.n) == NULL) {
		add_text(j, "path", path);
		return;
	}
	if (j->err == GT_OK)
		j->err = gt_buf_reserve(&plain, path.n);
	for (size_t i = 0; i < path.n && j->err == GT_OK; i++) {
		char c = path.p[i];

		if (c == '%' && path.n - i > 2 &&
		    (high = gt_ascii_hex(path.p[i + 1])) >= 0 &&
		    (low = gt_ascii_hex(path.p[i + 2])) >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		}
		plain.p[plain.len++] = c;
	}
	add_text(j, "path", gt_buf_str(&plain));
	gt_buf_fini(&plain);
}

static void
add_request(struct gt_json *j, const struct gt_access_record *rec)
{
	const struct gt_request *rq = rec->request;
	const struct gt_str none = {NULL, 0};
	bool has = rq != NULL && rq->method.len > 0 && rq->target.len > 0;
	struct gt_str protocol = none;

	if (has)
		protocol =
		    rq->minor == 0 ? GT_STR("HTTP/1.0") : GT_STR("HTTP/1.1");
	add_text(j, "method", has ? gt_span_str(rec->base, rq->method) : none);
	add_text(j, "target", has ? gt_span_str(rec->base, rq->target) : none);
	add_path(j, has ? gt_span_str(rec->base, rq->path) : none);
	add_text(j, "query",
	         has && rq->query.len > 0 ? gt_span_str(rec->base, rq->query)
	                                  : none);
	add_text(j, "protocol", protocol);
}

static void
add_answer(struct gt_json *j, const struct gt_access_record *rec)
{
	gt_json_uint(j, "status", rec->status);
	gt_json_uint(j, "sent", rec->body_sent);
	gt_json_uint(j, "received", rec->received);
	add_span(j, "duration_us", rec->duration_us);
	add_span(j, "queue_us", rec->queue_us);
	add_span(j, "gil_us", rec->gil_us);
	gt_json_uint(j, "thread", rec->thread);
	gt_json_uint(j, "on_connection", rec->on_conn);
}

/* A member whose name is of the format. */
static void
add_named(struct gt_json *j, struct gt_str name, struct gt_str value)
{
	gt_json_name(j, name);
	add_text(j, NULL, value);
}

/* The named atoms of the format; an object only when there are some. */
static void
add_atoms(struct gt_json *j, const char *name, const struct gt_str *names,
          const struct gt_str *values, size_t n)
{
	const struct gt_str none = {NULL, 0};

	if (n == 0)
		return;
	gt_json_key(j, name);
	gt_json_open(j, '{');
	for (size_t i = 0; i < n; i++)
		add_named(j, names[i], values != NULL ? values[i] : none);
	gt_json_close(j, '}');
}

static void
add_fields_in(struct gt_json *j, const struct gt_access_format *f,
              const struct gt_access_record *rec)
{
	bool has_some = false;

	for (size_t i = 0; i < f->nops; i++) {
		const struct access_op *op = &f->op[i];

		if (op->atom != ATOM_FIELD_IN)
			continue;
		if (!has_some) {
			gt_json_key(j, "request_headers");
			gt_json_open(j, '{');
			has_some = true;
		}
		add_named(j, op->text,
		          gt_access_field(rec, op->field, op->text));
	}
	if (has_some)
		gt_json_close(j, '}');
}

enum gt_err
gt_access_write_json(const struct gt_access_format *f,
                     const struct gt_access_record *rec, struct gt_buf *out)
{
	struct gt_json j = {.out = out, .keeps_octets = true};
	const struct gt_str none = {NULL, 0};
	size_t start = out->len;
	char user[GT_ACCESS_USER];

	gt_json_open(&j, '{');
	add_time(&j, rec->wall_us);
	gt_json_uint(&j, "pid", (uint64_t)getpid());
	add_text(&j, "remote_addr", rec->peer.n > 0 ? rec->peer : none);
	add_text(&j, "user", gt_access_user(rec, user));
	add_request(&j, rec);
	add_answer(&j, rec);
	add_text(&j, "request_id",
	         rec->request_id.n > 0 ? rec->request_id : none);
	add_text(&j, "referer", gt_access_field(rec, GT_FIELD_REFERER, none));
	add_text(&j, "user_agent",
	         gt_access_field(rec, GT_FIELD_USER_AGENT, none));
	add_fields_in(&j, f, rec);
	add_atoms(&j, "response_headers", f->out, rec->out, f->nout);
	add_atoms(&j, "environ", f->env, rec->env, f->nenv);
	gt_json_close(&j, '}');
	if (j.err == GT_OK)
		j.err = gt_buf_add(out, "\n", 1);
	if (j.err != GT_OK)
		out->len = start;
	return j.err;
}
