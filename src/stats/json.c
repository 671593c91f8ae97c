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

#include "stats_priv.h"

/* Where the next member goes; rc is that of the first failure. */
struct json {
	struct gt_buf *out;
	bool is_first; /* of its object */
	enum gt_err rc;
};

static void
put(struct json *j, const char *p, size_t n)
{
	if (j->rc == GT_OK)
		j->rc = gt_buf_add(j->out, p, n);
}

static bool
is_tail(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/*
 * Octets of the UTF-8 sequence at p that is more than one octet; 0: none.
 * Not overlong, no surrogates, nothing above U+10FFFF (RFC 3629).
 */
static size_t
sequence(const unsigned char *p, size_t left)
{
	unsigned char c = p[0];
	size_t n = c >= 0xc2 && c <= 0xdf   ? 2
	           : c >= 0xe0 && c <= 0xef ? 3
	           : c >= 0xf0 && c <= 0xf4 ? 4
	                                    : 0;

	if (n == 0 || n > left || !is_tail(p + 1, n - 1))
		return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
	    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
put_escape(struct json *j, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c == '"' || c == '\\') {
		esc[1] = (char)c;
		put(j, esc, 2);
	} else {
		put(j, esc, sizeof(esc));
	}
}

static void
put_string(struct json *j, struct gt_str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i = 0, run, n;

	put(j, "\"", 1);
	while (i < s.n) {
		for (run = i; i < s.n; i += n)
			if ((n = is_plain(p[i])) == 0 &&
			    (n = sequence(p + i, s.n - i)) == 0)
				break;
		put(j, s.p + run, i - run);
		if (i < s.n)
			put_escape(j, p[i++]);
	}
	put(j, "\"", 1);
}

/* A string, or null. */
static void
put_value(struct json *j, struct gt_str s)
{
	if (s.p == NULL)
		put(j, "null", 4);
	else
		put_string(j, s);
}

static void
put_name(struct json *j, struct gt_str name)
{
	put(j, j->is_first ? "{" : ",", 1);
	j->is_first = false;
	put_string(j, name);
	put(j, ":", 1);
}

static void
add_text(struct json *j, struct gt_str name, struct gt_str value)
{
	put_name(j, name);
	put_value(j, value);
}

static void
add_number(struct json *j, struct gt_str name, uint64_t n)
{
	put_name(j, name);
	if (j->rc == GT_OK)
		j->rc = gt_access_put_number(j->out, n);
}

/* A duration; clocks of two threads may differ by a hair. */
static void
add_span(struct json *j, struct gt_str name, int64_t us)
{
	add_number(j, name, us < 0 ? 0 : (uint64_t)us);
}

/* RFC 3339, UTC, microseconds. The text of the second is kept per thread. */
static void
add_time(struct json *j, int64_t wall_us)
{
	static _Thread_local char text[64];
	static _Thread_local time_t second = -1;
	time_t now = (time_t)(wall_us / 1000000);
	char micros[16];
	struct tm tm;
	int n;

	if (now != second && gmtime_r(&now, &tm) != NULL) {
		snprintf(text, sizeof(text), "\"%04d-%02d-%02dT%02d:%02d:%02d",
		         tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		         tm.tm_hour, tm.tm_min, tm.tm_sec);
		second = now;
	}
	n = snprintf(micros, sizeof(micros), ".%06uZ\"",
	             (unsigned)(wall_us % 1000000));
	put_name(j, GT_STR("time"));
	put(j, text, strlen(text));
	put(j, micros, (size_t)n);
}

/* What percent-encoding stands for; bad encodings stay. */
static void
add_path(struct json *j, struct gt_str path)
{
	struct gt_buf plain = {0};
	int high, low;

	if (path.p == NULL || memchr(path.p, '%', path.n) == NULL) {
		add_text(j, GT_STR("path"), path);
		return;
	}
	if (j->rc == GT_OK)
		j->rc = gt_buf_reserve(&plain, path.n);
	for (size_t i = 0; i < path.n && j->rc == GT_OK; i++) {
		char c = path.p[i];

		if (c == '%' && path.n - i > 2 &&
		    (high = gt_ascii_hex(path.p[i + 1])) >= 0 &&
		    (low = gt_ascii_hex(path.p[i + 2])) >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		}
		plain.p[plain.len++] = c;
	}
	add_text(j, GT_STR("path"), gt_buf_str(&plain));
	gt_buf_fini(&plain);
}

static void
add_request(struct json *j, const struct gt_access_record *rec)
{
	const struct gt_request *rq = rec->request;
	const struct gt_str none = {NULL, 0};
	bool has = rq != NULL && rq->method.len > 0 && rq->target.len > 0;
	struct gt_str protocol = none;

	if (has)
		protocol =
		    rq->minor == 0 ? GT_STR("HTTP/1.0") : GT_STR("HTTP/1.1");
	add_text(j, GT_STR("method"),
	         has ? gt_span_str(rec->base, rq->method) : none);
	add_text(j, GT_STR("target"),
	         has ? gt_span_str(rec->base, rq->target) : none);
	add_path(j, has ? gt_span_str(rec->base, rq->path) : none);
	add_text(j, GT_STR("query"),
	         has && rq->query.len > 0 ? gt_span_str(rec->base, rq->query)
	                                  : none);
	add_text(j, GT_STR("protocol"), protocol);
}

static void
add_answer(struct json *j, const struct gt_access_record *rec)
{
	add_number(j, GT_STR("status"), rec->status);
	add_number(j, GT_STR("sent"), rec->body_sent);
	add_number(j, GT_STR("received"), rec->received);
	add_span(j, GT_STR("duration_us"), rec->duration_us);
	add_span(j, GT_STR("queue_us"), rec->queue_us);
	add_span(j, GT_STR("gil_us"), rec->gil_us);
	add_number(j, GT_STR("thread"), rec->thread);
	add_number(j, GT_STR("on_connection"), rec->on_conn);
}

/* The named atoms of the format; an object only when there are some. */
static void
add_named(struct json *j, struct gt_str name, const struct gt_str *names,
          const struct gt_str *values, size_t n)
{
	const struct gt_str none = {NULL, 0};

	if (n == 0)
		return;
	put_name(j, name);
	j->is_first = true;
	for (size_t i = 0; i < n; i++)
		add_text(j, names[i], values != NULL ? values[i] : none);
	put(j, "}", 1);
	j->is_first = false;
}

static void
add_fields_in(struct json *j, const struct gt_access_format *f,
              const struct gt_access_record *rec)
{
	bool has_some = false;

	for (size_t i = 0; i < f->nops; i++) {
		const struct access_op *op = &f->op[i];

		if (op->atom != ATOM_FIELD_IN)
			continue;
		if (!has_some) {
			put_name(j, GT_STR("request_headers"));
			j->is_first = has_some = true;
		}
		add_text(j, op->text,
		         gt_access_field(rec, op->field, op->text));
	}
	if (has_some)
		put(j, "}", 1);
	j->is_first = false;
}

enum gt_err
gt_access_write_json(const struct gt_access_format *f,
                     const struct gt_access_record *rec, struct gt_buf *out)
{
	struct json j = {.out = out, .is_first = true};
	const struct gt_str none = {NULL, 0};
	size_t start = out->len;
	char user[GT_ACCESS_USER];

	add_time(&j, rec->wall_us);
	add_number(&j, GT_STR("pid"), (uint64_t)getpid());
	add_text(&j, GT_STR("remote_addr"), rec->peer.n > 0 ? rec->peer : none);
	add_text(&j, GT_STR("user"), gt_access_user(rec, user));
	add_request(&j, rec);
	add_answer(&j, rec);
	add_text(&j, GT_STR("request_id"),
	         rec->request_id.n > 0 ? rec->request_id : none);
	add_text(&j, GT_STR("referer"),
	         gt_access_field(rec, GT_FIELD_REFERER, none));
	add_text(&j, GT_STR("user_agent"),
	         gt_access_field(rec, GT_FIELD_USER_AGENT, none));
	add_fields_in(&j, f, rec);
	add_named(&j, GT_STR("response_headers"), f->out, rec->out, f->nout);
	add_named(&j, GT_STR("environ"), f->env, rec->env, f->nenv);
	put(&j, "}\n", 2);
	if (j.rc != GT_OK)
		out->len = start;
	return j.rc;
}
