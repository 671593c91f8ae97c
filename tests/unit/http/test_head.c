/* SPDX-License-Identifier: MIT */
/* Heads and targets: what the corpus cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/http/head.h"
#include "gthreadd/http/response.h"

static const struct gt_http_limits defaults = {4094, 100, 8190, 65536};
static const struct gt_http_limits none;

struct fixture {
	struct gt_head_parser hp;
	struct gt_request rq;
	struct gt_arena arena;
	size_t used;
};

static int
setup(void **state)
{
	return (*state = calloc(1, sizeof(struct fixture))) == NULL;
}

static int
teardown(void **state)
{
	struct fixture *x = *state;

	gt_arena_fini(&x->arena);
	free(x);
	return 0;
}

static enum gt_err
parse(struct fixture *x, const struct gt_http_limits *limits, struct gt_str s)
{
	gt_head_init(&x->hp, &x->rq, &x->arena, limits);
	return gt_head_feed(&x->hp, s.p, s.n, &x->used);
}

/* "GET /aaa...". Freed by the caller. */
static struct gt_buf
long_line(size_t letters, const char *rest)
{
	struct gt_buf b = {0};

	assert_int_equal(gt_buf_reserve(&b, letters + 5), GT_OK);
	memcpy(b.p, "GET /", 5);
	memset(b.p + 5, 'a', letters);
	b.len = letters + 5;
	assert_int_equal(gt_buf_add(&b, rest, strlen(rest)), GT_OK);
	return b;
}

static void
every_octet_is_in_the_classes_of_the_rfc(void **state)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	char c[1];
	int i;
	bool alnum;

	(void)state;
	for (i = 0; i < 256; i++) {
		c[0] = (char)i;
		alnum = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') ||
		        (i >= 'A' && i <= 'Z');
		assert_int_equal(gt_field_name_is_valid((struct gt_str){c, 1}),
		                 alnum || (i != 0 && strchr(marks, i) != NULL));
		assert_int_equal(gt_field_value_is_valid((struct gt_str){c, 1}),
		                 i == '\t' || (i >= ' ' && i < 0x7f) ||
		                     i >= 0x80);
	}
}

static void
value_is_checked_at_every_place(void **state)
{
	char s[40];
	size_t n;
	size_t i;

	(void)state;
	for (n = 1; n <= sizeof s; n++)
		for (i = 0; i < n; i++) {
			memset(s, 'a', sizeof s);
			s[0] = '\xff';
			assert_true(
			    gt_field_value_is_valid((struct gt_str){s, n}));
			s[i] = '\x7f';
			assert_false(
			    gt_field_value_is_valid((struct gt_str){s, n}));
			s[i] = '\x1f';
			assert_false(
			    gt_field_value_is_valid((struct gt_str){s, n}));
			s[i] = '\t';
			assert_true(
			    gt_field_value_is_valid((struct gt_str){s, n}));
		}
}

static void
every_known_name_is_found_in_any_case(void **state)
{
	static const char *const name[] = {
#define GT_FIELD(id, text, flags) [GT_FIELD_##id] = text,
#include "../../../src/http/tbl/field.def"
#undef GT_FIELD
	};
	char s[64];
	size_t n;
	size_t i;
	unsigned id;

	(void)state;
	for (id = 1; id < GT_FIELD_COUNT; id++) {
		n = strlen(name[id]);
		assert_int_equal(gt_field_find(gt_str_of(name[id])), id);
		for (i = 0; i < n; i++)
			s[i] = gt_ascii_upper(name[id][i]);
		assert_int_equal(gt_field_find((struct gt_str){s, n}), id);
		for (i = 0; i < n; i++)
			s[i] = gt_ascii_lower(name[id][i]);
		assert_int_equal(gt_field_find((struct gt_str){s, n}), id);
		s[n - 1] = '_';
		assert_int_equal(gt_field_find((struct gt_str){s, n}),
		                 GT_FIELD_OTHER);
	}
}

