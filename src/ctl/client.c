/* SPDX-License-Identifier: MIT */
/* A client of the control socket. The server closes after its answer. */
#include "gthreadd/ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/parse.h"

/* Errors: GT_SYS. */
static enum gt_err
open_socket(const char *path, int *out)
{
	struct sockaddr_un un;
	socklen_t len;
	int saved;

	if (gt_addr_unix(path, false, &un, &len) != GT_OK)
		return GT_SYS;
	if ((*out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return GT_SYS;
	if (connect(*out, (void *)&un, len) == 0)
		return GT_OK;
	saved = errno;
	gt_fd_close(out);
	errno = saved;
	return GT_SYS;
}

/* Errors: GT_SYS, GT_NOMEM. */
static enum gt_err
read_all(int fd, struct gt_buf *b)
{
	ssize_t n;

	for (;;) {
		if (gt_buf_reserve(b, 65536) != GT_OK)
			return GT_NOMEM;
		n = read(fd, b->p + b->len, b->cap - b->len);
		if (n == 0)
			return GT_OK;
		if (n < 0 && errno != EINTR)
			return GT_SYS;
		b->len += n > 0 ? (size_t)n : 0;
	}
}

/* "HTTP/1.0 200 OK" up to the empty line, then the body. */
static enum gt_err
part(struct gt_buf *b, int *status)
{
	static const char mark[] = "\r\n\r\n";
	struct gt_str s = gt_buf_str(b), version, code;
	const char *end;
	uint64_t n;

	if (b->len == 0)
		return GT_EOF;
	end = memmem(b->p, b->len, mark, sizeof(mark) - 1);
	if (end == NULL || !gt_str_split(&s, ' ', &version) ||
	    !gt_str_has_prefix(version, GT_STR("HTTP/")) ||
	    !gt_str_split(&s, ' ', &code) ||
	    gt_parse_decimal(code, &n) != GT_OK || n < 100 || n > 599)
		return GT_PROTO;
	*status = (int)n;
	gt_buf_consume(b, (size_t)(end - b->p) + sizeof(mark) - 1);
	return gt_buf_add(b, "", 1);
}

static enum gt_err
talk(int fd, const char *method, const char *target, struct gt_ctl_reply *out)
{
	struct gt_buf head = {0};
	enum gt_err rc;

	rc = gt_buf_addf(&head,
	                 "%s %s HTTP/1.1\r\nHost: localhost\r\n"
	                 "Connection: close\r\nContent-Length: 0\r\n\r\n",
	                 method, target);
	if (rc == GT_OK)
		rc = gt_fd_write_all(fd, head.p, head.len);
	gt_buf_fini(&head);
	if (rc == GT_OK)
		rc = read_all(fd, &out->body);
	if (rc == GT_OK)
		rc = part(&out->body, &out->status);
	if (rc == GT_OK)
		out->body.len--; /* the NUL */
	return rc;
}

enum gt_err
gt_ctl_request(const char *path, const char *method, const char *target,
               struct gt_ctl_reply *out, char *why, size_t n)
{
	enum gt_err rc;
	int fd = -1;

	*out = (struct gt_ctl_reply){0};
	if ((rc = open_socket(path, &fd)) == GT_OK)
		rc = talk(fd, method, target, out);
	if (rc == GT_EOF)
		snprintf(why, n, "%s: the server has ended", path);
	else if (rc == GT_PROTO)
		snprintf(why, n, "%s: this is not gthreadd", path);
	else if (rc != GT_OK)
		snprintf(why, n, "%s: %s%s", path, gt_err_text(rc),
		         rc == GT_SYS && errno == ECONNREFUSED
		             ? " (the server does not run)"
		             : "");
	gt_fd_close(&fd);
	if (rc != GT_OK)
		gt_buf_fini(&out->body);
	return rc;
}
