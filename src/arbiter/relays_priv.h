/* SPDX-License-Identifier: MIT */
/* relays.c: what the master tells syslog and statsd. After arbiter_priv.h. */
#ifndef GTHREADD_RELAYS_PRIV_H
#define GTHREADD_RELAYS_PRIV_H

/* Look up what the settings of g name. Errors: GT_INVALID, GT_SYS; why. */
GT_MUST_CHECK enum gt_err gt_relays_open(struct gt_generation *g, char *why,
                                         size_t n) GT_ON_MASTER;
/* Say whose unix sockets nobody listens on: that may change, so it is no error.
 */
void gt_relays_warn(const struct gt_settings *s,
                    const struct gt_relay_targets *t);
/* The master's lines and numbers go to those of a->gen from now on. */
void gt_relays_use(struct gt_arbiter *a) GT_ON_MASTER;
/* Once a second or more often. */
void gt_relays_tick(struct gt_arbiter *a) GT_ON_MASTER;
void gt_relays_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* In a child: it has its own. */
void gt_relays_leave(struct gt_arbiter *a);
/* In a child that ends before it has its own: what failed, and errno. */
void gt_relays_tell_last(struct gt_arbiter *a, const struct gt_child *child,
                         const char *what);

#endif
