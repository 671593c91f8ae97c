/* SPDX-License-Identifier: MIT */
/*
 * A compiled access-log format: made by format.c, run by access.c or
 * accessjson.c.
 */
#ifndef GTHREADD_STATS_PRIV_H
#define GTHREADD_STATS_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/str.h"
#include "gthreadd/http/request.h"
#include "gthreadd/stats/access.h"

enum access_atom {
	ATOM_LITERAL,
#define GT_ATOM(letter, id, kind, summary) ATOM_##id,
#include "tbl/atom.def"
#undef GT_ATOM
};

/* One step of writing a line. */
struct access_op {
	enum access_atom atom;
	enum gt_field_id field; /* FIELD_IN: when its name is a known one */
	size_t index;           /* FIELD_OUT, VARIABLE: among the wanted */
	struct gt_str text;     /* LITERAL, FIELD_IN: octets of the format */
};

struct gt_access_format {
	bool is_json;
	char *text; /* own copy of the format: ops and names point into it */
	struct access_op *op;
	size_t nops;
	struct gt_str *out; /* names of FIELD_OUT */
	size_t nout;
	struct gt_str *env; /* names of VARIABLE */
	size_t nenv;
};

#define GT_ACCESS_USER 256 /* octets of a user name that are logged */

/*
 * The value of a request field, the last one when it was repeated (as
 * gunicorn does); p is NULL when there is none.
 */
struct gt_str gt_access_field(const struct gt_access_record *rec,
                              enum gt_field_id id, struct gt_str name);
/* The name in Basic credentials; p is NULL when there is none. */
struct gt_str gt_access_user(const struct gt_access_record *rec,
                             char user[GT_ACCESS_USER]);
/* As gt_access_write. */
GT_MUST_CHECK enum gt_err
gt_access_write_json(const struct gt_access_format *f,
                     const struct gt_access_record *rec, struct gt_buf *out);

#endif
