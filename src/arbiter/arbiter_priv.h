/* SPDX-License-Identifier: MIT */
/*
 * The master's state, shared by the files of this layer. Everything here
 * belongs to the master's only thread. Include this header last.
 */
#ifndef GTHREADD_ARBITER_PRIV_H
#define GTHREADD_ARBITER_PRIV_H

#if defined(Py_PYTHON_H) || defined(_PTHREAD_H)
#error "the master has neither Python nor threads: it forks"
#endif

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "gthreadd/arbiter/arbiter.h"
#include "gthreadd/base/annot.h"
#include "gthreadd/base/buf.h"
#include "gthreadd/base/check.h"
#include "gthreadd/base/err.h"
#include "gthreadd/base/os.h"
#include "gthreadd/config/load.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/net/listener.h"
#include "gthreadd/stats/board.h"
#include "gthreadd/stats/relay.h"
#include "gthreadd/stats/roster.h"

#include "control_priv.h"
#include "forkserver_priv.h"
#include "pidfile_priv.h"
#include "reexec_priv.h"

struct event;
struct event_base;

enum gt_signal_index {
#define GT_SIGNAL(name, action, text) GT_SIGNAL_##name,
#include "tbl/signals.def"
	GT_SIGNAL_COUNT
};

/* A worker keeps graceful-timeout itself: KILL is for one that does not. */
#define GT_SPARE_US 1000000

/* In which order the states follow each other. */
enum gt_arbiter_state {
	GT_ARBITER_RUNNING,  /* also while a stop-delay runs */
	GT_ARBITER_GRACEFUL, /* workers were told TERM */
	GT_ARBITER_QUICK,    /* workers were told QUIT */
};

/* How far the change to a new generation is. */
enum gt_reload_state {
	GT_RELOAD_NONE,    /* all workers are of one generation */
	GT_RELOAD_READING, /* a child runs the Python config */
	GT_RELOAD_TRYING,  /* the canary of the next generation boots */
	GT_RELOAD_ROLLING, /* it was ready: the others are being replaced */
};

/* A worker's way; it may end in each state. */
enum gt_proc_state {
	GT_PROC_BOOTING,  /* forked; has not said that it is ready */
	GT_PROC_SERVING,  /* it was ready; accepts connections */
	GT_PROC_DRAINING, /* told to end: finishes what it has */
};

/*
 * The settings that some workers were forked with, and what was opened for
 * them. Each worker holds a reference to its own.
 */
struct gt_generation {
	struct gt_arbiter *arbiter;
	unsigned number; /* from 1 */
	unsigned refs;
	struct gt_config *config; /* owned; NULL: settings are borrowed */
	const struct gt_settings *settings;
	/* fds are -1 after the next generation has taken over */
	struct gt_listeners listeners;
	int error_log_fd;
	int access_log_fd;                /* -1: no access log */
	struct gt_relay_targets relay;    /* of log-syslog-to, statsd-host */
	struct gt_forkserver *forkserver; /* NULL: the master forks workers */
	TAILQ_ENTRY(gt_generation) link;
};
TAILQ_HEAD(gt_generations, gt_generation);

/* A worker as its master sees it. */
struct gt_proc {
	pid_t pid;
	enum gt_proc_state state;
	struct gt_generation *gen;
	bool is_tired;   /* has asked to be replaced */
	enum gt_end end; /* why it was told to end; EXIT: it was not */
	unsigned age;    /* its number, from 1 */
	unsigned seat;   /* in the roster */
	unsigned slot;   /* number among its like: its sockets, reuse-port */
	int channel_fd;  /* our end; -1: it has closed its own */
	int board_fd;
	struct gt_board *board; /* read-only */
	struct event *channel_event;
	int64_t spawned_us;
	int64_t ready_us;     /* 0: not ready yet */
	uint64_t rss;         /* octets at the last look; 0: unknown */
	int64_t abort_at_us;  /* SIGABRT is due then; 0: no */
	int64_t kill_at_us;   /* SIGKILL is due then; 0: no */
	const char *kill_why; /* why we end it; NULL: we do not */
	bool is_aborted;      /* it was not seen for `timeout`: it must go */
	bool is_killed;       /* SIGKILL was sent by us */
	bool is_seasoned;     /* has served long enough to trust its kind */
	bool owes_reopen;     /* its channel had no room for new logs */
	TAILQ_ENTRY(gt_proc) link;
};
TAILQ_HEAD(gt_procs, gt_proc);

