/* SPDX-License-Identifier: MIT */
/*
 * Blocks are mappings of their own. Before each object stands which block it
 * belongs to; a free object holds the next free one instead. Sanitizer builds
 * use the heap, which sees what is used after it was given back.
 */
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gthreadd/base/check.h"
#include "gthreadd/base/slab.h"

#define BLOCK_SIZE 65536

struct item {
	struct gt_slab_block *block;
	struct item *next; /* while it is free */
	alignas(max_align_t) char octets[];
};

struct gt_slab_block {
	LIST_ENTRY(gt_slab_block) link; /* while it has room */
	struct item *free;              /* given back */
	size_t used;                    /* objects taken */
	size_t fresh;                   /* objects ever taken */
	alignas(max_align_t) char items[];
};

static size_t
capacity(const struct gt_slab *s)
{
	return (BLOCK_SIZE - sizeof(struct gt_slab_block)) / s->size;
}

void
gt_slab_init(struct gt_slab *s, size_t size)
{
	const size_t align = alignof(max_align_t);

	*s = (struct gt_slab){0};
	s->size = (sizeof(struct item) + size + align - 1) & ~(align - 1);
	GT_ASSERT(capacity(s) > 0);
}

static void
unmap(struct gt_slab *s, struct gt_slab_block *b)
{
	s->nblocks--;
	munmap(b, BLOCK_SIZE);
}

void
gt_slab_fini(struct gt_slab *s)
{
	if (s->spare != NULL)
		unmap(s, s->spare);
	s->spare = NULL;
}

static struct gt_slab_block *
map(struct gt_slab *s)
{
	struct gt_slab_block *b = s->spare;

	s->spare = NULL;
	if (b != NULL)
		return b;
	b = mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return NULL;
	s->nblocks++;
	return b;
}

/* A block with a free object. NULL: out of memory. */
static struct gt_slab_block *
find_room(struct gt_slab *s)
{
	struct gt_slab_block *b = LIST_FIRST(&s->room);

	if (b == NULL && (b = map(s)) != NULL)
		LIST_INSERT_HEAD(&s->room, b, link);
	return b;
}

void *
gt_slab_take(struct gt_slab *s)
{
	struct gt_slab_block *b;
	struct item *item;

	if (GT_IS_SANITIZED)
		return calloc(1, s->size);
	if ((b = find_room(s)) == NULL)
		return NULL;
	if ((item = b->free) != NULL)
		b->free = item->next;
	else
		item = (void *)(b->items + s->size * b->fresh++);
	if (++b->used == capacity(s))
		LIST_REMOVE(b, link);
	memset(item, 0, s->size);
	item->block = b;
	return item->octets;
}

void
gt_slab_give(struct gt_slab *s, void *object)
{
	struct item *item;
	struct gt_slab_block *b;

	if (GT_IS_SANITIZED) {
		free(object);
		return;
	}
	item = (void *)((char *)object - offsetof(struct item, octets));
	b = item->block;
	if (b->used-- == capacity(s))
		LIST_INSERT_HEAD(&s->room, b, link);
	item->next = b->free;
	b->free = item;
	if (b->used > 0)
		return;
	LIST_REMOVE(b, link);
	if (s->spare != NULL)
		unmap(s, s->spare);
	s->spare = b;
}
