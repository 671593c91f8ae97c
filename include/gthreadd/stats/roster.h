/* SPDX-License-Identifier: MIT */
/*
 * The roster: one memory file in which all workers show how many connections
 * they hold, so that who has the fewest takes the next one. A seat per worker;
 * the master gives the seats, the worker writes its own, all read all.
 * Any thread, no locks.
 */
#ifndef GTHREADD_STATS_ROSTER_H
#define GTHREADD_STATS_ROSTER_H

#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

/* More than `workers` allows, for those that drain beside their successors. */
#define GT_ROSTER_SEATS 2048

struct gt_roster;

/* Master: make the memory file. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_roster_create(int *fd);
/* Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_roster_map(int fd, struct gt_roster **out);
void gt_roster_unmap(struct gt_roster *r);

/* This worker accepts and holds so many connections; now_us: gt_clock_us. */
void gt_roster_show(struct gt_roster *r, unsigned seat, uint64_t connections,
                    int64_t now_us);
/* It accepts no more, or it is gone. */
void gt_roster_leave(struct gt_roster *r, unsigned seat);
/*
 * The fewest connections of any other worker that accepts and was seen within
 * the last seconds; UINT64_MAX: there is none.
 */
uint64_t gt_roster_least_other(const struct gt_roster *r, unsigned seat,
                               int64_t now_us);

#endif
