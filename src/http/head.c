/* SPDX-License-Identifier: MIT */
/*
 * The head parser: finds the lines and has each judged as soon as it is
 * complete. An unfinished line is judged only by tests that hold for whatever
 * may follow, and a complete line meets the same tests first; so the result
 * does not depend on how the octets were split.
 */
#include <string.h>

#include "gthreadd/http/head.h"
#include "gthreadd/http/response.h"
#include "http_priv.h"

#define METHOD_MIN  3 /* gunicorn's bounds of a conventional method */
#define METHOD_MAX  20
#define VERSION_LEN 8 /* "HTTP/1.1" */
#define FIELDS_MIN  32

GT_COLD static enum gt_err
refuse(struct gt_head_parser *hp, enum gt_err err, const char *why)
{
	hp->why = why;
	return err;
}

void
gt_head_init(struct gt_head_parser *hp, struct gt_request *request,
             struct gt_arena *arena, const struct gt_http_limits *limits)
{
	*hp = (struct gt_head_parser){
	    .limits = limits, .request = request, .arena = arena};
	*request = (struct gt_request){0};
}

static enum gt_method
find_method(const char *p, size_t n)
{
#define GT_METHOD(id)                                                     \
	if (n == sizeof(#id) - 1 && memcmp(p, #id, sizeof(#id) - 1) == 0) \
		return GT_METHOD_##id;
#include "tbl/method.def"
#undef GT_METHOD
	return GT_METHOD_OTHER;
}

/*
 * As much of the method and the space behind it as n octets of the request
 * line s hold. GT_OK: nothing is wrong so far.
 */
static enum gt_err
check_method(struct gt_head_parser *hp, const char *s, size_t n)
{
	bool any = hp->any_method;
	size_t i = 0;

	while (i < n && gt_char_is(s[i], any ? GT_CHAR_TOKEN : GT_CHAR_METHOD))
		if (++i > METHOD_MAX && !any)
			return refuse(hp, GT_PROTO, "method too long");
	if (i == n)
		return GT_OK;
	if (i == 0)
		return refuse(hp, GT_PROTO, "not an HTTP request");
	if (s[i] != ' ')
		return refuse(hp, GT_PROTO, "invalid character in the method");
	if (i < METHOD_MIN && !any)
		return refuse(hp, GT_PROTO, "method too short");
	hp->request->method = (struct gt_span){(uint32_t)hp->line, (uint32_t)i};
	return GT_OK;
}

/* v is what follows the last space of the request line: 8 octets. */
static enum gt_err
check_version(struct gt_head_parser *hp, const char *v)
{
	if (memcmp(v, "HTTP/", 5) != 0 || !gt_ascii_is_digit(v[5]) ||
	    v[6] != '.' || !gt_ascii_is_digit(v[7]))
		return refuse(hp, GT_PROTO, "malformed HTTP version");
	if (v[5] != '1')
		return refuse(hp, GT_VERSION, "HTTP version not supported");
	hp->request->minor = v[7] == '0' ? 0 : 1;
	return GT_OK;
}

static enum gt_err
parse_request_line(struct gt_head_parser *hp, const char *p, size_t len)
{
	struct gt_request *rq = hp->request;
	const char *s = p + hp->line;
	size_t target = rq->method.len + 1;
	enum gt_err rc;

	if (len < target || memchr(s + target, ' ', len - target) == NULL)
		return refuse(hp, GT_PROTO, "request line without a version");
	if (len < target + 1 + 1 + VERSION_LEN ||
	    s[len - VERSION_LEN - 1] != ' ')
		return refuse(hp, GT_PROTO, "malformed request line");
	rq->method_id = find_method(s, rq->method.len);
	rq->target.off = (uint32_t)(hp->line + target);
	rq->target.len = (uint32_t)(len - target - 1 - VERSION_LEN);
	if ((rc = check_version(hp, s + len - VERSION_LEN)) != GT_OK)
		return rc;
	return gt_target_parse(rq, p, &hp->why);
}

static enum gt_err
grow_fields(struct gt_head_parser *hp)
{
	struct gt_request *rq = hp->request;
	size_t cap = rq->cap_fields == 0 ? FIELDS_MIN : rq->cap_fields * 2;
	struct gt_field *field;

	field = gt_arena_alloc(hp->arena, cap * sizeof *field);
	if (field == NULL)
		return refuse(hp, GT_NOMEM, "out of memory");
	if (rq->nfields > 0)
		memcpy(field, rq->field, rq->nfields * sizeof *field);
	rq->field = field;
	rq->cap_fields = cap;
	return GT_OK;
}

static enum gt_err
parse_field(struct gt_head_parser *hp, const char *p, size_t len)
{
	struct gt_request *rq = hp->request;
	struct gt_field *f;
	enum gt_err rc;

	if (rq->nfields >=
	    gt_http_limit(hp->limits->fields, GT_HEAD_FIELDS_CAP))
		return refuse(hp, GT_HEAD_LARGE, "too many fields");
	if (rq->nfields == rq->cap_fields && (rc = grow_fields(hp)) != GT_OK)
		return rc;
	f = &rq->field[rq->nfields];
	if ((rc = gt_field_parse(p, hp->line, len, f, &hp->why)) != GT_OK)
		return rc;
	rq->nfields++;
	if (f->id == GT_FIELD_OTHER)
		return GT_OK;
	return gt_request_heed(rq, p, f, &hp->why);
}

/*
 * The line goes on with the value of the field before it. Fields that frame
 * the request or belong to the connection were heeded already, and nobody
 * folds them but to deceive.
 */
static enum gt_err
fold_field(struct gt_head_parser *hp, const char *p, size_t len)
{
	struct gt_request *rq = hp->request;
	struct gt_field *f = &rq->field[rq->nfields - 1];
	size_t max = gt_http_limit(hp->limits->field, GT_HEAD_FIELD_CAP);
	struct gt_str more = gt_str_trim((struct gt_str){p + hp->line, len});
	size_t end = (size_t)(more.p - p) + more.n;

	if (f->id == GT_FIELD_EXPECT ||
	    (gt_field_flags[f->id] & (GT_FIELD_IS_ONCE | GT_FIELD_IS_HOP)) != 0)
		return refuse(hp, GT_PROTO, "folded field line");
	if (hp->line + len - f->name.off > max)
		return refuse(hp, GT_HEAD_LARGE, "field line too long");
	if (!gt_field_value_is_valid(more))
		return refuse(hp, GT_PROTO,
		              "invalid character in a field value");
	if (more.n == 0)
		return GT_OK;
	if (f->value.len == 0)
		f->value.off = (uint32_t)(more.p - p);
	f->value.len = (uint32_t)end - f->value.off;
	rq->folded = true;
	return GT_OK;
}

static bool
is_fold(const struct gt_head_parser *hp, const char *p)
{
	return hp->folding && hp->request->nfields > 0 &&
	       (p[hp->line] == ' ' || p[hp->line] == '\t');
}

/* The line of len octets (without CRLF) at hp->line is complete. */
static enum gt_err
parse_line(struct gt_head_parser *hp, const char *p, size_t len)
{
	enum gt_err rc;

	if (hp->state == GT_HEAD_REQUEST_LINE) {
		if ((rc = parse_request_line(hp, p, len)) == GT_OK)
			hp->state = GT_HEAD_FIELDS;
		return rc;
	}
	if (len > 0)
		return is_fold(hp, p) ? fold_field(hp, p, len)
		                      : parse_field(hp, p, len);
	if ((rc = gt_request_conclude(hp->request, p, &hp->why)) == GT_OK)
		hp->state = GT_HEAD_DONE;
	return rc;
}

/*
 * Whether the n octets of s, up to their LF or as many as have come, are the
 * empty line that may stand before a request line.
 */
static bool
is_leading_crlf(const struct gt_head_parser *hp, const char *s, size_t n)
{
	return hp->line == 0 && n == 1 && s[0] == '\r';
}

/*
 * n octets of a line without its LF. max: the most that may stand before one,
 * with the CR.
 */
static enum gt_err
await_line(struct gt_head_parser *hp, size_t n, size_t max)
{
	hp->seen = n;
	if (n <= max)
		return GT_AGAIN;
	if (hp->state == GT_HEAD_REQUEST_LINE)
		return refuse(hp, GT_LINE_LONG, "request line too long");
	return refuse(hp, GT_HEAD_LARGE, "field line too long");
}

/* Judge the line at hp->line; end octets of the head may be looked at. */
static enum gt_err
take_line(struct gt_head_parser *hp, const char *p, size_t end)
{
	bool first = hp->state == GT_HEAD_REQUEST_LINE;
	size_t max =
	    1 + (first ? gt_http_limit(hp->limits->line, GT_HEAD_LINE_CAP)
	               : gt_http_limit(hp->limits->field, GT_HEAD_FIELD_CAP));
	size_t n = end - hp->line < max + 1 ? end - hp->line : max + 1;
	const char *s = p + hp->line;
	const char *lf = memchr(s + hp->seen, '\n', n - hp->seen);
	enum gt_err rc;

	if (lf != NULL)
		n = (size_t)(lf - s);
	if (first && !is_leading_crlf(hp, s, n) &&
	    (rc = check_method(hp, s, n)) != GT_OK)
		return rc;
	if (lf == NULL)
		return await_line(hp, n, max);
	if (n == 0 || s[n - 1] != '\r')
		return refuse(hp, GT_PROTO, "bare LF");
	if (!first || !is_leading_crlf(hp, s, n))
		if ((rc = parse_line(hp, p, n - 1)) != GT_OK)
			return rc;
	hp->line += n + 1;
	hp->seen = 0;
	return GT_OK;
}

enum gt_err
gt_head_feed(struct gt_head_parser *hp, const char *p, size_t n, size_t *used)
{
	size_t max = gt_http_limit(hp->limits->head, GT_HEAD_CAP);
	size_t end = n < max ? n : max;
	enum gt_err rc = end > hp->line ? GT_OK : GT_AGAIN;

	while (rc == GT_OK && hp->state != GT_HEAD_DONE)
		rc = end > hp->line ? take_line(hp, p, end) : GT_AGAIN;
	if (rc == GT_AGAIN && n > max)
		return refuse(hp, GT_HEAD_LARGE, "head too large");
	*used = hp->line;
	return rc;
}
