/* SPDX-License-Identifier: MIT */
/*
 * The error log. A line is formatted on the caller's stack and leaves in one
 * piece: by one write(2), or into the sink.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

#define LINE_MAX_LEN 4096 /* longer messages are cut */

static _Atomic int least = GT_LOG_INFO;
static int log_fd = STDERR_FILENO;
static gt_log_sink *log_sink;
static void *log_sink_arg;

void
gt_log_set_level(enum gt_log_level level)
{
	atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

void
gt_log_set_fd(int fd)
{
	log_fd = fd;
}

int
gt_log_fd(void)
{
	return log_fd;
}

void
gt_log_set_sink(gt_log_sink *sink, void *arg)
{
	log_sink = sink;
	log_sink_arg = arg;
}

bool
gt_log_is_on(enum gt_log_level level)
{
	return (int)level >= atomic_load_explicit(&least, memory_order_relaxed);
}

void
gt_log_raw(const char *p, size_t n)
{
	int saved = errno;

	if (log_sink != NULL)
		log_sink(log_sink_arg, p, n);
	else if (gt_fd_write_all(log_fd, p, n) != GT_OK)
		errno = 0; /* nowhere left to say so */
	errno = saved;
}

/* Escape control octets of in into out, both ends cut to size. */
static size_t
put_message(char *out, size_t size, const char *in)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *in != '\0' && n + 4 < size; in++) {
		unsigned char c = (unsigned char)*in;

		if (c >= 0x20 && c != 0x7f) {
			out[n++] = *in;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

void
gt_log(enum gt_log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR",
	                                    "CRITICAL"};
	char message[LINE_MAX_LEN], line[LINE_MAX_LEN + 80];
	int saved = errno;
	va_list ap;
	size_t n;

	if (!gt_log_is_on(level))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	gt_clock_log_date(time(NULL), line);
	n = GT_LOG_DATE_LEN;
	n += (size_t)snprintf(line + n, sizeof(line) - n, " [%d] [%s] ",
	                      (int)getpid(), names[level]);
	n += put_message(line + n, sizeof(line) - n - 1, message);
	line[n++] = '\n';
	errno = saved;
	gt_log_raw(line, n);
}
