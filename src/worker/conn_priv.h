/* SPDX-License-Identifier: MIT */
/*
 * Connections, and what the parts that read, write and end them know of each
 * other; the loop's alone. Included by worker_priv.h.
 */
#ifndef GTHREADD_WORKER_CONN_PRIV_H
#define GTHREADD_WORKER_CONN_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event_struct.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/exchange/exchange.h"
#include "gthreadd/http/body.h"
#include "gthreadd/http/head.h"
#include "gthreadd/net/listener.h"
#include "gthreadd/stats/counts.h"

struct gt_proxy_info;
struct gt_worker;

/* ---- pace.c: is a client too slow? ---- */

struct gt_pace {
	int64_t last_us;   /* the last octet */
	int64_t window_us; /* where the counting began */
	uint64_t octets;   /* since then */
};

void gt_pace_start(struct gt_pace *p, int64_t now_us);
void gt_pace_add(struct gt_pace *p, uint64_t n, int64_t now_us);
/*
 * Nothing came for longer than the limit, or over as long a time less than
 * the least rate. 0 = no limit.
 */
bool gt_pace_is_over(struct gt_pace *p, int64_t limit_ms, int64_t now_us);

/* ---- conn.c and those named below ---- */

enum gt_conn_state {
	GT_CONN_PROXY,  /* accepted; a PROXY preface may come, or must */
	GT_CONN_FIRST,  /* accepted, no octet of a head yet */
	GT_CONN_HEAD,   /* ex holds part of a head */
	GT_CONN_BODY,   /* head complete; body collected before dispatch */
	GT_CONN_BUSY,   /* ex is queued, running or sending; or settled by
	                   the thread, which the loop has not seen yet */
	GT_CONN_WRITE,  /* ex is done; the loop sends the rest */
	GT_CONN_DRAIN,  /* sent; the rest of the request body is dropped */
	GT_CONN_IDLE,   /* between requests; no ex */
	GT_CONN_LINGER, /* shut for writing; reads until EOF */
	GT_CONN_GONE,   /* closed; ex is still with a thread */
};

struct gt_conn {
	struct gt_worker *worker;
	int fd;
	struct gt_peer peer;
	struct gt_proxy_info *proxy; /* owned; peer borrows it */
	bool is_proxy;               /* its PROXY preface is believed */

	enum gt_conn_state state;
	int64_t since_us;         /* state began */
	struct gt_pace body_pace; /* while octets of a body are waited for */
	struct gt_pace send_pace; /* while the socket takes no more */
	uint64_t sent;            /* octets given to the socket by the loop */
	uint64_t acked;           /* of them not in its buffer any more */
	struct gt_exchange *ex;   /* NULL: IDLE, FIRST, LINGER */
	/*
	 * What a thread still has, or the queue, although the loop has given
	 * it up and answers with another in ex. c stays until it is back.
	 */
	struct gt_exchange *lost;
	bool is_slow; /* slow-request-log has named its request */
	struct gt_head_parser parser;
	struct gt_body body;
	struct gt_buf rest; /* received behind what was consumed */
	unsigned requests;  /* heads completed */
	bool reads, writes; /* events armed */
	bool watches;       /* read_ev only tells that the client is gone */
	bool ended;         /* the client sent FIN */
	bool spools;        /* the body is received whole before dispatch */
	bool body_broken;   /* the request body will never be complete */
	bool close_due;     /* as soon as the thread has let go of ex */

	TAILQ_ENTRY(gt_conn) link;
	struct event read_ev, write_ev;
};

/* A connected socket becomes a connection; on error it is closed. */
void gt_conn_open(struct gt_worker *w, int fd, const struct gt_listener *ls,
                  const struct sockaddr *sa) GT_ON_LOOP;
void gt_conn_move(struct gt_conn *c, enum gt_conn_state to) GT_ON_LOOP;
void gt_conn_arm_read(struct gt_conn *c, bool on) GT_ON_LOOP;
void gt_conn_arm_write(struct gt_conn *c, bool on) GT_ON_LOOP;
/* No thread holds anything of c: it is freed. */
void gt_conn_destroy(struct gt_conn *c) GT_ON_LOOP;
/* Close now; what a thread still holds is abandoned. c may be freed. */
void gt_conn_close(struct gt_conn *c, const char *why) GT_ON_LOOP;
/*
 * While a thread has the request and the loop does not read: has the client
 * gone? c may be freed.
 */
