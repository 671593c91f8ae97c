/* SPDX-License-Identifier: MIT */
/*
 * Time. Durations and deadlines: microseconds of CLOCK_MONOTONIC. Dates: wall
 * clock, written with own tables (an app may call setlocale).
 */
#ifndef GTHREADD_BASE_CLOCK_H
#define GTHREADD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define GT_HTTP_DATE_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define GT_CLF_DATE_LEN  28 /* "[06/Nov/1994:08:49:37 +0000]" */
#define GT_LOG_DATE_LEN  27 /* "[1994-11-06 08:49:37 +0000]" */

int64_t gt_clock_us(void);
/* Microseconds since the epoch. */
int64_t gt_clock_wall_us(void);

/* IMF-fixdate (RFC 9110 section 5.6.7); out is not NUL-terminated. */
void gt_clock_http_date(time_t t, char out[GT_HTTP_DATE_LEN]);
/* Local time; out is not NUL-terminated. */
void gt_clock_clf_date(time_t t, char out[GT_CLF_DATE_LEN]);
void gt_clock_log_date(time_t t, char out[GT_LOG_DATE_LEN]);

#endif
