/* SPDX-License-Identifier: MIT */
/*
 * The writer of access-log lines. It runs once per request, so it appends to
 * the buffer with no printf and no locale; the text of the date is kept per
 * thread while the second lasts. Any thread, no locks, no Python.
 *
 * Every octet that a client had a say in goes through put_escaped().
 */
#include "gthreadd/stats/access.h"

#include <stdbool.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "stats_priv.h"

static enum gt_err
put_dash(struct gt_buf *out)
{
	return gt_buf_add(out, "-", 1);
}

/* Octets that are written as they are: printable but " and backslash. */
static const bool plain_table[256] = {
    [' ' ... '!'] = true,
    ['#' ... '['] = true,
    [']' ... '~'] = true,
};

static bool
is_plain(char c)
{
	return plain_table[(unsigned char)c];
}

static enum gt_err
put_octet(struct gt_buf *out, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	char esc[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

	if (is_plain((char)c))
		return gt_buf_add(out, &c, 1);
	if (c == '"' || c == '\\') {
		esc[1] = (char)c;
		return gt_buf_add(out, esc, 2);
	}
	return gt_buf_add(out, esc, sizeof esc);
}

static enum gt_err
put_escaped(struct gt_buf *out, struct gt_str s)
{
	const char *p = s.p, *end = s.p + s.n, *run;
	enum gt_err rc = GT_OK;

	while (p < end && rc == GT_OK) {
		for (run = p; p < end && is_plain(*p); p++)
			;
		if (p > run)
			rc = gt_buf_add(out, run, (size_t)(p - run));
		if (p < end && rc == GT_OK)
			rc = put_octet(out, (unsigned char)*p++);
	}
	return rc;
}

static enum gt_err
put_value(struct gt_buf *out, struct gt_str s)
{
	return s.p == NULL ? put_dash(out) : put_escaped(out, s);
}

static enum gt_err
put_non_empty(struct gt_buf *out, struct gt_str s)
{
	return s.n == 0 ? put_dash(out) : put_escaped(out, s);
}

static enum gt_err
put_number(struct gt_buf *out, uint64_t n)
{
	return gt_buf_add_decimal(out, n, 1);
}

/* A duration; clocks of two threads may differ by a hair. */
static uint64_t
span_us(int64_t us)
{
	return us < 0 ? 0 : (uint64_t)us;
}

static enum gt_err
put_decimal(struct gt_buf *out, uint64_t us)
{
	enum gt_err rc;

	if ((rc = put_number(out, us / 1000000)) != GT_OK)
		return rc;
	if ((rc = gt_buf_add(out, ".", 1)) != GT_OK)
		return rc;
	return gt_buf_add_decimal(out, us % 1000000, 6);
}

static enum gt_err
put_time(struct gt_buf *out, int64_t wall_us)
{
	static _Thread_local char text[GT_CLF_DATE_LEN];
	static _Thread_local time_t second;
	time_t now = (time_t)(wall_us / 1000000);

	if (now != second || text[0] == '\0') {
		gt_clock_clf_date(now, text);
		second = now;
	}
	return gt_buf_add(out, text, sizeof text);
}

static enum gt_err
put_pid(struct gt_buf *out)
{
	enum gt_err rc;

	if ((rc = gt_buf_add(out, "<", 1)) != GT_OK)
		return rc;
	if ((rc = put_number(out, (uint64_t)getpid())) != GT_OK)
		return rc;
	return gt_buf_add(out, ">", 1);
}

/* ---- the request ---- */

static struct gt_str
span_of(const struct gt_access_record *rec, struct gt_span span)
{
	return gt_span_str(rec->base, span);
}

static bool
has_line(const struct gt_access_record *rec)
{
	return rec->request != NULL && rec->request->method.len > 0 &&
	       rec->request->target.len > 0;
}

static struct gt_str
protocol_of(const struct gt_request *rq)
{
	return rq->minor == 0 ? GT_STR("HTTP/1.0") : GT_STR("HTTP/1.1");
}

static enum gt_err
put_line(struct gt_buf *out, const struct gt_access_record *rec)
{
	const struct gt_request *rq = rec->request;
	enum gt_err rc;

	if (!has_line(rec))
		return put_dash(out);
	if ((rc = put_escaped(out, span_of(rec, rq->method))) != GT_OK)
		return rc;
	if ((rc = gt_buf_add(out, " ", 1)) != GT_OK)
		return rc;
	if ((rc = put_escaped(out, span_of(rec, rq->target))) != GT_OK)
		return rc;
	if ((rc = gt_buf_add(out, " ", 1)) != GT_OK)
		return rc;
	return put_escaped(out, protocol_of(rq));
}

/* PATH_INFO is what percent-encoding stands for; bad encodings stay. */
static enum gt_err
put_path(struct gt_buf *out, struct gt_str s)
{
	enum gt_err rc = GT_OK;
	int high, low;
	size_t i;

	if (memchr(s.p, '%', s.n) == NULL)
		return put_escaped(out, s);
	for (i = 0; i < s.n && rc == GT_OK; i++) {
		high = low = -1;
		if (s.p[i] == '%' && s.n - i > 2) {
			high = gt_ascii_hex(s.p[i + 1]);
			low = gt_ascii_hex(s.p[i + 2]);
		}
		if (high < 0 || low < 0) {
			rc = put_octet(out, (unsigned char)s.p[i]);
			continue;
		}
		rc = put_octet(out, (unsigned char)(high << 4 | low));
		i += 2;
	}
	return rc;
}

struct gt_str
gt_access_field(const struct gt_access_record *rec, enum gt_field_id id,
                struct gt_str name)
{
	const struct gt_request *rq = rec->request;
	const struct gt_field *f;
	size_t i;

	for (i = rq != NULL ? rq->nfields : 0; i > 0; i--) {
		f = &rq->field[i - 1];
		if (f->id == id &&
		    (id != GT_FIELD_OTHER ||
		     gt_str_eq_icase(span_of(rec, f->name), name)))
			return span_of(rec, f->value);
	}
	return (struct gt_str){NULL, 0};
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (gt_ascii_is_digit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/*
 * Decode base64 up to the first ':', its end or max octets. false: not base64.
 */
static bool
decode_user(struct gt_str s, char *user, size_t max, size_t *len)
{
	uint32_t bits = 0;
	unsigned nbits = 0;
	size_t i;
	int v;

	*len = 0;
	for (i = 0; i < s.n && *len < max && s.p[i] != '='; i++) {
		if ((v = base64_value(s.p[i])) < 0)
			return false;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		if ((nbits += 6) < 8)
			continue;
		nbits -= 8;
		user[*len] = (char)(bits >> nbits & 0xff);
		if (user[*len] == ':')
			break;
		++*len;
	}
	return true;
}

struct gt_str
gt_access_user(const struct gt_access_record *rec, char user[GT_ACCESS_USER])
{
	struct gt_str auth =
	    gt_access_field(rec, GT_FIELD_AUTHORIZATION, GT_STR(""));
	struct gt_str scheme = {NULL, 0}, none = {NULL, 0};
	size_t n;

	if (auth.p == NULL || !gt_str_split(&auth, ' ', &scheme) ||
	    auth.p == NULL || !gt_str_eq_icase(scheme, GT_STR("Basic")))
		return none;
	if (!decode_user(gt_str_trim(auth), user, GT_ACCESS_USER, &n) || n == 0)
		return none;
	return (struct gt_str){user, n};
}

/*
 * The name is what the client claims, and its place in the line is between
 * spaces: its own are escaped too.
 */
static enum gt_err
put_user(struct gt_buf *out, const struct gt_access_record *rec)
{
	char user[GT_ACCESS_USER];
	enum gt_err rc = GT_OK;
	size_t n, i;

	if ((n = gt_access_user(rec, user).n) == 0)
		return put_dash(out);
	for (i = 0; i < n && rc == GT_OK; i++) {
		if (user[i] == ' ')
			rc = gt_buf_add(out, "\\x20", 4);
		else
			rc = put_octet(out, (unsigned char)user[i]);
	}
	return rc;
}

static enum gt_err
put_protocol(struct gt_buf *out, const struct gt_access_record *rec)
{
	return has_line(rec) ? put_escaped(out, protocol_of(rec->request))
	                     : put_dash(out);
}

static enum gt_err
put_part(struct gt_buf *out, const struct gt_access_record *rec,
         enum access_atom atom)
{
	const struct gt_request *rq = rec->request;

	if (!has_line(rec))
		return put_dash(out);
	if (atom == ATOM_METHOD)
		return put_escaped(out, span_of(rec, rq->method));
	if (atom == ATOM_QUERY)
		return put_escaped(out, span_of(rec, rq->query));
	if (rq->path.len == 0)
		return put_dash(out);
	return put_path(out, span_of(rec, rq->path));
}

static enum gt_err
put_numeric(struct gt_buf *out, const struct gt_access_record *rec,
            enum access_atom atom)
{
	uint64_t us = span_us(rec->duration_us);

	switch ((int)atom) {
	case ATOM_STATUS:
		return put_number(out, rec->status);
	case ATOM_SENT_CLF:
		return rec->body_sent == 0 ? put_dash(out)
		                           : put_number(out, rec->body_sent);
	case ATOM_SENT:
		return put_number(out, rec->body_sent);
	case ATOM_SECONDS:
		return put_number(out, us / 1000000);
	case ATOM_MICROS:
		return put_number(out, us);
	case ATOM_MILLIS:
		return put_number(out, us / 1000);
	case ATOM_QUEUE:
		return put_number(out, span_us(rec->queue_us));
	case ATOM_GIL:
		return put_number(out, span_us(rec->gil_us));
	case ATOM_THREAD:
		return rec->thread == 0 ? put_dash(out)
		                        : put_number(out, rec->thread);
	case ATOM_ON_CONN:
		return put_number(out, rec->on_conn);
	default: /* ATOM_RECEIVED */
		return put_number(out, rec->received);
	}
}

static struct gt_str
nth(const struct gt_str *v, size_t i)
{
	return v != NULL ? v[i] : (struct gt_str){NULL, 0};
}

static enum gt_err
put_op(struct gt_buf *out, const struct gt_access_record *rec,
       const struct access_op *op)
{
	const struct gt_str none = {NULL, 0};

	switch ((int)op->atom) {
	case ATOM_LITERAL:
		return gt_buf_add(out, op->text.p, op->text.n);
	case ATOM_DASH:
		return put_dash(out);
	case ATOM_PEER:
		return put_non_empty(out, rec->peer);
	case ATOM_USER:
		return put_user(out, rec);
	case ATOM_TIME:
		return put_time(out, rec->wall_us);
	case ATOM_LINE:
		return put_line(out, rec);
	case ATOM_METHOD:
	case ATOM_PATH:
	case ATOM_QUERY:
		return put_part(out, rec, op->atom);
	case ATOM_PROTOCOL:
		return put_protocol(out, rec);
	case ATOM_REFERER:
		return put_value(out,
		                 gt_access_field(rec, GT_FIELD_REFERER, none));
	case ATOM_AGENT:
		return put_value(
		    out, gt_access_field(rec, GT_FIELD_USER_AGENT, none));
	case ATOM_DECIMAL:
		return put_decimal(out, span_us(rec->duration_us));
	case ATOM_PID:
		return put_pid(out);
	case ATOM_REQUEST_ID:
		return put_non_empty(out, rec->request_id);
	case ATOM_FIELD_IN:
		return put_value(out,
		                 gt_access_field(rec, op->field, op->text));
	case ATOM_FIELD_OUT:
		return put_value(out, nth(rec->out, op->index));
	case ATOM_VARIABLE:
		return put_value(out, nth(rec->env, op->index));
	default:
		return put_numeric(out, rec, op->atom);
	}
}

enum gt_err
gt_access_write(const struct gt_access_format *f,
                const struct gt_access_record *rec, struct gt_buf *out)
{
	size_t start = out->len, i;
	enum gt_err rc = GT_OK;

	if (f->is_json)
		return gt_access_write_json(f, rec, out);
	for (i = 0; i < f->nops && rc == GT_OK; i++)
		rc = put_op(out, rec, &f->op[i]);
	if (rc == GT_OK)
		rc = gt_buf_add(out, "\n", 1);
	if (rc != GT_OK)
		out->len = start;
	return rc;
}
