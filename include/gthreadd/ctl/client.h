/* SPDX-License-Identifier: MIT */
/*
 * The other end of the control socket, for gthreadctl: one request, one
 * answer. Blocks. Never in a server process.
 */
#ifndef GTHREADD_CTL_CLIENT_H
#define GTHREADD_CTL_CLIENT_H

#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"

struct gt_ctl_reply {
	int status;         /* of HTTP */
	struct gt_buf body; /* the caller's; NUL behind it, not counted */
};

/*
 * Errors: GT_SYS (nobody listens, no permission), GT_EOF and GT_PROTO (an
 * answer that is cut or none at all), GT_NOMEM; why (n octets) tells.
 */
GT_MUST_CHECK enum gt_err gt_ctl_request(const char *path, const char *method,
                                         const char *target,
                                         struct gt_ctl_reply *out, char *why,
                                         size_t n);

#endif
