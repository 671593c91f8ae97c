/* SPDX-License-Identifier: MIT */
/*
 * Descriptors. Every one the server makes is close-on-exec.
 */
#ifndef GTHREADD_BASE_FD_H
#define GTHREADD_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"

/*
 * Open /dev/null for those of standard input and outputs that are closed:
 * else sockets would get their numbers, and what is printed.
 */
void gt_fd_fill_std(void);
/* Close *fd if it is open and set it to -1. */
void gt_fd_close(int *fd);
GT_MUST_CHECK enum gt_err gt_fd_set_cloexec(int fd, int on);
GT_MUST_CHECK enum gt_err gt_fd_set_nonblock(int fd);
/* Write all n octets, also when interrupted. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_fd_write_all(int fd, const void *p, size_t n);
/*
 * Add to out what a file has from its start on, max octets at most; where fd
 * stands is not changed. Errors: GT_SYS, GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_fd_read_file(int fd, size_t max,
                                          struct gt_buf *out);
/*
 * write(2) to a log: does not wait for the reader of a socket, and not for
 * that of a pipe or terminal that gt_fd_open_log has opened. EAGAIN then.
 */
ssize_t gt_fd_write_log(int fd, const void *p, size_t n);
/*
 * Open a log file for appending (mode 0666 & ~umask); "-" is std, which is
 * not changed itself; so it is for /dev/stdout and /dev/stderr when they cannot
 * be opened, as under systemd, where they are sockets. Pipes and terminals are
 * opened non-blocking; a named pipe needs no reader. Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_fd_open_log(const char *path, int std, int *out);

#endif
