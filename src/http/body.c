/* SPDX-License-Identifier: MIT */
/*
 * The body decoder. Lines of chunk sizes and trailers are walked octet by
 * octet through the states of enum sub, so splits cannot matter and nothing
 * has to be kept but counters and the name of a trailer field; data is never
 * looked at.
 */
#include "gthreadd/http/body.h"
#include "gthreadd/http/response.h"
#include "http_priv.h"

/* Places inside a line: what was read last. */
enum sub {
	SUB_START,      /* nothing yet */
	SUB_LF,         /* a CR that ends the line: only LF may follow */
	SUB_DIGITS,     /* digits of the size */
	SUB_BLANK,      /* white space before a semicolon */
	SUB_SEMICOLON,  /* a semicolon and white space */
	SUB_NAME,       /* some of an extension's name, or a field's */
	SUB_NAME_BLANK, /* white space behind an extension's name */
	SUB_EQUALS,     /* an equals sign and white space */
	SUB_TOKEN,      /* some of an extension's value */
	SUB_QUOTED,     /* inside a quoted string */
	SUB_ESCAPE,     /* a backslash inside a quoted string */
	SUB_QUOTED_END, /* the closing quote */
	SUB_VALUE,      /* the colon of a trailer field, some of its value */
	SUB_LAST_LF,    /* the CR of the empty line behind the trailers */
};

GT_COLD static enum gt_err
refuse(struct gt_body *b, enum gt_err err, const char *why)
{
	b->why = why;
	return err;
}

static void
enter(struct gt_body *b, enum gt_body_state state)
{
	b->state = state;
	b->sub = SUB_START;
	b->line_len = 0;
	b->size = 0;
}

enum gt_err
gt_body_init(struct gt_body *b, const struct gt_request *rq, uint64_t max,
             const struct gt_http_limits *limits)
{
	*b = (struct gt_body){.state = GT_BODY_DONE, .max = max};
	if (rq->framing == GT_FRAMING_NONE)
		return GT_OK;
	if (rq->framing == GT_FRAMING_LENGTH) {
		if (max > 0 && rq->content_length > max)
			return refuse(b, GT_BODY_LARGE, "body too large");
		b->left = rq->content_length;
		b->state = b->left > 0 ? GT_BODY_DATA : GT_BODY_DONE;
		return GT_OK;
	}
	b->trailer_max = gt_http_limit(limits->head, GT_HEAD_CAP);
	b->trailer_fields_max =
	    gt_http_limit(limits->fields, GT_HEAD_FIELDS_CAP);
	b->trailer_field_max = gt_http_limit(limits->field, GT_HEAD_FIELD_CAP);
	enter(b, GT_BODY_SIZE_LINE);
	return GT_OK;
}

/* A chunk-size line has ended. */
static enum gt_err
begin_chunk(struct gt_body *b)
{
	uint64_t size = b->size;

	if (size == 0) {
		enter(b, GT_BODY_TRAILER);
		return GT_OK;
	}
	if (size > INT64_MAX - b->received)
		return refuse(b, GT_PROTO, "chunk size overflows");
	if (b->max > 0 && size > b->max - b->received)
		return refuse(b, GT_BODY_LARGE, "body too large");
	enter(b, GT_BODY_CHUNK);
	b->left = size;
	return GT_OK;
}

