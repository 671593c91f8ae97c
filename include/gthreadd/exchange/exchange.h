/* SPDX-License-Identifier: MIT */
/*
 * One request and its response, between the loop and a pool thread.
 *
 * The loop makes it, fills the request, gives it to the queue. A pool thread
 * runs the app on it. Both know only this; sockets stay with the loop.
 * Nothing here knows libevent, Python or descriptors of connections.
 *
 * Who may touch what:
 *   request, head, arena   loop until QUEUED; read-only until it is DONE,
 *                          but the arena may be used by the thread
 *   in, out                as inbox.h and outbox.h say
 *   facts of the answer    the thread until DONE, then the loop
 * The thread always gives an exchange back through the mailbox (or by the
 * last-out send), so the loop alone frees or recycles it.
 */
#ifndef GTHREADD_EXCHANGE_EXCHANGE_H
#define GTHREADD_EXCHANGE_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/lock.h"
#include "gthreadd/base/mem.h"
#include "gthreadd/config/settings.h"
#include "gthreadd/exchange/inbox.h"
#include "gthreadd/exchange/mailbox.h"
#include "gthreadd/exchange/outbox.h"
#include "gthreadd/exchange/spool.h"
#include "gthreadd/http/head.h"
#include "gthreadd/http/request.h"
#include "gthreadd/http/response.h"
#include "gthreadd/http/verdict.h"
#include "gthreadd/net/proxyproto.h"
#include "gthreadd/net/trust.h"
#include "gthreadd/stats/access.h"
#include "gthreadd/stats/board.h"

enum gt_exchange_state {
	GT_EX_IDLE,      /* the loop's: between requests, or receiving one */
	GT_EX_QUEUED,    /* in the queue */
	GT_EX_RUNNING,   /* a pool thread runs the app */
	GT_EX_SENDING,   /* a pool thread sends on the socket it is lent */
	GT_EX_DONE,      /* the loop's: the response is complete */
	GT_EX_ABANDONED, /* the loop gave up; the thread will bring it back */
};
/*
 * Set beside a state: the loop must see this exchange when the thread is done
 * (an event came meanwhile, octets are left over, the connection must close).
 */
#define GT_EX_ATTENTION 0x100u
/* Set beside a state: it is, or will at once be, on the mailbox's list. */
#define GT_EX_POSTED 0x200u
#define GT_EX_STATE  0xffu

struct gt_exchange;

/* What all exchanges of a worker share; constant but for the atomics. */
struct gt_service {
	const struct gt_settings *settings;
	struct gt_http_limits limits;
	const struct gt_trust *trust;
	struct gt_str server;            /* Server field */
	struct gt_str id_header;         /* request-id-header; n 0: none */
	struct gt_access_format *access; /* NULL: no access log */
	struct gt_mailbox mailbox;
	_Atomic bool closing; /* draining: answers close their connection */
	_Atomic(struct gt_parcel *) released; /* parcels to be released */
	/*
	 * Send what is in out.own at once, without blocking; the rest stays
	 * there. true: all was sent. NULL: the loop sends everything.
	 */
	bool (*send_now)(struct gt_exchange *ex);
};

/* The two ends of a connection, as text; outlives its exchanges. */
struct gt_peer {
	struct gt_addr_text remote;       /* "" "" for a unix socket */
	const struct gt_addr_text *local; /* of the listener; "" for unix */
	bool is_unix;
	bool is_forwarder; /* fields of its requests are believed */
	const struct gt_proxy_info *proxy; /* of a client; NULL: none */
};

/* For logs: an address, or "unix". */
static inline const char *
gt_peer_name(const struct gt_peer *p)
{
	return p->is_unix ? "unix" : p->remote.host;
}

struct gt_exchange {
	uint64_t number;  /* among the worker's requests, from 1 */
	unsigned on_conn; /* among its connection's requests, from 1 */
	struct gt_service *service;
	const struct gt_peer *peer;
	void *conn; /* struct gt_conn; the worker layer's */

	_Atomic unsigned state;   /* enum gt_exchange_state, GT_EX_ATTENTION */
	_Atomic bool half_closed; /* the client sends no more; the loop's */
	struct gt_exchange *next_posted;
	struct gt_exchange *next; /* in the queue, or in the free list */