/* What TTIN, TTOU and WINCH did while a canary booted: done again after it. */
struct gt_scaling {
	bool to_zero;
	int64_t by;
};

/* How often the out of memory killer came; see oom.c. */
struct gt_oom {
	char path[512]; /* where it is counted; "": nowhere */
	uint64_t seen;  /* victims that have been accounted for */
};

/* The child that runs a Python config for a reload; see reading.c. */
struct gt_reading {
	struct gt_config_run run; /* pid 0: there is none */
	struct event *event, *timer;
};

/* The service manager; see notify.c. */
struct gt_notify {
	char *path;          /* of its socket; NULL: there is none */
	int64_t watchdog_us; /* it wants to hear of us in this time; 0: no */
	int64_t due_us;      /* the next time it does */
};

struct gt_arbiter {
	const struct gt_config *config; /* of the start; may be NULL */
	const struct gt_child_ops *ops;
	struct gt_os_user user; /* who the workers become */

	struct gt_pidfile pidfile;
	struct gt_notify notify;
	struct gt_upgrade upgrade;
	struct gt_control control;
	struct gt_oom oom;
	int starter_fd;    /* who started a daemon waits at it; -1: nobody */
	int stderr_fd;     /* a daemon's own, until it is in its place; -1 */
	size_t ninherited; /* sockets of systemd, and */
	char *fd_names;    /* their names, with colons; NULL: none */
	int roster_fd;
	struct gt_roster *roster;

	struct event_base *base;
	struct event *signals[GT_SIGNAL_COUNT];
	struct event *timer;      /* watch.c: the next thing that is due */
	struct event *stop_timer; /* ends a stop-delay; NULL: there is none */
	int64_t look_at_us;       /* watch.c: the next look at the beats */
	int64_t resumed_us;       /* watch.c: we had stood still until then */

	enum gt_arbiter_state state;
	int exit_code;
	bool was_ready;    /* some worker has been: boot errors do not end us */
	bool was_complete; /* all workers were ready once: it was told */

	struct gt_generations generations; /* oldest first */
	struct gt_generation *gen;         /* that new workers belong to */
	struct gt_generation *next;        /* on trial; NULL: none */
	unsigned generation;               /* number of the newest */
	enum gt_reload_state reload;
	struct gt_reading reading;
	bool
	    reload_again; /* HUP came while one was on trial, or at the start */
	uint64_t target;  /* how many workers there should be */
	unsigned slots;   /* slots below this one have a worker: slots.c */
	struct gt_scaling scaling;

	struct gt_forkservers forkservers;
	uint64_t hook_failures; /* of hooks that run in them */
	bool said_on_exit;

	struct gt_procs unborn; /* ordered from a forkserver; no pid yet */
	struct gt_procs procs;  /* oldest first */
	size_t nprocs;
	unsigned age;             /* of the newest worker */
	int64_t backoff_us;       /* pause before the next fork; 0: none */
	int64_t backoff_began_us; /* when it was last raised */
	int64_t spawn_at_us;      /* not before */

	struct gt_relay *relay; /* syslog, statsd; NULL: none */
	size_t gauge;           /* workers, as statsd was told */
	int64_t gauge_us, metric_us;
};

/* oom.c */
/* own: /proc/self/cgroup; mount: of the unified hierarchy. */
void gt_oom_init(struct gt_oom *o, const char *own, const char *mount);
/* Was there a victim nobody has claimed? Then this one is. */
bool gt_oom_claim(struct gt_oom *o);

/* generation.c */
/*
 * Make one, with nothing opened yet; config (may be NULL) is given. The
 * caller has the reference. NULL: out of memory, config is destroyed.
 */
struct gt_generation *
gt_generation_create(struct gt_arbiter *a, struct gt_config *config,
                     const struct gt_settings *settings) GT_ON_MASTER;
struct gt_generation *gt_generation_ref(struct gt_generation *g);
/* g may be NULL. The last one closes what is open, but unlinks nothing. */
void gt_generation_unref(struct gt_arbiter *a,
                         struct gt_generation *g) GT_ON_MASTER;
/* For titles: the setting or the application. */
const char *gt_generation_name(const struct gt_generation *g);

