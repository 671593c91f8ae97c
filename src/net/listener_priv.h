/* SPDX-License-Identifier: MIT */
/*
 * What listener.c, which decides what is opened, and bind.c, which opens one
 * socket, share.
 */
#ifndef GTHREADD_LISTENER_PRIV_H
#define GTHREADD_LISTENER_PRIV_H

#include <sys/socket.h>

#include "gthreadd/net/listener.h"

/* A resolved address, or an inherited socket. */
struct gt_candidate {
	struct sockaddr_storage sa;
	socklen_t len; /* of sa; 0: fd is an inherited socket */
	int fd;
	size_t spec;    /* index of its specification */
	bool is_one_of; /* its name has other addresses too */
	char text[GT_ADDR_TEXT];
};

/* One call of gt_listeners_open. */
struct gt_opening {
	const struct gt_listen_options *opt;
	struct gt_candidate *v;
	size_t n;
	struct gt_listeners *out;
	char *why;
	size_t why_size;
};

/* Has it a file? */
bool gt_bind_has_path(const struct gt_candidate *c);
/*
 * A new socket that listens at c's address; one of several there when shared.
 * Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err gt_bind_open(const struct gt_opening *o,
                                       const struct gt_candidate *c,
                                       bool shared, int *out);
/* Errors: GT_SYS, GT_INVALID (not a listening stream socket). */
GT_MUST_CHECK enum gt_err gt_bind_adopt(int fd);
/* Options of TCP that accepted sockets inherit. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_bind_set_tcp_options(int fd);

#endif
