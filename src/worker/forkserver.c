/* SPDX-License-Identifier: MIT */
/*
 * The forkserver: the master's Python side, and what its workers are copies
 * of. It has imported the hooks, and with preload the application; it forks a
 * worker or calls a hook when the master says so. One thread of ours, which
 * has the GIL but while it waits for the master. When it hangs or dies the
 * master starts another one; workers do not notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/os.h"
#include "gthreadd/net/forkmsg.h"
#include "gthreadd/python/fork.h"
#include "gthreadd/python/gil.h"
#include "gthreadd/python/interp.h"
#include "gthreadd/stats/relay.h"
#include "gthreadd/worker/worker.h"
#include "logthread_priv.h"
#include "worker_priv.h"

#define EXIT_S 2 /* for what the app runs at exit */

/* GIL or not is a matter of the place: nothing here is called elsewhere. */
#define UNCHECKED GT_TSA(no_thread_safety_analysis)

/*
 * Sent to the whole group, by a terminal or by kill, or meant for workers: the
 * forkserver ends with its channel.
 */
static const int ignored[] = {SIGINT,  SIGTERM, SIGQUIT, SIGHUP,  SIGUSR1,
                              SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH};
#define IGNORED (sizeof(ignored) / sizeof(ignored[0]))

struct forkserver {
	const struct gt_child *child;
	struct gt_inherited got;
	struct gt_fork_msg msg; /* the order in hand */
	struct gt_fork_fds fds; /* with it */
	int *fd;                /* all that came for it, in order */
	size_t nfds;
	struct gt_fork_msg answer;
	struct gt_relay *relay; /* of its log; NULL: none */
};

static void
set_signals(void (*disposition)(int))
{
	for (size_t i = 0; i < IGNORED; i++)
		signal(ignored[i], disposition);
}

/*
 * Instead of SIG_IGN, which programs that the app starts would inherit; a
 * handler becomes SIG_DFL with them.
 */
static void
be_deaf(int number)
{
	(void)number;
}

/* In a process that the app forks: what is not the app's own is default. */
static void
leave_signals(void)
{
	struct sigaction sa;

	for (size_t i = 0; i < IGNORED; i++)
		if (sigaction(ignored[i], NULL, &sa) == 0 &&
		    sa.sa_handler == be_deaf)
			signal(ignored[i], SIG_DFL);
}

static void
start_relay(struct forkserver *f)
{
	const struct gt_child *c = f->child;

	if (c->relay == NULL)
		return;
	if (gt_relay_create(c->settings, c->relay, c->name, &f->relay) != GT_OK)
		gt_log_warning("log of the forkserver is not relayed");
	else if (f->relay != NULL)
		gt_log_set_tee(gt_output_tee, f->relay);
}

static void
stop_relay(struct forkserver *f)
{
	gt_log_set_tee(NULL, NULL);
	gt_relay_destroy(f->relay);
	f->relay = NULL;
}

/* An enum gt_exit. On success the GIL is held. */
UNCHECKED static int
boot(struct forkserver *f)
{
	const struct gt_settings *s = f->child->settings;

	for (size_t i = 0; i < s->env.n; i++)
		putenv(s->env.v[i]);
	gt_module_register();
	if (gt_interp_start(s) != GT_OK ||
	    gt_thread_at_fork(leave_signals) != GT_OK)
		return GT_EXIT_BOOT;
	set_signals(be_deaf);
	gt_interp_faulthandler(f->child->error_log_fd);
	if (gt_hooks_load(s, &f->got.hooks) != GT_OK)
		return GT_EXIT_BOOT;
	if (s->preload && gt_app_load(s, s->workers > 1, &f->got.app) != GT_OK)
		return GT_EXIT_APP;
	set_signals(be_deaf); /* whatever the app has made of them */
	gt_leftovers_warn();
	gt_pyfork_freeze();
	gt_interp_flush();
	return GT_EXIT_OK;
}

/* Nobody reads: the master is gone, as the next wait will tell. */
static void
answer(struct forkserver *f, enum gt_fork_type type, int32_t result)
{
	f->answer.type = type;
	f->answer.result = result;
	if (gt_fork_send(f->child->channel_fd, &f->answer, NULL) == GT_SYS)
		gt_log_error("forkserver cannot answer: %s",
		             gt_err_text(GT_SYS));
}

/* In a process of its own, between the two that matter. */
static void
tell_birth(void *arg, pid_t pid)
{
	answer(arg, GT_FORK_BORN, (int32_t)pid);
}

/* The sockets that came with the order, in the order of the settings. */
static bool
take_listeners(const struct forkserver *f, struct gt_listeners *out)
{
	const struct gt_listeners *known = f->child->listeners;

	if (f->nfds != known->n + 2)
		return false;
	out->v = gt_xcalloc(known->n + 1, sizeof(*out->v));
	out->n = known->n;
	for (size_t i = 0; i < known->n; i++) {
		out->v[i] = known->v[i];
		out->v[i].fd = f->fd[i + 2];
	}
	return true;
}

