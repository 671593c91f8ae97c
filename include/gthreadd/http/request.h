/* SPDX-License-Identifier: MIT */
/*
 * A request head as it was received: spans into the octets of the head, so
 * that the buffer may move while it grows. Nothing is decoded or copied.
 */
#ifndef GTHREADD_HTTP_REQUEST_H
#define GTHREADD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/mem.h"
#include "gthreadd/base/str.h"

struct gt_span {
	uint32_t off; /* from the start of the head */
	uint32_t len;
};

/* Known field names: src/http/tbl/field.def. */
enum gt_field_id {
	GT_FIELD_OTHER,
#define GT_FIELD(id, name, flags) GT_FIELD_##id,
#include "../../../src/http/tbl/field.def"
#undef GT_FIELD
	GT_FIELD_COUNT
};

struct gt_field {
	struct gt_span name;  /* as received */
	struct gt_span value; /* without white space at its ends */
	enum gt_field_id id;
};

/* Known methods: src/http/tbl/method.def. */
enum gt_method {
	GT_METHOD_OTHER,
#define GT_METHOD(id) GT_METHOD_##id,
#include "../../../src/http/tbl/method.def"
#undef GT_METHOD
};

enum gt_target_form { /* RFC 9112 section 3.2 */
	              GT_TARGET_ORIGIN,
	              GT_TARGET_ABSOLUTE,
	              GT_TARGET_AUTHORITY, /* CONNECT host:port */
	              GT_TARGET_ASTERISK,  /* OPTIONS * */
};

enum gt_framing { /* RFC 9112 section 6.3 */
	          GT_FRAMING_NONE,
	          GT_FRAMING_LENGTH,
	          GT_FRAMING_CHUNKED,
};

struct gt_request {
	enum gt_method method_id;
	struct gt_span method;
	struct gt_span target; /* as received */
	enum gt_target_form form;
	struct gt_span path;  /* still percent-encoded; "*" has none */
	struct gt_span query; /* behind '?', may be empty */
	struct gt_span host;  /* the target's authority, else Host's value */
	unsigned minor;       /* HTTP/1.minor: 0 or 1 (higher minors are 1) */

	uint64_t present;       /* bit id: that known field was received */
	struct gt_field *field; /* in the order received; arena */
	size_t nfields;
	size_t cap_fields;

	enum gt_framing framing;
	uint64_t content_length; /* GT_FRAMING_LENGTH only */
	bool keep_alive;         /* RFC 9112 section 9.3 */
	bool expects_continue;   /* and there is a body to wait for */
	bool folded;             /* values may have CRLF: gt_request_unfold */
};

/* Whether rq has a field of that known id. */
static inline bool
gt_request_has(const struct gt_request *rq, enum gt_field_id id)
{
	return (rq->present >> id & 1) != 0;
}

/* The octets of span in the head that starts at base. */
static inline struct gt_str
gt_span_str(const char *base, struct gt_span span)
{
	return (struct gt_str){base + span.off, span.len};
}

/* The first field of that id; NULL: none. */
const struct gt_field *gt_request_field(const struct gt_request *rq,
                                        enum gt_field_id id);
/* The first field of that name, in any case; NULL: none. */
const struct gt_field *gt_request_field_named(const struct gt_request *rq,
                                              const char *base,
                                              struct gt_str name);
/*
 * Make values that were folded one line: each CR and LF becomes a space
 * (RFC 9112 section 5.2). For a complete head with rq->folded.
 */
void gt_request_unfold(const struct gt_request *rq, char *base);

#endif