static void
name_that_only_looks_known_is_other(void **state)
{
	(void)state;
	assert_int_equal(gt_field_find(GT_STR("")), GT_FIELD_OTHER);
	assert_int_equal(gt_field_find(GT_STR("H")), GT_FIELD_OTHER);
	assert_int_equal(gt_field_find(GT_STR("Content\rLength")),
	                 GT_FIELD_OTHER);
	assert_int_equal(gt_field_find(GT_STR("Content_Length")),
	                 GT_FIELD_OTHER);
	assert_int_equal(gt_field_find(GT_STR("Hosts")), GT_FIELD_OTHER);
}

static void
methods_have_their_numbers(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(
	    parse(x, &defaults, GT_STR("DELETE / HTTP/1.0\r\n\r\n")), GT_OK);
	assert_int_equal(x->rq.method_id, GT_METHOD_DELETE);
	assert_int_equal(
	    parse(x, &defaults, GT_STR("PATCHY / HTTP/1.0\r\n\r\n")), GT_OK);
	assert_int_equal(x->rq.method_id, GT_METHOD_OTHER);
}

static void
field_is_found_by_id_and_by_name(void **state)
{
	struct gt_str s = GT_STR("GET / HTTP/1.1\r\nX-A: 1\r\nHost: x\r\n"
	                         "x-a: 2\r\nCookie: a\r\ncookie: b\r\n\r\n");
	struct fixture *x = *state;
	const struct gt_field *f;

	assert_int_equal(parse(x, &defaults, s), GT_OK);
	f = gt_request_field(&x->rq, GT_FIELD_COOKIE);
	assert_ptr_equal(f, &x->rq.field[3]);
	assert_null(gt_request_field(&x->rq, GT_FIELD_ACCEPT));
	assert_true(gt_request_has(&x->rq, GT_FIELD_HOST));
	assert_false(gt_request_has(&x->rq, GT_FIELD_ACCEPT));
	f = gt_request_field_named(&x->rq, s.p, GT_STR("x-A"));
	assert_ptr_equal(f, &x->rq.field[0]);
	assert_null(gt_request_field_named(&x->rq, s.p, GT_STR("x-b")));
}

static void
what_was_parsed_before_an_error_stays(void **state)
{
	struct gt_str s = GT_STR("GET /a HTTP/1.1\r\nHost: x\r\nA b\r\n");
	struct fixture *x = *state;

	assert_int_equal(parse(x, &defaults, s), GT_PROTO);
	assert_non_null(x->hp.why);
	assert_true(gt_str_eq(gt_span_str(s.p, x->rq.method), GT_STR("GET")));
	assert_true(gt_str_eq(gt_span_str(s.p, x->rq.target), GT_STR("/a")));
	assert_int_equal(x->rq.nfields, 1);
}

static void
target_is_known_when_the_version_is_not(void **state)
{
	struct gt_str s = GT_STR("GET /a HTTP/2.0\r\n");
	struct fixture *x = *state;

	assert_int_equal(parse(x, &defaults, s), GT_VERSION);
	assert_true(gt_str_eq(gt_span_str(s.p, x->rq.target), GT_STR("/a")));
}

static void
no_limit_means_the_cap(void **state)
{
	struct fixture *x = *state;
	struct gt_buf b = long_line(65536 - 14, " HTTP/1.0\r\n\r\n");

	assert_int_equal(parse(x, &none, gt_buf_str(&b)), GT_OK);
	gt_buf_fini(&b);
	b = long_line(65536 - 13, " HTTP/1.0\r\n\r\n");
	assert_int_equal(parse(x, &none, gt_buf_str(&b)), GT_LINE_LONG);
	gt_buf_fini(&b);
}

