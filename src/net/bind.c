/* SPDX-License-Identifier: MIT */
/*
 * One listening socket: its options, the mode of its file, a file that a dead
 * server has left behind, a socket that somebody else has opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gthreadd/base/fd.h"
#include "listener_priv.h"

/* Is c's port also bound on an IPv4 address? Then :: must leave it alone. */
static bool
has_v4_twin(const struct gt_opening *o, const struct gt_candidate *c)
{
	const struct sockaddr_in6 *in6 = (const void *)&c->sa;
	const struct sockaddr_in *in;

	for (size_t i = 0; i < o->n; i++) {
		in = (const void *)&o->v[i].sa;
		if (in->sin_family == AF_INET && in->sin_port != 0 &&
		    in->sin_port == in6->sin6_port)
			return true;
	}
	return false;
}

static enum gt_err
set_option(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) < 0 ? GT_SYS
	                                                        : GT_OK;
}

enum gt_err
gt_bind_set_tcp_options(int fd)
{
	if (set_option(fd, IPPROTO_TCP, TCP_NODELAY) != GT_OK)
		return GT_SYS;
	return set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
}

static enum gt_err
open_tcp(const struct gt_opening *o, const struct gt_candidate *c, bool shared,
         int fd)
{
	if (shared && set_option(fd, SOL_SOCKET, SO_REUSEPORT) != GT_OK)
		return GT_SYS;
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) != GT_OK)
		return GT_SYS;
	if (c->sa.ss_family == AF_INET6 && has_v4_twin(o, c) &&
	    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != GT_OK)
		return GT_SYS;
	if (gt_bind_set_tcp_options(fd) != GT_OK)
		return GT_SYS;
	return bind(fd, (const void *)&c->sa, c->len) < 0 ? GT_SYS : GT_OK;
}

/*
 * Remove a socket file nobody listens on any more. Errors: GT_SYS, EADDRINUSE
 * when somebody does; EEXIST when it is no socket.
 */
static enum gt_err
unlink_stale(const struct gt_candidate *c)
{
	const struct sockaddr_un *un = (const void *)&c->sa;
	struct stat st;
	int fd, rc, error;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? GT_OK : GT_SYS;
	errno = EEXIST;
	if (!S_ISSOCK(st.st_mode))
		return GT_SYS;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return GT_SYS;
	rc = connect(fd, (const void *)un, c->len);
	error = errno;
	close(fd);
	if (rc < 0 && error == ECONNREFUSED)
		return unlink(un->sun_path) < 0 ? GT_SYS : GT_OK;
	/* EAGAIN: its backlog is full. */
	errno = rc == 0 || error == EAGAIN ? EADDRINUSE : error;
	return GT_SYS;
}

bool
gt_bind_has_path(const struct gt_candidate *c)
{
	const struct sockaddr_un *un = (const void *)&c->sa;

	return c->sa.ss_family == AF_UNIX && un->sun_path[0] != '\0';
}

/* The mode comes from the umask: there is no moment with another one. */
static enum gt_err
open_unix(const struct gt_opening *o, const struct gt_candidate *c, int fd)
{
	mode_t old;
	int rc;

	if (gt_bind_has_path(c) && unlink_stale(c) != GT_OK)
		return GT_SYS;
	old = umask(0777);
	umask(o->opt->has_socket_mode ? ~o->opt->socket_mode & 0777
	                              : old | 0111);
	rc = bind(fd, (const void *)&c->sa, c->len);
	umask(old);
	return rc < 0 ? GT_SYS : GT_OK;
}

enum gt_err
gt_bind_open(const struct gt_opening *o, const struct gt_candidate *c,
             bool shared, int *out)
{
	enum gt_err rc;
	int fd, saved;

	fd = socket(c->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	            0);
	if (fd < 0)
		return GT_SYS;
	rc = c->sa.ss_family == AF_UNIX ? open_unix(o, c, fd)
	                                : open_tcp(o, c, shared, fd);
	if (rc == GT_OK && listen(fd, o->opt->backlog) == 0) {
		*out = fd;
		return GT_OK;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return GT_SYS;
}

enum gt_err
gt_bind_adopt(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
		return GT_SYS;
	if (type != SOCK_STREAM || listens == 0)
		return GT_INVALID;
	if (gt_fd_set_cloexec(fd, 1) != GT_OK)
		return GT_SYS;
	return gt_fd_set_nonblock(fd);
}
