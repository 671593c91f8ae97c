/* SPDX-License-Identifier: MIT */
/*
 * The response encoder. Every function makes room once and then copies; the
 * framing is chosen at the end of the head, when all that decides is known.
 */
#include "gthreadd/http/response.h"
#include "gthreadd/base/parse.h"
#include "http_priv.h"

#define HEAD_ROOM    512 /* of an ordinary head, so that one reserve does */
#define END_ROOM     160 /* of all that gt_response_end_head may write */
#define DECIMAL_MAX  20  /* digits of a uint64_t */
#define HEX_MAX      16
#define STATUS_MAX   64 /* longer than any line made of status.def */
#define RETRY_AFTER  "1"
#define PAGE_OPEN    "<!doctype html>\n<title>"
#define PAGE_HEADING "</title>\n<h1>"
#define PAGE_CLOSE   "</h1>\n"

#define PUT_LITERAL(q, text) put(q, "" text, sizeof(text) - 1)

static inline char *
put(char *q, const char *p, size_t n)
{
	memcpy(q, p, n);
	return q + n;
}

static char *
put_decimal(char *q, uint64_t v)
{
	char digits[DECIMAL_MAX];
	size_t i = sizeof digits;

	do
		digits[--i] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	return put(q, digits + i, sizeof digits - i);
}

static char *
put_hex(char *q, uint64_t v)
{
	char digits[HEX_MAX];
	size_t i = sizeof digits;

	do
		digits[--i] = "0123456789abcdef"[v & 15];
	while ((v >>= 4) > 0);
	return put(q, digits + i, sizeof digits - i);
}

/* Room for n octets at the end of out; NULL: out of memory. */
static inline char *
make_room(struct gt_buf *out, size_t n)
{
	if (out->cap - out->len < n && gt_buf_reserve(out, n) != GT_OK)
		return NULL;
	return out->p + out->len;
}

static inline void
end_at(struct gt_buf *out, const char *q)
{
	out->len = (size_t)(q - out->p);
}

void
gt_response_init(struct gt_response *r, unsigned minor, bool is_head,
                 bool keep_alive)
{
	*r = (struct gt_response){
	    .minor = minor, .is_head = is_head, .keep_alive = keep_alive};
}

static enum gt_err
add_field(struct gt_buf *out, struct gt_str name, struct gt_str value)
{
	char *q = make_room(out, name.n + value.n + 4);

	if (q == NULL)
		return GT_NOMEM;
	q = put(q, name.p, name.n);
	q = PUT_LITERAL(q, ": ");
	if (value.n > 0)
		q = put(q, value.p, value.n);
	q = PUT_LITERAL(q, "\r\n");
	end_at(out, q);
	return GT_OK;
}

void
gt_response_set_id(struct gt_response *r, struct gt_str name, struct gt_str id)
{
	r->id_name = name;
	r->id = id;
}

enum gt_err
gt_response_start(struct gt_response *r, struct gt_buf *out,
                  struct gt_str status_line, unsigned status,
                  struct gt_str server, const char date[GT_HTTP_DATE_LEN])
{
	char *q = make_room(out, HEAD_ROOM + status_line.n + server.n);

	if (q == NULL)
		return GT_NOMEM;
	r->status = status;
	q = r->minor == 0 ? PUT_LITERAL(q, "HTTP/1.0 ")
	                  : PUT_LITERAL(q, "HTTP/1.1 ");
	q = put(q, status_line.p, status_line.n);
	if (status_line.n == 3) /* the space stands even without a reason */
		*q++ = ' ';
	if (server.n > 0) {
		q = PUT_LITERAL(q, "\r\nServer: ");
		q = put(q, server.p, server.n);
	}
	q = PUT_LITERAL(q, "\r\nDate: ");
	q = put(q, date, GT_HTTP_DATE_LEN);
	q = PUT_LITERAL(q, "\r\n");
	end_at(out, q);
	return r->id.n > 0 ? add_field(out, r->id_name, r->id) : GT_OK;
}

static enum gt_err
take_length(struct gt_response *r, struct gt_str value)
{
	uint64_t n;

	if (r->has_length || gt_parse_decimal(value, &n) != GT_OK ||
	    n > INT64_MAX)
		return GT_INVALID;
	r->has_length = true;
	r->length = n;
	return GT_OK;
}

enum gt_err
gt_response_field(struct gt_response *r, struct gt_buf *out, struct gt_str name,
                  struct gt_str value)
{
	enum gt_field_id id = gt_field_find(name);

	if (id == GT_FIELD_OTHER && !gt_field_name_is_valid(name))
		return GT_INVALID;
	value = gt_str_trim(value);
	if (!gt_field_value_is_valid(value))
		return GT_INVALID;
	if (r->id.n > 0 && gt_str_eq_icase(name, r->id_name))
		return GT_OK;
	if (id == GT_FIELD_CONTENT_LENGTH)
		return take_length(r, value);
	if (id == GT_FIELD_CONTENT_TYPE)
		r->has_type = true;
	if (id == GT_FIELD_UPGRADE &&
	    gt_str_eq_icase(value, GT_STR("websocket")))
		r->upgrade = true;
	else if (gt_field_flags[id] & (GT_FIELD_IS_HOP | GT_FIELD_IS_OURS))
		return GT_OK;
	return add_field(out, name, value);
}

static bool
is_interim(unsigned status)
{
	return status < 200;
}

/* RFC 9110 section 6.4.1: by nature without content. */
static bool
is_bodiless(const struct gt_response *r)
{
	return r->is_head || is_interim(r->status) || r->status == 204 ||
	       r->status == 304;
}