/* reload.c */
/* HUP: put a new generation on trial. */
void gt_reload_start(struct gt_arbiter *a) GT_ON_MASTER;
/*
 * The file has been read as far as that needs Python: boot the canary. run
 * NULL: it needs none.
 */
void gt_reload_try(struct gt_arbiter *a,
                   struct gt_config_run *run) GT_ON_MASTER;
/* Is it not known yet whether a new generation takes over? */
bool gt_reload_is_trying(const struct gt_arbiter *a);
/* HUP came, but nobody has served yet: after the start. */
bool gt_reload_is_early(const struct gt_arbiter *a);
/* Its canary is ready: this is the generation from now on. */
void gt_reload_commit(struct gt_arbiter *a) GT_ON_MASTER;
/* It will not do: things stay as they are. */
void gt_reload_fail(struct gt_arbiter *a, const char *why) GT_ON_MASTER;

/* reading.c */
/*
 * Run the Python config that old was made from; *is_on: it is one, and
 * gt_reload_try will be called. Errors: GT_SYS, GT_NOMEM.
 */
GT_MUST_CHECK enum gt_err gt_reading_start(struct gt_arbiter *a,
                                           const struct gt_config *old,
                                           bool *is_on) GT_ON_MASTER;
/* Was pid its process? */
bool gt_reading_reap(struct gt_arbiter *a, pid_t pid) GT_ON_MASTER;
/* Nobody wants to know any more. */
void gt_reading_stop(struct gt_arbiter *a) GT_ON_MASTER;
/* In a child: its pipe is the master's. */
void gt_reading_leave(struct gt_arbiter *a);

/* road.c */
/*
 * Take the next step towards what should be: fork what is missing, boot
 * successors, drain those who have one. Between two turns of the loop only;
 * returns in the parent only.
 */
void gt_road_step(struct gt_arbiter *a) GT_ON_MASTER;
/* Let p finish: it is not wanted any more. */
void gt_road_drain(const struct gt_arbiter *a, struct gt_proc *p) GT_ON_MASTER;
/* TTIN, TTOU: so many workers more or less. */
void gt_road_scale(struct gt_arbiter *a, int by) GT_ON_MASTER;
/* WINCH: no workers until HUP or TTIN. */
void gt_road_empty(struct gt_arbiter *a) GT_ON_MASTER;
/* A trial has ended: do what was asked for meanwhile. */
void gt_road_settle(struct gt_arbiter *a) GT_ON_MASTER;
/* A generation takes over: as many as its settings say, then as above. */
void gt_road_reset(struct gt_arbiter *a) GT_ON_MASTER;

/* sockets.c */
/*
 * Open those of g; the sockets of a->gen that stay are kept. Errors:
 * GT_INVALID, GT_SYS; why tells.
 */
GT_MUST_CHECK enum gt_err gt_sockets_open(struct gt_arbiter *a,
                                          struct gt_generation *g, char *why,
                                          size_t n) GT_ON_MASTER;
/* What the service manager calls the socket; n is 0 when it has no name. */
struct gt_str gt_sockets_name(const struct gt_arbiter *a,
                              const struct gt_listener *l) GT_ON_MASTER;
/*
 * Close those of g, but remember what they were. Socket files go, except
 * those that heir (may be NULL) or the other master of an upgrade has too.
 */
void gt_sockets_close(const struct gt_arbiter *a, struct gt_generation *g,
                      const struct gt_generation *heir) GT_ON_MASTER;

/* slots.c: with reuse-port */
/* The lowest slot that nobody of g has who is to stay. */
unsigned gt_slots_free(const struct gt_arbiter *a,
                       const struct gt_generation *g) GT_ON_MASTER;
/* Must p go rather than other, an older worker? */
bool gt_slots_goes_before(const struct gt_arbiter *a, const struct gt_proc *p,
                          const struct gt_proc *other) GT_ON_MASTER;
/* Tell the workers which sockets nobody has as its own. */
void gt_slots_tell(struct gt_arbiter *a) GT_ON_MASTER;

/* logs.c */
/* Errors: GT_SYS; *path is the file. */
GT_MUST_CHECK enum gt_err gt_logs_open(const struct gt_arbiter *a,
                                       struct gt_generation *g,
                                       const char **path) GT_ON_MASTER;
