/* SPDX-License-Identifier: MIT */
/* Files without a name. Any thread; nothing here knows requests. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gthreadd/exchange/spool.h"

/* Where the file system has no files that are born without a name. */
static enum gt_err
open_and_unlink(const char *dir, int *fd)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/gthreadd-XXXXXX", dir);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return GT_SYS;
	}
	if ((*fd = mkostemp(path, O_CLOEXEC)) < 0)
		return GT_SYS;
	unlink(path);
	return GT_OK;
}

enum gt_err
gt_spool_open(const char *dir, int *fd)
{
	*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return GT_OK;
	if (errno == EOPNOTSUPP || errno == EISDIR)
		return open_and_unlink(dir, fd);
	return GT_SYS;
}

enum gt_err
gt_spool_write(int fd, uint64_t at, const char *p, size_t n)
{
	ssize_t k;

	while (n > 0) {
		k = pwrite(fd, p, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return GT_SYS;
		at += (uint64_t)k;
		p += k;
		n -= (size_t)k;
	}
	return GT_OK;
}

enum gt_err
gt_spool_read(int fd, uint64_t at, char *p, size_t n)
{
	ssize_t k;

	while (n > 0) {
		k = pread(fd, p, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? GT_SYS : GT_EOF;
		at += (uint64_t)k;
		p += k;
		n -= (size_t)k;
	}
	return GT_OK;
}
