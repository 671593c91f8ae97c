/* SPDX-License-Identifier: MIT */
/*
 * The socket file. It is bound under a name of its own, gets its mode, and
 * takes its place by rename(2): so nobody connects before the mode is right,
 * and a successor takes over without a moment in which there is none.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/parse.h"

#include "ctl_priv.h"

#define BACKLOG     32
#define SUFFIX_SIZE 12 /* of the name it is bound under: ".PID" */

/* What stands at the path. */
enum place {
	PLACE_FREE,  /* nothing, or what a dead server left */
	PLACE_OURS,  /* the process that started us listens: an upgrade */
	PLACE_TAKEN, /* somebody else listens */
	PLACE_OTHER, /* not a socket */
	PLACE_ERROR, /* errno */
};

static enum place
ask_listener(const char *path)
{
	struct sockaddr_un un;
	struct ucred peer;
	socklen_t n, len = sizeof(peer);
	enum place place = PLACE_TAKEN;
	int fd = -1;

	if (gt_addr_unix(path, false, &un, &n) == GT_OK)
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		            0);
	if (fd < 0)
		return PLACE_ERROR;
	if (connect(fd, (void *)&un, n) == 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		    peer.pid == getppid())
			place = PLACE_OURS;
	} else if (errno == ECONNREFUSED || errno == ENOENT) {
		place = PLACE_FREE;
	} else if (errno != EAGAIN) {
		place = PLACE_ERROR;
	}
	gt_fd_close(&fd);
	return place;
}

static enum place
look(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? PLACE_FREE : PLACE_ERROR;
	return S_ISSOCK(st.st_mode) ? ask_listener(path) : PLACE_OTHER;
}

static enum gt_err
fail(char *why, size_t n, const char *path, const char *what)
{
	snprintf(why, n, "control socket %s: %s", path, what);
	return GT_INVALID;
}

static enum gt_err
check_place(const struct gt_ctl_file *f, char *why, size_t n)
{
	if (strlen(f->path) + SUFFIX_SIZE >
	    sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fail(why, n, f->path, "its path is too long");
	switch (look(f->path)) {
	case PLACE_FREE:
	case PLACE_OURS:
		return GT_OK;
	case PLACE_TAKEN:
		return fail(why, n, f->path, "another server listens there");
	case PLACE_OTHER:
		return fail(why, n, f->path,
		            "a file that is not a socket is there");
	case PLACE_ERROR:
		break;
	}
	return fail(why, n, f->path, strerror(errno));
}

/* Bound under temp, with its mode. Errors: GT_SYS. */
static enum gt_err
bind_at(const struct gt_ctl_file *f, int fd, const char *temp)
{
	struct sockaddr_un un;
	socklen_t len;
	mode_t old;
	int rc, saved;

	if (gt_addr_unix(temp, false, &un, &len) != GT_OK)
		return GT_SYS;
	old = umask(0177);
	rc = bind(fd, (void *)&un, len);
	saved = errno;
	umask(old);
	errno = saved;
	if (rc < 0)
		return GT_SYS;
	if (chmod(temp, (mode_t)f->mode) < 0 || listen(fd, BACKLOG) < 0)
		return GT_SYS;
	return GT_OK;
}

static enum gt_err
put_in_place(struct gt_ctl_file *f, int fd, const char *temp)
{
	struct stat st;

	unlink(temp); /* of a process that had our number and crashed */
	if (bind_at(f, fd, temp) != GT_OK || lstat(temp, &st) < 0)
		return GT_SYS;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return rename(temp, f->path) < 0 ? GT_SYS : GT_OK;
}

enum gt_err
gt_ctl_file_open(struct gt_ctl_file *f, int *fd, char *why, size_t n)
{
	char temp[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	enum gt_err rc;
	int saved;

	*fd = -1;
	if ((rc = check_place(f, why, n)) != GT_OK)
		return rc;
	snprintf(temp, sizeof(temp), "%s.%d", f->path, (int)getpid());
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd >= 0 && put_in_place(f, *fd, temp) == GT_OK)
		return GT_OK;
	saved = errno;
	unlink(temp);
	gt_fd_close(fd);
	fail(why, n, f->path, strerror(saved));
	return GT_SYS;
}

bool
gt_ctl_file_is_ours(const struct gt_ctl_file *f)
{
	struct stat st;

	return lstat(f->path, &st) == 0 && st.st_dev == f->dev &&
	       st.st_ino == f->ino;
}

bool
gt_ctl_file_is_free(const struct gt_ctl_file *f)
{
	return look(f->path) == PLACE_FREE;
}

/* The name a socket was bound to; an accepted one has its listener's. */
static bool
read_name(int fd, struct sockaddr_un *un)
{
	socklen_t len = sizeof(*un);

	memset(un, 0, sizeof(*un));
	return getsockname(fd, (void *)un, &len) == 0 &&
	       un->sun_family == AF_UNIX;
}

size_t
gt_ctl_each_conn(int fd, void (*fn)(int conn))
{
	struct sockaddr_un mine, un;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	uint64_t conn;
	size_t n = 0;

	if (dir == NULL)
		return 0;
	while (read_name(fd, &mine) && (e = readdir(dir)) != NULL) {
		if (gt_parse_decimal(gt_str_of(e->d_name), &conn) != GT_OK ||
		    (int)conn == fd || !read_name((int)conn, &un) ||
		    strcmp(un.sun_path, mine.sun_path) != 0)
			continue;
		n++;
		if (fn != NULL)
			fn((int)conn);
	}
	closedir(dir);
	return n;
}
