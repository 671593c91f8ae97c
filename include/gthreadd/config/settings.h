/* SPDX-License-Identifier: MIT */
/*
 * The settings: one immutable snapshot. Every entry of the tables in
 * src/config/tbl is one field here, and the same entry makes the INI key, the
 * command-line flag, --help, --print-config, the manual and the sample INI.
 *
 * Durations are int64_t milliseconds, sizes size_t octets, counts uint64_t,
 * enums int (an index into the entry's choices), modes unsigned, texts char *
 * (never NULL: "" when unset), lists struct gt_strv. The values are effective:
 * a 0 that stands for another number (queue-size, limit-request-...) has been
 * replaced by it, and worker_class sync comes with threads 1, keep_alive_ms 0.
 */
#ifndef GTHREADD_CONFIG_SETTINGS_H
#define GTHREADD_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A list of owned strings. */
struct gt_strv {
	char **v;
	size_t n;
};

#define GT_TYPE_COUNT    uint64_t
#define GT_TYPE_DURATION int64_t
#define GT_TYPE_SIZE     size_t
#define GT_TYPE_BOOL     bool
#define GT_TYPE_MODE     unsigned
#define GT_TYPE_ENUM     int
#define GT_TYPE_STRING   char *
#define GT_TYPE_PATH     char *         /* absolute, or "" */
#define GT_TYPE_LOGFILE  char *         /* absolute, "-" (a standard one), "" */
#define GT_TYPE_BINDS    struct gt_strv /* each passes gt_bind_parse */
#define GT_TYPE_PATHS    struct gt_strv /* absolute */
#define GT_TYPE_NETS     struct gt_strv /* each passes gt_cidr_parse */
#define GT_TYPE_NAMES    struct gt_strv /* names of fields, or "*" */
#define GT_TYPE_FIELDS   struct gt_strv /* "NAME=value", trimmed */
#define GT_TYPE_WORDS    struct gt_strv /* any texts without a comma */
#define GT_TYPE_SECRETS  struct gt_strv /* likewise, not to be shown */
#define GT_TYPE_ENV      struct gt_strv /* "NAME=value"; the value is secret */
#define GT_TYPE_HOOKS    struct gt_strv /* read by config/hooks.h alone */

struct gt_settings {
#define GT_SETTING(field, name, type, metavar, dflt, min, max, choices, \
                   reload, letter, aliases, summary, text)              \
	GT_TYPE_##type field;
#include "../../../src/config/tbl/settings.def"
#undef GT_SETTING
};

enum gt_worker_class { GT_CLASS_GTHREAD, GT_CLASS_SYNC };

/* The log-level choices are enum gt_log_level (base/log.h). */

#endif
