/* SPDX-License-Identifier: MIT */
/* Descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"

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
gt_fd_open_log(const char *path, int std, int *out)
{
	if (strcmp(path, "-") == 0)
		*out = fcntl(std, F_DUPFD_CLOEXEC, 3);
	else
		*out =
		    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	return *out < 0 ? GT_SYS : GT_OK;
}
