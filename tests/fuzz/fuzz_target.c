/* SPDX-License-Identifier: MIT */
/*
 * Request targets, put into a request line of their own: the first octet
 * chooses the method, the others are the target. What is accepted must be of
 * exactly one form, with its parts in order.
 */
#include <string.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/http/head.h"
#include "must.h"

static const struct gt_http_limits limits;
static const char *const methods[] = {"GET ", "OPTIONS ", "CONNECT "};

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static size_t
end_of(struct gt_span s)
{
	return (size_t)s.off + s.len;
}

static void
check_absolute(const struct gt_request *rq, const char *p)
{
	struct gt_str host = gt_span_str(p, rq->host);

	MUST(host.n > 0 && memchr(host.p, '@', host.n) == NULL);
	MUST(memchr(host.p, '/', host.n) == NULL);
	MUST(rq->host.off >= rq->target.off + 7);
	MUST(rq->path.len > 0 || rq->method_id == GT_METHOD_OPTIONS);
	MUST(rq->path.len == 0 || p[rq->path.off] == '/');
}

static void
check(const struct gt_request *rq, const char *p)
{
	struct gt_str t = gt_span_str(p, rq->target);

	MUST(t.n > 0 && memchr(t.p, '#', t.n) == NULL);
	MUST(memchr(t.p, ' ', t.n) == NULL);
	switch (rq->form) {
	case GT_TARGET_ORIGIN:
		MUST(rq->path.off == rq->target.off && t.p[0] == '/');
		MUST(end_of(rq->path) == end_of(rq->target) ||
		     end_of(rq->query) == end_of(rq->target));
		break;
	case GT_TARGET_ABSOLUTE:
		check_absolute(rq, p);
		break;
	case GT_TARGET_AUTHORITY:
		MUST(rq->method_id == GT_METHOD_CONNECT);
		MUST(memchr(t.p, ':', t.n) != NULL && rq->path.len == 0);
		break;
	case GT_TARGET_ASTERISK:
		MUST(rq->method_id == GT_METHOD_OPTIONS && t.n == 1);
		break;
	}
	MUST(memchr(p + rq->path.off, '?', rq->path.len) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct gt_head_parser hp;
	struct gt_request rq;
	struct gt_arena arena = {0};
	struct gt_buf b = {0};
	const char *method;
	size_t used;

	if (n == 0)
		return 0;
	method = methods[octets[0] % 3];
	MUST(gt_buf_add(&b, method, strlen(method)) == GT_OK);
	MUST(gt_buf_add(&b, octets + 1, n - 1) == GT_OK);
	MUST(gt_buf_add(&b, " HTTP/1.1\r\nHost: h\r\n\r\n", 22) == GT_OK);
	gt_head_init(&hp, &rq, &arena, &limits);
	if (gt_head_feed(&hp, b.p, b.len, &used) == GT_OK)
		check(&rq, b.p);
	gt_buf_fini(&b);
	gt_arena_fini(&arena);
	return 0;
}
