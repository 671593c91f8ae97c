/* SPDX-License-Identifier: MIT */
/* Events of the master's loop: a descriptor is readable, a time is over. */
#ifndef GTHREADD_ARBITER_EVENT_PRIV_H
#define GTHREADD_ARBITER_EVENT_PRIV_H

#include <stdint.h>

#include <event2/event.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

/*
 * Have fn(fd, EV_READ, arg) called in every turn in which fd is readable. *out
 * is for gt_event_drop() in any case, and before fd is closed. Errors:
 * GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_event_watch(struct event_base *base, int fd,
                                         event_callback_fn fn, void *arg,
                                         struct event **out) GT_ON_MASTER;
/* Have fn(-1, EV_TIMEOUT, arg) called once, in so long. The rest as above. */
GT_MUST_CHECK enum gt_err gt_event_after(struct event_base *base, int64_t us,
                                         event_callback_fn fn, void *arg,
                                         struct event **out) GT_ON_MASTER;
/* It is freed, and NULL; it may be NULL already. */
void gt_event_drop(struct event **ev);

#endif
