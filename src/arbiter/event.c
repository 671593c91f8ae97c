/* SPDX-License-Identifier: MIT */
/* Events of the master's loop, and events that may be NULL. */
#include "event_priv.h"

#include <stddef.h>

enum gt_err
gt_event_watch(struct event_base *base, int fd, event_callback_fn fn, void *arg,
               struct event **out)
{
	*out = event_new(base, fd, EV_READ | EV_PERSIST, fn, arg);
	return *out == NULL || event_add(*out, NULL) < 0 ? GT_NOMEM : GT_OK;
}

enum gt_err
gt_event_after(struct event_base *base, int64_t us, event_callback_fn fn,
               void *arg, struct event **out)
{
	struct timeval tv = {0};

	if (us > 0)
		tv = (struct timeval){us / 1000000, us % 1000000};
	*out = evtimer_new(base, fn, arg);
	return *out == NULL || event_add(*out, &tv) < 0 ? GT_NOMEM : GT_OK;
}

void
gt_event_drop(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}
