/* SPDX-License-Identifier: MIT */
/*
 * The child in which a gunicorn Python config is run: the process that loads
 * settings, which may be the serving master, never runs Python itself. The
 * child's records come over a pipe, until a deadline.
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

/* No handler of the parent's may run here; faults stay with a sanitizer. */
static void
reset_signals(const sigset_t *mask)
{
	for (int n = 1; n < NSIG; n++)
		if (n != SIGSEGV && n != SIGBUS && n != SIGFPE && n != SIGILL)
			signal(n, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

GT_NORETURN static void
run_child(const struct gt_config_host *host, struct gt_pyconfig *ask,
          const sigset_t *mask)
{
	const char *dir = ask->settings->chdir;
	int code;

	leave_parent(&ask->fd);
	reset_signals(mask);
	if (dir[0] != '\0' && chdir(dir) < 0)
		gt_log_error("directory of chdir cannot be entered: %s",
		             strerror(errno));
	code = host->read_python(ask);
	fflush(stdout);
	_exit(code);
}

/* Errors: GT_SYS, GT_NOMEM, GT_RANGE (too much), GT_AGAIN (too late). */
static enum gt_err
read_records(int fd, int64_t until_us, struct gt_buf *out)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left;
	ssize_t n;

	for (;;) {
		if ((left = until_us - gt_clock_us()) <= 0)
			return GT_AGAIN;
		if (poll(&p, 1, (int)(left / 1000) + 1) <= 0)
			continue; /* the clock decides */
		if (out->len > RECORDS_MAX)
			return GT_RANGE;
		if (gt_buf_reserve(out, 65536) != GT_OK)
			return GT_NOMEM;
		n = read(fd, out->p + out->len, out->cap - out->len);
		if (n == 0)
			return GT_OK;
		if (n < 0 && errno != EINTR)
			return GT_SYS;
		out->len += n > 0 ? (size_t)n : 0;
	}
}

static pid_t
start_child(const struct gt_config_host *host, struct gt_pyconfig *ask)
{
	sigset_t all, mask;
	pid_t pid;

	fflush(NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	if ((pid = fork()) == 0)
		run_child(host, ask, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

enum gt_err
gt_pychild_read(const struct gt_config_host *host, const char *what,
                const struct gt_settings *settings, int64_t timeout_ms,
                struct gt_buf *out)
{
	struct gt_pyconfig ask = {.what = what, .settings = settings};
	int64_t until = gt_clock_us() + timeout_ms * 1000;
	enum gt_err rc;
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return GT_SYS;
	ask.fd = fd[1];
	pid = start_child(host, &ask);
	gt_fd_close(&fd[1]);
	rc = pid < 0 ? GT_SYS : read_records(fd[0], until, out);
	gt_fd_close(&fd[0]);
	if (pid < 0)
		return rc;
	/* It has said all: threads that the file left behind end with it. */
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc;
}
