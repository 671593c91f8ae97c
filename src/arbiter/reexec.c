/* SPDX-License-Identifier: MIT */
/*
 * USR2, the side of the old master: start the program anew, from the file that
 * is there now, with the arguments, environment and directory of the start.
 * The listening sockets go with it, so both masters' workers accept from the
 * same queues and nothing is lost while one hands over to the other, or back.
 * Between the masters there is a channel: the new one says once that it is
 * ready; EOF tells that the other one is gone. heir.c is the other side.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/buf.h"
#include "gthreadd/base/fd.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/start.h"
#include "gthreadd/net/channel.h"
#include "gthreadd/net/inherit.h"

#include "arbiter_priv.h"
#include "ending_priv.h"
#include "event_priv.h"

/* Why there cannot be an upgrade now; NULL: there can. */
GT_ON_MASTER static const char *
reason_against(const struct gt_arbiter *a)
{
	const struct gt_upgrade *u = &a->upgrade;

	if (getpid() == 1)
		return "this is process 1: the end of the old master would end "
		       "the container";
	if (gt_signal_is_stopping(a))
		return "the server is stopping";
	if (u->child != 0 || u->hook_runs)
		return "one is under way already";
	if (u->parent != 0)
		return "the master that started this one still lives";
	if (!a->was_complete)
		return "the server is still starting";
	if (a->reload != GT_RELOAD_NONE)
		return "a reload is under way";
	if (gt_start_get() == NULL)
		return "the path of the program is not known";
	return NULL;
}

/* ---- in the child, until exec ---- */

