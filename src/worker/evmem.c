/* SPDX-License-Identifier: MIT */
/*
 * libevent's memory. It keeps a few octets for every descriptor number it has
 * seen, for ever; between buffers that live for one request they would hold a
 * page each. Its small pieces come from a region of their own. The loop's
 * alone. Sanitizer builds leave libevent to the heap, which they watch.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "worker_priv.h"

#define PIECE  32
#define REGION ((size_t)64 << 20) /* address space: pages come when used */

union piece {
	union piece *next; /* while it is free */
	char octets[PIECE];
};

static union piece *region, *unused, *region_end;
static union piece *freed;

static bool
is_piece(const void *p)
{
	const union piece *x = p;

	return region != NULL && x >= region && x < region_end;
}

static void *
take(size_t n)
{
	union piece *x = freed;

	if (n > PIECE)
		return malloc(n);
	if (x != NULL)
		freed = x->next;
	else if (unused < region_end)
		x = unused++;
	else
		return malloc(n);
	return x;
}

static void
give(void *p)
{
	union piece *x = p;

	if (!is_piece(p)) {
		free(p);
		return;
	}
	x->next = freed;
	freed = x;
}

static void *
resize(void *p, size_t n)
{
	void *to;

	if (!is_piece(p))
		return p == NULL ? take(n) : realloc(p, n);
	if (n <= PIECE)
		return p;
	if ((to = malloc(n)) == NULL)
		return NULL;
	memcpy(to, p, PIECE);
	give(p);
	return to;
}

void
gt_evmem_init(void)
{
	void *p;

	if (GT_IS_SANITIZED || region != NULL)
		return;
	p = mmap(NULL, REGION, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return; /* it works without */
	region = unused = p;
	region_end = region + REGION / sizeof(*region);
	event_set_mem_functions(take, resize, give);
}
