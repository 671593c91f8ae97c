/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text, without any look-up. A bind specification is parsed here
 * so that a wrong one is reported with its file and line; net/listener.h
 * resolves and opens it.
 */
#ifndef GTHREADD_BASE_ADDR_H
#define GTHREADD_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/str.h"

enum gt_bind_kind {
	GT_BIND_TCP,      /* host (may be a name; "" = any), port */
	GT_BIND_UNIX,     /* path */
	GT_BIND_ABSTRACT, /* path is the name behind '@' */
	GT_BIND_FD,       /* fd: an inherited listening socket */
};

#define GT_BIND_MAX  64  /* addresses of a server: a bit each in a mask */
#define GT_BIND_TEXT 256 /* a DNS name, or more than a unix path, and NUL */

struct gt_bind {
	enum gt_bind_kind kind;
	char host[GT_BIND_TEXT]; /* TCP: without brackets */
	unsigned port;           /* TCP */
	char path[GT_BIND_TEXT]; /* UNIX, ABSTRACT: NUL-terminated */
	int fd;                  /* FD */
};

/*
 * "HOST:PORT", "HOST", ":PORT", "[v6]:PORT", "tcp://...", "unix:PATH",
 * "unix://PATH", "unix:@name", "fd://N". Port 8000 when none is given; ""
 * and ":PORT" bind every IPv4 address (0.0.0.0), as gunicorn does.
 * Errors: GT_INVALID, *why says what is wrong.
 */
GT_MUST_CHECK enum gt_err gt_bind_parse(struct gt_str s, struct gt_bind *out,
                                        const char **why);

#define GT_ADDR_TEXT 128 /* longest text of gt_addr_format and NUL */

/* A socket address as its parts. */
struct gt_addr_text {
	char host[GT_ADDR_TEXT]; /* "127.0.0.1", "::1", "" for unix */
	char port[8];            /* "" for unix */
};

/* The numeric parts of sa; a v4-mapped IPv6 address is written as IPv4. */
void gt_addr_text(const struct sockaddr *sa, struct gt_addr_text *out);
/* "127.0.0.1:8000", "[::1]:8000", "unix:/run/x.sock", "unix:@x", "unix:". */
void gt_addr_format(const struct sockaddr *sa, socklen_t len,
                    char out[GT_ADDR_TEXT]);
/*
 * The address of a socket's file, or of an abstract name. Errors: GT_SYS
 * (ENAMETOOLONG).
 */
GT_MUST_CHECK enum gt_err gt_addr_unix(const char *path, bool is_abstract,
                                       struct sockaddr_un *out, socklen_t *len);

#endif
