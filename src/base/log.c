/* SPDX-License-Identifier: MIT */
/*
 * The error log. A line is formatted on the caller's stack and leaves in one
 * piece: by one write(2), or into the sink.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

static _Atomic int least = GT_LOG_INFO;
static int log_fd = STDERR_FILENO;
static gt_log_sink *log_sink;
static void *log_sink_arg;
static gt_log_sink *log_tee;
static void *log_tee_arg;
static bool is_colored; /* log_fd is a terminal that wants it */
static bool is_relayed; /* others read the lines: no colors any more */
static _Atomic unsigned long dropped; /* lines, since that was last said */

void
gt_log_set_level(enum gt_log_level level)
{
	atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

/* https://no-color.org: any value but an empty one forbids it. */
static bool
wants_color(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && (no == NULL || *no == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

void
gt_log_set_fd(int fd)
{
	int saved = errno;

	log_fd = fd;
	is_colored = wants_color(fd);
	errno = saved;
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

void
gt_log_set_tee(gt_log_sink *tee, void *arg)
{
	log_tee = tee;
	log_tee_arg = arg;
	is_relayed |= tee != NULL;
}

bool
gt_log_is_on(enum gt_log_level level)
{
	return (int)level >= atomic_load_explicit(&least, memory_order_relaxed);
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

/* All of it, or what there is room for. */
static bool
write_line(const char *p, size_t n)
{
	ssize_t done;

	while (n > 0) {
		done = gt_fd_write_log(log_fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

static size_t
begin_line(char *line, size_t size, enum gt_log_level level)
{
	static const char *const names[][2] = {
	    {"[DEBUG]", "\033[2m[DEBUG]\033[0m"},
	    {"[INFO]", "\033[32m[INFO]\033[0m"},
	    {"[WARNING]", "\033[33m[WARNING]\033[0m"},
	    {"[ERROR]", "\033[31m[ERROR]\033[0m"},
	    {"[CRITICAL]", "\033[1;31m[CRITICAL]\033[0m"},
	};

	gt_clock_log_date(time(NULL), line);
	return GT_LOG_DATE_LEN +
	       (size_t)snprintf(line + GT_LOG_DATE_LEN, size - GT_LOG_DATE_LEN,
	                        " [%d] %s ", (int)getpid(),
	                        names[level][is_colored && !is_relayed]);
}

/* To the descriptor; before it, what was dropped. */
static void
write_fd(const char *p, size_t n)
{
	unsigned long before = atomic_exchange(&dropped, 0);
	char line[160];
	size_t len;

	if (before > 0) {
		len = begin_line(line, sizeof(line), GT_LOG_WARNING);
		len += (size_t)snprintf(line + len, sizeof(line) - len,
		                        "log lines dropped: %lu (the error log "
		                        "did not take them)\n",
		                        before);
		if (!write_line(line, len)) {
			atomic_fetch_add(&dropped, before + 1);
			return;
		}
	}
	if (!write_line(p, n))
		atomic_fetch_add(&dropped, 1);
}

void
gt_log_raw(const char *p, size_t n)
{
	int saved = errno;

	if (log_sink != NULL) {
		log_sink(log_sink_arg, p, n);
	} else {
		write_fd(p, n);
		if (log_tee != NULL)
			log_tee(log_tee_arg, p, n);
	}
	errno = saved;
}

size_t
gt_log_format(char line[GT_LOG_LINE], enum gt_log_level level,
              const char *message)
{
	size_t n = begin_line(line, GT_LOG_LINE, level);

	n += put_message(line + n, GT_LOG_LINE - n - 1, message);
	line[n++] = '\n';
	return n;
}

void
gt_log(enum gt_log_level level, const char *fmt, ...)
{
	char message[GT_LOG_MESSAGE], line[GT_LOG_LINE];
	int saved = errno;
	va_list ap;
	size_t n;

	if (!gt_log_is_on(level))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	n = gt_log_format(line, level, message);
	errno = saved;
	gt_log_raw(line, n);
}
