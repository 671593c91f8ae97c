/* SPDX-License-Identifier: MIT */
/*
 * What a request's fields say about where it came from, and how much of that
 * is believed: scheme, client, mount point, names that WSGI cannot tell apart.
 */
#ifndef GTHREADD_HTTP_VERDICT_H
#define GTHREADD_HTTP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/http/request.h"
#include "gthreadd/net/trust.h"

struct gt_verdict {
	bool is_https;
	bool has_client; /* client is REMOTE_ADDR; its port may be "" */
	struct gt_addr_text client;
	struct gt_str script_name; /* "" or "/x"; of the head or of the trust */
	size_t mounted; /* octets of the path that script_name stands for */
};

/* Told of each field that was left out, as it was received. */
typedef void gt_verdict_dropped(void *arg, struct gt_str name);

/*
 * Judge the fields of rq, whose head is at base and complete. Fields that are
 * not to be seen are taken out of rq->field. is_forwarder: the peer is
 * believed.
 * Errors: GT_PROTO (*why says what is wrong). Context: any thread, no locks.
 */
GT_MUST_CHECK enum gt_err
gt_verdict_reach(const struct gt_trust *t, bool is_forwarder,
                 struct gt_request *rq, const char *base,
                 gt_verdict_dropped *dropped, void *arg, struct gt_verdict *out,
                 const char **why);

#endif
