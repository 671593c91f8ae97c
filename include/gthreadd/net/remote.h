/* SPDX-License-Identifier: MIT */
/*
 * A one-way line to another program (syslog, statsd): messages go out without
 * ever waiting for it. What it does not take now waits in a bounded queue;
 * what has no room there, or nobody to take it, is counted as lost.
 * One thread at a time, no locks.
 */
#ifndef GTHREADD_NET_REMOTE_H
#define GTHREADD_NET_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

enum gt_remote_kind {
	GT_REMOTE_DGRAM,  /* a message is a datagram */
	GT_REMOTE_STREAM, /* messages follow each other; reconnects */
	GT_REMOTE_EITHER, /* unix: what the socket there is */
};

/* Where it is, resolved. All zero: nowhere. */
struct gt_remote_addr {
	struct sockaddr_storage sa;
	socklen_t len; /* 0: nowhere */
	enum gt_remote_kind kind;
};

/*
 * "unix://PATH", "unix:PATH" (with "#dgram" or "#stream"), "udp://HOST:PORT",
 * "tcp://HOST:PORT", "HOST:PORT" (UDP); without a port it is dflt_port. The
 * text alone is looked at. Errors: GT_INVALID, *why.
 */
GT_MUST_CHECK enum gt_err gt_remote_check(struct gt_str text, const char **why);
/*
 * Find the address; asks the resolver, so it may take a while. A unix socket
 * need not be there yet. Errors: GT_INVALID, GT_SYS; *why.
 */
GT_MUST_CHECK enum gt_err gt_remote_resolve(struct gt_str text,
                                            unsigned dflt_port,
                                            struct gt_remote_addr *out,
                                            const char **why);

/*
 * Does somebody listen there now? Only asked of a unix socket; all zero is
 * nobody's, GT_OK. Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_remote_reach(const struct gt_remote_addr *addr);

struct gt_remote;

/* Opens nothing yet. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_remote_create(const struct gt_remote_addr *addr,
                                           struct gt_remote **out);
/* What waits is lost. r may be NULL. */
void gt_remote_destroy(struct gt_remote *r);
/* Send one message now, or later, or count it as lost. now_us: gt_clock_us. */
void gt_remote_send(struct gt_remote *r, const char *p, size_t n,
                    int64_t now_us);
/*
 * Go on with what waits. Returns when to try again (as now_us), 0: nothing
 * waits.
 */
int64_t gt_remote_flush(struct gt_remote *r, int64_t now_us);
/* Messages lost since it was made. */
uint64_t gt_remote_lost(const struct gt_remote *r);
/* Octets go as a stream: the caller must frame messages. */
bool gt_remote_is_stream(const struct gt_remote *r);

#endif
