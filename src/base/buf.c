/* SPDX-License-Identifier: MIT */
/* A growing run of octets. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/buf.h"

#define CAP_MIN 256

void
gt_buf_fini(struct gt_buf *b)
{
	free(b->p);
	*b = (struct gt_buf){0};
}

enum gt_err
gt_buf_reserve(struct gt_buf *b, size_t n)
{
	size_t cap = b->cap == 0 ? CAP_MIN : b->cap;
	char *p;

	if (b->cap - b->len >= n && b->p != NULL)
		return GT_OK;
	if (n > SIZE_MAX / 2 - b->len)
		return GT_NOMEM;
	while (cap - b->len < n)
		cap *= 2;
	if ((p = realloc(b->p, cap)) == NULL)
		return GT_NOMEM;
	b->p = p;
	b->cap = cap;
	return GT_OK;
}

enum gt_err
gt_buf_add(struct gt_buf *b, const void *p, size_t n)
{
	if (gt_buf_reserve(b, n) != GT_OK)
		return GT_NOMEM;
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	return GT_OK;
}

enum gt_err
gt_buf_addf(struct gt_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || gt_buf_reserve(b, (size_t)n + 1) != GT_OK)
		return GT_NOMEM;
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return GT_OK;
}

enum gt_err
gt_buf_add_decimal(struct gt_buf *b, uint64_t n, size_t width)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (sizeof(digits) - at < width && at > 0)
		digits[--at] = '0';
	return gt_buf_add(b, digits + at, sizeof(digits) - at);
}

void
gt_buf_consume(struct gt_buf *b, size_t n)
{
	b->len -= n;
	if (b->len > 0)
		memmove(b->p, b->p + n, b->len);
}

void
gt_buf_reset(struct gt_buf *b, size_t keep)
{
	if (b->cap > keep)
		gt_buf_fini(b);
	b->len = 0;
}
