/* SPDX-License-Identifier: MIT */
/* A request made by hand, for tests of the lines that tell of it. */
#ifndef GTHREADD_TESTS_RECORD_H
#define GTHREADD_TESTS_RECORD_H

#include "../cmocka_all.h"
#include "gthreadd/http/response.h"
#include "gthreadd/stats/access.h"

#define FIELDS_MAX 8

/* Its octets and the spans into them. */
struct made {
	char head[4096];
	size_t len;
	struct gt_field field[FIELDS_MAX];
	struct gt_request rq;
	struct gt_access_record rec;
};

/* query may be NULL. */
void make(struct made *m, const char *method, const char *path,
          const char *query);
void put_field(struct made *m, const char *name, const char *value);
/* Its line, with that format or as JSON; the caller frees it. */
char *line_of(const char *format, bool is_json,
              const struct gt_access_record *rec);

#endif
