/* SPDX-License-Identifier: MIT */
/* The roster of workers and their connections, in shared memory. */
#include "gthreadd/stats/roster.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* A loop turns once a second at least: who is silent for longer is stuck. */
#define FRESH_US 3000000

struct seat {
	alignas(64) _Atomic int64_t seen_us; /* 0: empty, or accepts no more */
	_Atomic uint64_t connections;
};

struct gt_roster {
	_Atomic uint32_t
	    used; /* seats that were ever taken: the rest is empty */
	struct seat seat[GT_ROSTER_SEATS];
};

enum gt_err
gt_roster_create(int *fd)
{
	int saved;

	*fd = memfd_create("gthreadd-roster", MFD_CLOEXEC);
	if (*fd < 0)
		return GT_SYS;
	if (ftruncate(*fd, (off_t)sizeof(struct gt_roster)) == 0)
		return GT_OK;
	saved = errno;
	close(*fd);
	*fd = -1;
	errno = saved;
	return GT_SYS;
}

enum gt_err
gt_roster_map(int fd, struct gt_roster **out)
{
	void *p = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE, MAP_SHARED,
	               fd, 0);

	*out = p == MAP_FAILED ? NULL : p;
	return p == MAP_FAILED ? GT_SYS : GT_OK;
}

void
gt_roster_unmap(struct gt_roster *r)
{
	if (r != NULL)
		munmap(r, sizeof(*r));
}

static void
use_seat(struct gt_roster *r, uint32_t seat)
{
	uint32_t used = atomic_load_explicit(&r->used, memory_order_relaxed);

	while (used <= seat &&
	       !atomic_compare_exchange_weak(&r->used, &used, seat + 1))
		;
}

void
gt_roster_show(struct gt_roster *r, unsigned seat, uint64_t connections,
               int64_t now_us)
{
	use_seat(r, seat);
	atomic_store_explicit(&r->seat[seat].connections, connections,
	                      memory_order_relaxed);
	atomic_store_explicit(&r->seat[seat].seen_us, now_us,
	                      memory_order_relaxed);
}

void
gt_roster_leave(struct gt_roster *r, unsigned seat)
{
	atomic_store(&r->seat[seat].seen_us, 0);
}

uint64_t
gt_roster_least_other(const struct gt_roster *r, unsigned seat, int64_t now_us)
{
	uint32_t used = atomic_load_explicit(&r->used, memory_order_relaxed);
	uint64_t least = UINT64_MAX, n;
	int64_t seen_us;

	for (uint32_t i = 0; i < used && i < GT_ROSTER_SEATS; i++) {
		seen_us = atomic_load_explicit(&r->seat[i].seen_us,
		                               memory_order_relaxed);
		n = atomic_load_explicit(&r->seat[i].connections,
		                         memory_order_relaxed);
		if (i != seat && seen_us != 0 && now_us - seen_us < FRESH_US &&
		    n < least)
			least = n;
	}
	return least;
}
