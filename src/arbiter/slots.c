/* SPDX-License-Identifier: MIT */
/*
 * reuse-port: each worker has a slot, whose listening sockets are its own. The
 * successor of a worker gets the slot of one that is to go, so the sockets
 * never stay without somebody who accepts. All workers have all sockets open;
 * from those of the first slot without a serving worker on everybody accepts.
 */
#include "gthreadd/base/log.h"
#include "gthreadd/net/channel.h"

#include "arbiter_priv.h"

/* By one of g who is to stay. */
static bool
is_taken(const struct gt_procs *procs, const struct gt_generation *g,
         unsigned slot)
{
	const struct gt_proc *p;

	TAILQ_FOREACH (p, procs, link)
		if (p->state != GT_PROC_DRAINING && !p->is_tired &&
		    p->gen == g && p->slot == slot)
			return true;
	return false;
}

unsigned
gt_slots_free(const struct gt_arbiter *a, const struct gt_generation *g)
{
	unsigned slot = 0;

	while (slot < GT_ROSTER_SEATS &&
	       (is_taken(&a->procs, g, slot) || is_taken(&a->unborn, g, slot)))
		slot++;
	return slot;
}

/* Would p leave its sockets to another one that serves? */
static bool
has_twin(const struct gt_arbiter *a, const struct gt_proc *p)
{
	const struct gt_proc *other;

	TAILQ_FOREACH (other, &a->procs, link)
		if (other != p && other->slot == p->slot &&
		    other->state == GT_PROC_SERVING)
			return true;
	return false;
}

bool
gt_slots_goes_before(const struct gt_arbiter *a, const struct gt_proc *p,
                     const struct gt_proc *other)
{
	bool has = has_twin(a, p);

	if (!a->gen->settings->reuse_port)
		return false; /* the oldest goes */
	return has != has_twin(a, other) ? has : p->slot > other->slot;
}

/* The lowest slot without a worker that serves all there is to serve. */
static unsigned
first_gap(const struct gt_arbiter *a)
{
	const struct gt_proc *p;
	unsigned slot = 0;

	do {
		TAILQ_FOREACH (p, &a->procs, link)
			if (p->state == GT_PROC_SERVING && p->gen == a->gen &&
			    p->slot == slot)
				break;
	} while (p != NULL && ++slot < GT_ROSTER_SEATS);
	return slot;
}

void
gt_slots_tell(struct gt_arbiter *a)
{
	struct gt_channel_msg msg = {.type = GT_CHANNEL_SLOTS};
	struct gt_proc *p;

	if (!a->gen->settings->reuse_port)
		return;
	msg.value = first_gap(a);
	if (msg.value == a->slots)
		return;
	a->slots = (unsigned)msg.value;
	TAILQ_FOREACH (p, &a->procs, link)
		if (p->channel_fd >= 0 && p->state != GT_PROC_DRAINING &&
		    gt_channel_send(p->channel_fd, &msg) == GT_SYS)
			gt_log_error("worker %d cannot be told its sockets: %s",
			             (int)p->pid, gt_err_text(GT_SYS));
}
