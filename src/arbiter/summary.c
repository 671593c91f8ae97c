/* SPDX-License-Identifier: MIT */
/*
 * What is served and how, in a few lines of the log at the start: enough to
 * see that the right settings were found.
 */
#include <stdio.h>
#include <string.h>

#include "gthreadd/base/log.h"

#include "arbiter_priv.h"

static const char *
or_none(const char *text)
{
	return text == NULL || *text == '\0' ? "none" : text;
}

static const char *
log_name(const char *path, const char *standard)
{
	return path != NULL && strcmp(path, "-") == 0 ? standard
	                                              : or_none(path);
}

static const char *
class_in_use(const struct gt_settings *s)
{
	/* As in gunicorn: sync with several threads is gthread. */
	return s->worker_class == GT_CLASS_SYNC && s->threads <= 1 ? "sync"
	                                                           : "gthread";
}

/* What clients can make all workers hold, beside the application's memory. */
static void
log_ceiling(const struct gt_settings *s)
{
	uint64_t each =
	    s->limit_request_head + s->body_buffer + s->response_buffer;
	uint64_t all = each * s->workers;

	if (__builtin_mul_overflow(all, s->worker_connections, &all))
		all = UINT64_MAX;
	gt_log_debug("clients can make it hold %llum of memory, %lluk each",
	             (unsigned long long)all >> 20,
	             (unsigned long long)each >> 10);
}

void
gt_summary_log(const struct gt_arbiter *a)
{
	const struct gt_settings *s = a->gen->settings;
	const char *app = s->paste[0] != '\0' ? s->paste : s->app;

	gt_log_info("using worker: %s", class_in_use(s));
	gt_log_info("application=%s directory=%s workers=%llu threads=%llu",
	            or_none(app), or_none(s->chdir),
	            (unsigned long long)s->workers,
	            (unsigned long long)s->threads);
	if (a->ops->python_version != NULL)
		gt_log_info("python=%s virtualenv=%s", a->ops->python_version(),
		            or_none(s->virtualenv));
	gt_log_info("error-logfile=%s access-logfile=%s pid=%s user=%s",
	            log_name(s->error_logfile, "stderr"),
	            log_name(s->access_logfile, "stdout"), or_none(s->pid),
	            s->user == NULL || s->user[0] == '\0' ? "unchanged"
	                                                  : s->user);
	log_ceiling(s);
}
