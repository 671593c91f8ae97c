/* SPDX-License-Identifier: MIT */
/* Descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"

void
gt_fd_fill_std(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	gt_fd_close(&fd);
}

void
gt_fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

enum gt_err
gt_fd_set_cloexec(int fd, int on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? GT_SYS : GT_OK;
}

enum gt_err
gt_fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return GT_SYS;
	return GT_OK;
}

enum gt_err
gt_fd_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t done;

	while (n > 0) {
		if ((done = write(fd, at, n)) < 0) {
			if (errno == EINTR)
				continue;
			return GT_SYS;
		}
		at += done;
		n -= (size_t)done;
	}
	return GT_OK;
}

enum gt_err
gt_fd_read_file(int fd, size_t max, struct gt_buf *out)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return GT_SYS;
	if ((size_t)st.st_size < max)
		max = (size_t)st.st_size;
	if (gt_buf_reserve(out, max) != GT_OK)
		return GT_NOMEM;
	if ((n = pread(fd, out->p + out->len, max, 0)) < 0)
		return GT_SYS;
	out->len += (size_t)n;
	return GT_OK;
}

ssize_t
gt_fd_write_log(int fd, const void *p, size_t n)
{
	ssize_t done = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	return done < 0 && errno == ENOTSOCK ? write(fd, p, n) : done;
}

#define LOG_FLAGS (O_APPEND | O_CLOEXEC | O_NOCTTY)

/*
 * A descriptor of ours for what std is. O_NONBLOCK belongs to what was
 * opened, which the shell and others share with us: so a pipe or terminal is
 * opened anew. When that is not allowed it stays as it is.
 */
static int
open_std(int std)
{
	char path[40];
	struct stat st;
	int fd;

	if (fstat(std, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", std);
		fd = open(path, O_WRONLY | O_NONBLOCK | LOG_FLAGS);
		if (fd >= 0)
			return fd;
	}
	return fcntl(std, F_DUPFD_CLOEXEC, 3);
}

/* What cannot be opened by that name: a socket, or root's pipe. -1: other. */
static int
number_of(const char *path)
{
	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	return strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO : -1;
}

enum gt_err
gt_fd_open_log(const char *path, int std, int *out)
{
	if (strcmp(path, "-") == 0) {
		*out = open_std(std);
		return *out < 0 ? GT_SYS : GT_OK;
	}
	*out = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | LOG_FLAGS, 0666);
	if (*out < 0 && number_of(path) >= 0)
		*out = open_std(number_of(path));
	else if (*out < 0 &&
	         errno == ENXIO) /* a named pipe that nobody reads */
		*out = open(path, O_RDWR | O_NONBLOCK | LOG_FLAGS);
	return *out < 0 ? GT_SYS : GT_OK;
}
