/* SPDX-License-Identifier: MIT */
/*
 * Where a worker's words go before and beside the log thread: standard
 * output, logs that are opened again, syslog while the worker boots.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "logthread_priv.h"
#include "worker_priv.h"

/* The log thread and faulthandler know only the number. */
void
gt_output_replace(int old, int fd)
{
	if (old >= 0 && dup3(fd, old, O_CLOEXEC) < 0)
		gt_log_error("log not replaced: %s", gt_err_text(GT_SYS));
	close(fd);
}

/*
 * capture-output. An error log that is standard error stays what it is: only
 * standard output follows it.
 */
static void
capture_output(const struct gt_worker *w)
{
	bool is_file = strcmp(w->settings->error_logfile, "-") != 0;
	int to = is_file ? w->child->error_log_fd : STDERR_FILENO;

	if (!w->settings->capture_output)
		return;
	if (dup2(to, STDOUT_FILENO) < 0 ||
	    (is_file && dup2(to, STDERR_FILENO) < 0))
		gt_log_error("capture-output: %s", gt_err_text(GT_SYS));
}

/* USR1 sent to this worker alone; the master's comes over the channel. */
static void
reopen_log(const char *path, int fd)
{
	int new;

	if (fd < 0 || strcmp(path, "-") == 0)
		return;
	if (gt_fd_open_log(path, STDERR_FILENO, &new) != GT_OK)
		gt_log_error("log not reopened path=%s: %s", path,
		             gt_err_text(GT_SYS));
	else
		gt_output_replace(fd, new);
}

void
gt_output_reopen(struct gt_worker *w)
{
	reopen_log(w->settings->error_logfile, w->child->error_log_fd);
	reopen_log(w->settings->access_logfile, w->child->access_log_fd);
	capture_output(w);
}

void
gt_output_take(struct gt_worker *w, const int *fds, size_t n)
{
	if (n > 0)
		gt_output_replace(w->child->error_log_fd, fds[0]);
	if (n > 1)
		gt_output_replace(w->child->access_log_fd, fds[1]);
	capture_output(w);
}

/* The line is in the file already. */
void
gt_output_tee(void *relay, const char *line, size_t n)
{
	int64_t now = gt_clock_us();

	gt_relay_lines(relay, GT_LOG_KIND_ERROR, line, n, now);
	(void)gt_relay_flush(relay, now);
}

enum gt_err
gt_output_init(struct gt_worker *w)
{
	enum gt_err rc;

	capture_output(w);
	if (w->child->relay == NULL)
		return GT_OK;
	rc = gt_relay_create(w->settings, w->child->relay, w->child->name,
	                     &w->relay);
	if (rc == GT_OK && w->relay != NULL)
		gt_log_set_tee(gt_output_tee, w->relay);
	w->has_metrics = gt_relay_has_metrics(w->relay);
	return rc;
}
