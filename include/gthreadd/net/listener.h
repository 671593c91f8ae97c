/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: opened by the master, inherited by its workers.
 */
#ifndef GTHREADD_NET_LISTENER_H
#define GTHREADD_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/err.h"

#define GT_LISTENER_ALL (-1)

struct gt_listener {
	int fd;       /* non-blocking, close-on-exec; -1: closed again */
	int given_fd; /* N of fd://N, else -1 */
	int slot;     /* whose it is with reuse-port; GT_LISTENER_ALL */
	char asked[GT_ADDR_TEXT]; /* text before the port 0 became a number */
	bool is_unix;
	char text[GT_ADDR_TEXT]; /* "127.0.0.1:8000", "unix:/run/x.sock" */
	struct gt_addr_text
	    local;         /* SERVER_NAME and SERVER_PORT; "" for unix */
	char *unlink_path; /* unix socket file we made, else NULL */
};

struct gt_listeners {
	struct gt_listener *v;
	size_t n;
};

struct gt_listen_options {
	int backlog;
	bool has_socket_mode;
	unsigned socket_mode; /* of unix sockets */
	/* Sockets for the same addresses are duplicates of these. */
	const struct gt_listeners *kept; /* NULL: there are none */
	bool once;                       /* do not wait for an address in use */
	unsigned slots; /* so many SO_REUSEPORT sockets a TCP address; 0: no */
};

/*
 * Open every address of specs (a name opens each address it resolves to; an
 * existing unix socket is unlinked only when connect() says ECONNREFUSED).
 * TCP_NODELAY and keep-alive are set here: accepted sockets inherit them.
 * EADDRINUSE is tried 5 times, 1 s apart, as gunicorn does.
 * Errors: GT_INVALID, GT_SYS; why (n octets) tells the address and reason;
 * nothing stays open, and no file is left or missed that was not before.
 */
GT_MUST_CHECK enum gt_err gt_listeners_open(const char *const *specs,
                                            size_t nspecs,
                                            const struct gt_listen_options *opt,
                                            struct gt_listeners *out, char *why,
                                            size_t n);
/* The one of ls for the same address and slot as l; NULL: there is none. */
const struct gt_listener *gt_listeners_find(const struct gt_listeners *ls,
                                            const struct gt_listener *l);
/*
 * The number of the address that v[i] is for: all slots of one have the same.
 * It is below GT_BIND_MAX, a bit in a mask of addresses.
 */
size_t gt_listeners_address(const struct gt_listeners *ls, size_t i);
/* Close; unlink the unix sockets that were made when unlink_them. */
void gt_listeners_close(struct gt_listeners *ls, bool unlink_them);

#endif