static void
limit_above_the_cap_means_the_cap(void **state)
{
	const struct gt_http_limits wide = {SIZE_MAX, SIZE_MAX, SIZE_MAX,
	                                    SIZE_MAX};
	struct gt_buf b = long_line(65536 - 13, " HTTP/1.0\r\n\r\n");
	struct fixture *x = *state;

	assert_int_equal(parse(x, &wide, gt_buf_str(&b)), GT_LINE_LONG);
	gt_buf_fini(&b);
}

static void
head_is_bounded_by_its_cap(void **state)
{
	struct gt_buf b = {0};
	struct fixture *x = *state;

	assert_int_equal(gt_buf_add(&b, "GET / HTTP/1.0\r\n", 16), GT_OK);
	while (b.len <= 1048576)
		assert_int_equal(gt_buf_addf(&b, "A: %01000d\r\n", 1), GT_OK);
	assert_int_equal(parse(x, &none, gt_buf_str(&b)), GT_HEAD_LARGE);
	assert_int_equal(parse(x, &none, (struct gt_str){b.p, 1048576}),
	                 GT_AGAIN);
	gt_buf_fini(&b);
}

static void
fields_are_bounded_by_their_cap(void **state)
{
	struct gt_buf b = {0};
	struct fixture *x = *state;
	size_t i;

	assert_int_equal(gt_buf_add(&b, "GET / HTTP/1.0\r\n", 16), GT_OK);
	for (i = 0; i < 32768; i++)
		assert_int_equal(gt_buf_add(&b, "A:b\r\n", 5), GT_OK);
	assert_int_equal(gt_buf_add(&b, "\r\n", 2), GT_OK);
	assert_int_equal(parse(x, &none, gt_buf_str(&b)), GT_OK);
	assert_int_equal(x->rq.nfields, 32768);
	b.len -= 2;
	assert_int_equal(gt_buf_add(&b, "A:b\r\n\r\n", 7), GT_OK);
	assert_int_equal(parse(x, &none, gt_buf_str(&b)), GT_HEAD_LARGE);
	gt_buf_fini(&b);
}

static void
default_limits_refuse_what_is_one_too_long(void **state)
{
	struct fixture *x = *state;
	struct gt_buf b = long_line(4094 - 14, " HTTP/1.0\r\n\r\n");

	assert_int_equal(parse(x, &defaults, gt_buf_str(&b)), GT_OK);
	gt_buf_fini(&b);
	b = long_line(4094 - 13, " HTTP/1.0\r\n\r\n");
	assert_int_equal(parse(x, &defaults, gt_buf_str(&b)), GT_LINE_LONG);
	gt_buf_fini(&b);
	/* Not even its end has to come. */
	b = long_line(4094, "");
	assert_int_equal(parse(x, &defaults, gt_buf_str(&b)), GT_LINE_LONG);
	gt_buf_fini(&b);
}

static void
nothing_is_read_beyond_the_head(void **state)
{
	static const char s[] = "GET / HTTP/1.0\r\n\r\n";
	struct fixture *x = *state;
	char *p = malloc(sizeof s - 1);

	assert_non_null(p);
	memcpy(p, s, sizeof s - 1);
	assert_int_equal(parse(x, &defaults, (struct gt_str){p, sizeof s - 1}),
	                 GT_OK);
	assert_int_equal(x->used, sizeof s - 1);
	free(p);
}

/* The value of the only field behind Host, unfolded. */
static void
assert_folded(struct fixture *x, const char *field, const char *value)
{
	static const struct gt_http_limits folding = {
	    .field = 60,
	};
	char text[512];
	const struct gt_field *f;
	int n = snprintf(text, sizeof text,
	                 "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", field);
	enum gt_err rc;

	gt_arena_reset(&x->arena);
	gt_head_init(&x->hp, &x->rq, &x->arena, &folding);
	x->hp.folding = true;
	rc = gt_head_feed(&x->hp, text, (size_t)n, &x->used);
	if (value == NULL) {
		assert_int_not_equal(rc, GT_OK);
		return;
	}
	assert_int_equal(rc, GT_OK);
	gt_request_unfold(&x->rq, text);
	assert_int_equal(x->rq.nfields, 2);
	f = &x->rq.field[1];
	assert_int_equal(f->value.len, strlen(value));
	assert_memory_equal(text + f->value.off, value, f->value.len);
	assert_true(x->rq.folded || strstr(field, "\r\n ") == NULL);
}

