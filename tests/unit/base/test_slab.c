/* SPDX-License-Identifier: MIT */
/* The slab: objects are apart and zero, empty blocks go back. */
#include <stdint.h>
#include <string.h>

#include "../cmocka_all.h"

#include "gthreadd/base/slab.h"

#define SIZE 700
#define MANY 1000

#ifdef GT_SANITIZE
#define HAS_BLOCKS 0 /* the heap is used instead */
#else
#define HAS_BLOCKS 1
#endif

static char *object[MANY];

static void
take_all(struct gt_slab *s)
{
	for (size_t i = 0; i < MANY; i++) {
		object[i] = gt_slab_take(s);
		assert_non_null(object[i]);
		memset(object[i], (int)i, SIZE);
	}
}

static void
objects_are_apart_and_aligned(void **state)
{
	struct gt_slab s;

	(void)state;
	gt_slab_init(&s, SIZE);
	take_all(&s);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal((uintptr_t)object[i] % 16, 0);
		for (size_t k = 0; k < SIZE; k++)
			assert_int_equal((unsigned char)object[i][k],
			                 (unsigned char)i);
	}
	for (size_t i = 0; i < MANY; i++)
		gt_slab_give(&s, object[i]);
	gt_slab_fini(&s);
	assert_int_equal(s.nblocks, 0);
}

static void
an_object_is_zero_when_it_is_taken_again(void **state)
{
	struct gt_slab s;
	char *a, *b;

	(void)state;
	gt_slab_init(&s, SIZE);
	a = gt_slab_take(&s);
	assert_non_null(a);
	memset(a, 'x', SIZE);
	gt_slab_give(&s, a);
	b = gt_slab_take(&s);
	assert_non_null(b);
	for (size_t k = 0; k < SIZE; k++)
		assert_int_equal(b[k], 0);
	gt_slab_give(&s, b);
	gt_slab_fini(&s);
}

static void
empty_blocks_are_given_back_but_one(void **state)
{
	struct gt_slab s;

	(void)state;
	gt_slab_init(&s, SIZE);
	take_all(&s);
	if (HAS_BLOCKS)
		assert_in_range(s.nblocks, MANY * SIZE / 65536, 20);
	for (size_t i = 0; i < MANY; i += 2)
		gt_slab_give(&s, object[i]);
	for (size_t i = 1; i < MANY; i += 2)
		gt_slab_give(&s, object[i]);
	assert_int_equal(s.nblocks, HAS_BLOCKS);
	gt_slab_fini(&s);
	assert_int_equal(s.nblocks, 0);
}

static void
holes_are_filled_before_a_block_is_made(void **state)
{
	struct gt_slab s;
	size_t before;

	(void)state;
	gt_slab_init(&s, SIZE);
	take_all(&s);
	before = s.nblocks;
	for (size_t i = 0; i < MANY; i += 3)
		gt_slab_give(&s, object[i]);
	for (size_t i = 0; i < MANY; i += 3) {
		object[i] = gt_slab_take(&s);
		assert_non_null(object[i]);
	}
	assert_int_equal(s.nblocks, before);
	for (size_t i = 0; i < MANY; i++)
		gt_slab_give(&s, object[i]);
	gt_slab_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(objects_are_apart_and_aligned),
	    cmocka_unit_test(an_object_is_zero_when_it_is_taken_again),
	    cmocka_unit_test(empty_blocks_are_given_back_but_one),
	    cmocka_unit_test(holes_are_filled_before_a_block_is_made),
	};

	return cmocka_run_group_tests_name("base/slab", tests, NULL, NULL);
}
