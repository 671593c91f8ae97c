/* SPDX-License-Identifier: MIT */
/*
 * Where a request body ends, and the decoder of its framing (RFC 9112
 * sections 6 and 7): octets in, slices of body data out, nothing copied.
 */
#ifndef GTHREADD_HTTP_BODY_H
#define GTHREADD_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/http/head.h"
#include "gthreadd/http/request.h"

#define GT_CHUNK_LINE_MAX 256   /* octets of a chunk-size line */
#define GT_CHUNK_EXT_MAX  16384 /* octets of all chunk extensions */

#define GT_TRAILER_NAME_MAX 32 /* no known field name is longer */

enum gt_body_state {
	GT_BODY_DATA,      /* length: left octets to come */
	GT_BODY_SIZE_LINE, /* chunked: in a chunk-size line */
	GT_BODY_CHUNK,     /* chunked: left octets of this chunk to come */
	GT_BODY_CHUNK_END, /* chunked: CRLF behind a chunk */
	GT_BODY_TRAILER,   /* chunked: in the trailer section */
	GT_BODY_DONE,
};

struct gt_body {
	enum gt_body_state state;
	uint64_t left;      /* octets of data before the next decision */
	uint64_t received;  /* octets of data so far */
	uint64_t max;       /* most octets of data; 0: no limit */
	size_t trailer_max; /* limits of the trailer section, as of a head */
	size_t trailer_fields_max;
	size_t trailer_field_max;
	/* Progress inside a line; private to body.c. */
	size_t line_len;
	size_t ext_len;
	size_t trailer_len;
	size_t trailer_fields;
	uint64_t size;
	unsigned sub;
	char name[GT_TRAILER_NAME_MAX]; /* of a trailer field */
	const char *why;                /* after an error */
};

/*
 * Start the body of rq. max: 0 = no limit; a Content-Length above it is
 * GT_BODY_LARGE at once.
 */
GT_MUST_CHECK enum gt_err gt_body_init(struct gt_body *b,
                                       const struct gt_request *rq,
                                       uint64_t max,
                                       const struct gt_http_limits *limits);
static inline bool
gt_body_is_done(const struct gt_body *b)
{
	return b->state == GT_BODY_DONE;
}

/*
 * Decode some of p[0..n): *used octets were consumed, *data (a part of p,
 * maybe empty) is body data among them. Call again with the rest until it is
 * used up or gt_body_is_done(): octets behind the body are left alone.
 * Errors: GT_PROTO (400), GT_BODY_LARGE (413), GT_HEAD_LARGE (431, trailers).
 */
GT_MUST_CHECK enum gt_err gt_body_decode(struct gt_body *b, const char *p,
                                         size_t n, size_t *used,
                                         struct gt_str *data);
/*
 * Octets of data that may be received straight into the reader's buffer,
 * without decoding: the rest of a Content-Length body, 0 for chunked.
 * gt_body_received() tells that n of them came.
 */
uint64_t gt_body_direct(const struct gt_body *b);
void gt_body_received(struct gt_body *b, uint64_t n);

#endif
