/* SPDX-License-Identifier: MIT */
/*
 * What systemd is told (sd_notify(3)): a datagram of NAME=VALUE lines to the
 * socket that NOTIFY_SOCKET names. Without one nothing happens. The variables
 * are taken out of the environment, so that no child speaks for the server.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gthreadd/base/clock.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/parse.h"

#include "arbiter_priv.h"

static int64_t
take_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, who;

	if (usec == NULL || gt_parse_decimal(gt_str_of(usec), &us) != GT_OK ||
	    us > INT64_MAX)
		us = 0;
	if (pid != NULL && (gt_parse_decimal(gt_str_of(pid), &who) != GT_OK ||
	                    who != (uint64_t)getpid()))
		us = 0;
	return (int64_t)us;
}

void
gt_notify_init(struct gt_arbiter *a)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path != NULL && (path[0] == '/' || path[0] == '@') &&
	    (a->notify.path = strdup(path)) == NULL)
		gt_log_error("the service manager is not told: out of memory");
	a->notify.watchdog_us = take_watchdog();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void
gt_notify_fini(struct gt_arbiter *a)
{
	free(a->notify.path);
	a->notify.path = NULL;
}

static void
send_text(const char *path, const char *text)
{
	bool is_abstract = path[0] == '@';
	struct sockaddr_un un;
	socklen_t len;
	int fd;

	if (gt_addr_unix(path + is_abstract, is_abstract, &un, &len) != GT_OK)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
	           (void *)&un, len) < 0)
		gt_log_warning("the service manager cannot be told: %s",
		               gt_err_text(GT_SYS));
	close(fd);
}

void
gt_notify(const struct gt_arbiter *a, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (a->notify.path == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_text(a->notify.path, text);
}

/* Of two masters the one that the manager looks at: the main process. */
static bool
is_main(const struct gt_arbiter *a)
{
	return !a->upgrade.child_is_ready &&
	       (a->upgrade.parent == 0 || a->was_complete);
}

void
gt_notify_alive(struct gt_arbiter *a, bool is_alive)
{
	int64_t now = gt_clock_us();

	if (a->notify.path == NULL || a->notify.watchdog_us == 0 ||
	    now < a->notify.due_us)
		return;
	a->notify.due_us = now + a->notify.watchdog_us / 2;
	if (is_alive && is_main(a))
		gt_notify(a, "WATCHDOG=1");
}
