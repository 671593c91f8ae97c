/* SPDX-License-Identifier: MIT */
/*
 * The log files. The master opens them, as root when it is root, once for each
 * generation, and keeps their numbers for its life: a file that is opened again
 * takes the number of the old one, here and (sent over the channel) in every
 * worker. So rotation works after the workers have dropped their privileges.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "relays_priv.h"

/* Give a log file to the user who will write it; not a tty, not /dev/null. */
static void
give_to_user(const struct gt_arbiter *a, int fd)
{
	struct stat st;

	if (geteuid() != 0 || a->user.uid == 0)
		return;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (fchown(fd, a->user.uid, a->user.gid) < 0)
		gt_log_warning("owner of a log file cannot be set: %s",
		               strerror(errno));
}

static bool
is_file(const char *path)
{
	return path[0] != '\0' && strcmp(path, "-") != 0;
}

static enum gt_err
open_log(const struct gt_arbiter *a, const char *path, int std, int *fd)
{
	if (gt_fd_open_log(path, std, fd) != GT_OK)
		return GT_SYS;
	if (is_file(path))
		give_to_user(a, *fd);
	return GT_OK;
}

enum gt_err
gt_logs_open(const struct gt_arbiter *a, struct gt_generation *g,
             const char **path)
{
	const struct gt_settings *s = g->settings;

	*path = s->error_logfile[0] != '\0' ? s->error_logfile : "-";
	if (open_log(a, *path, STDERR_FILENO, &g->error_log_fd) != GT_OK)
		return GT_SYS;
	*path = s->access_logfile;
	if (s->access_logfile[0] != '\0' &&
	    open_log(a, *path, STDOUT_FILENO, &g->access_log_fd) != GT_OK)
		return GT_SYS;
	return GT_OK;
}

void
gt_logs_use(struct gt_arbiter *a)
{
	gt_log_set_level((enum gt_log_level)a->gen->settings->log_level);
	gt_log_set_fd(a->gen->error_log_fd);
	gt_relays_use(a);
}

static void
reopen(const struct gt_arbiter *a, const char *path, int fd)
{
	int fresh;

	if (!is_file(path))
		return;
	if (open_log(a, path, -1, &fresh) != GT_OK) {
		gt_log_error("log file %s cannot be opened again: %s", path,
		             strerror(errno));
		return;
	}
	if (dup3(fresh, fd, O_CLOEXEC) < 0)
		gt_log_error("log file %s cannot be replaced: %s", path,
		             strerror(errno));
	close(fresh);
}

void
gt_logs_tell(struct gt_proc *p)
{
	const struct gt_generation *g = p->gen;
	struct gt_channel_msg msg = {.type = GT_CHANNEL_REOPEN, .nfds = 1};
	enum gt_err rc;

	p->owes_reopen = false;
	if (p->channel_fd < 0)
		return;
	msg.fds[0] = g->error_log_fd;
	if (g->access_log_fd >= 0)
		msg.fds[msg.nfds++] = g->access_log_fd;
	rc = gt_channel_send(p->channel_fd, &msg);
	if (rc == GT_AGAIN)
		p->owes_reopen = true;
	else if (rc == GT_SYS)
		gt_log_error("worker %d cannot be given the log files: %s",
		             (int)p->pid, gt_err_text(rc));
}

void
gt_logs_reopen(struct gt_arbiter *a)
{
	const struct gt_generation *g;
	struct gt_proc *p;

	TAILQ_FOREACH (g, &a->generations, link) {
		reopen(a, g->settings->error_logfile, g->error_log_fd);
		reopen(a, g->settings->access_logfile, g->access_log_fd);
		if (g != a->next)
			gt_order_logs(g);
	}
	/* A canary has the log of another generation until it is ready. */
	TAILQ_FOREACH (p, &a->procs, link)
		if (p->gen != a->next)
			gt_logs_tell(p);
}

void
gt_logs_close(struct gt_generation *g)
{
	if (g->error_log_fd >= 0 && gt_log_fd() == g->error_log_fd)
		gt_log_set_fd(STDERR_FILENO);
	gt_fd_close(&g->error_log_fd);
	gt_fd_close(&g->access_log_fd);
}
