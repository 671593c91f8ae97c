/* SPDX-License-Identifier: MIT */
/*
 * HUP, fail-safe: a new generation is put on trial. Its settings are read, its
 * sockets and logs opened beside those in use, and one worker of it, the
 * canary, is booted. Only when that is ready the generation takes over; until
 * then whatever goes wrong is logged and changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/config/load.h"

#include "arbiter_priv.h"
#include "relays_priv.h"

/* Errors of the loader, one a line, as they would stand on the terminal. */
static void
log_errors(char *text)
{
	static const char prefix[] = "gthreadd: ";
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			line += strlen(prefix);
		if (*line != '\0')
			gt_log_error("%s", line);
	}
}

/* Errors: GT_INVALID, GT_NOMEM; they have been logged. */
GT_ON_MASTER static enum gt_err
load(struct gt_arbiter *a, const struct gt_config *old,
     struct gt_config_run *run, struct gt_config **out)
{
	char *text = NULL;
	size_t n = 0;
	enum gt_err rc = GT_NOMEM;
	FILE *f = open_memstream(&text, &n);

	*out = NULL;
	if (f != NULL) {
		rc = gt_config_reload(old, run, f, out);
		fclose(f);
	}
	if (rc != GT_OK && text != NULL) {
		gt_control_note(a, text);
		log_errors(text);
	}
	free(text);
	if (rc == GT_OK)
		gt_config_log_warnings(*out);
	return rc;
}

static const struct gt_config *
config_of(const struct gt_arbiter *a)
{
	return a->gen->config != NULL ? a->gen->config : a->config;
}

/* The next generation, nothing opened. NULL: *why. */
GT_ON_MASTER static struct gt_generation *
create_next(struct gt_arbiter *a, struct gt_config_run *run, const char **why)
{
	const struct gt_config *old = config_of(a);
	const struct gt_settings *settings = a->gen->settings;
	struct gt_config *fresh = NULL;

	*why = "the settings are wrong";
	if (old != NULL && load(a, old, run, &fresh) != GT_OK)
		return NULL;
	if (fresh != NULL)
		settings = gt_config_settings(fresh);
	*why = "out of memory";
	return gt_generation_create(a, fresh, settings);
}

/* Errors: GT_SYS, GT_INVALID, GT_NOMEM; why tells. */
GT_ON_MASTER static enum gt_err
open_next(struct gt_arbiter *a, char *why, size_t n)
{
	const char *path;
	enum gt_err rc;

	if (gt_logs_open(a, a->next, &path) != GT_OK) {
		snprintf(why, n, "log file %s: %s", path, strerror(errno));
		return GT_SYS;
	}
	if ((rc = gt_relays_open(a->next, why, n)) != GT_OK)
		return rc;
	return gt_sockets_open(a, a->next, why, n);
}

GT_ON_MASTER static bool
has_old_workers(const struct gt_arbiter *a)
{
	const struct gt_proc *p;

	TAILQ_FOREACH (p, &a->procs, link)
		if (p->gen != a->gen && p->state != GT_PROC_DRAINING)
			return true;
	return false;
}

bool
gt_reload_is_trying(const struct gt_arbiter *a)
{
	return a->next != NULL || a->reload == GT_RELOAD_READING;
}

bool
gt_reload_is_early(const struct gt_arbiter *a)
{
	return !a->was_ready && !a->was_complete;
}

/* true: a reload cannot begin now; it is done later, or never. */
GT_ON_MASTER static bool
is_put_off(struct gt_arbiter *a)
{
	if (gt_signal_is_stopping(a)) {
		gt_log_info("reload refused: the server is stopping");
	} else if (gt_reexec_is_starting(a)) {
		gt_log_error("reload refused: an upgrade is under way");
	} else if (a->next != NULL) {
		gt_log_info("reload waits until generation %u has been tried",
		            a->next->number);
		a->reload_again = true;
	} else if (a->reload == GT_RELOAD_READING) {
		gt_log_info("reload waits until the one before has been tried");
		a->reload_again = true;
	} else if (gt_reload_is_early(a)) {
		gt_log_info("reload waits until the server has started");
		a->reload_again = true;
	} else {
		return false;
	}
	return true;
}

void
gt_reload_start(struct gt_arbiter *a)
{
	enum gt_err rc;
	bool is_on;

	if (a->state != GT_ARBITER_RUNNING || is_put_off(a))
		return;
	a->reload = GT_RELOAD_READING;
	gt_control_trial(a);
	gt_notify(a, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
	          (long long)gt_clock_us());
	if ((rc = gt_reading_start(a, config_of(a), &is_on)) != GT_OK)
		gt_reload_fail(a, gt_err_text(rc));
	else if (!is_on)
		gt_reload_try(a, NULL);
	else
		gt_log_info("reloading: running the Python config");
}

void
gt_reload_try(struct gt_arbiter *a, struct gt_config_run *run)
{
	const char *why;
	char text[512];

	a->reload = GT_RELOAD_TRYING;
	if ((a->next = create_next(a, run, &why)) == NULL) {
		gt_reload_fail(a, why);
		return;
	}
	gt_log_info("reloading: trying generation %u", a->next->number);
	if (open_next(a, text, sizeof(text)) != GT_OK) {
		gt_reload_fail(a, text);
		return;
	}
	gt_order_hook(a, a->next, GT_HOOK_on_reload);
	if (a->next->settings->workers == 0)
		gt_reload_commit(a);
}

void
gt_reload_commit(struct gt_arbiter *a)
{
	struct gt_generation *old = a->gen;

	if (a->state != GT_ARBITER_RUNNING)
		return;
	a->gen = a->next;
	a->next = NULL;
	a->reload = GT_RELOAD_ROLLING;
	gt_control_took_over(a);
	a->backoff_us = a->spawn_at_us = 0;
	gt_sockets_close(a, old, a->gen);
	gt_logs_use(a);
	gt_order_logs(a->gen);
	gt_generation_unref(a, old);
	gt_road_reset(a);
	gt_heir_title(a);
	gt_log_info("generation %u takes over", a->gen->number);
}

void
gt_reload_fail(struct gt_arbiter *a, const char *why)
{
	gt_log_error("reload failed, generation %u serves on: %s",
	             a->gen->number, why);
	/* "reloading" would last for ever otherwise. */
	gt_notify(a,
	          "READY=1\nSTATUS=reload failed, generation %u serves on: %s",
	          a->gen->number, why);
	if (a->next != NULL) {
		gt_forkserver_discard(a->next);
		gt_sockets_close(a, a->next, a->gen);
		gt_generation_unref(a, a->next);
	}
	a->next = NULL;
	a->reload = has_old_workers(a) ? GT_RELOAD_ROLLING : GT_RELOAD_NONE;
	gt_control_reloaded(a, why);
	gt_road_settle(a);
	gt_reexec_restore(a);
}
