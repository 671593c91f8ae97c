/* SPDX-License-Identifier: MIT */
/*
 * What the files of the HTTP layer share: classes of octets, flags of known
 * fields, and the steps of the head parser that lie in files of their own.
 */
#ifndef GTHREADD_HTTP_PRIV_H
#define GTHREADD_HTTP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/http/request.h"

/* Classes of octets; one may be in several. */
enum {
	GT_CHAR_TOKEN = 1,  /* RFC 9110 section 5.6.2 */
	GT_CHAR_METHOD = 2, /* token, but neither lower case nor '#' */
	GT_CHAR_VALUE = 4,  /* HTAB, SP, VCHAR, obs-text */
	GT_CHAR_HOST = 8,   /* reg-name of RFC 3986, but no comma */
};
extern const uint8_t gt_char_class[256];

static inline bool
gt_char_is(char c, unsigned classes)
{
	return (gt_char_class[(unsigned char)c] & classes) != 0;
}

/*
 * Whether every octet is at least low (1-128) and none is DEL, eight at a
 * time: the usual tests for "some octet is less" and "some octet is zero".
 */
static inline bool
gt_word_is_above(const char *p, unsigned low)
{
	const uint64_t ones = UINT64_MAX / 255;
	const uint64_t tops = ones << 7;
	uint64_t w;
	uint64_t del;

	memcpy(&w, p, sizeof w);
	del = w ^ (ones * 0x7f);
	return ((((w - ones * low) & ~w) | ((del - ones) & ~del)) & tops) == 0;
}

static inline bool
gt_octets_are_above(const char *p, size_t n, unsigned low)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		if (!gt_word_is_above(p + i, low))
			return false;
	if (n >= 8)
		return i == n || gt_word_is_above(p + n - 8, low);
	for (; i < n; i++)
		if ((unsigned char)p[i] < low || p[i] == 0x7f)
			return false;
	return true;
}

/* A limit of the settings: 0 means its cap, and nothing goes beyond it. */
static inline size_t
gt_http_limit(size_t value, size_t cap)
{
	return value - 1 < cap ? value : cap;
}

/* Flags of a known field; src/http/tbl/field.def tells their meaning. */
enum {
	GT_FIELD_IS_ONCE = 1,
	GT_FIELD_IS_HOP = 2,
	GT_FIELD_IS_OURS = 4,
	GT_FIELD_IS_HEAD = 8,
};
extern const uint8_t gt_field_flags[GT_FIELD_COUNT];

/*
 * One field line without its CRLF, p[off..off+len), into f.
 * Errors: GT_PROTO, *why says what is wrong. Spec: RFC 9112 section 5.
 */
GT_MUST_CHECK enum gt_err gt_field_parse(const char *p, size_t off, size_t len,
                                         struct gt_field *f, const char **why);

/*
 * The form and the parts of rq->target in the head at base.
 * Errors: GT_PROTO. Spec: RFC 9112 section 3.2.
 */
GT_MUST_CHECK enum gt_err gt_target_parse(struct gt_request *rq,
                                          const char *base, const char **why);
/* uri-host [ ":" port ]; the host is not empty. */
bool gt_host_is_valid(struct gt_str s, bool needs_port);

/*
 * What a known field says about the request; f is already in rq->field.
 * Errors: GT_PROTO, GT_CODING, GT_EXPECT.
 */
GT_MUST_CHECK enum gt_err gt_request_heed(struct gt_request *rq,
                                          const char *base,
                                          const struct gt_field *f,
                                          const char **why);
/* The rules about a head as a whole, at its end. Errors: GT_PROTO. */
GT_MUST_CHECK enum gt_err
gt_request_conclude(struct gt_request *rq, const char *base, const char **why);

#endif
