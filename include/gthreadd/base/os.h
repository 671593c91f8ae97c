/* SPDX-License-Identifier: MIT */
/*
 * The process as the system sees it: title, user, limits.
 */
#ifndef GTHREADD_BASE_OS_H
#define GTHREADD_BASE_OS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

/*
 * Save what a title will overwrite; call first thing in main. *argv and
 * environ point to copies afterwards.
 */
void gt_os_title_init(int argc, char ***argv);
/* What ps shows: "gthreadd: master [name]". Errors cannot happen. */
void gt_os_title_set(const char *fmt, ...) GT_PRINTF(1, 2);

struct gt_os_user {
	uid_t uid;
	gid_t gid;
	char name[64]; /* of uid; "" when it has none: no initgroups then */
};

/*
 * Look up a user and a group by name or number; "" means the caller's. With
 * user alone the group is the user's own. Errors: GT_INVALID, *why says which.
 */
GT_MUST_CHECK enum gt_err gt_os_user_find(const char *user, const char *group,
                                          struct gt_os_user *out,
                                          const char **why);
/*
 * Become u for good: supplementary groups, group, user. Nothing happens when
 * the process already is u. Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_os_user_become(const struct gt_os_user *u);
/* Could this process become u? A child of its own tries. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_os_user_try(const struct gt_os_user *u);
/* Resident memory of a process in octets; 0: unknown. */
uint64_t gt_os_rss(pid_t pid);
/* Raise the soft limit on descriptors to the hard one; returns it. */
unsigned long gt_os_raise_nofile(void);

/*
 * fork() with all signals blocked, in parent and child: a child is nobody's
 * handler until it has its own dispositions. *mask is what it was before; the
 * parent has it back. What stdio holds is written first.
 */
pid_t gt_os_fork(sigset_t *mask);
/* In a child: every disposition to what a program finds at its start. */
void gt_os_reset_signals(void);

#endif
