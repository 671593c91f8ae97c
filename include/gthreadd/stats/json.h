/* SPDX-License-Identifier: MIT */
/*
 * A writer of JSON (RFC 8259) into a buffer. It puts the commas; the caller
 * opens and closes in pairs. The first error sticks, so only the end needs to
 * look at it. Strings need not be UTF-8; what is written always is.
 * No locale, no floating point. One owner at a time.
 */
#ifndef GTHREADD_STATS_JSON_H
#define GTHREADD_STATS_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

struct gt_json {
	struct gt_buf *out; /* borrowed */
	enum gt_err err;    /* the first one; GT_OK */
	bool comma;         /* something stands before in this level */
	/*
	 * Octets that are not UTF-8 become \u00XX each, so that a log keeps
	 * what came; else U+FFFD, as befits what is shown to people.
	 */
	bool keeps_octets;
};

/* open is '{' or '[', close '}' or ']'. */
void gt_json_open(struct gt_json *j, char open);
void gt_json_close(struct gt_json *j, char close);
/* The name of the member whose value comes next. */
void gt_json_name(struct gt_json *j, struct gt_str name);
void gt_json_key(struct gt_json *j, const char *name);
/* key may be NULL: an element of a list. */
void gt_json_str(struct gt_json *j, const char *key, struct gt_str value);
void gt_json_text(struct gt_json *j, const char *key, const char *value);
void gt_json_uint(struct gt_json *j, const char *key, uint64_t value);
void gt_json_int(struct gt_json *j, const char *key, int64_t value);
void gt_json_bool(struct gt_json *j, const char *key, bool value);
void gt_json_null(struct gt_json *j, const char *key);
/* Microseconds as seconds, with a fraction. */
void gt_json_seconds(struct gt_json *j, const char *key, int64_t us);

#endif
