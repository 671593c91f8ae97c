/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses as numbers, and networks of them. An IPv4 address and
 * the same address mapped into IPv6 (::ffff:192.0.2.1) are one and the same
 * here, so that a dual-stack socket makes no difference. Nothing is looked up.
 */
#ifndef GTHREADD_BASE_CIDR_H
#define GTHREADD_BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

struct gt_ip {
	uint8_t octet[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct gt_cidr {
	struct gt_ip net; /* host bits are 0 */
	unsigned bits;    /* 0-128; below 96 no IPv4 address is in it */
	bool is_any;      /* "*": every address */
};

struct gt_cidr_list {
	struct gt_cidr *v;
	size_t n;
};

/* "192.0.2.1", "2001:db8::1"; no zone, port or brackets. Errors: GT_INVALID. */
GT_MUST_CHECK enum gt_err gt_ip_parse(struct gt_str s, struct gt_ip *out);
/* false: sa is of another family. */
bool gt_ip_of_sockaddr(const struct sockaddr *sa, struct gt_ip *out);
/* An IPv4 address without a mapping. */
void gt_ip_format(const struct gt_ip *ip, char out[GT_ADDR_TEXT]);
bool gt_ip_is_v4(const struct gt_ip *ip);

/*
 * "192.0.2.0/24", "2001:db8::/32", one address, or "*". Bits behind the
 * prefix are an error: nobody can tell which network was meant.
 * Errors: GT_INVALID, *why completes "'x': ...".
 */
GT_MUST_CHECK enum gt_err gt_cidr_parse(struct gt_str s, struct gt_cidr *out,
                                        const char **why);
bool gt_cidr_has(const struct gt_cidr *c, const struct gt_ip *ip);
bool gt_cidr_list_has(const struct gt_cidr_list *list, const struct gt_ip *ip);

#endif