/* The master writes to the log of a->gen from now on. */
void gt_logs_use(struct gt_arbiter *a) GT_ON_MASTER;
/* Open the files again under the same numbers; tell the workers. */
void gt_logs_reopen(struct gt_arbiter *a) GT_ON_MASTER;
/* Give a worker the files of its generation; later when its channel is full. */
void gt_logs_tell(struct gt_proc *p) GT_ON_MASTER;
void gt_logs_close(struct gt_generation *g);

/* notify.c */
void gt_notify_init(struct gt_arbiter *a) GT_ON_MASTER;
void gt_notify_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* Lines of NAME=VALUE. */
void gt_notify(const struct gt_arbiter *a, const char *fmt, ...)
    GT_PRINTF(2, 3) GT_ON_MASTER;
/* When it is time: tell the watchdog, if we are. */
void gt_notify_alive(struct gt_arbiter *a, bool is_alive) GT_ON_MASTER;

/* daemon.c */
/*
 * Go into the background. In the process that was started *is_starter is true
 * and the server is up or has ended: it exits with *code. Errors: GT_SYS.
 */
GT_MUST_CHECK enum gt_err
gt_daemon_start(struct gt_arbiter *a, bool *is_starter, int *code) GT_ON_MASTER;
/* All workers are ready: who started us may go. */
void gt_daemon_release(struct gt_arbiter *a) GT_ON_MASTER;
/* In a child: the pipe is not its standard error. */
void gt_daemon_leave(struct gt_arbiter *a);
/* To whoever started us, who does not see a log that is a file. */
void gt_daemon_tell(const struct gt_arbiter *a, const char *text) GT_ON_MASTER;

/* signal.c */
GT_MUST_CHECK enum gt_err gt_signal_init(struct gt_arbiter *a) GT_ON_MASTER;
void gt_signal_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* Has a stop begun? It may be that workers still accept (stop-delay). */
bool gt_signal_is_stopping(const struct gt_arbiter *a);
/* Make the workers end, by TERM or QUIT; states only go forward. */
void gt_signal_stop(struct gt_arbiter *a,
                    enum gt_arbiter_state state) GT_ON_MASTER;

/* spawn.c */
/* Fork a worker of g; returns in the parent only. */
GT_MUST_CHECK enum gt_err gt_spawn_worker(struct gt_arbiter *a,
                                          struct gt_generation *g) GT_ON_MASTER;
/* A worker born at born_us died young: wait before the next one. */
void gt_spawn_back_off(struct gt_arbiter *a, int64_t born_us) GT_ON_MASTER;
/* Take p off the list and free it. */
void gt_spawn_forget(struct gt_arbiter *a, struct gt_proc *p) GT_ON_MASTER;
/*
 * In a child, signals still blocked as gt_os_fork left them: leave what is
 * the master's, but for mine's listeners and logs; NULL: nothing stays.
 */
void gt_spawn_leave(struct gt_arbiter *a, const struct gt_generation *mine,
                    const sigset_t *mask);
/* Run ops->check of a->gen in a child. Errors: GT_SYS. */
GT_MUST_CHECK enum gt_err gt_spawn_check(struct gt_arbiter *a,
                                         int *status) GT_ON_MASTER;

/* reap.c */
void gt_reap_children(struct gt_arbiter *a) GT_ON_MASTER;
/* The server cannot start: end it with code. */
void gt_reap_halt(struct gt_arbiter *a, int code, const char *why) GT_ON_MASTER;

/* watch.c */
GT_MUST_CHECK enum gt_err gt_watch_init(struct gt_arbiter *a) GT_ON_MASTER;
void gt_watch_fini(struct gt_arbiter *a) GT_ON_MASTER;
/* Let the timer run out when the next thing is due. */
void gt_watch_arm(struct gt_arbiter *a) GT_ON_MASTER;
/* The worker's end of the channel has something to say. */
GT_MUST_CHECK enum gt_err gt_watch_channel(struct gt_arbiter *a,
                                           struct gt_proc *p) GT_ON_MASTER;

/* ---- places.c ---- */

/* For --check-config: what could not be written or found is logged. */
bool gt_places_check(const struct gt_settings *s) GT_ON_MASTER;

/* ---- summary.c ---- */

/* What is served and how, at the start. */
void gt_summary_log(const struct gt_arbiter *a) GT_ON_MASTER;

#endif
