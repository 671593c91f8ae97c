/* SPDX-License-Identifier: MIT */
/*
 * Chunked bodies: pieces give what the whole gave, data stays within its
 * limit, and what is decoded can be encoded and decoded again.
 */
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/http/body.h"
#include "gthreadd/http/response.h"
#include "must.h"

#define DATA_MAX 64

static const struct gt_http_limits limits = {40, 4, 40, 120};
static const struct gt_request chunked = {.framing = GT_FRAMING_CHUNKED};

struct outcome {
	struct gt_body body;
	struct gt_buf data;
	size_t used;
	enum gt_err rc;
};

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void
decode_piece(struct outcome *o, const char *p, size_t n)
{
	struct gt_str data;
	size_t at = 0;
	size_t used;
	char *copy = malloc(n + 1);

	MUST(copy != NULL);
	memcpy(copy, p, n);
	while (o->rc == GT_OK && at < n && !gt_body_is_done(&o->body)) {
		o->rc =
		    gt_body_decode(&o->body, copy + at, n - at, &used, &data);
		if (o->rc != GT_OK)
			break;
		MUST(used > 0 && used <= n - at);
		MUST(data.n <= used);
		MUST(gt_buf_add(&o->data, data.p, data.n) == GT_OK);
		at += used;
	}
	o->used += at;
	free(copy);
}

static void
decode(struct outcome *o, const char *p, size_t n, size_t piece)
{
	size_t at;

	*o = (struct outcome){0};
	MUST(gt_body_init(&o->body, &chunked, DATA_MAX, &limits) == GT_OK);
	for (at = 0; at < n; at += piece)
		decode_piece(o, p + at, n - at < piece ? n - at : piece);
}

static void
compare(const struct outcome *a, const struct outcome *b)
{
	MUST(a->rc == b->rc);
	MUST(a->body.state == b->body.state && a->body.why == b->body.why);
	MUST(a->body.received == b->body.received);
	MUST(gt_str_eq(gt_buf_str(&a->data), gt_buf_str(&b->data)));
	MUST(a->rc != GT_OK || a->used == b->used);
}

/* Encode the data as one chunk; decoding must give it back. */
static void
check_round_trip(const struct gt_buf *data)
{
	struct gt_response r = {.body = GT_RESPONSE_CHUNKED};
	struct gt_buf out = {0};
	struct outcome again;

	if (data->len > 0) {
		MUST(gt_response_chunk_begin(&r, &out, data->len) == GT_OK);
		MUST(gt_buf_add(&out, data->p, data->len) == GT_OK);
		MUST(gt_response_chunk_end(&r, &out) == GT_OK);
	}
	MUST(gt_response_finish(&r, &out) == GT_OK);
	decode(&again, out.p, out.len, 3);
	MUST(again.rc == GT_OK && gt_body_is_done(&again.body));
	MUST(gt_str_eq(gt_buf_str(&again.data), gt_buf_str(data)));
	gt_buf_fini(&again.data);
	gt_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	const char *p = (const char *)octets;
	struct outcome whole;
	struct outcome split;
	size_t piece;

	decode(&whole, p, n, n + 1);
	MUST(whole.data.len <= DATA_MAX);
	MUST(whole.data.len == whole.body.received);
	MUST(whole.rc == GT_OK || whole.body.why != NULL);
	for (piece = 1; piece < 8; piece += 2) {
		decode(&split, p, n, piece);
		compare(&whole, &split);
		gt_buf_fini(&split.data);
	}
	check_round_trip(&whole.data);
	gt_buf_fini(&whole.data);
	return 0;
}