void gt_conn_look(struct gt_conn *c) GT_ON_LOOP;
/* No more answers: shut for writing, wait for the client's FIN. */
void gt_conn_linger(struct gt_conn *c) GT_ON_LOOP;
/* The answer is out: next request, or the end of the connection. */
void gt_conn_next(struct gt_conn *c) GT_ON_LOOP;
/* An exchange came off the mailbox. */
void gt_conn_attend(struct gt_exchange *ex) GT_ON_LOOP;
/* A BUSY connection whose thread has sent its answer becomes IDLE. */
bool gt_conn_settle(struct gt_conn *c) GT_ON_LOOP;
/*
 * The thread is to give the exchange of a BUSY connection back to the loop.
 * true: it had sent its answer already, the connection is IDLE.
 */
bool gt_conn_claim(struct gt_conn *c) GT_ON_LOOP;

/* sweep.c: end what has waited too long. c may be freed. */
void gt_conn_sweep(struct gt_conn *c, int64_t now_us) GT_ON_LOOP;
/* A time limit ends something of it. */
void gt_conn_count_timeout(const struct gt_conn *c,
                           enum gt_timeout kind) GT_ON_LOOP;

/* What one recv came to. */
enum gt_got {
	GT_GOT_OCTETS,
	GT_GOT_NOTHING, /* at the moment */
	GT_GOT_END,     /* FIN; c->ended is set */
	GT_GOT_RESET,
};

/* reader.c: the socket is readable, or rest has octets. c may be freed. */
void gt_conn_read(struct gt_conn *c) GT_ON_LOOP;
/* Begin with what is in rest. */
void gt_conn_feed_rest(struct gt_conn *c) GT_ON_LOOP;
enum gt_got gt_conn_receive(struct gt_conn *c, char *p, size_t room,
                            size_t *n) GT_ON_LOOP;
/* The request goes to the queue at the end of this turn. */
void gt_conn_dispatch(struct gt_conn *c) GT_ON_LOOP;

/* upload.c: the head is complete; is there a body, and where does it go? */
void gt_conn_begin_body(struct gt_conn *c) GT_ON_LOOP;
/* A body that nobody read is dropped, within bounds. c may be freed. */
void gt_conn_drop_body(struct gt_conn *c) GT_ON_LOOP;
/* Read on with a body. c may be freed. */
void gt_conn_read_body(struct gt_conn *c) GT_ON_LOOP;
/* It is the client's turn to send body octets: body-timeout runs. */
void gt_conn_await_body(struct gt_conn *c) GT_ON_LOOP;

/* writer.c: send what there is. c may be freed. */
void gt_conn_write(struct gt_conn *c) GT_ON_LOOP;
/* Has the client taken too little for too long? */
bool gt_conn_is_stuck(struct gt_conn *c, int64_t now_us) GT_ON_LOOP;
/*
 * The client waits for it before it sends its body. false: it was closed, c
 * may be freed.
 */
bool gt_conn_send_continue(struct gt_conn *c) GT_ON_LOOP;
/* The loop's own answer, as c->ex stands. c may be freed. */
void gt_conn_answer(struct gt_conn *c, unsigned status) GT_ON_LOOP;
/* The loop's own answer to a request it refuses. c may be freed. */
void gt_conn_refuse(struct gt_conn *c, enum gt_err err,
                    const char *why) GT_ON_LOOP;
/*
 * A finished exchange is counted, in the caller's own set, and written to the
 * access log. Any thread.
 */
void gt_conn_log(struct gt_exchange *ex, struct gt_counts *counts,
                 int64_t now_us);

/* ---- trust.c: where connections and requests come from ---- */

#define GT_DROPPED_NAMES 64 /* names that are logged at most */
#define GT_DROPPED_NAME  40 /* octets of each that are compared */

/* Names of fields that were dropped and logged. */
struct gt_dropped {
	char name[GT_DROPPED_NAMES][GT_DROPPED_NAME];
	unsigned char len[GT_DROPPED_NAMES];
	size_t n;
};

/* c->peer as the socket tells it; its memory. */
void gt_trust_open(struct gt_conn *c, const struct sockaddr *sa) GT_ON_LOOP;
void gt_trust_close(struct gt_conn *c) GT_ON_LOOP;
/*
 * Take a PROXY preface off the octets in c->ex->head. Errors: GT_AGAIN (more
 * is needed), GT_PROTO, GT_FORBIDDEN (*why says what is wrong), GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_trust_preface(struct gt_conn *c,
                                           const char **why) GT_ON_LOOP;
/* The verdict on the request in c->ex. Errors: GT_PROTO, *why. */
GT_MUST_CHECK enum gt_err gt_trust_judge(struct gt_conn *c,
                                         const char **why) GT_ON_LOOP;

/* ---- requestid.c ---- */

/* Random octets, drawn for many requests at once. */
struct gt_request_ids {
	unsigned char octets[256];
	size_t left;
};

/*
 * The id of the request in c->ex, whose head is complete: the one a trusted
 * proxy sent, or a new one. Errors: GT_NOMEM, GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_request_id_give(struct gt_conn *c) GT_ON_LOOP;

#endif
