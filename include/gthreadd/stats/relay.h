/* SPDX-License-Identifier: MIT */
/*
 * What a process tells other programs: its log lines to syslog, its metrics
 * to statsd. Nothing here waits for them. One thread at a time, no locks.
 */
#ifndef GTHREADD_STATS_RELAY_H
#define GTHREADD_STATS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/settings.h"
#include "gthreadd/net/remote.h"
#include "gthreadd/stats/statsd.h"
#include "gthreadd/stats/syslog.h"

/* Where the settings point to, resolved. All zero: nowhere. */
struct gt_relay_targets {
	struct gt_remote_addr syslog;
	struct gt_remote_addr statsd;
};

/*
 * Look the addresses up; may take a while. Errors: GT_INVALID, GT_SYS; why
 * (n octets) says which setting and what.
 */
GT_MUST_CHECK enum gt_err gt_relay_resolve(const struct gt_settings *s,
                                           struct gt_relay_targets *out,
                                           char *why, size_t n);
/* Do requests have a line in syslog? */
bool gt_relay_wants_access(const struct gt_settings *s);

struct gt_relay;

/*
 * name: of the server, for idents. *out is NULL when there is
 * nobody to tell. Errors: GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_relay_create(const struct gt_settings *s,
                                          const struct gt_relay_targets *t,
                                          const char *name,
                                          struct gt_relay **out);
/* r may be NULL; what waits is lost. */
void gt_relay_destroy(struct gt_relay *r);

/* Whole lines, as they stand in the files. */
void gt_relay_lines(struct gt_relay *r, enum gt_log_kind kind, const char *p,
                    size_t n, int64_t now_us);
/* Is there a statsd? The following are for it alone. */
bool gt_relay_has_metrics(const struct gt_relay *r);
void gt_relay_request(struct gt_relay *r, unsigned status, int64_t duration_us,
                      int64_t now_us);
void gt_relay_metric(struct gt_relay *r, const char *name, uint64_t value,
                     enum gt_statsd_type type, int64_t now_us);
/*
 * Send what was gathered. Returns when to call again because something
 * waits; 0: nothing does.
 */
int64_t gt_relay_flush(struct gt_relay *r, int64_t now_us);
/* Messages and packets that were lost since it was made. */
uint64_t gt_relay_lost(const struct gt_relay *r);

#endif
