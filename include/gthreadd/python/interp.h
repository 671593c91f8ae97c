/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's life in a process: start, and the end of it. Main
 * interpreter only. Python-free.
 */
#ifndef GTHREADD_PYTHON_INTERP_H
#define GTHREADD_PYTHON_INTERP_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/config/settings.h"

/*
 * Start Python as the settings want it: virtualenv, pythonpath and chdir on
 * sys.path, switch interval; no signal handlers, UTF-8 mode by LANG as
 * python3 does. Logs what is wrong in one line.
 * Errors: GT_PYTHON. Context: the process's main thread, which then has the
 * GIL.
 */
GT_MUST_CHECK enum gt_err
gt_interp_start(const struct gt_settings *s) GT_TAKES_GIL;
/* faulthandler for SIGSEGV, SIGFPE, SIGBUS, SIGILL and SIGABRT, into fd. */
void gt_interp_faulthandler(int fd) GT_NEEDS_GIL;
/*
 * The names of signals among sigs[0..n) for which Python code has installed
 * a handler, as text "SIGTERM, SIGINT" in out; false: none.
 */
bool gt_interp_signals(const int *sigs, size_t n, char *out,
                       size_t size) GT_NEEDS_GIL;
/* Write what sys.stdout and sys.stderr have buffered, if Python runs. */
void gt_interp_flush(void) GT_NEEDS_GIL;
/*
 * End what the app started: threading._shutdown(), atexit, flushed standard
 * streams; with finalize also Py_FinalizeEx (sanitizer builds). The caller
 * keeps the deadline. Main thread.
 */
void gt_interp_stop(bool finalize) GT_GIVES_GIL;
/*
 * Is there a GIL? A free-threaded Python begins without, and turns it on when
 * an extension module is imported that does not say it can do without.
 */
bool gt_interp_has_gil(void) GT_NEEDS_GIL;
/* "3.11.2" of the linked libpython; "3.14.0t" when it is free-threaded. */
const char *gt_interp_version(void);

#endif
