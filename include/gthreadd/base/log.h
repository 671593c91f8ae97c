/* SPDX-License-Identifier: MIT */
/*
 * The error log: "[2026-11-21 10:00:00 +0000] [4711] [INFO] message".
 * A message is one line: control octets in it are written as \xHH. Lines go
 * to a descriptor (standard error at first) or to a sink (a worker's log
 * thread). What a descriptor does not take is dropped; how much it was is the
 * next line that it takes. Any thread; GIL held or not; keeps errno.
 *
 * error: needs a human; warning: degraded; info: life cycle; debug: requests.
 * Messages: lower case, subject first, values as key=value, no full stop.
 */
#ifndef GTHREADD_BASE_LOG_H
#define GTHREADD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/str.h"

enum gt_log_level {
	GT_LOG_DEBUG,
	GT_LOG_INFO,
	GT_LOG_WARNING,
	GT_LOG_ERROR,
	GT_LOG_CRITICAL,
};

/* Takes n octets, newline included; must not block for long. */
typedef void gt_log_sink(void *arg, const char *line, size_t n);

/* Which levels pass; at any time. */
void gt_log_set_level(enum gt_log_level level);
/*
 * Before threads start: where lines go. On a terminal levels have colors,
 * unless NO_COLOR is set or a tee has been.
 */
void gt_log_set_fd(int fd);
int gt_log_fd(void);
/* NULL: back to the descriptor. */
void gt_log_set_sink(gt_log_sink *sink, void *arg);
/* Gets the lines that go to the descriptor as well. NULL: nobody does. */
void gt_log_set_tee(gt_log_sink *tee, void *arg);

bool gt_log_is_on(enum gt_log_level level);
void gt_log(enum gt_log_level level, const char *fmt, ...) GT_PRINTF(2, 3);
/*
 * Make the line of a message, newline included, without a NUL; a long one is
 * cut. Returns its octets.
 */
#define GT_LOG_MESSAGE 4096
#define GT_LOG_LINE    (GT_LOG_MESSAGE + 80)
size_t gt_log_format(char line[GT_LOG_LINE], enum gt_log_level level,
                     const char *message);
/*
 * Octets as they are, newlines kept, no prefix: tracebacks, wsgi.errors.
 * Written whatever the level.
 */
void gt_log_raw(const char *p, size_t n);

#define gt_log_debug(...)    gt_log(GT_LOG_DEBUG, __VA_ARGS__)
#define gt_log_info(...)     gt_log(GT_LOG_INFO, __VA_ARGS__)
#define gt_log_warning(...)  gt_log(GT_LOG_WARNING, __VA_ARGS__)
#define gt_log_error(...)    gt_log(GT_LOG_ERROR, __VA_ARGS__)
#define gt_log_critical(...) gt_log(GT_LOG_CRITICAL, __VA_ARGS__)

#endif
