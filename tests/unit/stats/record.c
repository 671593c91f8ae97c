/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <string.h>

static struct gt_span
put_text(struct made *m, const char *s)
{
	size_t n = strlen(s);
	struct gt_span span = {(uint32_t)m->len, (uint32_t)n};

	assert_true(m->len + n < sizeof m->head);
	memcpy(m->head + m->len, s, n);
	m->len += n;
	return span;
}

void
put_field(struct made *m, const char *name, const char *value)
{
	struct gt_field *f = &m->field[m->rq.nfields++];

	assert_true(m->rq.nfields <= FIELDS_MAX);
	f->name = put_text(m, name);
	f->value = put_text(m, value);
	f->id = gt_field_find(gt_str_of(name));
}

void
make(struct made *m, const char *method, const char *path, const char *query)
{
	*m = (struct made){.rq = {.minor = 1}};
	m->rq.method = put_text(m, method);
	m->rq.target = put_text(m, path);
	m->rq.path = m->rq.target;
	if (query != NULL) {
		put_text(m, "?");
		m->rq.query = put_text(m, query);
		m->rq.target.len += 1 + m->rq.query.len;
	}
	m->rq.field = m->field;
	m->rec = (struct gt_access_record){
	    .base = m->head,
	    .request = &m->rq,
	    .peer = GT_STR("192.0.2.7"),
	    .status = 200,
	    .body_sent = 1234,
	    .received = 99,
	    .wall_us = INT64_C(784111777) * 1000000 + 5,
	    .duration_us = 1234567,
	    .queue_us = 11,
	    .gil_us = 22,
	    .thread = 3,
	    .on_conn = 4,
	    .request_id = GT_STR("abc-1"),
	};
}

char *
line_of(const char *format, bool is_json, const struct gt_access_record *rec)
{
	struct gt_access_format *f;
	struct gt_buf out = {0};
	const char *why;

	assert_int_equal(gt_access_compile(format, &f, &why), GT_OK);
	if (is_json)
		gt_access_set_json(f);
	assert_int_equal(gt_access_write(f, rec, &out), GT_OK);
	assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
	gt_access_format_destroy(f);
	return out.p;
}
