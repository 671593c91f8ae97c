/* SPDX-License-Identifier: MIT */
/*
 * A growing run of octets in memory of its own. All zero is an empty buffer.
 * No locks: one owner at a time.
 */
#ifndef GTHREADD_BASE_BUF_H
#define GTHREADD_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

struct gt_buf {
	char *p;
	size_t len; /* octets used */
	size_t cap; /* octets allocated */
};

void gt_buf_fini(struct gt_buf *b);
/* Make room for n more octets behind len. Errors: GT_NOMEM (b unchanged). */
GT_MUST_CHECK enum gt_err gt_buf_reserve(struct gt_buf *b, size_t n);
GT_MUST_CHECK enum gt_err gt_buf_add(struct gt_buf *b, const void *p, size_t n);
GT_MUST_CHECK enum gt_err gt_buf_addf(struct gt_buf *b, const char *fmt, ...)
    GT_PRINTF(2, 3);
/* n in decimal, with zeros before it up to width digits (at most 20). */
GT_MUST_CHECK enum gt_err gt_buf_add_decimal(struct gt_buf *b, uint64_t n,
                                             size_t width);
/* Drop the first n octets. */
void gt_buf_consume(struct gt_buf *b, size_t n);
/* Empty it; give its memory back when it holds more than keep octets. */
void gt_buf_reset(struct gt_buf *b, size_t keep);

static inline struct gt_str
gt_buf_str(const struct gt_buf *b)
{
	return (struct gt_str){b->p, b->len};
}

#endif