/* Of the start; these were meant for one process. */
static bool
is_stale(const char *entry)
{
	static const char *const names[] = {
	    GT_UPGRADE_ENV "=", "LISTEN_PID=", "LISTEN_FDS=", "WATCHDOG_PID="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* NULL: out of memory. */
static char *
describe(const struct gt_arbiter *a, pid_t parent, int channel, int std)
{
	struct gt_buf b = {0};

	if (gt_buf_addf(&b, "%s=%d %d %d %d %zu", GT_UPGRADE_ENV, (int)getpid(),
	                (int)parent, channel, std, a->ninherited) != GT_OK ||
	    gt_inherit_write(&a->gen->listeners, &b) != GT_OK ||
	    gt_buf_add(&b, "", 1) != GT_OK)
		return NULL;
	return b.p;
}

/* The environment of the start and the description. NULL: out of memory. */
static char **
make_env(char *const old[], char *description)
{
	size_t n = 0, kept = 0;
	char **env;

	while (old[n] != NULL)
		n++;
	if ((env = calloc(n + 2, sizeof(*env))) == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!is_stale(old[i]))
			env[kept++] = old[i];
	env[kept] = description;
	return env;
}

/* Errors: GT_SYS. */
static enum gt_err
keep_open(const struct gt_listeners *ls, int channel)
{
	for (size_t i = 0; i < ls->n; i++)
		if (ls->v[i].fd >= 0 &&
		    gt_fd_set_cloexec(ls->v[i].fd, 0) != GT_OK)
			return GT_SYS;
	return gt_fd_set_cloexec(channel, 0);
}

/*
 * What the program says before it has read its settings comes through the
 * pipe: nobody may look at the standard error of a daemon.
 */
GT_NORETURN static void
run_program(const struct gt_arbiter *a, pid_t parent, int channel, int pipe_fd)
{
	const struct gt_start *s = gt_start_get();
	int std = fcntl(STDERR_FILENO, F_DUPFD, 3), error = errno;
	char *description = describe(a, parent, channel, std);
	char **env = description == NULL ? NULL : make_env(s->env, description);
	sigset_t none;

	if (dup2(pipe_fd, STDERR_FILENO) < 0)
		_exit(GT_EXIT_BOOT);
	gt_os_reset_signals();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (std < 0)
		errno = error;
	else if (env == NULL)
		errno = ENOMEM;
	else if (chdir(s->cwd) < 0)
		dprintf(STDERR_FILENO, "gthreadd: %s: %s\n", s->cwd,
		        strerror(errno));
	else if (keep_open(&a->gen->listeners, channel) == GT_OK)
		execve(s->program, s->argv, env);
	dprintf(STDERR_FILENO, "gthreadd: %s cannot be run: %s\n", s->program,
	        strerror(errno));
	_exit(GT_EXIT_CONFIG);
}

/* ---- what comes from it ---- */

GT_ON_MASTER static void
log_lines(const char *text, size_t n)
{
	struct gt_str rest = {text, n}, line;

	while (gt_str_split(&rest, '\n', &line))
		if (line.n > 0)
			gt_log_warning("the new program says: %.*s",
			               (int)line.n, line.p);
}

/* Everything that is there. It is short: no line comes in two parts. */
GT_ON_MASTER static void
listen_to_child(struct gt_upgrade *u)
{
	char text[4096];
	ssize_t n;

	while (u->says_fd >= 0 &&
	       ((n = read(u->says_fd, text, sizeof(text))) >= 0 ||
	        errno == EINTR)) {
		if (n > 0) {
			log_lines(text, (size_t)n);
		} else if (n == 0) {
			gt_event_drop(&u->says_event);
			gt_fd_close(&u->says_fd);
		}
	}
}

static void
on_says(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;

	gt_assert_master();
	(void)fd;
	(void)what;
	listen_to_child(&a->upgrade);
}

GT_ON_MASTER static void
be_ready(struct gt_arbiter *a, uint64_t adopted)
{
	struct gt_upgrade *u = &a->upgrade;

	u->child_is_ready = true;
	u->adopted = adopted;
	gt_log_info("new master %d is ready: end this one by TERM to %d, or "
	            "go back by TERM to %d",
	            (int)u->child, (int)getpid(), (int)u->child);
	gt_notify(a, "MAINPID=%d\nREADY=1\nSTATUS=upgraded: process %d serves",
	          (int)u->child, (int)u->child);
	if (u->stop_waits)
		gt_signal_stop(a, GT_ARBITER_GRACEFUL);
	else if (u->empty_waits && !gt_reexec_defer_empty(a))
		gt_road_empty(a);
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;
	struct gt_channel_msg msg;
	enum gt_err rc;

	gt_assert_master();
	(void)what;
	rc = gt_channel_recv((int)fd, &msg);
	if (rc == GT_OK && msg.type == GT_CHANNEL_READY)
		be_ready(a, msg.value);
	else if (rc != GT_OK && rc != GT_AGAIN)
		event_del(a->upgrade.event); /* SIGCHLD tells the rest */
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct gt_arbiter *a = arg;

	gt_assert_master();
	(void)fd;
	(void)what;
	gt_log_warning("new master %d is not ready yet: stopping without it",
	               (int)a->upgrade.child);
	gt_signal_stop(a, GT_ARBITER_GRACEFUL);
}

/* Errors: GT_NOMEM. */
GT_ON_MASTER static enum gt_err
watch_child(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;
	enum gt_err rc;

	rc = gt_event_watch(a->base, u->fd, on_channel, a, &u->event);
	if (rc == GT_OK)
		rc = gt_event_watch(a->base, u->says_fd, on_says, a,
		                    &u->says_event);
	if (rc == GT_OK &&
	    (u->timer = evtimer_new(a->base, on_timer, a)) == NULL)
		rc = GT_NOMEM;
	return rc;
}

/* ---- its life ---- */

/* Everything that belongs to the other master; there is none any more. */
GT_ON_MASTER static void
forget_child(struct gt_arbiter *a)
{
	gt_reexec_fini(a);
	gt_reexec_init(a);
}

/* Errors: GT_SYS, GT_NOMEM. */
GT_ON_MASTER static enum gt_err
start_child(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;
	int channel[2] = {-1, -1}, says[2] = {-1, -1};
	pid_t self = getpid();
	sigset_t mask;
	enum gt_err rc;

	if ((rc = gt_inherit_copy(&a->gen->listeners, &u->shared)) != GT_OK ||
	    (rc = gt_channel_pair(channel)) != GT_OK)
		return rc;
	u->fd = channel[0];
	if (pipe2(says, O_CLOEXEC) < 0)
		rc = GT_SYS;
	else
		rc = gt_fd_set_nonblock(says[0]);
	u->says_fd = says[0];
	if (rc == GT_OK && (rc = watch_child(a)) == GT_OK) {
		u->child = gt_os_fork(&mask);
		if (u->child == 0)
			run_program(a, self, channel[1], says[1]);
		rc = u->child < 0 ? GT_SYS : GT_OK;
	}
	gt_fd_close(&channel[1]);
	gt_fd_close(&says[1]);
	return rc;
}

/* Also after the hook has run, which took its time. */
GT_ON_MASTER static void
start(struct gt_arbiter *a)
{
	const char *why;
	enum gt_err rc;

	a->upgrade.hook_runs = false;
	if ((why = reason_against(a)) != NULL) {
		gt_log_error("upgrade refused: %s", why);
		return;
	}
	a->upgrade.adopted = UINT64_MAX; /* until it tells */
	if ((rc = start_child(a)) != GT_OK) {
		gt_log_error("upgrade failed: %s", gt_err_text(rc));
		forget_child(a);
		return;
	}
	gt_log_info("upgrading: new master %d is started program=%s",
	            (int)a->upgrade.child, gt_start_get()->program);
}

void
gt_reexec_start(struct gt_arbiter *a)
{
	const char *why = reason_against(a);

	if (why != NULL)
		gt_log_error("upgrade refused: %s", why);
	else if (gt_order_pre_exec(a, start))
		a->upgrade.hook_runs = true;
	else
		start(a);
}

static void
describe_end(int status, char *out, size_t n)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == GT_EXIT_OK)
		snprintf(out, n, "has ended");
	else
		gt_ending_describe(status, out, n);
}

