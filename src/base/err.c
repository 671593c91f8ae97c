/* SPDX-License-Identifier: MIT */
/* Texts of enum gt_err. */
#include <errno.h>
#include <string.h>

#include "gthreadd/base/err.h"

const char *
gt_err_text(enum gt_err err)
{
	static const char *const text[] = {
#define X(id, t) [GT_##id] = t,
	    GT_ERR_TABLE(X)
#undef X
	};

	if (err == GT_SYS)
		return strerror(errno);
	return text[err];
}
