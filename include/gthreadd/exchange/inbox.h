/* SPDX-License-Identifier: MIT */
/*
 * The request body on its way from the loop to the app: a ring of octets.
 * The loop fills it and stops reading when it is full; the thread empties it
 * and waits, without the GIL, when it is empty.
 *
 * Before the dispatch the loop may spool: what comes behind a full ring goes
 * to a file. The thread fills the ring from the file itself when it has
 * emptied it; the loop fills it again when the file is used up.
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

/* Octets of a body that nobody has read and that are read over afterwards. */
#define GT_INBOX_DROP_MAX 65536

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
	bool refused;        /* it was answered without the 100; under lock */
	int spool_fd;        /* -1: none; constant after the dispatch */
	uint64_t spooled;    /* octets ever written to it; likewise */
	uint64_t unspooled;  /* octets moved to the ring; under lock */
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
/*
 * Put n octets behind a full ring into the file, before the dispatch only.
 * Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_inbox_spool(struct gt_exchange *ex, const char *p,
                                         size_t n) GT_ON_LOOP;
/* The body is complete. */
void gt_inbox_end(struct gt_exchange *ex) GT_ON_LOOP;
/* It will never be: GT_GONE (client left), GT_TIMEOUT, GT_PROTO ... */
void gt_inbox_fail(struct gt_exchange *ex, enum gt_err err) GT_ON_LOOP;
/* true once after the app's first read when 100 Continue is due. */
bool gt_inbox_take_continue(struct gt_exchange *ex) GT_ON_LOOP;
/* The app waits, and the client may send: the body timeout applies. */
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
 * GT_BODY_LARGE, GT_STORAGE. Never waits when the answer is known.
 */
GT_MUST_CHECK enum gt_err gt_inbox_wait(struct gt_exchange *ex) GT_NO_GIL;
/* Would gt_inbox_wait() wait? */
bool gt_inbox_would_wait(struct gt_exchange *ex);
/* All of the body is here and nothing of it was read; *octets: its size. */
bool gt_inbox_is_whole(struct gt_exchange *ex, uint64_t *octets);
/* All of the body has been read, and it was all. */
bool gt_inbox_is_over(struct gt_exchange *ex);
/*
 * The head of the response is made: no 100 Continue from now on. whole: the
 * app has given the whole response and reads no more. true: the connection
 * must close behind the response, because the client was not asked for the
 * body, or it was cut, or too much of it is left to be read over.
 */
GT_MUST_CHECK bool gt_inbox_refuse(struct gt_exchange *ex, bool whole);

#endif
