/* SPDX-License-Identifier: MIT */
/*
 * A compiled access-log format: made by format.c, run by access.c.
 */
#ifndef GTHREADD_STATS_PRIV_H
#define GTHREADD_STATS_PRIV_H

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
	char *text; /* own copy of the format: ops and names point into it */
	struct access_op *op;
	size_t nops;
	struct gt_str *out; /* names of FIELD_OUT */
	size_t nout;
	struct gt_str *env; /* names of VARIABLE */
	size_t nenv;
};

#endif