/* The grandchild: from here on a worker like any other. */
GT_NORETURN UNCHECKED static void
be_worker(struct forkserver *f, const sigset_t *mask)
{
	static struct gt_listeners listeners; /* as long as the process */
	struct gt_child child = *f->child;

	set_signals(SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	close(f->child->channel_fd);
	stop_relay(f); /* it makes its own */
	if (!take_listeners(f, &listeners))
		_exit(GT_EXIT_BOOT);
	child.listeners = &listeners;
	child.age = f->msg.worker.age;
	child.seat = f->msg.seat;
	child.slot = f->msg.slot;
	child.slots = f->msg.slots;
	child.master = f->msg.master;
	child.channel_fd = f->fd[1];
	child.board_fd = f->fd[0];
	gt_os_title_set("gthreadd: worker [%s]", child.name);
	if (chdir(child.settings->chdir) < 0) {
		gt_log_critical("directory of chdir cannot be entered: %s",
		                strerror(errno));
		_exit(GT_EXIT_BOOT);
	}
	gt_worker_exit(gt_worker_inherit(&child, &f->got));
}

UNCHECKED static void
spawn(struct forkserver *f)
{
	sigset_t all, mask;
	int rc;

	if (f->msg.hook == GT_HOOK_pre_fork)
		gt_hooks_run_master(f->got.hooks, GT_HOOK_pre_fork, &f->msg);
	gt_interp_flush();
	fflush(NULL);
	/* What is sent to the worker waits until it has its dispositions. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	if ((rc = gt_pyfork_orphan(tell_birth, f)) == 0)
		be_worker(f, &mask);
	if (rc < 0)
		answer(f, GT_FORK_BORN, -errno);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* The numbers stay, as in a worker. */
static void
replace_logs(struct forkserver *f)
{
	const int old[] = {f->child->error_log_fd, f->child->access_log_fd};

	for (size_t i = 0; i < f->fds.n && i < 2; i++) {
		gt_output_replace(old[i], f->fds.v[i]);
		f->fds.v[i] = -1;
	}
}

/* It may have been changed since the settings were read. */
static void
set_level(const struct forkserver *f)
{
	if (f->msg.log_level <= GT_LOG_CRITICAL)
		gt_log_set_level((enum gt_log_level)f->msg.log_level);
}

/* The descriptors of this message join those that came before it. */
static void
gather(struct forkserver *f)
{
	size_t n = f->nfds + f->fds.n;
	int *fd = realloc(f->fd, (n + 1) * sizeof(*fd));

	if (fd == NULL) {
		gt_fork_close(&f->fds); /* too few are refused later */
		return;
	}
	memcpy(fd + f->nfds, f->fds.v, f->fds.n * sizeof(*fd));
	f->fd = fd;
	f->nfds = n;
	f->fds.n = 0;
}

static void
close_gathered(struct forkserver *f)
{
	while (f->nfds > 0)
		gt_fd_close(&f->fd[--f->nfds]);
}

UNCHECKED static void
obey(struct forkserver *f)
{
	enum gt_err rc = GT_OK;

	switch ((enum gt_fork_type)f->msg.type) {
	case GT_FORK_SPAWN:
		set_level(f);
		gather(f);
		spawn(f);
		close_gathered(f);
		break;
	case GT_FORK_FIRST:
		gather(f);
		break;
	case GT_FORK_HOOK:
		set_level(f);
		if (f->msg.hook < GT_HOOK_COUNT)
			rc = gt_hooks_run_master(
			    f->got.hooks, (enum gt_hook)f->msg.hook, &f->msg);
		gt_interp_flush();
		answer(f, GT_FORK_DONE, rc == GT_OK ? 0 : -1);
		break;
	case GT_FORK_LOGS:
		replace_logs(f);
		break;
	case GT_FORK_READY:
	case GT_FORK_DONE:
	case GT_FORK_BORN:
		break; /* ours to say */
	}
	gt_fork_close(&f->fds);
}

/* The next order. false: there will be none. */
UNCHECKED static bool
await_order(struct forkserver *f)
{
	struct pollfd p = {.fd = f->child->channel_fd, .events = POLLIN};
	enum gt_err rc;

	while ((rc = gt_fork_recv(p.fd, &f->msg, &f->fds)) == GT_AGAIN) {
		gt_gil_pause();
		(void)poll(&p, 1, -1);
		gt_gil_resume();
	}
	return rc == GT_OK;
}

UNCHECKED int
gt_forkserver_main(const struct gt_child *child)
{
	struct forkserver *f = gt_xcalloc(1, sizeof(*f));
	int code;

	f->child = child;
	set_signals(SIG_IGN);
	start_relay(f);
	gt_log_info("booting forkserver with pid: %d", (int)getpid());
	gt_leftovers_note();
	if ((code = boot(f)) != GT_EXIT_OK) {
		gt_interp_flush();
		_exit(code);
	}
	answer(f, GT_FORK_READY, 0);
	while (await_order(f))
		obey(f);
	/* What the app does at exit may hang: nobody waits for it then. */
	signal(SIGALRM, SIG_DFL);
	alarm(EXIT_S);
	gt_interp_stop(false);
	_exit(GT_EXIT_OK);
}
