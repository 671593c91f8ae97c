/* SPDX-License-Identifier: MIT */
/*
 * Heads: whatever comes, spans lie inside the head, and pieces give what the
 * whole gave. Limits are small so that they are met.
 */
#include <stdlib.h>
#include <string.h>

#include "gthreadd/http/head.h"
#include "must.h"

static const struct gt_http_limits limits[] = {
    {0, 0, 0, 0}, {40, 4, 40, 120}, {20, 2, 200, 60}, {4094, 100, 8190, 65536}};

struct outcome {
	struct gt_head_parser hp;
	struct gt_request rq;
	struct gt_arena arena;
	size_t used;
	enum gt_err rc;
};

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

/* Feed pieces of 1 + seed % 7 octets, differing; seed 0: the whole. */
static void
feed(struct outcome *o, const char *p, size_t n, unsigned seed,
     const struct gt_http_limits *l)
{
	size_t end = seed == 0 ? n : 0;
	char *copy;

	gt_head_init(&o->hp, &o->rq, &o->arena, l);
	o->hp.any_method = l == &limits[1] || l == &limits[3];
	o->hp.folding = l == &limits[2] || l == &limits[3];
	do {
		if (end < n)
			end += 1 + (seed = seed * 69069 + 1) / 65536 % 7;
		if (end > n)
			end = n;
		if ((copy = malloc(end + 1)) == NULL)
			abort();
		memcpy(copy, p, end);
		o->rc = gt_head_feed(&o->hp, copy, end, &o->used);
		free(copy);
	} while (o->rc == GT_AGAIN && end < n);
}

static bool
is_same_span(struct gt_span a, struct gt_span b)
{
	return a.off == b.off && a.len == b.len;
}

static bool
is_inside(struct gt_span s, size_t n)
{
	return s.off <= n && s.len <= n - s.off;
}

static void
compare(const struct outcome *a, const struct outcome *b)
{
	const struct gt_request *x = &a->rq;
	const struct gt_request *y = &b->rq;
	size_t i;

	MUST(a->rc == b->rc);
	MUST(a->hp.why == b->hp.why);
	MUST(a->rc != GT_OK || a->used == b->used);
	MUST(x->method_id == y->method_id && x->form == y->form);
	MUST(is_same_span(x->method, y->method));
	MUST(is_same_span(x->target, y->target));
	MUST(is_same_span(x->path, y->path));
	MUST(is_same_span(x->query, y->query));
	MUST(is_same_span(x->host, y->host));
	MUST(x->minor == y->minor && x->present == y->present);
	MUST(x->framing == y->framing && x->keep_alive == y->keep_alive);
	MUST(x->content_length == y->content_length);
	MUST(x->expects_continue == y->expects_continue);
	MUST(x->nfields == y->nfields);
	for (i = 0; i < x->nfields; i++) {
		MUST(x->field[i].id == y->field[i].id);
		MUST(is_same_span(x->field[i].name, y->field[i].name));
		MUST(is_same_span(x->field[i].value, y->field[i].value));
	}
}

static void
check(const struct outcome *o, const char *p, size_t n)
{
	const struct gt_request *rq = &o->rq;
	size_t i;

	MUST(o->rc == GT_OK || o->rc == GT_AGAIN || o->hp.why != NULL);
	if (o->rc != GT_OK)
		return;
	MUST(o->used <= n && memcmp(p + o->used - 4, "\r\n\r\n", 4) == 0);
	MUST(is_inside(rq->path, o->used) && is_inside(rq->query, o->used));
	MUST(is_inside(rq->host, o->used) && is_inside(rq->target, o->used));
	MUST(rq->form != GT_TARGET_ORIGIN || p[rq->path.off] == '/');
	MUST(rq->minor == 0 || gt_request_has(rq, GT_FIELD_HOST));
	MUST(rq->framing != GT_FRAMING_CHUNKED ||
	     !gt_request_has(rq, GT_FIELD_CONTENT_LENGTH));
	for (i = 0; i < rq->nfields; i++) {
		MUST(is_inside(rq->field[i].name, o->used));
		MUST(is_inside(rq->field[i].value, o->used));
		MUST(rq->folded || memchr(p + rq->field[i].value.off, '\r',
		                          rq->field[i].value.len) == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	const char *p = (const char *)octets;
	struct outcome whole = {0};
	struct outcome split = {0};
	unsigned seed = 1;
	size_t i;

	for (i = 0; i < n; i++)
		seed = seed * 31 + octets[i];
	for (i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		gt_arena_reset(&whole.arena);
		gt_arena_reset(&split.arena);
		feed(&whole, p, n, 0, &limits[i]);
		feed(&split, p, n, seed | 1, &limits[i]);
		check(&whole, p, n);
		compare(&whole, &split);
	}
	gt_arena_fini(&whole.arena);
	gt_arena_fini(&split.arena);
	return 0;
}
