/* SPDX-License-Identifier: MIT */
/*
 * What the fields of a head say about the request: framing, persistence,
 * expectation, host. RFC 9112 sections 3.2, 6 and 9; RFC 9110 section 10.1.1.
 */
#include "gthreadd/base/parse.h"
#include "http_priv.h"

static enum gt_err
refuse(const char **why, enum gt_err err, const char *text)
{
	*why = text;
	return err;
}

const struct gt_field *
gt_request_field(const struct gt_request *rq, enum gt_field_id id)
{
	size_t i;

	if (!gt_request_has(rq, id))
		return NULL;
	for (i = 0; i < rq->nfields; i++)
		if (rq->field[i].id == id)
			return &rq->field[i];
	return NULL;
}

const struct gt_field *
gt_request_field_named(const struct gt_request *rq, const char *base,
                       struct gt_str name)
{
	size_t i;

	for (i = 0; i < rq->nfields; i++)
		if (gt_str_eq_icase(gt_span_str(base, rq->field[i].name), name))
			return &rq->field[i];
	return NULL;
}

void
gt_request_unfold(const struct gt_request *rq, char *base)
{
	for (size_t i = 0; i < rq->nfields; i++) {
		char *p = base + rq->field[i].value.off;

		for (size_t k = 0; k < rq->field[i].value.len; k++)
			if (p[k] == '\r' || p[k] == '\n')
				p[k] = ' ';
	}
}

static enum gt_err
heed_host(struct gt_request *rq, struct gt_str value, const char **why)
{
	(void)rq;
	/* Empty is what a client sends whose URI has no authority. */
	if (value.n > 0 && !gt_host_is_valid(value, false))
		return refuse(why, GT_PROTO, "invalid Host");
	return GT_OK;
}

static enum gt_err
heed_content_length(struct gt_request *rq, struct gt_str value,
                    const char **why)
{
	uint64_t n;

	if (gt_request_has(rq, GT_FIELD_TRANSFER_ENCODING))
		return refuse(why, GT_PROTO,
		              "Content-Length with Transfer-Encoding");
	if (gt_parse_decimal(value, &n) != GT_OK || n > INT64_MAX)
		return refuse(why, GT_PROTO, "invalid Content-Length");
	rq->framing = GT_FRAMING_LENGTH;
	rq->content_length = n;
	return GT_OK;
}

/* One element of Transfer-Encoding. */
static enum gt_err
check_coding(struct gt_str coding, bool *chunked, bool *unknown)
{
	size_t i = 0;

	while (i < coding.n && gt_char_is(coding.p[i], GT_CHAR_TOKEN))
		i++;
	if (i == 0 || *chunked) /* empty, or chunked was not the last */
		return GT_PROTO;
	if (gt_str_eq_icase((struct gt_str){coding.p, i}, GT_STR("chunked")))
		*chunked = true;
	else
		*unknown = true;
	/* chunked has no parameters; others may have some. */
	if (i < coding.n && (*chunked || coding.p[i] != ';'))
		return GT_PROTO;
	return GT_OK;
}

static enum gt_err
heed_transfer_encoding(struct gt_request *rq, struct gt_str value,
                       const char **why)
{
	bool chunked = false;
	bool unknown = false;
	const char *comma;
	struct gt_str part;

	if (gt_request_has(rq, GT_FIELD_CONTENT_LENGTH))
		return refuse(why, GT_PROTO,
		              "Transfer-Encoding with Content-Length");
	if (rq->minor == 0)
		return refuse(why, GT_PROTO, "Transfer-Encoding in HTTP/1.0");
	do {
		part = value;
		comma = memchr(value.p, ',', value.n);
		if (comma != NULL) {
			part.n = (size_t)(comma - value.p);
			value.p = comma + 1;
			value.n -= part.n + 1;
		}
		if (check_coding(gt_str_trim(part), &chunked, &unknown))
			return refuse(why, GT_PROTO,
			              "invalid Transfer-Encoding");
	} while (comma != NULL);
	if (unknown)
		return refuse(why, GT_CODING, "unknown transfer coding");
	rq->framing = GT_FRAMING_CHUNKED;
	return GT_OK;
}

static enum gt_err
heed_expect(struct gt_request *rq, struct gt_str value, const char **why)
{
	if (!gt_str_eq_icase(value, GT_STR("100-continue")))
		return refuse(why, GT_EXPECT, "unknown expectation");
	rq->expects_continue = rq->minor > 0;
	return GT_OK;
}

enum gt_err
gt_request_heed(struct gt_request *rq, const char *base,
                const struct gt_field *f, const char **why)
{
	static enum gt_err (*const heed[GT_FIELD_COUNT])(
	    struct gt_request *, struct gt_str, const char **) = {
	    [GT_FIELD_HOST] = heed_host,
	    [GT_FIELD_CONTENT_LENGTH] = heed_content_length,
	    [GT_FIELD_TRANSFER_ENCODING] = heed_transfer_encoding,
	    [GT_FIELD_EXPECT] = heed_expect,
	};

	if (gt_request_has(rq, f->id) &&
	    (gt_field_flags[f->id] & GT_FIELD_IS_ONCE) != 0)
		return refuse(why, GT_PROTO,
		              "field repeated that may come once");
	rq->present |= (uint64_t)1 << f->id;
	if (heed[f->id] == NULL)
		return GT_OK;
	return heed[f->id](rq, gt_span_str(base, f->value), why);
}

/* RFC 9112 section 9.3: close in any Connection field wins. */
static bool
is_persistent(const struct gt_request *rq, const char *base)
{
	bool keep = rq->minor > 0;
	struct gt_str rest;
	struct gt_str option;
	size_t i;

	if (!gt_request_has(rq, GT_FIELD_CONNECTION))
		return keep;
	for (i = 0; i < rq->nfields; i++) {
		if (rq->field[i].id != GT_FIELD_CONNECTION)
			continue;
		rest = gt_span_str(base, rq->field[i].value);
		while (gt_str_split(&rest, ',', &option)) {
			option = gt_str_trim(option);
			if (gt_str_eq_icase(option, GT_STR("close")))
				return false;
			if (gt_str_eq_icase(option, GT_STR("keep-alive")))
				keep = true;
		}
	}
	return keep;
}

enum gt_err
gt_request_conclude(struct gt_request *rq, const char *base, const char **why)
{
	const struct gt_field *host = gt_request_field(rq, GT_FIELD_HOST);

	if (host == NULL && rq->minor > 0)
		return refuse(why, GT_PROTO, "no Host in HTTP/1.1");
	if (host != NULL && rq->form != GT_TARGET_ABSOLUTE &&
	    rq->form != GT_TARGET_AUTHORITY)
		rq->host = host->value;
	if (rq->framing == GT_FRAMING_NONE ||
	    (rq->framing == GT_FRAMING_LENGTH && rq->content_length == 0))
		rq->expects_continue = false;
	rq->keep_alive = is_persistent(rq, base);
	return GT_OK;
}
