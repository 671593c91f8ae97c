/* SPDX-License-Identifier: MIT */
/*
 * What an import has left behind in a forkserver that copies of it cannot have
 * or should not share: threads and open sockets. Main thread, GIL held.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/log.h"
#include "gthreadd/base/parse.h"
#include "gthreadd/python/fork.h"
#include "worker_priv.h"

#define KNOWN_FDS 1024 /* sockets below are told apart from older ones */

static bool known[KNOWN_FDS];

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Call f with each number that the folder has a file for. */
static void
each_number(const char *folder, void (*f)(void *arg, int n), void *arg)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	uint64_t n;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if (gt_parse_decimal(gt_str_of(e->d_name), &n) == GT_OK &&
		    n <= INT32_MAX)
			f(arg, (int)n);
	closedir(dir);
}

static void
note(void *arg, int fd)
{
	(void)arg;
	if (fd < KNOWN_FDS)
		known[fd] = is_socket(fd);
}

void
gt_leftovers_note(void)
{
	each_number("/proc/self/fd", note, NULL);
}

struct text {
	char p[512];
	size_t n;
};

/* "12 to 127.0.0.1:5432" */
static void
add_socket(void *arg, int fd)
{
	struct text *t = arg;
	struct sockaddr_storage ss = {0};
	struct sockaddr *sa = (struct sockaddr *)&ss;
	socklen_t len = sizeof(ss);
	char peer[GT_ADDR_TEXT];
	int n;

	if ((fd < KNOWN_FDS && known[fd]) || !is_socket(fd))
		return;
	n = snprintf(t->p + t->n, sizeof(t->p) - t->n, "%s%d",
	             t->n > 0 ? ", " : "", fd);
	t->n += (size_t)n;
	if (t->n < sizeof(t->p) && getpeername(fd, sa, &len) == 0 &&
	    (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)) {
		gt_addr_format(sa, len, peer);
		n = snprintf(t->p + t->n, sizeof(t->p) - t->n, " to %s", peer);
		t->n += (size_t)n;
	}
	if (t->n >= sizeof(t->p))
		t->n = sizeof(t->p) - 1;
}

static void
count(void *arg, int n)
{
	(void)n;
	++*(size_t *)arg;
}

static void warn_of_threads(void) GT_NEEDS_GIL;

static void
warn_of_threads(void)
{
	char names[512];
	size_t all = 0, python = gt_pyfork_threads(names, sizeof(names));

	each_number("/proc/self/task", count, &all);
	if (python > 0)
		gt_log_warning("import has started threads, which workers "
		               "will not have n=%zu names=\"%s\"",
		               python, names);
	if (all > python + 1)
		gt_log_warning("import has started threads outside of python, "
		               "which workers will not have n=%zu",
		               all - python - 1);
}

void
gt_leftovers_warn(void)
{
	struct text t = {.n = 0};

	warn_of_threads();
	each_number("/proc/self/fd", add_socket, &t);
	if (t.n > 0)
		gt_log_warning("import has left sockets open, which all "
		               "workers will share fds=\"%s\"",
		               t.p);
}
