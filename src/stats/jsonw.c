/* SPDX-License-Identifier: MIT */
/* JSON, written. Any thread; no locale. */
#include "gthreadd/stats/jsonw.h"

#include <string.h>

static void
put(struct gt_json *j, const char *p, size_t n)
{
	if (j->err == GT_OK)
		j->err = gt_buf_add(j->out, p, n);
}

static void
put_str(struct gt_json *j, struct gt_str s)
{
	put(j, s.p, s.n);
}

static bool
is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Octets of the UTF-8 character at s (RFC 3629: no surrogates, nothing in
 * more octets than it needs); 0: there is none.
 */
static size_t
utf8_length(struct gt_str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (!is_tail(p[i]))
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void
put_escaped(struct gt_json *j, unsigned char c)
{
	static const char digit[] = "0123456789abcdef";
	char text[6] = "\\u00";

	text[4] = digit[c >> 4];
	text[5] = digit[c & 15];
	put(j, text, sizeof(text));
}

static void
put_quoted(struct gt_json *j, struct gt_str s)
{
	size_t n;

	put(j, "\"", 1);
	for (size_t i = 0; i < s.n; i += n) {
		unsigned char c = (unsigned char)s.p[i];

		n = utf8_length((struct gt_str){s.p + i, s.n - i});
		if (n == 0)
			put_str(j, GT_STR("\xef\xbf\xbd"));
		else if (c == '"' || c == '\\')
			put(j, (const char[]){'\\', (char)c}, 2);
		else if (c < 0x20 || c == 0x7f)
			put_escaped(j, c);
		else
			put(j, s.p + i, n);
		n += n == 0;
	}
	put(j, "\"", 1);
}

/* A value comes: the comma, and the key when it has one. */
static void
begin(struct gt_json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
	if (key == NULL)
		return;
	put_quoted(j, gt_str_of(key));
	put(j, ":", 1);
}

void
gt_json_open(struct gt_json *j, char open)
{
	begin(j, NULL);
	put(j, &open, 1);
	j->comma = false;
}

void
gt_json_close(struct gt_json *j, char close)
{
	put(j, &close, 1);
	j->comma = true;
}

void
gt_json_key(struct gt_json *j, const char *name)
{
	begin(j, name);
	j->comma = false;
}

void
gt_json_str(struct gt_json *j, const char *key, struct gt_str value)
{
	begin(j, key);
	put_quoted(j, value);
}

void
gt_json_text(struct gt_json *j, const char *key, const char *value)
{
	gt_json_str(j, key, gt_str_of(value));
}

void
gt_json_uint(struct gt_json *j, const char *key, uint64_t value)
{
	begin(j, key);
	if (j->err == GT_OK)
		j->err = gt_buf_addf(j->out, "%llu", (unsigned long long)value);
}

void
gt_json_int(struct gt_json *j, const char *key, int64_t value)
{
	begin(j, key);
	if (j->err == GT_OK)
		j->err = gt_buf_addf(j->out, "%lld", (long long)value);
}

void
gt_json_bool(struct gt_json *j, const char *key, bool value)
{
	begin(j, key);
	put_str(j, value ? GT_STR("true") : GT_STR("false"));
}

void
gt_json_null(struct gt_json *j, const char *key)
{
	begin(j, key);
	put_str(j, GT_STR("null"));
}

void
gt_json_seconds(struct gt_json *j, const char *key, int64_t us)
{
	bool is_negative = us < 0;
	uint64_t n = is_negative ? 0 - (uint64_t)us : (uint64_t)us;

	begin(j, key);
	if (j->err == GT_OK)
		j->err =
		    gt_buf_addf(j->out, "%s%llu.%06llu", is_negative ? "-" : "",
		                (unsigned long long)(n / 1000000),
		                (unsigned long long)(n % 1000000));
}
