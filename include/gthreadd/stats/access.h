/* SPDX-License-Identifier: MIT */
/*
 * Access-log lines: gunicorn's format with its atoms and ours, compiled once,
 * written escaped so that a line is always one line.
 *
 * Atoms: h l u t r s m U q H b B f a T D M L p {header}i {header}o
 * {variable}e, and Q (queue wait us), G (GIL wait us), I (request id),
 * P (thread), k (request number on the connection), R (octets received).
 */
#ifndef GTHREADD_STATS_ACCESS_H
#define GTHREADD_STATS_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/http/request.h"

struct gt_access_format; /* compiled; immutable: any thread */

/* Errors: GT_INVALID (*why says what is wrong, e.g. "unknown atom '%(z)s'"). */
GT_MUST_CHECK enum gt_err gt_access_compile(const char *format,
                                            struct gt_access_format **out,
                                            const char **why);
void gt_access_format_destroy(struct gt_access_format *f);
/* Names x of the atoms {x}o and {x}e: who runs the app keeps their values. */
const struct gt_str *gt_access_wanted_out(const struct gt_access_format *f,
                                          size_t *n);
const struct gt_str *gt_access_wanted_env(const struct gt_access_format *f,
                                          size_t *n);

/*
 * Write one JSON object a line instead: json.c names its members. The named
 * atoms of the format are members too. Before the format is shared.
 */
void gt_access_set_json(struct gt_access_format *f);
/*
 * Does a glob match the path? '*' stands for any octets, '/' included, '?'
 * for one. NULL: no glob does.
 */
const char *gt_access_find_glob(char *const globs[], size_t n,
                                struct gt_str path);

/* All values borrowed; p == NULL means "-". */
struct gt_access_record {
	const char *base;                 /* head octets the spans refer to */
	const struct gt_request *request; /* NULL: no head was understood */
	struct gt_str peer;               /* %(h)s */
	unsigned status;
	uint64_t body_sent;  /* octets of body, without framing */
	uint64_t received;   /* octets of head and body */
	int64_t wall_us;     /* when it ended, since the epoch */
	int64_t duration_us; /* head complete to last octet */
	int64_t queue_us;
	int64_t gil_us;
	unsigned thread;  /* pool thread, from 1; 0: the loop */
	unsigned on_conn; /* from 1 */
	struct gt_str request_id;
	const struct gt_str *out; /* values for gt_access_wanted_out */
	const struct gt_str *env; /* values for gt_access_wanted_env */
};

/*
 * Append the line for rec, newline included. Escapes: " and \ with \, octets
 * below 0x20, 0x7f and above as \xHH. Errors: GT_NOMEM.
 * Context: any thread, no locks.
 */
GT_MUST_CHECK enum gt_err gt_access_write(const struct gt_access_format *f,
                                          const struct gt_access_record *rec,
                                          struct gt_buf *out);

#endif
