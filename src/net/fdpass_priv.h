/* SPDX-License-Identifier: MIT */
/*
 * One packet with descriptors beside it, between two processes that share a
 * SOCK_SEQPACKET pair. Any thread, no GIL, nothing blocks.
 */
#ifndef GTHREADD_NET_FDPASS_PRIV_H
#define GTHREADD_NET_FDPASS_PRIV_H

#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

#define GT_FDPASS_MAX 250 /* descriptors of a packet; the kernel takes 253 */

/* Errors: GT_AGAIN (the other end does not read), GT_GONE, GT_SYS. */
GT_MUST_CHECK enum gt_err gt_fdpass_send(int fd, const void *p, size_t len,
                                         const int *fds, size_t nfds);
/*
 * In: *len octets of room at p, *nfds of room at fds. Out: what came; the
 * caller owns the descriptors. Errors: GT_AGAIN (nothing there), GT_EOF (the
 * other end is closed), GT_SYS, GT_INVALID (more than there is room for).
 */
GT_MUST_CHECK enum gt_err gt_fdpass_recv(int fd, void *p, size_t *len, int *fds,
                                         size_t *nfds);
void gt_fdpass_close(int *fds, size_t *nfds);

#endif
