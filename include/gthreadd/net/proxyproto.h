/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol: what a proxy says, before the first octet of a
 * connection, about whose connection it is. A pure parser of memory.
 * Spec: haproxy's doc/proxy-protocol.txt, versions 1 and 2.
 */
#ifndef GTHREADD_NET_PROXYPROTO_H
#define GTHREADD_NET_PROXYPROTO_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/cidr.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

#define GT_PROXY_V1_MAX 107  /* octets of a version 1 line with CRLF */
#define GT_PROXY_V2_MAX 4096 /* octets of a version 2 preface with its TLVs */

/* The choices of the setting proxy-protocol. */
enum gt_proxy_mode {
	GT_PROXY_OFF,
	GT_PROXY_V1,
	GT_PROXY_V2,
	GT_PROXY_AUTO,
	GT_PROXY_REQUIRED, /* either version, and nothing else */
};

enum gt_proxy_kind {
	GT_PROXY_ABSENT,  /* no preface: the octets are the client's own */
	GT_PROXY_LOCAL,   /* the proxy speaks for itself */
	GT_PROXY_UNKNOWN, /* for somebody without an Internet address */
	GT_PROXY_CLIENT,  /* for client */
};

struct gt_proxy_info {
	enum gt_proxy_kind kind;
	/* GT_PROXY_CLIENT: */
	const char *protocol; /* "TCP4", "TCP6", "UDP4", "UDP6"; static */
	struct gt_ip ip;      /* of the client */
	struct gt_addr_text client, server;
};

/*
 * Read the preface at the start of p[0..n): all octets of the connection so
 * far. However they were split over calls, the last result is the same.
 * Out: *used octets are the preface (0: GT_PROXY_ABSENT); *begun, set in any
 * case: the octets can be nothing but a preface.
 * Errors: GT_AGAIN (more is needed), GT_PROTO (*why says what is wrong).
 */
GT_MUST_CHECK enum gt_err gt_proxy_parse(enum gt_proxy_mode mode, const char *p,
                                         size_t n, struct gt_proxy_info *out,
                                         size_t *used, bool *begun,
                                         const char **why);

#endif
