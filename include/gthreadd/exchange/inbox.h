/* SPDX-License-Identifier: MIT */
/*
 * The request body on its way from the loop to the app: a ring of octets.
 * The loop fills it and stops reading when it is full; the thread empties it
 * and waits, without the GIL, when it is empty.
 *
 * Positions are guarded by the lock; octets are not: the loop touches only
 * free room, the reader only filled room. One reader at a time (the GIL, or
 * the input object's own care, sees to it).
 */
#ifndef GTHREADD_EXCHANGE_INBOX_H
#define GTHREADD_EXCHANGE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/lock.h"
#include "gthreadd/base/str.h"

struct gt_exchange;

struct gt_inbox {
	char *ring;      /* NULL: no body, or none of it has come */
	size_t cap;      /* octets of ring; a power of two */
	uint64_t filled; /* octets ever put in; by the loop, under lock */
	uint64_t taken;  /* octets ever taken out; by the reader, under lock */
	bool ended;      /* all of the body is in; under lock */
	enum gt_err failed;  /* no more will come; under lock */
	bool has_body;       /* set before dispatch, constant afterwards */
	bool reader_waits;   /* under lock */
	bool loop_waits;     /* the loop stopped reading: full; under lock */
	bool wants_continue; /* 100 is due at the first read; under lock */
};

/* ---- loop ---- */

/* A body will come; a ring of at least size octets. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_inbox_open(struct gt_exchange *ex,
                                        size_t size) GT_ON_LOOP;
/* Free room in one piece; 0: full (then the reader's taking posts ex). */
size_t gt_inbox_room(struct gt_exchange *ex, char **p) GT_ON_LOOP;
/* All free room; 0: full, as above. */
size_t gt_inbox_free(struct gt_exchange *ex) GT_ON_LOOP;
/* n octets have been written into that room. */
void gt_inbox_filled(struct gt_exchange *ex, size_t n) GT_ON_LOOP;
/* The body is complete. */
void gt_inbox_end(struct gt_exchange *ex) GT_ON_LOOP;
/* It will never be: GT_EOF (client left), GT_TIMEOUT, GT_PROTO ... */
void gt_inbox_fail(struct gt_exchange *ex, enum gt_err err) GT_ON_LOOP;
/* true once after the app's first read when 100 Continue is due. */
bool gt_inbox_take_continue(struct gt_exchange *ex) GT_ON_LOOP;
/* The app has a read waiting: the body timeout applies. */
bool gt_inbox_reader_waits(struct gt_exchange *ex) GT_ON_LOOP;

/* ---- the thread that runs the app ---- */

/*
 * What is there now, in one piece; empty: nothing at the moment. Valid until
 * gt_inbox_consume().
 */
struct gt_str gt_inbox_peek(struct gt_exchange *ex);
void gt_inbox_consume(struct gt_exchange *ex, size_t n);
/*
 * Wait until gt_inbox_peek() has something. Errors: GT_EOF: the body is over,
 * properly; otherwise it was cut: GT_GONE (client left), GT_TIMEOUT, GT_PROTO,
 * GT_BODY_LARGE. Never waits when the answer is known.
 */
GT_MUST_CHECK enum gt_err gt_inbox_wait(struct gt_exchange *ex) GT_NO_GIL;
/* Would gt_inbox_wait() wait? */
bool gt_inbox_would_wait(struct gt_exchange *ex);

#endif
