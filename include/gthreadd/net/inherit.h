/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets on their way to a new program: which descriptor stands for
 * which address, as words in an environment variable. Pure but for the check
 * that a descriptor is open.
 */
#ifndef GTHREADD_NET_INHERIT_H
#define GTHREADD_NET_INHERIT_H

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"
#include "gthreadd/net/listener.h"

/* Append " FD=ASKED=TEXT[=SLOT]" for each open one of ls. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_inherit_write(const struct gt_listeners *ls,
                                           struct gt_buf *out);
/*
 * Read the words back; each descriptor becomes close-on-exec. What is no such
 * word, or names a descriptor that is not open, is left out. The result serves
 * as struct gt_listen_options.kept. Errors: GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_inherit_read(struct gt_str words,
                                          struct gt_listeners *out);
/* Addresses only, to remember what there was. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_inherit_copy(const struct gt_listeners *ls,
                                          struct gt_listeners *out);

#endif