/*
 * RFC 9112 section 6.3. A counted length says nothing about the body that GET
 * would have had (HEAD, 304), unless HEAD's app gave that body too.
 */
static void
choose_framing(struct gt_response *r, bool known, uint64_t length)
{
	if (is_interim(r->status) || r->status == 204) {
		r->has_length = false;
	} else if (r->status == 205) { /* RFC 9110 section 15.3.6 */
		r->has_length = true;
		r->length = 0;
	} else if (!r->has_length && known &&
	           (!is_bodiless(r) || (r->is_head && length > 0))) {
		r->has_length = true;
		r->length = length;
	}
	if (is_bodiless(r))
		r->body = GT_RESPONSE_NO_BODY;
	else if (r->has_length)
		r->body = GT_RESPONSE_LENGTH;
	else if (r->minor > 0)
		r->body = GT_RESPONSE_CHUNKED;
	else
		r->body = GT_RESPONSE_CLOSE;
	/* What follows an interim response that was final is not ours. */
	if (r->body == GT_RESPONSE_CLOSE || is_interim(r->status))
		r->keep_alive = false;
}

static char *
put_connection(const struct gt_response *r, char *q)
{
	if (r->upgrade)
		return PUT_LITERAL(q, "Connection: upgrade\r\n");
	if (is_interim(r->status))
		return q;
	if (!r->keep_alive)
		return PUT_LITERAL(q, "Connection: close\r\n");
	if (r->minor == 0)
		return PUT_LITERAL(q, "Connection: keep-alive\r\n");
	return q;
}

enum gt_err
gt_response_end_head(struct gt_response *r, struct gt_buf *out, bool known,
                     uint64_t length)
{
	char *q = make_room(out, END_ROOM);

	if (q == NULL)
		return GT_NOMEM;
	choose_framing(r, known, length);
	if (r->has_length) {
		q = PUT_LITERAL(q, "Content-Length: ");
		q = put_decimal(q, r->length);
		q = PUT_LITERAL(q, "\r\n");
	} else if (r->body == GT_RESPONSE_CHUNKED) {
		q = PUT_LITERAL(q, "Transfer-Encoding: chunked\r\n");
	}
	q = put_connection(r, q);
	q = PUT_LITERAL(q, "\r\n");
	end_at(out, q);
	return GT_OK;
}

size_t
gt_response_admit(struct gt_response *r, size_t n)
{
	size_t admitted = n;

	if (r->body == GT_RESPONSE_NO_BODY)
		admitted = 0;
	else if (r->body == GT_RESPONSE_LENGTH && n > r->length - r->sent)
		admitted = (size_t)(r->length - r->sent);
	r->sent += admitted;
	r->dropped += n - admitted;
	return admitted;
}

enum gt_err
gt_response_chunk_begin(const struct gt_response *r, struct gt_buf *out,
                        size_t n)
{
	char *q;

	if (r->body != GT_RESPONSE_CHUNKED)
		return GT_OK;
	if ((q = make_room(out, HEX_MAX + 2)) == NULL)
		return GT_NOMEM;
	q = put_hex(q, n);
	q = PUT_LITERAL(q, "\r\n");
	end_at(out, q);
	return GT_OK;
}

enum gt_err
gt_response_chunk_end(const struct gt_response *r, struct gt_buf *out)
{
	if (r->body != GT_RESPONSE_CHUNKED)
		return GT_OK;
	return gt_buf_add(out, "\r\n", 2);
}

enum gt_err
gt_response_finish(struct gt_response *r, struct gt_buf *out)
{
	if (r->body == GT_RESPONSE_LENGTH && r->sent < r->length)
		r->keep_alive = false;
	if (r->body != GT_RESPONSE_CHUNKED)
		return GT_OK;
	return gt_buf_add(out, "0\r\n\r\n", 5);
}

/* The page's body: its title twice. */
static enum gt_err
add_page(struct gt_response *r, struct gt_buf *out, struct gt_str title,
         size_t length)
{
	char *q;

	if (gt_response_admit(r, length) < length)
		return GT_OK; /* HEAD */
	if ((q = make_room(out, length)) == NULL)
		return GT_NOMEM;
	q = PUT_LITERAL(q, PAGE_OPEN);
	q = put(q, title.p, title.n);
	q = PUT_LITERAL(q, PAGE_HEADING);
	q = put(q, title.p, title.n);
	q = PUT_LITERAL(q, PAGE_CLOSE);
	end_at(out, q);
	return GT_OK;
}

enum gt_err
gt_response_page(struct gt_response *r, struct gt_buf *out, unsigned status,
                 struct gt_str server, const char date[GT_HTTP_DATE_LEN])
{
	const char *reason = gt_status_reason(status);
	char text[STATUS_MAX];
	char *q = put_decimal(text, status);
	struct gt_str line;
	size_t length;
	enum gt_err rc;

	*q++ = ' ';
	if (reason == NULL)
		reason = "Error";
	q = put(q, reason, strlen(reason));
	line = (struct gt_str){text, (size_t)(q - text)};
	length = sizeof PAGE_OPEN PAGE_HEADING PAGE_CLOSE - 1 + 2 * line.n;
	if ((rc = gt_response_start(r, out, line, status, server, date)) ||
	    (rc = gt_response_field(r, out, GT_STR("Content-Type"),
	                            GT_STR("text/html; charset=utf-8"))))
		return rc;
	if (status == 503 &&
	    (rc = gt_response_field(r, out, GT_STR("Retry-After"),
	                            GT_STR(RETRY_AFTER))))
		return rc;
	if ((rc = gt_response_end_head(r, out, true, length)))
		return rc;
	if ((rc = add_page(r, out, line, length)))
		return rc;
	return gt_response_finish(r, out);
}
