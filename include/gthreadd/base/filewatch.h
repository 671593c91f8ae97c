/* SPDX-License-Identifier: MIT */
/*
 * Have files changed since they were first seen? By what stat(2) tells of
 * them; inotify(7), where it is to be had, only tells when to look. One thread.
 */
#ifndef GTHREADD_BASE_FILEWATCH_H
#define GTHREADD_BASE_FILEWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

struct gt_filewatch;

/* Errors: GT_NOMEM; GT_SYS: inotify is wanted and cannot be had. */
GT_MUST_CHECK enum gt_err gt_filewatch_create(bool wants_inotify,
                                              struct gt_filewatch **out);
void gt_filewatch_destroy(struct gt_filewatch *w);
/*
 * Watch path too; one that is watched, or not there, is left as it is. since_us
 * (of the wall clock; 0: none): a file that was changed from then on counts as
 * changed. Errors: GT_NOMEM, GT_SYS (its directory cannot be watched).
 */
GT_MUST_CHECK enum gt_err gt_filewatch_add(struct gt_filewatch *w,
                                           const char *path, int64_t since_us);
/*
 * Readable when it is time to look; -1: without inotify. drain: read what
 * was told.
 */
int gt_filewatch_fd(const struct gt_filewatch *w);
void gt_filewatch_drain(struct gt_filewatch *w);
/*
 * A path that has changed, borrowed; NULL: none. A file that is not there at
 * the moment has not changed: it is being replaced.
 */
const char *gt_filewatch_changed(const struct gt_filewatch *w);

#endif
