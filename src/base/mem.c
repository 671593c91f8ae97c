/* SPDX-License-Identifier: MIT */
/* Boot-time allocation and the arena. */
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "gthreadd/base/mem.h"

#define BLOCK_MIN 2048 /* octets of a block; larger wishes get their own */

struct gt_arena_block {
	struct gt_arena_block *older;
	size_t size;
	alignas(max_align_t) char octets[];
};

GT_NORETURN GT_COLD static void
die_nomem(void)
{
	fputs("gthreadd: out of memory\n", stderr);
	exit(EXIT_FAILURE);
}

void *
gt_xcalloc(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (p == NULL)
		die_nomem();
	return p;
}

char *
gt_xstrdup(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		die_nomem();
	return p;
}

char *
gt_xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		die_nomem();
	va_end(ap);
	return p;
}

void *
gt_arena_alloc(struct gt_arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct gt_arena_block *b;
	size_t size;
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + align - 1) & ~(align - 1);
	if (n > a->left) {
		size = n > BLOCK_MIN ? n : BLOCK_MIN;
		if ((b = malloc(sizeof(*b) + size)) == NULL)
			return NULL;
		b->older = a->block;
		b->size = size;
		a->block = b;
		a->p = b->octets;
		a->left = size;
	}
	p = a->p;
	a->p += n;
	a->left -= n;
	return p;
}

char *
gt_arena_strdup(struct gt_arena *a, struct gt_str s)
{
	char *p = gt_arena_alloc(a, s.n + 1);

	if (p == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

void
gt_arena_reset(struct gt_arena *a)
{
	struct gt_arena_block *b;

	while ((b = a->block) != NULL &&
	       (b->older != NULL || b->size > BLOCK_MIN)) {
		a->block = b->older;
		free(b);
	}
	a->p = b == NULL ? NULL : b->octets;
	a->left = b == NULL ? 0 : b->size;
}

void
gt_arena_fini(struct gt_arena *a)
{
	struct gt_arena_block *b;

	while ((b = a->block) != NULL) {
		a->block = b->older;
		free(b);
	}
	*a = (struct gt_arena){0};
}

#ifdef __GLIBC__
void
gt_mem_trim(void)
{
	malloc_trim(0);
}
#else
void
gt_mem_trim(void)
{
}
#endif
