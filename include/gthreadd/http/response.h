/* SPDX-License-Identifier: MIT */
/*
 * The encoder of responses: head, framing choice, chunks. It writes into the
 * caller's buffer and keeps count; it sends nothing.
 *
 * Life: init, start (status), field..., end_head, data..., finish. An interim
 * response (early hints) is one of its own that ends with end_head.
 * Spec: RFC 9110 sections 6, 8.6, 15; RFC 9112 sections 4, 6, 7, 9.
 */
#ifndef GTHREADD_HTTP_RESPONSE_H
#define GTHREADD_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/clock.h"
#include "gthreadd/base/err.h"
#include "gthreadd/http/request.h"

/* Answers Expect: 100-continue when the body is first wanted. */
#define GT_RESPONSE_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* "404", "Not Found": src/http/tbl/status.def. NULL: unknown code. */
const char *gt_status_reason(unsigned status);
/* The status that answers a parser's error; 500 for others. */
unsigned gt_status_of_err(enum gt_err err);

/*
 * A WSGI status line: three digits 100-999, one space, a reason of HTAB, SP,
 * VCHAR, obs-text (may be empty, then the space may be missing).
 * Errors: GT_INVALID.
 */
GT_MUST_CHECK enum gt_err gt_status_parse(struct gt_str s, unsigned *status);
bool gt_field_name_is_valid(struct gt_str name);   /* token */
bool gt_field_value_is_valid(struct gt_str value); /* no CR LF NUL, CTL */
/* Which known field name is: a token then; GT_FIELD_OTHER: any octets. */
enum gt_field_id gt_field_find(struct gt_str name);

enum gt_response_body {
	GT_RESPONSE_NO_BODY, /* HEAD, 1xx, 204, 304: data is dropped */
	GT_RESPONSE_LENGTH,  /* Content-Length says it */
	GT_RESPONSE_CHUNKED,
	GT_RESPONSE_CLOSE, /* until the connection closes */
};

struct gt_response {
	/* from the request */
	unsigned minor;
	bool is_head; /* method HEAD */
	/* our own field; the app's of that name is dropped. n 0: none */
	struct gt_str id_name, id;
	/* the answer so far */
	unsigned status;
	bool has_length;
	bool has_type;              /* Content-Type was given */
	bool keep_alive;            /* the connection may persist */
	bool upgrade;               /* Upgrade: websocket was given */
	uint64_t length;            /* of Content-Length */
	enum gt_response_body body; /* chosen by end_head */
	uint64_t sent;              /* octets of body data encoded */
	uint64_t dropped; /* octets the app gave beyond what may be sent */
};

/* keep_alive: what the request and the server allow. */
void gt_response_init(struct gt_response *r, unsigned minor, bool is_head,
                      bool keep_alive);
/* Put this field into the head. Borrowed until then; after init. */
void gt_response_set_id(struct gt_response *r, struct gt_str name,
                        struct gt_str id);
/*
 * Status line, Server (when server is not empty) and Date (date: 29 octets
 * of gt_clock_http_date), and the field of gt_response_set_id. status_line as
 * it stood the test of gt_status_parse; status is its number.
 */
GT_MUST_CHECK enum gt_err
gt_response_start(struct gt_response *r, struct gt_buf *out,
                  struct gt_str status_line, unsigned status,
                  struct gt_str server, const char date[GT_HTTP_DATE_LEN]);
/*
 * One field of the app. Hop-by-hop fields, Server and Date are dropped
 * silently, but Upgrade: websocket is kept and makes the Connection field.
 * White space around value is cut. Content-Length is remembered and checked:
 * digits only, and once.
 * Errors: GT_INVALID (name or value may not be sent), GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_response_field(struct gt_response *r,
                                            struct gt_buf *out,
                                            struct gt_str name,
                                            struct gt_str value);
/*
 * Choose the framing, write its fields and Connection, end the head.
 * known: the whole body is length octets (the app gave no Content-Length and
 * the server could count); ignored when the app gave one.
 */
GT_MUST_CHECK enum gt_err gt_response_end_head(struct gt_response *r,
                                               struct gt_buf *out, bool known,
                                               uint64_t length);
/*
 * How many of the next n octets of body data may be sent: n, fewer when
 * Content-Length ends before, 0 when there is no body. Counts them as sent
 * and the others as dropped.
 */
size_t gt_response_admit(struct gt_response *r, size_t n);
/* Frame around n admitted octets (n > 0): chunk size line and CRLF. */
GT_MUST_CHECK enum gt_err gt_response_chunk_begin(const struct gt_response *r,
                                                  struct gt_buf *out, size_t n);
GT_MUST_CHECK enum gt_err gt_response_chunk_end(const struct gt_response *r,
                                                struct gt_buf *out);
/*
 * The body is over: last chunk, if chunked. A body shorter than its
 * Content-Length clears keep_alive: only closing can tell the client.
 */
GT_MUST_CHECK enum gt_err gt_response_finish(struct gt_response *r,
                                             struct gt_buf *out);

/*
 * A whole response of the server's own: a plain page for status, with
 * Retry-After for 503. Connection: close unless r was init with keep_alive.
 */
GT_MUST_CHECK enum gt_err gt_response_page(struct gt_response *r,
                                           struct gt_buf *out, unsigned status,
                                           struct gt_str server,
                                           const char date[GT_HTTP_DATE_LEN]);

#endif