static void
folded_fields_may_be_taken(void **state)
{
	struct fixture *x = *state;

	assert_folded(x, "X: a\r\n b", "a   b");
	assert_folded(x, "X: a \r\n\t b \r\n  c", "a   \t b     c");
	assert_folded(x, "X:\r\n b", "b");
	assert_folded(x, "X: a", "a");
	assert_folded(x, "X: a\r\nY b", NULL);
	assert_folded(x, "X: a\r\n b\1", NULL);
	assert_folded(x, "Content-Length: 1\r\n 2", NULL);
	assert_folded(x, "Transfer-Encoding:\r\n chunked", NULL);
	assert_folded(x, "Connection: a\r\n close", NULL);
	assert_folded(x,
	              "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n "
	              "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	              NULL);
}

static void
folds_before_the_first_field_are_never_taken(void **state)
{
	static const struct gt_http_limits folding;
	struct fixture *x = *state;
	static const char text[] = "GET / HTTP/1.1\r\n Host: h\r\n\r\n";

	gt_head_init(&x->hp, &x->rq, &x->arena, &folding);
	x->hp.folding = true;
	assert_int_equal(gt_head_feed(&x->hp, text, sizeof text - 1, &x->used),
	                 GT_PROTO);
}

static void
methods_may_be_any_token(void **state)
{
	static const char *const lines[] = {
	    "x / HTTP/1.1", "get / HTTP/1.1", "A#b / HTTP/1.1",
	    "AVERYLONGMETHODWITHMANYLETTERS / HTTP/1.1"};
	struct fixture *x = *state;
	char text[128];

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		int n = snprintf(text, sizeof text, "%s\r\nHost: h\r\n\r\n",
		                 lines[i]);

		gt_arena_reset(&x->arena);
		gt_head_init(&x->hp, &x->rq, &x->arena, &none);
		x->hp.any_method = true;
		assert_int_equal(
		    gt_head_feed(&x->hp, text, (size_t)n, &x->used), GT_OK);
		assert_int_equal(x->rq.method_id, GT_METHOD_OTHER);
		gt_head_init(&x->hp, &x->rq, &x->arena, &none);
		assert_int_equal(
		    gt_head_feed(&x->hp, text, (size_t)n, &x->used), GT_PROTO);
	}
	gt_head_init(&x->hp, &x->rq, &x->arena, &none);
	x->hp.any_method = true;
	assert_int_equal(
	    gt_head_feed(&x->hp, "A(B / HTTP/1.1\r\n", 16, &x->used), GT_PROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_octet_is_in_the_classes_of_the_rfc),
	    cmocka_unit_test(value_is_checked_at_every_place),
	    cmocka_unit_test(every_known_name_is_found_in_any_case),
	    cmocka_unit_test(name_that_only_looks_known_is_other),
	    cmocka_unit_test_setup_teardown(methods_have_their_numbers, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(field_is_found_by_id_and_by_name,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        what_was_parsed_before_an_error_stays, setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        target_is_known_when_the_version_is_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_limit_means_the_cap, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(limit_above_the_cap_means_the_cap,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(head_is_bounded_by_its_cap, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(fields_are_bounded_by_their_cap,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(
	        default_limits_refuse_what_is_one_too_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_read_beyond_the_head,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(folded_fields_may_be_taken, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(
	        folds_before_the_first_field_are_never_taken, setup, teardown),
	    cmocka_unit_test_setup_teardown(methods_may_be_any_token, setup,
	                                    teardown),
	};

	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
