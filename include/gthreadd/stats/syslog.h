/* SPDX-License-Identifier: MIT */
/*
 * Log lines as syslog messages. To a unix socket as libc writes them
 * (RFC 3164 without a host name), over the network as RFC 5424; on TCP each
 * message has its length before it (RFC 6587, octet counting). The ident is
 * gunicorn's: "gunicorn.PREFIX.error", "gunicorn.PREFIX.access".
 * Any thread, no locks.
 */
#ifndef GTHREADD_STATS_SYSLOG_H
#define GTHREADD_STATS_SYSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/str.h"

#define GT_SYSLOG_IDENT 48   /* longest APP-NAME of RFC 5424 */
#define GT_SYSLOG_MAX   8192 /* longer messages are cut */

enum gt_log_kind { GT_LOG_KIND_ERROR, GT_LOG_KIND_ACCESS };

/* A line of the error log as it stands in the file. */
struct gt_syslog_line {
	enum gt_log_level level; /* of raw text: error */
	bool is_raw;             /* wsgi.errors, a traceback */
	struct gt_str message;
};

/*
 * Take the next line (without its newline) of *rest; what is behind the last
 * newline counts as one. false: there is none.
 */
bool gt_syslog_next(struct gt_str *rest, struct gt_str *line);
/* "[date] [pid] [LEVEL] message" or raw text. */
void gt_syslog_parse(struct gt_str line, struct gt_syslog_line *out);

struct gt_syslog {
	int facility; /* place among the choices of log-syslog-facility */
	bool is_local;
	bool is_stream;
	char ident[2][GT_SYSLOG_IDENT + 1]; /* by enum gt_log_kind */
	char host[256];
};

/* prefix: "" takes name, the server's. */
void gt_syslog_init(struct gt_syslog *sl, int facility, const char *prefix,
                    const char *name, bool is_local);
/*
 * Put one message into out, which is emptied before. pid: who says it.
 * Errors: GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err
gt_syslog_format(const struct gt_syslog *sl, enum gt_log_kind kind,
                 enum gt_log_level level, int pid, int64_t wall_us,
                 struct gt_str message, struct gt_buf *out);

#endif
