/* SPDX-License-Identifier: MIT */
/*
 * Run-time side of the annotations: which role the thread has, whether it
 * holds the GIL, how many locks it holds. Checked in debug builds only, but
 * kept always: a thread-local store costs nothing worth an #ifdef.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gthreadd/base/check.h"

static _Thread_local enum gt_role role;
static _Thread_local bool gil_held;
static _Thread_local int locks_held;

void
gt_check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
	abort();
}

void
gt_role_set(enum gt_role r)
{
	role = r;
}

/*
 * clang cannot see that the comparison below is the capability; the
 * prototypes say so.
 */
#define ASSERT_ROLE(name, r)            \
	void gt_assert_##name(void)     \
	{                               \
		GT_ASSERT(role == (r)); \
	}
ASSERT_ROLE(loop, GT_ROLE_LOOP)
ASSERT_ROLE(pool, GT_ROLE_POOL)
ASSERT_ROLE(monitor, GT_ROLE_MONITOR)
ASSERT_ROLE(master, GT_ROLE_MASTER)

void
gt_assert_gil(void)
{
	GT_ASSERT(gil_held);
}

void
gt_check_gil_held(bool held)
{
	gil_held = held;
}

void
gt_check_locks_held(int change)
{
	locks_held += change;
}

void
gt_assert_no_lock(void)
{
	GT_ASSERT(locks_held == 0);
}
