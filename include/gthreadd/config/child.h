/* SPDX-License-Identifier: MIT */
/*
 * What a forked child is given. The arbiter fills it, a child entry (worker
 * layer) reads it; main joins the two by a table of function pointers, so
 * neither includes the other.
 */
#ifndef GTHREADD_CONFIG_CHILD_H
#define GTHREADD_CONFIG_CHILD_H

#include <stddef.h>
#include <sys/types.h>

struct gt_settings;
struct gt_listeners;
struct gt_relay_targets;

/* Exit codes of the server and its children. */
enum gt_exit {
	GT_EXIT_OK = 0,
	GT_EXIT_CONFIG = 1, /* settings or listening addresses */
	GT_EXIT_BOOT = 3,   /* a worker could not boot */
	GT_EXIT_APP = 4,    /* the application could not be imported */
};

/* Everything borrowed for the life of the process; fds stay open. */
struct gt_child {
	const struct gt_settings *settings;
	const struct gt_listeners *listeners; /* net/listener.h */
	const char *name; /* for titles: the name setting or the app */
	pid_t master;
	unsigned age;      /* number of the worker, from 1 */
	unsigned seat;     /* its seat in the roster */
	unsigned slot;     /* its listening sockets, with reuse-port */
	unsigned slots;    /* those from here on are everybody's */
	int roster_fd;     /* memfd of all workers' loads (stats/roster.h) */
	int board_fd;      /* memfd of its board slot (stats/board.h) */
	int channel_fd;    /* its end of the channel (net/channel.h) */
	int error_log_fd;  /* open; the number is kept when reopened */
	int access_log_fd; /* -1: no access log */
	const struct gt_relay_targets *relay; /* stats/relay.h; NULL: none */
};

/*
 * Entries of the children that use Python; each returns the exit code of the
 * process. Called in a freshly forked child: signals at default and unblocked,
 * no libevent base, the descriptors of other children closed.
 */
struct gt_child_ops {
	int (*worker)(const struct gt_child *child);
	/* Fork workers and call hooks; only with preload or such hooks. */
	int (*forkserver)(const struct gt_child *child);
	/* --check-config: import the app, say what is wrong. */
	int (*check)(const struct gt_child *child);
	/* Of the linked library, for the log; NULL: it is not told. */
	const char *(*python_version)(void);
};

#endif