	struct gt_buf head; /* octets of the head, and what came with it */
	size_t head_len;
	struct gt_request request;
	struct gt_verdict verdict; /* when the head is complete */
	struct gt_str request_id;  /* head or arena; n 0: none */
	struct gt_arena arena;     /* freed with the request */

	struct gt_mutex lock;   /* positions of in and out */
	struct gt_cond changed; /* a waiting thread looks again */
	struct gt_inbox in;
	struct gt_outbox out;

	/* facts of the answer */
	struct gt_response response;
	_Atomic bool answered; /* a thread has sent all of it */
	bool logged;           /* its access line was written */
	bool failed;           /* the response cannot be completed: close */
	unsigned thread;       /* pool thread, from 1; 0: the loop */
	struct gt_cell *cell;  /* that thread's; NULL: none */
	int64_t received_us;   /* head complete */
	int64_t queued_us;
	int64_t started_us;     /* popped */
	int64_t ended_us;       /* the app is done; idle since, when sent */
	int64_t gil_us;         /* waited for the GIL */
	struct gt_str *log_out; /* values of gt_access_wanted_out; arena */
	struct gt_str *log_env; /* values of gt_access_wanted_env; arena */
};

/* Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_exchange_create(struct gt_service *service,
                                             struct gt_exchange **out);
void gt_exchange_destroy(struct gt_exchange *ex);
/* Ready for the next request; small buffers are kept. */
void gt_exchange_reset(struct gt_exchange *ex) GT_ON_LOOP;

/* Octets of a span of the request. */
static inline struct gt_str
gt_exchange_str(const struct gt_exchange *ex, struct gt_span span)
{
	return gt_span_str(ex->head.p, span);
}

/* Who sent the request, as far as it is believed: REMOTE_ADDR. */
const struct gt_addr_text *gt_exchange_client(const struct gt_exchange *ex);

/*
 * Move from one state to another, whatever GT_EX_ATTENTION says; it stays as
 * it is. false: the state was not from.
 */
bool gt_exchange_move(struct gt_exchange *ex, enum gt_exchange_state from,
                      enum gt_exchange_state to);
enum gt_exchange_state gt_exchange_state(const struct gt_exchange *ex);
/* Ask the loop to look at it. Any thread that has not given it back. */
void gt_exchange_post(struct gt_exchange *ex);
/*
 * The pool thread is finished with it: DONE, whatever it was, and the loop
 * looks at it. The caller must not touch ex any more.
 */
void gt_exchange_give_back(struct gt_exchange *ex);
/*
 * The last-out send went through: SENDING becomes IDLE without waking the
 * loop. false: the loop wants to see it; give it back.
 */
bool gt_exchange_settle(struct gt_exchange *ex);
/*
 * What came off the mailbox's list: may be posted again from now on. Returns
 * its state; only a DONE that is seen here means that the thread has let go.
 */
enum gt_exchange_state gt_exchange_open_post(struct gt_exchange *ex) GT_ON_LOOP;
/*
 * The client is gone or the loop gave up: work for it is in vain. Also after
 * a half-close, which looks like the end of one who left.
 */
bool gt_exchange_is_gone(struct gt_exchange *ex);

#define GT_REQUEST_TEXT 512
/*
 * request="GET /x" peer=ADDRESS, or peer=ADDRESS:PORT, for logs; a long target
 * is cut.
 */
void gt_exchange_describe(const struct gt_exchange *ex, bool with_port,
                          char out[GT_REQUEST_TEXT]);

/* Octets of the request so far, and of the response's body. */
void gt_exchange_octets(const struct gt_exchange *ex, uint64_t *received,
                        uint64_t *sent);
/* Describe it for the access log; rec borrows from ex. */
void gt_exchange_record(const struct gt_exchange *ex,
                        struct gt_access_record *rec, int64_t now_us,
                        int64_t wall_us);
/* The loop has sent a parcel: its owner is released by a GIL holder. */
void gt_service_release(struct gt_service *sv, struct gt_parcel *parcel);

#endif
