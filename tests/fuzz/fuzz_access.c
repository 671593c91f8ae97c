/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: the input is a format, a NUL, and octets of a request.
 * Whatever they are, what is written is exactly one line of printable octets;
 * as JSON it is one object whose strings are UTF-8 and closed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/stats/access.h"

static void
check_line(const struct gt_buf *out)
{
	size_t i;

	if (out->len == 0 || out->p[out->len - 1] != '\n')
		abort();
	for (i = 0; i + 1 < out->len; i++)
		if (((unsigned char)out->p[i] < 0x20 && out->p[i] != '\t') ||
		    out->p[i] == 0x7f)
			abort();
}

/* Is p[0..n) UTF-8? Told apart by decoding, not as json.c does it. */
static int
is_utf8(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code;
	size_t len, i;

	while (n > 0) {
		len = p[0] < 0x80   ? 1
		      : p[0] < 0xc0 ? 0
		      : p[0] < 0xe0 ? 2
		      : p[0] < 0xf0 ? 3
		      : p[0] < 0xf8 ? 4
		                    : 0;
		if (len == 0 || len > n)
			return 0;
		code = len == 1 ? p[0] : p[0] & (0x7fu >> len);
		for (i = 1; i < len; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (p[i] & 0x3f);
		}
		if (code < least[len] || code > 0x10ffff ||
		    (code >= 0xd800 && code < 0xe000))
			return 0;
		p += len;
		n -= len;
	}
	return 1;
}

static void
check_json(const struct gt_buf *out)
{
	int in_string = 0, depth = 0;
	size_t i;

	check_line(out);
	if (!is_utf8((const unsigned char *)out->p, out->len))
		abort();
	for (i = 0; i + 1 < out->len; i++) {
		if (out->p[i] == '\\' && in_string)
			i++;
		else if (out->p[i] == '"')
			in_string = !in_string;
		else if (!in_string && out->p[i] == '{')
			depth++;
		else if (!in_string && out->p[i] == '}' && --depth == 0 &&
		         i + 2 != out->len)
			abort();
	}
	if (in_string || depth != 0)
		abort();
}

static void
write_line(struct gt_access_format *f, const char *p, uint32_t n)
{
	struct gt_field field[] = {
	    {{0, n / 2}, {n / 2, n - n / 2}, GT_FIELD_OTHER},
	    {{0, 0}, {0, n}, GT_FIELD_AUTHORIZATION},
	    {{0, 0}, {0, n}, GT_FIELD_USER_AGENT},
	};
	struct gt_request rq = {
	    .method = {0, n / 3},
	    .target = {n / 3, n - n / 3},
	    .path = {n / 3, n / 3},
	    .query = {n / 2, n - n / 2},
	    .minor = n % 2,
	    .field = field,
	    .nfields = 3,
	};
	struct gt_str values[64];
	struct gt_access_record rec = {.base = p, .request = &rq};
	struct gt_buf out = {0};
	size_t i, nout, nenv;

	(void)gt_access_wanted_out(f, &nout);
	(void)gt_access_wanted_env(f, &nenv);
	for (i = 0; i < 64; i++)
		values[i] = (struct gt_str){p, i % 2 != 0 ? n : 0};
	rec.out = nout <= 64 ? values : NULL;
	rec.env = nenv <= 64 ? values : NULL;
	rec.peer = rec.request_id = (struct gt_str){p, n};
	memcpy(&rec.duration_us, p, n < 8 ? n : 8);
	if (gt_access_write(f, &rec, &out) == GT_OK)
		check_line(&out);
	out.len = 0;
	gt_access_set_json(f);
	if (gt_access_write(f, &rec, &out) == GT_OK)
		check_json(&out);
	gt_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gt_access_format *f;
	const char *why;
	size_t n = 0;
	char *text;

	while (n < size && data[n] != 0)
		n++;
	if (n == size || size > 4096 || (text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (gt_access_compile(text, &f, &why) == GT_OK) {
		write_line(f, text + n + 1, (uint32_t)(size - n - 1));
		gt_access_format_destroy(f);
	} else if (strlen(why) == 0) {
		abort();
	}
	free(text);
	return 0;
}
