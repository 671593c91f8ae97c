/* SPDX-License-Identifier: MIT */
/*
 * Syslog messages. No libc syslog(3): it has one destination, one ident and
 * a lock, and it blocks. Dates from own tables: the app may call setlocale.
 */
#include "gthreadd/stats/syslog.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"

#define PREFIX_MAX 30 /* so that ".access" is never cut off */

/*
 * Codes of RFC 5424 section 6.2.1 for the choices of log-syslog-facility;
 * security is an old name of auth.
 */
static const int facility_code[] = {0,  1, 2,  3,  4,  5,  6,  7,  8,  9, 10,
                                    11, 4, 16, 17, 18, 19, 20, 21, 22, 23};

static const int severity[] = {
    [GT_LOG_DEBUG] = 7, [GT_LOG_INFO] = 6,     [GT_LOG_WARNING] = 4,
    [GT_LOG_ERROR] = 3, [GT_LOG_CRITICAL] = 2,
};

/* ---- lines of the error log ---- */

bool
gt_syslog_next(struct gt_str *rest, struct gt_str *line)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, '\n', rest->n);
	line->p = rest->p;
	line->n = end != NULL ? (size_t)(end - rest->p) : rest->n;
	rest->p += line->n + (end != NULL);
	rest->n -= line->n + (end != NULL);
	return true;
}

/* "[...] " at the beginning of *s is taken off; false: there is none. */
static bool
take_bracket(struct gt_str *s, struct gt_str *inside)
{
	const char *end =
	    s->n > 0 && s->p[0] == '[' ? memchr(s->p, ']', s->n) : NULL;

	if (end == NULL || end + 1 == s->p + s->n || end[1] != ' ')
		return false;
	*inside = (struct gt_str){s->p + 1, (size_t)(end - s->p) - 1};
	s->n -= inside->n + 3;
	s->p = end + 2;
	return true;
}

static bool
find_level(struct gt_str name, enum gt_log_level *out)
{
	static const char *const names[] = {
	    [GT_LOG_DEBUG] = "DEBUG",       [GT_LOG_INFO] = "INFO",
	    [GT_LOG_WARNING] = "WARNING",   [GT_LOG_ERROR] = "ERROR",
	    [GT_LOG_CRITICAL] = "CRITICAL",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (gt_str_eq(name, gt_str_of(names[i]))) {
			*out = (enum gt_log_level)i;
			return true;
		}
	return false;
}

void
gt_syslog_parse(struct gt_str line, struct gt_syslog_line *out)
{
	struct gt_str rest = line, part;

	*out = (struct gt_syslog_line){
	    .level = GT_LOG_ERROR, .is_raw = true, .message = line};
	if (line.n <= GT_LOG_DATE_LEN || line.p[GT_LOG_DATE_LEN - 1] != ']')
		return;
	if (!take_bracket(&rest, &part) || !take_bracket(&rest, &part) ||
	    !take_bracket(&rest, &part) || !find_level(part, &out->level))
		return;
	out->is_raw = false;
	out->message = rest;
}

/* ---- messages ---- */

/* APP-NAME is printable ASCII; ':' would end an RFC 3164 tag. */
static void
make_ident(char out[GT_SYSLOG_IDENT + 1], const char *prefix, const char *kind)
{
	snprintf(out, GT_SYSLOG_IDENT + 1, "gunicorn.%.*s.%s", PREFIX_MAX,
	         prefix, kind);
	for (char *p = out; *p != '\0'; p++) {
		if (*p == ':')
			*p = '.';
		else if (*p <= ' ' || *p >= 0x7f)
			*p = '_';
	}
}

void
gt_syslog_init(struct gt_syslog *sl, int facility, const char *prefix,
               const char *name, bool is_local)
{
	*sl = (struct gt_syslog){.facility = facility, .is_local = is_local};
	if (prefix[0] == '\0')
		prefix = name;
	make_ident(sl->ident[GT_LOG_KIND_ERROR], prefix, "error");
	make_ident(sl->ident[GT_LOG_KIND_ACCESS], prefix, "access");
	if (gethostname(sl->host, sizeof(sl->host) - 1) < 0 ||
	    sl->host[0] == '\0')
		memcpy(sl->host, "-", 2);
}

/* "Nov  6 08:49:37 ident: [pid] " (RFC 3164, local time) */
static enum gt_err
put_local(const struct gt_syslog *sl, enum gt_log_kind kind, int pid,
          int64_t wall_us, struct gt_buf *out)
{
	char clf[GT_CLF_DATE_LEN]; /* "[06/Nov/1994:08:49:37 +0000]" */

	gt_clock_clf_date((time_t)(wall_us / 1000000), clf);
	return gt_buf_addf(out, "%.3s %c%c %.8s %s: [%d] ", clf + 4,
	                   clf[1] == '0' ? ' ' : clf[1], clf[2], clf + 13,
	                   sl->ident[kind], pid);
}

/* "1 1994-11-06T08:49:37.000000Z host ident pid - - " (RFC 5424) */
static enum gt_err
put_net(const struct gt_syslog *sl, enum gt_log_kind kind, int pid,
        int64_t wall_us, struct gt_buf *out)
{
	time_t now = (time_t)(wall_us / 1000000);
	struct tm tm = {0};

	(void)gmtime_r(&now, &tm);
	return gt_buf_addf(
	    out, "1 %04d-%02d-%02dT%02d:%02d:%02d.%06uZ %s %s %d - - ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (unsigned)(wall_us % 1000000), sl->host, sl->ident[kind],
	    pid);
}

/* On a stream: how long the message is, before it. */
static enum gt_err
frame(const struct gt_syslog *sl, struct gt_buf *out)
{
	char length[24];
	size_t body = out->len;
	int n;

	if (!sl->is_stream)
		return GT_OK;
	if (sl->is_local)
		return gt_buf_add(out, "\n", 1);
	n = snprintf(length, sizeof(length), "%zu ", body);
	if (gt_buf_reserve(out, (size_t)n) != GT_OK)
		return GT_NOMEM;
	memmove(out->p + n, out->p, body);
	memcpy(out->p, length, (size_t)n);
	out->len += (size_t)n;
	return GT_OK;
}

enum gt_err
gt_syslog_format(const struct gt_syslog *sl, enum gt_log_kind kind,
                 enum gt_log_level level, int pid, int64_t wall_us,
                 struct gt_str message, struct gt_buf *out)
{
	enum gt_err rc;

	out->len = 0;
	if (message.n > GT_SYSLOG_MAX)
		message.n = GT_SYSLOG_MAX;
	rc = gt_buf_addf(out, "<%d>",
	                 facility_code[sl->facility] * 8 + severity[level]);
	if (rc == GT_OK && sl->is_local)
		rc = put_local(sl, kind, pid, wall_us, out);
	else if (rc == GT_OK)
		rc = put_net(sl, kind, pid, wall_us, out);
	if (rc == GT_OK)
		rc = gt_buf_add(out, message.p, message.n);
	return rc == GT_OK ? frame(sl, out) : rc;
}
