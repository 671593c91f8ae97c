/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "../cmocka_all.h"
#include "gthreadd/base/mem.h"

static void
objects_do_not_overlap(void **state)
{
	struct gt_arena a = {0};
	char *p[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		p[i] = gt_arena_alloc(&a, i + 1);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j <= i; j++)
			assert_int_equal((unsigned char)p[i][j], i);
	gt_arena_fini(&a);
}

static void
reset_keeps_one_block_for_the_next_request(void **state)
{
	struct gt_arena a = {0};
	void *first;

	(void)state;
	first = gt_arena_alloc(&a, 10);
	assert_non_null(gt_arena_alloc(&a, 100000));
	gt_arena_reset(&a);
	assert_ptr_equal(gt_arena_alloc(&a, 10), first);
	gt_arena_fini(&a);
}

static void
strdup_ends_with_nul(void **state)
{
	struct gt_arena a = {0};

	(void)state;
	assert_string_equal(gt_arena_strdup(&a, GT_STR("abc")), "abc");
	assert_string_equal(gt_arena_strdup(&a, (struct gt_str){NULL, 0}), "");
	assert_null(gt_arena_alloc(&a, SIZE_MAX));
	gt_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(objects_do_not_overlap),
	    cmocka_unit_test(reset_keeps_one_block_for_the_next_request),
	    cmocka_unit_test(strdup_ends_with_nul),
	};

	return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
