/* SPDX-License-Identifier: MIT */
/*
 * Is a client too slow? Octets against time, for request bodies and for
 * responses. A time limit without progress alone would let a client hold its
 * connection for ever by one octet now and then. The loop's alone.
 */
#include "worker_priv.h"

/*
 * Octets per second that a client must come to over one time limit. Slower
 * than any line that people use, a tenth of a 9600 baud modem; at the default
 * limits it is 3000 octets in 30 seconds.
 */
#define RATE_MIN 100

void
gt_pace_start(struct gt_pace *p, int64_t now_us)
{
	*p = (struct gt_pace){.last_us = now_us, .window_us = now_us};
}

void
gt_pace_add(struct gt_pace *p, uint64_t n, int64_t now_us)
{
	if (n == 0)
		return;
	p->last_us = now_us;
	p->octets += n;
}

bool
gt_pace_is_over(struct gt_pace *p, int64_t limit_ms, int64_t now_us)
{
	int64_t limit_us = limit_ms * 1000;
	uint64_t least;

	if (limit_ms <= 0)
		return false;
	if (now_us - p->last_us > limit_us)
		return true;
	if (now_us - p->window_us <= limit_us)
		return false;
	least = (uint64_t)(now_us - p->window_us) * RATE_MIN / 1000000;
	if (p->octets < least)
		return true;
	p->window_us = now_us;
	p->octets = 0;
	return false;
}
