/* SPDX-License-Identifier: MIT */
/*
 * Text to numbers, strictly: the whole text must be the value. No locale.
 * Errors: GT_INVALID (not such a value), GT_RANGE (too large for the type).
 */
#ifndef GTHREADD_BASE_PARSE_H
#define GTHREADD_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

/* Digits only; also 0x and 0o forms, as gunicorn takes them, for settings. */
GT_MUST_CHECK enum gt_err gt_parse_decimal(struct gt_str s, uint64_t *out);
GT_MUST_CHECK enum gt_err gt_parse_count(struct gt_str s, uint64_t *out);
/* "30", "30s", "500ms", "2m", "1h", "1.5": milliseconds; bare = seconds. */
GT_MUST_CHECK enum gt_err gt_parse_duration(struct gt_str s, int64_t *ms);
/* "4094", "64k", "1m", "1g": octets. */
GT_MUST_CHECK enum gt_err gt_parse_size(struct gt_str s, uint64_t *out);
/* true/false, yes/no, on/off, 1/0, in any case. */
GT_MUST_CHECK enum gt_err gt_parse_bool(struct gt_str s, bool *out);
/* Octal file mode: "022", "0o22", "0666". */
GT_MUST_CHECK enum gt_err gt_parse_mode(struct gt_str s, unsigned *out);

#endif
