/* SPDX-License-Identifier: MIT */
/*
 * Lists of the hops a request came over: X-Forwarded-For and its like, and
 * Forwarded (RFC 7239).
 */
#ifndef GTHREADD_HTTP_FORWARDED_H
#define GTHREADD_HTTP_FORWARDED_H

#include <stdbool.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/cidr.h"
#include "gthreadd/base/str.h"

/*
 * The client that the hops tell, read from the right: the first one that is
 * not in trusted, else the leftmost; hops left of one that is no address do
 * not count. Several fields are one list: start with all zero, feed each.
 */
struct gt_forwarded {
	bool found;
	struct gt_addr_text client; /* port: "" when the hop has none */
};

/* "a, b": addresses, maybe with a port, IPv6 maybe in brackets. */
void gt_forwarded_feed_list(struct gt_forwarded *f, struct gt_str value,
                            const struct gt_cidr_list *trusted);
/*
 * The value of a Forwarded field. false: it is malformed. It cannot be cut to
 * hops then: a quote that a client began would reach over what the proxy has
 * added. Spec: RFC 7239 section 4.
 */
GT_MUST_CHECK bool gt_forwarded_feed(struct gt_forwarded *f,
                                     struct gt_str value,
                                     const struct gt_cidr_list *trusted);

#endif
