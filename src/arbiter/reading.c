/* SPDX-License-Identifier: MIT */
/*
 * HUP with a Python config: the file is run in a child, which may take its
 * time. Meanwhile the master serves on: what the child says comes as events of
 * the loop, and when it has said all, or is too late, the reload goes on.
 */
#include <event2/event.h>

#include "gthreadd/base/clock.h"

#include "arbiter_priv.h"
#include "event_priv.h"

GT_ON_MASTER static void
drop_events(struct gt_reading *r)
{
	gt_event_drop(&r->event);
	gt_event_drop(&r->timer);
}

/* pid stays, to be reaped. */
GT_ON_MASTER static void
drop_run(struct gt_reading *r)
{
	drop_events(r);
	gt_config_run_kill(&r->run);
	gt_config_run_fini(&r->run);
}

GT_ON_MASTER static void
end(struct gt_arbiter *a, enum gt_err rc)
{
	struct gt_reading *r = &a->reading;

	drop_events(r);
	gt_config_run_kill(&r->run);
	r->run.rc = rc;
	gt_reload_try(a, &r->run);
	gt_config_run_fini(&r->run);
}

static void
on_text(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;
	enum gt_err rc;

	gt_assert_master();
	(void)fd;
	(void)what;
	if ((rc = gt_config_run_read(&a->reading.run)) != GT_AGAIN)
		end(a, rc);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	gt_assert_master();
	(void)fd;
	(void)what;
	end(arg, GT_AGAIN);
}

/* Errors: GT_NOMEM. */
GT_ON_MASTER static enum gt_err
watch(struct gt_arbiter *a)
{
	struct gt_reading *r = &a->reading;
	enum gt_err rc;

	rc = gt_event_watch(a->base, r->run.fd, on_text, a, &r->event);
	if (rc == GT_OK)
		rc = gt_event_after(a->base, r->run.until_us - gt_clock_us(),
		                    on_timer, a, &r->timer);
	return rc;
}

enum gt_err
gt_reading_start(struct gt_arbiter *a, const struct gt_config *old, bool *is_on)
{
	struct gt_reading *r = &a->reading;
	enum gt_err rc;

	*is_on = false;
	if (old == NULL)
		return GT_OK;
	rc = gt_config_run_start(old, &r->run);
	if (rc == GT_OK && r->run.fd >= 0) {
		rc = watch(a);
		*is_on = rc == GT_OK;
	}
	if (!*is_on)
		drop_run(r);
	return rc;
}

bool
gt_reading_reap(struct gt_arbiter *a, pid_t pid)
{
	if (pid != a->reading.run.pid)
		return false;
	a->reading.run.pid = 0;
	return true;
}

void
gt_reading_stop(struct gt_arbiter *a)
{
	drop_run(&a->reading);
}

void
gt_reading_leave(struct gt_arbiter *a)
{
	gt_config_run_fini(&a->reading.run);
}
