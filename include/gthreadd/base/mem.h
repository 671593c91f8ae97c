/* SPDX-License-Identifier: MIT */
/*
 * Memory. At boot an allocation may end the process (gt_x...); after boot
 * every allocation is checked. What lives as long as one request comes from
 * an arena and is never freed one by one.
 */
#ifndef GTHREADD_BASE_MEM_H
#define GTHREADD_BASE_MEM_H

#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/str.h"

/* Boot only: never NULL; out of memory ends the process with a message. */
void *gt_xcalloc(size_t n, size_t size);
char *gt_xstrdup(const char *s);
char *gt_xasprintf(const char *fmt, ...) GT_PRINTF(1, 2);

struct gt_arena_block;

/* A bump allocator. All zero is an empty arena. No locks. */
struct gt_arena {
	struct gt_arena_block *block; /* newest first */
	char *p;                      /* free room of the newest block */
	size_t left;
};

/* n octets, aligned for any object, not cleared. NULL: out of memory. */
GT_MUST_CHECK void *gt_arena_alloc(struct gt_arena *a, size_t n);
/* A copy of s with a NUL behind it. NULL: out of memory. */
GT_MUST_CHECK char *gt_arena_strdup(struct gt_arena *a, struct gt_str s);
/* Forget everything; the first block stays for the next use. */
void gt_arena_reset(struct gt_arena *a);
void gt_arena_fini(struct gt_arena *a);

/*
 * Give free pages of the heap back to the kernel. It walks the whole heap:
 * after a burst, not in one.
 */
void gt_mem_trim(void);

#endif
