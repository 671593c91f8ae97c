/* SPDX-License-Identifier: MIT */
/*
 * The parser of request heads. Strict: RFC 9112 sections 2-7, anything
 * ambiguous is refused (design: anything a second reader of the same octets
 * could frame differently).
 */
#ifndef GTHREADD_HTTP_HEAD_H
#define GTHREADD_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/http/request.h"

/* No setting goes beyond these; 0 as a limit means them. */
#define GT_HEAD_LINE_CAP   65536
#define GT_HEAD_FIELDS_CAP 32768
#define GT_HEAD_FIELD_CAP  65536
#define GT_HEAD_CAP        1048576

struct gt_http_limits {
	size_t line;   /* octets of the request line, without CRLF */
	size_t fields; /* number of fields */
	size_t field;  /* octets of one field line, without CRLF */
	size_t head;   /* octets of the whole head */
};

enum gt_head_state {
	GT_HEAD_REQUEST_LINE,
	GT_HEAD_FIELDS,
	GT_HEAD_DONE,
};

struct gt_head_parser {
	enum gt_head_state state;
	size_t line; /* where the current line starts */
	size_t seen; /* octets of it already searched for LF */
	const struct gt_http_limits *limits; /* borrowed */
	struct gt_request *request;          /* borrowed: what is filled */
	struct gt_arena *arena;              /* borrowed: memory of fields */
	const char *why; /* after an error: what was wrong, for the log */
	/* What is permitted beyond the rules: may be set after init. */
	bool any_method; /* every token is a method */
	bool folding;    /* a field may go on in the next line (obs-fold) */
};

/* Start a new head; request is cleared. */
void gt_head_init(struct gt_head_parser *hp, struct gt_request *request,
                  struct gt_arena *arena, const struct gt_http_limits *limits);

/*
 * Go on with the head that starts at p and has n octets so far (all of it,
 * from its first octet; p may have moved since the last call). However the
 * octets were split over calls, the result is the same. One empty line before
 * the request line is skipped (RFC 9112 section 2.2).
 * Out: *used, the octets of the head with its final empty line.
 * Errors: GT_AGAIN (more is needed), GT_PROTO, GT_LINE_LONG, GT_HEAD_LARGE,
 * GT_EXPECT, GT_CODING, GT_VERSION, GT_NOMEM; hp->why tells.
 * What was parsed before an error stays in request for the log.
 * Context: any thread, no locks.
 */
GT_MUST_CHECK enum gt_err gt_head_feed(struct gt_head_parser *hp, const char *p,
                                       size_t n, size_t *used);

#endif
