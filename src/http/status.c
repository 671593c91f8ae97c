/* SPDX-License-Identifier: MIT */
/* Status codes: reason phrases, parser errors, an app's status line. */
#include "gthreadd/http/response.h"

const char *
gt_status_reason(unsigned status)
{
	switch (status) {
#define GT_STATUS(code, reason) \
	case code:              \
		return reason;
#include "tbl/status.def"
#undef GT_STATUS
	default:
		return NULL;
	}
}

unsigned
gt_status_of_err(enum gt_err err)
{
	switch ((int)err) {
	case GT_PROTO:
		return 400;
	case GT_FORBIDDEN:
		return 403;
	case GT_TIMEOUT:
		return 408;
	case GT_BODY_LARGE:
		return 413;
	case GT_LINE_LONG:
		return 414;
	case GT_EXPECT:
		return 417;
	case GT_HEAD_LARGE:
		return 431;
	case GT_CODING:
		return 501;
	case GT_VERSION:
		return 505;
	case GT_STORAGE:
		return 507;
	default:
		return 500;
	}
}

enum gt_err
gt_status_parse(struct gt_str s, unsigned *status)
{
	if (s.n < 3 || s.p[0] < '1' || s.p[0] > '9' ||
	    !gt_ascii_is_digit(s.p[1]) || !gt_ascii_is_digit(s.p[2]))
		return GT_INVALID;
	if (s.n > 3 && s.p[3] != ' ')
		return GT_INVALID;
	if (!gt_field_value_is_valid((struct gt_str){s.p + 3, s.n - 3}))
		return GT_INVALID;
	*status = (unsigned)((s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 +
	                     (s.p[2] - '0'));
	return GT_OK;
}
