/* SPDX-License-Identifier: MIT */
/*
 * Who is believed what: the settings about proxies, compiled once per worker
 * and constant from then on.
 */
#ifndef GTHREADD_NET_TRUST_H
#define GTHREADD_NET_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/cidr.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/config/settings.h"
#include "gthreadd/net/proxyproto.h"

/* The choices of the setting header-map. */
enum gt_header_map {
	GT_MAP_DROP,
	GT_MAP_REFUSE,
	GT_MAP_DANGEROUS,
};

struct gt_trust_scheme {
	struct gt_str name;  /* of a field, in any case */
	struct gt_str value; /* that means https */
};

struct gt_trust {
	struct gt_cidr_list forwarders; /* their fields are believed */
	struct gt_cidr_list proxies;    /* their PROXY prefaces are */
	enum gt_proxy_mode proxy_mode;
	enum gt_header_map map;
	struct gt_str *names; /* with '_', taken from forwarders */
	size_t nnames;
	bool all_names; /* "*" */
	struct gt_trust_scheme *schemes;
	size_t nschemes;
	struct gt_str client_field; /* tells REMOTE_ADDR; empty: none */
	bool client_is_forwarded;   /* it is RFC 7239's Forwarded */
	struct gt_str script_name;  /* where the app is mounted; "" or "/x" */
};

/*
 * s outlives the result; script_name is $SCRIPT_NAME, NULL or borrowed.
 * Errors: GT_NOMEM, GT_INVALID (a network that config has not checked).
 */
GT_MUST_CHECK enum gt_err gt_trust_create(const struct gt_settings *s,
                                          const char *script_name,
                                          struct gt_trust **out);
void gt_trust_destroy(struct gt_trust *t);

/* ip NULL: the peer of a unix socket, which is always believed. */
bool gt_trust_is_forwarder(const struct gt_trust *t, const struct gt_ip *ip);
bool gt_trust_is_proxy(const struct gt_trust *t, const struct gt_ip *ip);

/* Without the '/' at its end. */
struct gt_str gt_trust_mount(struct gt_str script_name);

#endif
