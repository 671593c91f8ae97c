/* SPDX-License-Identifier: MIT */
/* Clocks and dates; no strftime, no locale. */
#include <string.h>

#include "gthreadd/base/clock.h"

static const char wday[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                "Thu", "Fri", "Sat"};
static const char month[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
gt_clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
gt_clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

/* Write v with width digits, zeros in front; returns the end. */
static char *
put_digits(char *p, int v, int width)
{
	for (int i = width - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + width;
}

static char *
put_text(char *p, const char *s)
{
	size_t n = strlen(s);

	memcpy(p, s, n);
	return p + n;
}

static char *
put_time(char *p, const struct tm *tm)
{
	p = put_digits(p, tm->tm_hour, 2);
	*p++ = ':';
	p = put_digits(p, tm->tm_min, 2);
	*p++ = ':';
	return put_digits(p, tm->tm_sec, 2);
}

static char *
put_zone(char *p, const struct tm *tm)
{
	long off = tm->tm_gmtoff / 60;

	*p++ = ' ';
	*p++ = off < 0 ? '-' : '+';
	if (off < 0)
		off = -off;
	p = put_digits(p, (int)(off / 60), 2);
	return put_digits(p, (int)(off % 60), 2);
}

void
gt_clock_http_date(time_t t, char out[GT_HTTP_DATE_LEN])
{
	struct tm tm;
	char *p = out;

	gmtime_r(&t, &tm);
	p = put_text(p, wday[tm.tm_wday]);
	p = put_text(p, ", ");
	p = put_digits(p, tm.tm_mday, 2);
	*p++ = ' ';
	p = put_text(p, month[tm.tm_mon]);
	*p++ = ' ';
	p = put_digits(p, tm.tm_year + 1900, 4);
	*p++ = ' ';
	p = put_time(p, &tm);
	put_text(p, " GMT");
}

void
gt_clock_clf_date(time_t t, char out[GT_CLF_DATE_LEN])
{
	struct tm tm;
	char *p = out;

	localtime_r(&t, &tm);
	*p++ = '[';
	p = put_digits(p, tm.tm_mday, 2);
	*p++ = '/';
	p = put_text(p, month[tm.tm_mon]);
	*p++ = '/';
	p = put_digits(p, tm.tm_year + 1900, 4);
	*p++ = ':';
	p = put_time(p, &tm);
	p = put_zone(p, &tm);
	*p = ']';
}

void
gt_clock_log_date(time_t t, char out[GT_LOG_DATE_LEN])
{
	struct tm tm;
	char *p = out;

	localtime_r(&t, &tm);
	*p++ = '[';
	p = put_digits(p, tm.tm_year + 1900, 4);
	*p++ = '-';
	p = put_digits(p, tm.tm_mon + 1, 2);
	*p++ = '-';
	p = put_digits(p, tm.tm_mday, 2);
	*p++ = ' ';
	p = put_time(p, &tm);
	p = put_zone(p, &tm);
	*p = ']';
}
