/* SPDX-License-Identifier: MIT */
/*
 * The child in which a gunicorn Python config is run: the process that loads
 * settings, which may be the serving master, never runs Python itself. The
 * child's records come over a pipe, until a deadline: a start waits for them, a
 * master that serves has an event on the pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/os.h"

#include "config_priv.h"

#define KEPT_FD     100         /* what is kept moves up to there */
#define RECORDS_MAX (16u << 20) /* no settings are larger */

static int
move_up(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_FD);

	if (up < 0)
		_exit(EXIT_FAILURE);
	return up;
}

/* Listeners, the pid file's lock, other children's channels: none is ours. */
static void
leave_parent(int *out)
{
	int log, low, high;

	*out = move_up(*out);
	log = move_up(gt_log_fd());
	gt_log_set_fd(log);
	low = *out < log ? *out : log;
	high = *out < log ? log : *out;
	close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
	if (low + 1 < high)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, UINT_MAX, 0);
}

GT_NORETURN static void
run_child(const struct gt_config_host *host, struct gt_pyconfig *ask,
          const sigset_t *mask)
{
	const char *dir = ask->settings->chdir;
	int code;

	leave_parent(&ask->fd);
	gt_os_reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (dir[0] != '\0' && chdir(dir) < 0)
		gt_log_error("directory of chdir cannot be entered: %s",
		             strerror(errno));
	code = host->read_python(ask);
	fflush(stdout);
	_exit(code);
}

static pid_t
start_child(const struct gt_config_host *host, struct gt_pyconfig *ask)
{
	sigset_t mask;
	pid_t pid = gt_os_fork(&mask);

	if (pid == 0)
		run_child(host, ask, &mask);
	return pid;
}

enum gt_err
gt_pychild_start(const struct gt_config_host *host, const char *what,
                 const struct gt_settings *settings, int64_t timeout_ms,
                 struct gt_config_run *run)
{
	struct gt_pyconfig ask = {.what = what, .settings = settings};
	int fd[2];
	pid_t pid;

	*run = (struct gt_config_run){
	    .fd = -1,
	    .until_us = gt_clock_us() + timeout_ms * 1000,
	    .rc = GT_AGAIN,
	};
	if (pipe2(fd, O_CLOEXEC) < 0)
		return GT_SYS;
	ask.fd = fd[1];
	if (gt_fd_set_nonblock(fd[0]) != GT_OK ||
	    (pid = start_child(host, &ask)) < 0) {
		gt_fd_close(&fd[0]);
		gt_fd_close(&fd[1]);
		return GT_SYS;
	}
	gt_fd_close(&fd[1]);
	run->pid = pid;
	run->fd = fd[0];
	return GT_OK;
}

enum gt_err
gt_config_run_read(struct gt_config_run *run)
{
	struct gt_buf *b = &run->text;
	ssize_t n;

	if (b->len > RECORDS_MAX)
		return GT_RANGE;
	if (gt_buf_reserve(b, 65536) != GT_OK)
		return GT_NOMEM;
	n = read(run->fd, b->p + b->len, b->cap - b->len);
	if (n == 0)
		return GT_OK;
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? GT_AGAIN : GT_SYS;
	b->len += (size_t)n;
	return GT_AGAIN;
}

void
gt_config_run_kill(struct gt_config_run *run)
{
	if (run->pid > 0)
		kill(run->pid, SIGKILL);
	gt_fd_close(&run->fd);
}

void
gt_config_run_fini(struct gt_config_run *run)
{
	gt_fd_close(&run->fd);
	gt_buf_fini(&run->text);
}

void
gt_pychild_finish(struct gt_config_run *run)
{
	struct pollfd p = {.fd = run->fd, .events = POLLIN};
	int64_t left;

	while (run->rc == GT_AGAIN) {
		if ((left = run->until_us - gt_clock_us()) <= 0)
			break;
		if (poll(&p, 1, (int)(left / 1000) + 1) > 0)
			run->rc = gt_config_run_read(run);
	}
	gt_config_run_kill(run);
	while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
		;
	run->pid = 0;
}
