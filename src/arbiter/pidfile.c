/* SPDX-License-Identifier: MIT */
/*
 * The pid file. The lock tells who owns it, not the number in it: a number
 * may be stale and belong to another process by now. Children inherit the
 * lock with the descriptor, so they close it first of all.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "gthreadd/base/parse.h"
#include "gthreadd/base/str.h"

#include "arbiter_priv.h"

/* The number in the file; 0 when there is none. */
static pid_t
read_pid(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct gt_str s = {text, n > 0 ? (size_t)n : 0};
	uint64_t pid;

	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	if (gt_parse_decimal(s, &pid) != GT_OK || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

static enum gt_err
write_pid(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return GT_SYS;
	return gt_fd_write_all(fd, text, (size_t)n);
}

/* Is fd still the file that path names? */
static bool
is_at_path(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* Errors: GT_FULL (somebody holds the lock), GT_SYS. */
static enum gt_err
open_locked(struct gt_pidfile *pf, pid_t *holder)
{
	for (;;) {
		pf->fd = open(pf->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (pf->fd < 0)
			return GT_SYS;
		if (flock(pf->fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK)
				return GT_SYS;
			*holder = read_pid(pf->fd);
			return GT_FULL;
		}
		if (is_at_path(pf->fd, pf->path))
			return GT_OK;
		/* Its holder has just removed it: lock the next one. */
		gt_fd_close(&pf->fd);
	}
}

enum gt_err
gt_pidfile_init(struct gt_pidfile *pf, const char *path, pid_t *holder)
{
	enum gt_err rc;
	int saved;

	*holder = 0;
	*pf = (struct gt_pidfile){.fd = -1};
	if ((pf->path = strdup(path)) == NULL)
		return GT_NOMEM;
	rc = open_locked(pf, holder);
	if (rc == GT_OK)
		rc = write_pid(pf->fd);
	if (rc == GT_OK)
		return GT_OK;
	saved = errno;
	gt_pidfile_forget(pf);
	errno = saved;
	return rc;
}

void
gt_pidfile_fini(struct gt_pidfile *pf)
{
	if (pf->fd >= 0 && is_at_path(pf->fd, pf->path) &&
	    read_pid(pf->fd) == getpid())
		unlink(pf->path);
	gt_pidfile_forget(pf);
}

/*
 * While we hold the lock of the file that is replaced nobody else takes it,
 * and where there is none nothing is replaced. The lock of a killed process
 * may outlive its other descriptors by a moment.
 */
enum gt_err
gt_pidfile_move(struct gt_pidfile *pf, const char *path, pid_t former)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), saved;
	char *copy = strdup(path);
	enum gt_err rc = GT_OK;

	if (copy == NULL)
		rc = GT_NOMEM;
	else if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 &&
	         read_pid(fd) != former)
		rc = GT_FULL;
	else if (renameat2(AT_FDCWD, pf->path, AT_FDCWD, path,
	                   fd < 0 ? RENAME_NOREPLACE : 0) < 0)
		rc = errno == EEXIST ? GT_FULL : GT_SYS;
	if (rc == GT_OK) {
		free(pf->path);
		pf->path = copy;
		copy = NULL;
	}
	saved = errno;
	gt_fd_close(&fd);
	free(copy);
	errno = saved;
	return rc;
}

void
gt_pidfile_forget(struct gt_pidfile *pf)
{
	gt_fd_close(&pf->fd);
	free(pf->path);
	pf->path = NULL;
}
