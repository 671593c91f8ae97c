/* SPDX-License-Identifier: MIT */
/*
 * From the command line, the environment and the INI file to one snapshot of
 * settings. Order of precedence: default, INI (-c), GUNICORN_CMD_ARGS,
 * GTHREADD_ARGS, command line.
 */
#ifndef GTHREADD_CONFIG_LOAD_H
#define GTHREADD_CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/settings.h"

enum gt_config_action {
	GT_ACTION_RUN,
	GT_ACTION_CHECK,  /* --check-config */
	GT_ACTION_PRINT,  /* --print-config */
	GT_ACTION_IMPORT, /* --import-gunicorn */
	GT_ACTION_HELP,
	GT_ACTION_VERSION,
};

/*
 * A check of a value that a higher layer understands (app syntax, access-log
 * format). value is one value (each one of a list). false: *why says what is
 * wrong, in words that complete "setting 'x': ...".
 */
struct gt_config_check {
	const char *name; /* of the setting */
	bool (*is_valid)(const char *value, const char **why);
};

/*
 * What the child that runs a gunicorn Python config is given. It writes one
 * line for each global of the file, "KIND TAB LINE TAB NAME TAB VALUE":
 * b, i, s, c a bool, int, text, dotted name of a class; L a list (VALUE is its
 * length), with an l for each item; D a dict likewise, with a d for each
 * NAME=VALUE; f a function; n None; o another object (VALUE is its type).
 * LINE is 0 when it is not known; in VALUE a backslash is \\ and a newline
 * \n. When the file fails it writes "!" and the traceback. The last line is
 * ".".
 */
struct gt_pyconfig {
	const char *what; /* absolute path of a file, or "python:MODULE" */
	const struct gt_settings *settings; /* of sys.path and virtualenv */
	int fd;
};

/* What higher layers lend; lives as long as the configs made with it. */
struct gt_config_host {
	const struct gt_config_check *checks; /* ends with a NULL name */
	/* Runs in a child of its own; returns the exit code. NULL: none. */
	int (*read_python)(const struct gt_pyconfig *ask);
};

struct gt_config; /* settings, their origins, the action */

/*
 * argv as main got it; env as environ; host NULL: nothing is lent. All three
 * live as long as *out and what is reloaded from it. All
 * errors are reported on err, one line each:
 * "gthreadd: FILE:LINE: setting 'x': what is wrong (did you mean 'y'?)".
 * Errors: GT_INVALID (then *out is NULL).
 */
GT_MUST_CHECK enum gt_err gt_config_load(int argc, char *const argv[],
                                         char *const env[],
                                         const struct gt_config_host *host,
                                         FILE *err, struct gt_config **out);
/*
 * Read everything again that old was made from: the same arguments and
 * environment, the file as it is now. A setting that needs a restart keeps
 * old's value; a warning names it when it differs. run is what a Python config
 * has said (below); NULL: it is run and waited for. Errors as above, and
 * GT_NOMEM.
 */
struct gt_config_run;
GT_MUST_CHECK enum gt_err gt_config_reload(const struct gt_config *old,
                                           struct gt_config_run *run, FILE *err,
                                           struct gt_config **out);

/* A child that runs a gunicorn Python config while its parent goes on. */
struct gt_config_run {
	pid_t pid;        /* 0: there is none, or it has been reaped */
	int fd;           /* what it says, non-blocking; -1: none */
	int64_t until_us; /* it must have said all by then (gt_clock_us) */
	enum gt_err rc;   /* how that ended: GT_AGAIN too late, GT_RANGE ... */
	struct gt_buf text;
};

/*
 * For a reload of old: run its Python config. Without one run->fd is -1. The
 * caller reads until the end, kills, reaps pid, and calls fini. Errors: GT_SYS,
 * GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_config_run_start(const struct gt_config *old,
                                              struct gt_config_run *run);
/*
 * Read once. GT_OK: that was all. Errors: GT_AGAIN (more may come), GT_SYS,
 * GT_NOMEM, GT_RANGE (it says too much).
 */
GT_MUST_CHECK enum gt_err gt_config_run_read(struct gt_config_run *run);
/* It has said all, or will not: it ends, with threads the file left behind. */
void gt_config_run_kill(struct gt_config_run *run);
void gt_config_run_fini(struct gt_config_run *run);

void gt_config_destroy(struct gt_config *c);
enum gt_config_action gt_config_action(const struct gt_config *c);
/* Borrowed; lives as long as c. */
const struct gt_settings *gt_config_settings(const struct gt_config *c);
/* Warnings that do not stop the start (no -c, but a ./gunicorn.conf.py ...). */
size_t gt_config_warnings(const struct gt_config *c, const char *const **v);
/* Each as a line of the log. */
void gt_config_log_warnings(const struct gt_config *c);

/*
 * Every setting with its effective value as text and where it came from; of a
 * list each value by itself. Secrets are "***". All valid during the call.
 */
typedef void gt_config_visit(void *arg, const char *name, const char *value,
                             const char *origin);
void gt_config_each(const struct gt_config *c, gt_config_visit *fn, void *arg);
/* --import-gunicorn: the INI file that says the same. */
const char *gt_config_import(const struct gt_config *c);
/* --print-config: all of them. */
void gt_config_print(const struct gt_config *c, FILE *out);
/* --help, from the table. */
void gt_config_help(FILE *out);

#endif
