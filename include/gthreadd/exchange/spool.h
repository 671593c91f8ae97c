/* SPDX-License-Identifier: MIT */
/*
 * Files without a name that keep what is too much for memory. They go with
 * their descriptor. Any thread; all of these may wait for the disk.
 */
#ifndef GTHREADD_EXCHANGE_SPOOL_H
#define GTHREADD_EXCHANGE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

/* A new file in dir, readable by this process alone. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_spool_open(const char *dir, int *fd);
/* n octets to offset at. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_spool_write(int fd, uint64_t at, const char *p,
                                         size_t n);
/* n octets from offset at, all of them. Errors: GT_SYS, GT_EOF. */
GT_MUST_CHECK enum gt_err gt_spool_read(int fd, uint64_t at, char *p, size_t n);

#endif