static enum gt_err
add_digit(struct gt_body *b, int digit)
{
	if (b->size > UINT64_MAX >> 4)
		return refuse(b, GT_PROTO, "chunk size overflows");
	b->size = b->size << 4 | (unsigned)digit;
	b->sub = SUB_DIGITS;
	return GT_OK;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * What may follow a complete size, extension name or value: white space if a
 * semicolon comes behind it, a semicolon, the end of the line.
 */
static bool
close_extension(struct gt_body *b, char c)
{
	if (c == ';')
		b->sub = SUB_SEMICOLON;
	else if (is_blank(c))
		b->sub = SUB_BLANK;
	else if (c == '\r' && b->sub != SUB_BLANK)
		b->sub = SUB_LF;
	else
		return false;
	return true;
}

/* The octet c of a quoted string. */
static bool
walk_quoted(struct gt_body *b, char c)
{
	if (!gt_char_is(c, GT_CHAR_VALUE))
		return false;
	if (b->sub == SUB_ESCAPE)
		b->sub = SUB_QUOTED;
	else if (c == '\\')
		b->sub = SUB_ESCAPE;
	else if (c == '"')
		b->sub = SUB_QUOTED_END;
	return true;
}

/*
 * The octet c of chunk extensions (RFC 9112 section 7.1.1):
 * *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
 */
static bool
walk_extension(struct gt_body *b, char c)
{
	bool token = gt_char_is(c, GT_CHAR_TOKEN);

	switch ((enum sub)b->sub) {
	case SUB_SEMICOLON:
		if (token)
			b->sub = SUB_NAME;
		return token || is_blank(c);
	case SUB_NAME:
	case SUB_NAME_BLANK:
		if (c == '=')
			b->sub = SUB_EQUALS;
		else if (is_blank(c))
			b->sub = SUB_NAME_BLANK;
		else if (b->sub == SUB_NAME_BLANK)
			return c == ';' && close_extension(b, c);
		else
			return token || close_extension(b, c);
		return true;
	case SUB_EQUALS:
		if (token)
			b->sub = SUB_TOKEN;
		else if (c == '"')
			b->sub = SUB_QUOTED;
		return token || c == '"' || is_blank(c);
	case SUB_TOKEN:
		return token || close_extension(b, c);
	case SUB_QUOTED:
	case SUB_ESCAPE:
		return walk_quoted(b, c);
	case SUB_BLANK:
	case SUB_QUOTED_END:
		return close_extension(b, c);
	case SUB_START:
	case SUB_LF:
	case SUB_DIGITS:
	case SUB_VALUE:
	case SUB_LAST_LF:
		break;
	}
	return false;
}

/* The octet c of a chunk-size line. */
static enum gt_err
walk_size_line(struct gt_body *b, char c)
{
	int digit;

	if (b->sub == SUB_LF) {
		if (c != '\n')
			return refuse(b, GT_PROTO, "bare CR in a chunk size");
		return begin_chunk(b);
	}
	if (c != '\r' && ++b->line_len > GT_CHUNK_LINE_MAX)
		return refuse(b, GT_PROTO, "chunk-size line too long");
	if (b->sub == SUB_START || b->sub == SUB_DIGITS) {
		if ((digit = gt_ascii_hex(c)) >= 0)
			return add_digit(b, digit);
		if (b->sub == SUB_START || !close_extension(b, c))
			return refuse(b, GT_PROTO, "invalid chunk size");
	} else if (!walk_extension(b, c)) {
		return refuse(b, GT_PROTO, "invalid chunk extension");
	}
	if (b->sub != SUB_LF && ++b->ext_len > GT_CHUNK_EXT_MAX)
		return refuse(b, GT_PROTO, "too many chunk extensions");
	return GT_OK;
}

/* The name of a trailer field is complete: b->line_len octets. */
static enum gt_err
check_trailer_name(struct gt_body *b)
{
	struct gt_str name = {b->name, b->line_len};

	b->sub = SUB_VALUE;
	if (name.n <= sizeof b->name &&
	    (gt_field_flags[gt_field_find(name)] & GT_FIELD_IS_HEAD) != 0)
		return refuse(b, GT_PROTO, "field not allowed in trailers");
	return GT_OK;
}

static enum gt_err
walk_trailer_name(struct gt_body *b, char c)
{
	if (b->sub == SUB_START && c == '\r') {
		b->sub = SUB_LAST_LF;
		return GT_OK;
	}
	if (b->sub == SUB_NAME && c == ':')
		return check_trailer_name(b);
	if (!gt_char_is(c, GT_CHAR_TOKEN))
		return refuse(b, GT_PROTO, "invalid trailer name");
	if (b->sub == SUB_START && ++b->trailer_fields > b->trailer_fields_max)
		return refuse(b, GT_HEAD_LARGE, "too many trailers");
	if (b->line_len < sizeof b->name)
		b->name[b->line_len] = c;
	b->sub = SUB_NAME;
	return GT_OK;
}

static enum gt_err
walk_trailer_lf(struct gt_body *b, char c)
{
	if (c != '\n')
		return refuse(b, GT_PROTO, "bare CR in a trailer");
	enter(b, b->sub == SUB_LAST_LF ? GT_BODY_DONE : GT_BODY_TRAILER);
	return GT_OK;
}

/* The octet c of the trailer section. */
static enum gt_err
walk_trailer(struct gt_body *b, char c)
{
	enum gt_err rc;

	if (++b->trailer_len > b->trailer_max)
		return refuse(b, GT_HEAD_LARGE, "trailers too large");
	if (b->sub == SUB_LF || b->sub == SUB_LAST_LF)
		return walk_trailer_lf(b, c);
	if (b->sub == SUB_VALUE) {
		if (c == '\r')
			b->sub = SUB_LF;
		else if (!gt_char_is(c, GT_CHAR_VALUE))
			return refuse(b, GT_PROTO, "invalid trailer value");
	} else if ((rc = walk_trailer_name(b, c)) != GT_OK) {
		return rc;
	}
	if (c != '\r' && ++b->line_len > b->trailer_field_max)
		return refuse(b, GT_HEAD_LARGE, "trailer too long");
	return GT_OK;
}

/* The octet c of the CRLF behind the data of a chunk. */
static enum gt_err
walk_chunk_end(struct gt_body *b, char c)
{
	if (c != (b->sub == SUB_LF ? '\n' : '\r'))
		return refuse(b, GT_PROTO, "no CRLF behind a chunk");
	if (b->sub == SUB_LF)
		enter(b, GT_BODY_SIZE_LINE);
	else
		b->sub = SUB_LF;
	return GT_OK;
}

static enum gt_err
walk(struct gt_body *b, char c)
{
	if (b->state == GT_BODY_SIZE_LINE)
		return walk_size_line(b, c);
	if (b->state == GT_BODY_TRAILER)
		return walk_trailer(b, c);
	return walk_chunk_end(b, c);
}

static bool
is_at_data(const struct gt_body *b)
{
	return b->state == GT_BODY_DATA || b->state == GT_BODY_CHUNK;
}

enum gt_err
gt_body_decode(struct gt_body *b, const char *p, size_t n, size_t *used,
               struct gt_str *data)
{
	size_t i = 0;
	enum gt_err rc;

	*used = 0;
	*data = (struct gt_str){p, 0};
	while (i < n && !is_at_data(b) && !gt_body_is_done(b)) {
		if ((rc = walk(b, p[i])) != GT_OK)
			return rc;
		i++;
	}
	if (i < n && is_at_data(b)) {
		data->p = p + i;
		data->n = n - i < b->left ? n - i : (size_t)b->left;
		i += data->n;
		gt_body_received(b, data->n);
	}
	*used = i;
	return GT_OK;
}

uint64_t
gt_body_direct(const struct gt_body *b)
{
	return b->state == GT_BODY_DATA ? b->left : 0;
}

void
gt_body_received(struct gt_body *b, uint64_t n)
{
	b->left -= n;
	b->received += n;
	if (b->left > 0 || n == 0)
		return;
	enter(b, b->state == GT_BODY_DATA ? GT_BODY_DONE : GT_BODY_CHUNK_END);
}
