/* SPDX-License-Identifier: MIT */
/*
 * Daemon mode. The process that was started waits until its child, the master,
 * says that all workers are ready, and shows what the master has to say until
 * then: the master's standard error is a pipe to it. Then the pipe gives way
 * to /dev/null, or to what was there before, in the logs too. Workers never
 * have the pipe as standard error: it would break under them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "ending_priv.h"

#define READY '\0' /* no message has it */

/* Copy what comes to standard error. true: the mark came, false: the end. */
static bool
show_until_ready(int fd)
{
	const char *mark;
	char text[4096];
	ssize_t n;

	for (;;) {
		n = read(fd, text, sizeof(text));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		mark = memchr(text, READY, (size_t)n);
		if (gt_fd_write_all(STDERR_FILENO, text,
		                    mark == NULL
		                        ? (size_t)n
		                        : (size_t)(mark - text)) != GT_OK)
			errno = 0; /* nobody reads: wait all the same */
		if (mark != NULL)
			return true;
	}
}

/* The exit code of the command. */
static int
wait_for_master(pid_t pid, int fd)
{
	char text[100];
	int status = 0;
	pid_t done;

	if (show_until_ready(fd))
		return GT_EXIT_OK;
	do
		done = waitpid(pid, &status, 0);
	while (done < 0 && errno == EINTR);
	if (done == pid && WIFSIGNALED(status)) {
		gt_ending_describe(status, text, sizeof(text));
		fprintf(stderr, "gthreadd: master %s\n", text);
	} else if (done == pid && WEXITSTATUS(status) != GT_EXIT_OK) {
		return WEXITSTATUS(status);
	}
	return GT_EXIT_BOOT; /* ended, but was never ready */
}

/* Errors: GT_SYS. */
static enum gt_err
redirect(int from, int to)
{
	return dup2(from, to) < 0 ? GT_SYS : GT_OK;
}

/* Is fd, one of the outputs, to stay what it was given as? */
GT_ON_MASTER static bool
is_kept(const struct gt_arbiter *a, int fd)
{
	return a->gen->settings->stdio_inheritance && !isatty(fd) &&
	       fcntl(fd, F_GETFD) >= 0;
}

GT_ON_MASTER static enum gt_err
detach(struct gt_arbiter *a, int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	enum gt_err rc = GT_SYS;

	a->stderr_fd = fcntl(is_kept(a, STDERR_FILENO) ? STDERR_FILENO : null,
	                     F_DUPFD_CLOEXEC, 3);
	if (null >= 0 && a->stderr_fd >= 0 && setsid() >= 0 &&
	    redirect(null, STDIN_FILENO) == GT_OK &&
	    (is_kept(a, STDOUT_FILENO) ||
	     redirect(null, STDOUT_FILENO) == GT_OK))
		rc = redirect(fd, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return rc;
}

enum gt_err
gt_daemon_start(struct gt_arbiter *a, bool *is_starter, int *code)
{
	int fd[2];
	pid_t pid;

	*is_starter = false;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return GT_SYS;
	fflush(NULL);
	if ((pid = fork()) == 0) {
		close(fd[0]);
		a->starter_fd = fd[1];
		return detach(a, fd[1]);
	}
	close(fd[1]);
	if (pid > 0) {
		*is_starter = true;
		*code = wait_for_master(pid, fd[0]);
	}
	close(fd[0]);
	return pid < 0 ? GT_SYS : GT_OK;
}

/* A log that is the pipe becomes what standard error is, under its number. */
static void
drop_log(int std, int fd, const char *path)
{
	if (fd >= 0 && strcmp(path, "-") == 0 && dup3(std, fd, O_CLOEXEC) < 0)
		gt_log_error("log cannot be dropped: %s", gt_err_text(GT_SYS));
}

GT_ON_MASTER static void
drop_logs(struct gt_arbiter *a)
{
	const struct gt_generation *g;
	struct gt_proc *p;

	TAILQ_FOREACH (g, &a->generations, link)
		drop_log(a->stderr_fd, g->error_log_fd,
		         g->settings->error_logfile);
	TAILQ_FOREACH (p, &a->procs, link)
		gt_logs_tell(p);
}

void
gt_daemon_release(struct gt_arbiter *a)
{
	const char mark = READY;

	if (a->starter_fd < 0)
		return;
	if (redirect(a->stderr_fd, STDERR_FILENO) != GT_OK)
		gt_log_error("standard error cannot be dropped: %s",
		             gt_err_text(GT_SYS));
	else
		drop_logs(a);
	if (gt_fd_write_all(a->starter_fd, &mark, 1) != GT_OK)
		gt_log_debug("who started the server has not waited for it");
	gt_fd_close(&a->stderr_fd);
	gt_fd_close(&a->starter_fd);
}

void
gt_daemon_leave(struct gt_arbiter *a)
{
	if (a->starter_fd < 0)
		return;
	gt_fd_close(&a->starter_fd);
	if (redirect(a->stderr_fd, STDERR_FILENO) == GT_OK)
		gt_fd_close(&a->stderr_fd);
}

void
gt_daemon_tell(const struct gt_arbiter *a, const char *text)
{
	if (a->gen->error_log_fd >= 0 &&
	    strcmp(a->gen->settings->error_logfile, "-") != 0)
		fprintf(stderr, "gthreadd: %s\n", text);
}
