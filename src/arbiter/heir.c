/* SPDX-License-Identifier: MIT */
/*
 * USR2, the side of the new master: it takes over the listening sockets that
 * its settings still ask for and opens the others, keeps a pid file of its own
 * beside the old one's, tells the old master when its workers serve, and takes
 * its place when the old one has gone.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/os.h"
#include "gthreadd/base/parse.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/net/inherit.h"

#include "arbiter_priv.h"
#include "event_priv.h"

/* Errors: GT_INVALID. */
static enum gt_err
take_number(struct gt_str *words, uint64_t *out)
{
	struct gt_str word;

	if (!gt_str_split(words, ' ', &word) ||
	    gt_parse_decimal(word, out) != GT_OK || *out > INT32_MAX)
		return GT_INVALID;
	return GT_OK;
}

/* What the old master has lent to messages; see run_program of reexec.c. */
static void
restore_stderr(int std)
{
	if (std < 3)
		return;
	if (dup2(std, STDERR_FILENO) < 0)
		gt_log_error("standard error cannot be restored: %s",
		             gt_err_text(GT_SYS));
	close(std);
}

GT_ON_MASTER static void
take(struct gt_arbiter *a, struct gt_str words)
{
	struct gt_upgrade *u = &a->upgrade;
	uint64_t self, parent, fd, std, systemd;

	if (take_number(&words, &self) != GT_OK || self != (uint64_t)getpid() ||
	    take_number(&words, &parent) != GT_OK || parent == 0 ||
	    take_number(&words, &fd) != GT_OK ||
	    take_number(&words, &std) != GT_OK ||
	    take_number(&words, &systemd) != GT_OK)
		return; /* meant for another process */
	restore_stderr((int)std);
	if (gt_fd_set_cloexec((int)fd, 1) != GT_OK ||
	    gt_inherit_read(words, &u->shared) != GT_OK)
		return;
	u->fd = (int)fd;
	u->parent = (pid_t)parent;
	a->ninherited = (size_t)systemd;
}

void
gt_heir_init(struct gt_arbiter *a)
{
	const char *text = getenv(GT_UPGRADE_ENV);

	if (text != NULL)
		take(a, gt_str_of(text));
	unsetenv(GT_UPGRADE_ENV);
}

void
gt_heir_adopt(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;
	struct gt_listener *l;
	size_t address;

	for (size_t i = 0; i < u->shared.n; i++) {
		l = &u->shared.v[i];
		address = gt_listeners_address(&u->shared, i);
		if (gt_listeners_find(&a->gen->listeners, l) != NULL)
			u->adopted |= (uint64_t)1 << address;
		/* What is in use has a descriptor of its own by now. */
		gt_fd_close(&l->fd);
	}
}

/* The number of the file of the old one has the old one's lock. */
char *
gt_heir_pid_path(const struct gt_arbiter *a)
{
	const char *suffix = a->upgrade.parent != 0 ? ".2" : "";
	char *path;

	if (asprintf(&path, "%s%s", a->gen->settings->pid, suffix) < 0)
		return NULL;
	return path;
}

void
gt_heir_title(const struct gt_arbiter *a)
{
	gt_os_title_set(
	    "gthreadd: %s [%s%s]", a->was_complete ? "master" : "starting",
	    gt_generation_name(a->gen), a->upgrade.parent != 0 ? ".2" : "");
}

GT_ON_MASTER static void
take_pidfile(struct gt_arbiter *a, pid_t former)
{
	enum gt_err rc;

	if (a->pidfile.path == NULL)
		return;
	rc = gt_pidfile_move(&a->pidfile, a->gen->settings->pid, former);
	if (rc == GT_FULL)
		gt_log_error("pid file stays %s: another server has %s",
		             a->pidfile.path, a->gen->settings->pid);
	else if (rc != GT_OK)
		gt_log_error("pid file stays %s: %s", a->pidfile.path,
		             gt_err_text(rc));
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;
	pid_t former = a->upgrade.parent;
	struct gt_channel_msg msg;
	enum gt_err rc;

	gt_assert_master();
	(void)what;
	rc = gt_channel_recv((int)fd, &msg);
	if (rc == GT_OK || rc == GT_AGAIN)
		return;
	gt_log_info("old master %d is gone: this one takes its place",
	            (int)former);
	gt_reexec_fini(a);
	gt_reexec_init(a);
	take_pidfile(a, former);
	gt_heir_title(a);
}

enum gt_err
gt_heir_watch(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;

	if (u->parent == 0)
		return GT_OK;
	gt_log_info("upgrade: started by master %d", (int)u->parent);
	return gt_event_watch(a->base, u->fd, on_channel, a, &u->event);
}

void
gt_heir_ready(struct gt_arbiter *a)
{
	const struct gt_channel_msg msg = {.type = GT_CHANNEL_READY,
	                                   .value = a->upgrade.adopted};

	if (a->upgrade.parent == 0)
		return;
	if (gt_channel_send(a->upgrade.fd, &msg) != GT_OK)
		gt_log_debug("the old master is gone already");
}
