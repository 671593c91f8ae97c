/* SPDX-License-Identifier: MIT */
/*
 * The response on its way from the app to the loop.
 *
 * The thread writes octets (head, framing and small bodies) into ex->out.own,
 * a buffer of its own. A complete response is handed over whole, when the
 * exchange is done: own, then a parcel or a file. A streamed one is published
 * piece by piece; when more than `response-buffer` octets wait for a slow
 * client, the thread waits, without the GIL.
 */
#ifndef GTHREADD_EXCHANGE_OUTBOX_H
#define GTHREADD_EXCHANGE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"

struct gt_exchange;

/*
 * Large body octets that are not copied: they belong to an object of the app,
 * held by owner. When they are sent the loop puts the parcel on the service's
 * release list; the next holder of the GIL releases the owner and frees it.
 */
struct gt_parcel {
	struct gt_parcel *next;
	void *owner;   /* a PyObject reference; opaque here */
	size_t n, pos; /* pieces, and the first that is not fully sent */
	struct iovec iov[];
};

struct gt_outbox {
	struct gt_buf own;      /* the thread's; the loop's once DONE */
	struct gt_buf shared;   /* published, not yet taken; under ex->lock */
	struct gt_buf drain;    /* the loop's: being sent */
	size_t drained;         /* octets of drain already sent */
	size_t waiting;         /* octets published and not sent; under lock */
	bool writer_waits;      /* under lock */
	_Atomic bool published; /* something was published: streamed */
	bool gone;              /* nobody will read it; under lock */
	struct gt_parcel *parcel; /* behind the octets; NULL: none */
	int file_fd;              /* behind the octets; -1: none; owned */
	off_t file_off;
	uint64_t file_left; /* octets of the file to send */
};

/* ---- the thread that runs the app ---- */

/*
 * Publish what is in ex->out.own and empty it; the loop begins to send.
 * GT_OK: go on. GT_FULL: published, but gt_outbox_wait() before writing more.
 * Errors: GT_GONE (client left or request abandoned), GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_outbox_publish(struct gt_exchange *ex);
/* Wait until half of `response-buffer` is free. Errors: GT_GONE. */
GT_MUST_CHECK enum gt_err gt_outbox_wait(struct gt_exchange *ex) GT_NO_GIL;

/* ---- loop ---- */

/* Octets of the loop's own, behind what was published. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_outbox_append(struct gt_exchange *ex,
                                           const char *p, size_t n) GT_ON_LOOP;
/* Move what was published into drain when drain is empty. */
void gt_outbox_take(struct gt_exchange *ex) GT_ON_LOOP;
/* n octets have been sent. */
void gt_outbox_sent(struct gt_exchange *ex, size_t n) GT_ON_LOOP;
/* Nobody will read it: a waiting writer returns GT_GONE. */
void gt_outbox_fail(struct gt_exchange *ex) GT_ON_LOOP;

#endif