void
gt_reexec_restore(struct gt_arbiter *a)
{
	if (!a->upgrade.was_emptied || a->target > 0 ||
	    a->state != GT_ARBITER_RUNNING)
		return;
	gt_log_warning("workers are started again: nobody else serves");
	gt_road_reset(a);
}

/* It has ended, and this master goes on. */
GT_ON_MASTER static void
go_back(struct gt_arbiter *a, const char *reason)
{
	int child = (int)a->upgrade.child;

	if (!a->upgrade.child_is_ready) {
		gt_log_error("upgrade failed, master %d serves on: new master "
		             "%d %s",
		             (int)getpid(), child, reason);
		gt_notify(a, "READY=1\nSTATUS=upgrade failed: new master %s",
		          reason);
		return;
	}
	gt_log_warning("upgrade is undone, master %d serves on: new master %d "
	               "%s",
	               (int)getpid(), child, reason);
	gt_notify(a,
	          "MAINPID=%d\nREADY=1\nSTATUS=upgrade undone: new master "
	          "%s",
	          (int)getpid(), reason);
	gt_reexec_restore(a);
}

bool
gt_reexec_reap(struct gt_arbiter *a, pid_t pid, int status)
{
	struct gt_upgrade *u = &a->upgrade;
	bool stop_waits = u->stop_waits;
	char reason[100];

	if (u->child == 0 || pid != u->child)
		return false;
	listen_to_child(u);
	describe_end(status, reason, sizeof(reason));
	if (a->state == GT_ARBITER_RUNNING)
		go_back(a, reason);
	else
		gt_log_warning("new master %d %s", (int)pid, reason);
	forget_child(a);
	if (stop_waits)
		gt_signal_stop(a, GT_ARBITER_GRACEFUL);
	return true;
}

/* ---- what other parts ask ---- */

bool
gt_reexec_is_starting(const struct gt_arbiter *a)
{
	return a->upgrade.child != 0 && !a->upgrade.child_is_ready;
}

bool
gt_reexec_has_peer(const struct gt_arbiter *a)
{
	return a->upgrade.child != 0 || a->upgrade.parent != 0;
}

bool
gt_reexec_shares(const struct gt_arbiter *a, const struct gt_listener *l)
{
	const struct gt_upgrade *u = &a->upgrade;
	const struct gt_listener *found;
	size_t i;

	if (!gt_reexec_has_peer(a) ||
	    (found = gt_listeners_find(&u->shared, l)) == NULL)
		return false;
	i = gt_listeners_address(&u->shared, (size_t)(found - u->shared.v));
	return (u->adopted >> i & 1) != 0;
}

bool
gt_reexec_defer_stop(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;
	int64_t ms = a->gen->settings->graceful_timeout_ms;
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	if (!gt_reexec_is_starting(a) || a->state != GT_ARBITER_RUNNING ||
	    u->stop_waits)
		return false;
	gt_log_info("stop waits until new master %d is ready", (int)u->child);
	u->stop_waits = true;
	evtimer_add(u->timer, &tv);
	return true;
}

bool
gt_reexec_defer_empty(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;

	u->was_emptied = u->child != 0;
	if (!gt_reexec_is_starting(a))
		return false;
	gt_log_info("workers stay until new master %d is ready", (int)u->child);
	u->empty_waits = true;
	return true;
}

void
gt_reexec_init(struct gt_arbiter *a)
{
	a->upgrade = (struct gt_upgrade){.fd = -1, .says_fd = -1};
}

void
gt_reexec_leave(struct gt_arbiter *a)
{
	gt_fd_close(&a->upgrade.fd);
	gt_fd_close(&a->upgrade.says_fd);
}

void
gt_reexec_fini(struct gt_arbiter *a)
{
	struct gt_upgrade *u = &a->upgrade;

	gt_event_drop(&u->event);
	gt_event_drop(&u->says_event);
	gt_event_drop(&u->timer);
	gt_listeners_close(&u->shared, false);
	gt_reexec_leave(a);
}
