/* SPDX-License-Identifier: MIT */
/* logthread.c and output.c: what becomes of a worker's words. */
#ifndef GTHREADD_LOGTHREAD_PRIV_H
#define GTHREADD_LOGTHREAD_PRIV_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/stats/relay.h"

struct gt_worker;
struct gt_logthread;

/* ---- logthread.c: nobody waits for a disk or a pipe ---- */

/*
 * access_fd may be -1. relay may be NULL; it is given. dropped: counter on
 * the board. Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_logthread_create(int error_fd, int access_fd,
                                              struct gt_relay *relay,
                                              _Atomic uint64_t *dropped,
                                              struct gt_logthread **out);
/* Whole lines; dropped and counted when there is no room. Any thread. */
void gt_logthread_give(struct gt_logthread *lt, enum gt_log_kind kind,
                       const char *p, size_t n);
/* A request was answered: for statsd. Any thread. */
void gt_logthread_count(struct gt_logthread *lt, unsigned status,
                        int64_t duration_us);
/* End the process with that code at that time, whatever Python does. */
void gt_logthread_set_deadline(struct gt_logthread *lt, int64_t at_us,
                               int exit_code);
/* Write what is there, end the thread. */
void gt_logthread_destroy(struct gt_logthread *lt) GT_NO_GIL;

/* ---- output.c: before and beside the log thread ---- */

/* capture-output and w->relay. Errors: GT_NOMEM. */
GT_MUST_CHECK enum gt_err gt_output_init(struct gt_worker *w);
/* USR1 sent to this worker: open the files again. */
void gt_output_reopen(struct gt_worker *w);
/* The master has: fds are error log[, access log], which are given. */
void gt_output_take(struct gt_worker *w, const int *fds, size_t n);
/*
 * Put an open log, which is given, in the place of the old one, under the same
 * number. old < 0: there is none.
 */
void gt_output_replace(int old, int fd);
/* For gt_log_set_tee(), until there is a log thread; relay: struct gt_relay. */
void gt_output_tee(void *relay, const char *line, size_t n);

#endif
