/* SPDX-License-Identifier: MIT */
/*
 * Many objects of one size that live long, kept together in blocks: what is
 * allocated beside them for a short time leaves no holes between them, and
 * can be given back to the kernel (gt_mem_trim). No locks.
 */
#ifndef GTHREADD_BASE_SLAB_H
#define GTHREADD_BASE_SLAB_H

#include <stddef.h>
#include <sys/queue.h>

#include "gthreadd/base/annot.h"

struct gt_slab_block;

struct gt_slab {
	size_t size; /* octets of an object and what stands before it */
	size_t nblocks;
	LIST_HEAD(, gt_slab_block) room; /* blocks with a free object */
	struct gt_slab_block *spare;     /* one empty block is kept */
};

void gt_slab_init(struct gt_slab *s, size_t size);
/* All objects have been given back. */
void gt_slab_fini(struct gt_slab *s);
/* An object, all zero. NULL: out of memory. */
GT_MUST_CHECK void *gt_slab_take(struct gt_slab *s);
void gt_slab_give(struct gt_slab *s, void *object);

#endif
