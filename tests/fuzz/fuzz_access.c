/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: the input is a format, a NUL, and octets of a request.
 * Whatever they are, what is written is exactly one line of printable octets.
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

static void
write_line(const struct gt_access_format *f, const char *p, uint32_t n)
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
