/* SPDX-License-Identifier: MIT */
/* JSON, written. Any thread; no locale. */
#include "gthreadd/stats/json.h"

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
is_tail(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/*
 * Octets of the UTF-8 sequence at p that is more than one octet (RFC 3629: no
 * surrogates, nothing in more octets than it needs, nothing above U+10FFFF);
 * 0: there is none.
 */
static size_t
sequence(const unsigned char *p, size_t left)
{
	unsigned char c = p[0];
	size_t n = c >= 0xc2 && c <= 0xdf   ? 2
	           : c >= 0xe0 && c <= 0xef ? 3
	           : c >= 0xf0 && c <= 0xf4 ? 4
	                                    : 0;

	if (n == 0 || n > left || !is_tail(p + 1, n - 1))
		return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
	    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* An octet that cannot stay as it is. */
static void
put_escape(struct gt_json *j, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c == '"' || c == '\\')
		put(j, (const char[]){'\\', (char)c}, 2);
	else if (c < 0x80 || j->keeps_octets)
		put(j, text, sizeof(text));
	else
		put_str(j, GT_STR("\xef\xbf\xbd"));
}

static void
put_quoted(struct gt_json *j, struct gt_str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i = 0, run, n;

	put(j, "\"", 1);
	while (i < s.n) {
		for (run = i; i < s.n; i += n)
			if ((n = is_plain(p[i])) == 0 &&
			    (n = sequence(p + i, s.n - i)) == 0)
				break;
		put(j, s.p + run, i - run);
		if (i < s.n)
			put_escape(j, p[i++]);
	}
	put(j, "\"", 1);
}

/* Something comes: the comma before it. */
static void
begin(struct gt_json *j)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
}

/* A value comes, with its key when it has one. */
static void
begin_value(struct gt_json *j, const char *key)
{
	if (key != NULL)
		gt_json_key(j, key);
	begin(j);
}

static void
put_decimal(struct gt_json *j, uint64_t n, size_t width)
{
	if (j->err == GT_OK)
		j->err = gt_buf_add_decimal(j->out, n, width);
}

/* The minus of a negative number; what is behind it. */
static uint64_t
put_sign(struct gt_json *j, int64_t n)
{
	if (n >= 0)
		return (uint64_t)n;
	put(j, "-", 1);
	return 0 - (uint64_t)n;
}

void
gt_json_open(struct gt_json *j, char open)
{
	begin(j);
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
gt_json_name(struct gt_json *j, struct gt_str name)
{
	begin(j);
	put_quoted(j, name);
	put(j, ":", 1);
	j->comma = false;
}

void
gt_json_key(struct gt_json *j, const char *name)
{
	gt_json_name(j, gt_str_of(name));
}

void
gt_json_str(struct gt_json *j, const char *key, struct gt_str value)
{
	begin_value(j, key);
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
	begin_value(j, key);
	put_decimal(j, value, 1);
}

void
gt_json_int(struct gt_json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	put_decimal(j, put_sign(j, value), 1);
}

void
gt_json_bool(struct gt_json *j, const char *key, bool value)
{
	begin_value(j, key);
	put_str(j, value ? GT_STR("true") : GT_STR("false"));
}

void
gt_json_null(struct gt_json *j, const char *key)
{
	begin_value(j, key);
	put_str(j, GT_STR("null"));
}

void
gt_json_seconds(struct gt_json *j, const char *key, int64_t us)
{
	uint64_t n;

	begin_value(j, key);
	n = put_sign(j, us);
	put_decimal(j, n / 1000000, 1);
	put(j, ".", 1);
	put_decimal(j, n % 1000000, 6);
}
