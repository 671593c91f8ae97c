/* SPDX-License-Identifier: MIT */
/* The process as the system sees it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gthreadd/base/mem.h"
#include "gthreadd/base/os.h"
#include "gthreadd/base/parse.h"
#include "gthreadd/base/str.h"

/*
 * The kernel shows as command line what stands in the memory of argv, and the
 * environment follows it directly: both are moved away, then the whole room
 * takes the title.
 */
static char *title;
static size_t title_size;
static char **saved_argv;
static char **saved_env; /* unsetenv forgets texts: somebody must own them */

static char **
copy_vector(char *const *v, int n)
{
	char **copy = gt_xcalloc((size_t)n + 1, sizeof(*copy));

	for (int i = 0; i < n; i++)
		copy[i] = gt_xstrdup(v[i]);
	return copy;
}

void
gt_os_title_init(int argc, char ***argv)
{
	char **old = *argv, *end;
	int nenv = 0;

	if (argc == 0)
		return;
	end = old[argc - 1] + strlen(old[argc - 1]) + 1;
	for (; environ[nenv] != NULL; nenv++)
		if (environ[nenv] == end)
			end += strlen(environ[nenv]) + 1;
	/* Kept here too: main may forget its argument vector. */
	*argv = saved_argv = copy_vector(old, argc);
	environ = copy_vector(environ, nenv);
	saved_env = gt_xcalloc((size_t)nenv + 1, sizeof(*saved_env));
	memcpy(saved_env, environ, (size_t)nenv * sizeof(*saved_env));
	title = old[0];
	title_size = (size_t)(end - title);
}

void
gt_os_title_set(const char *fmt, ...)
{
	va_list ap;

	if (title == NULL)
		return;
	memset(title, 0, title_size);
	va_start(ap, fmt);
	vsnprintf(title, title_size, fmt, ap);
	va_end(ap);
}

static struct passwd *
find_user(const char *s)
{
	uint64_t uid;

	if (gt_parse_decimal(gt_str_of(s), &uid) == GT_OK && uid < UINT32_MAX)
		return getpwuid((uid_t)uid);
	return getpwnam(s);
}

static enum gt_err
find_group(const char *s, gid_t *gid)
{
	const struct group *gr;
	uint64_t n;

	if (gt_parse_decimal(gt_str_of(s), &n) == GT_OK && n < UINT32_MAX) {
		*gid = (gid_t)n;
		return GT_OK;
	}
	if ((gr = getgrnam(s)) == NULL)
		return GT_INVALID;
	*gid = gr->gr_gid;
	return GT_OK;
}

enum gt_err
gt_os_user_find(const char *user, const char *group, struct gt_os_user *out,
                const char **why)
{
	const struct passwd *pw;
	uint64_t uid;

	*out = (struct gt_os_user){.uid = geteuid(), .gid = getegid()};
	if (*user != '\0' && (pw = find_user(user)) != NULL) {
		out->uid = pw->pw_uid;
		out->gid = pw->pw_gid;
		snprintf(out->name, sizeof(out->name), "%s", pw->pw_name);
	} else if (*user != '\0') {
		*why = "there is no such user";
		if (gt_parse_decimal(gt_str_of(user), &uid) != GT_OK ||
		    uid >= UINT32_MAX)
			return GT_INVALID;
		out->uid = (uid_t)uid; /* a number needs no entry */
	}
	*why = "there is no such group";
	if (*group != '\0')
		return find_group(group, &out->gid);
	return GT_OK;
}

enum gt_err
gt_os_user_become(const struct gt_os_user *u)
{
	if (u->uid == geteuid() && u->gid == getegid())
		return GT_OK;
	if (geteuid() == 0) {
		if (u->name[0] != '\0' ? initgroups(u->name, u->gid) < 0
		                       : setgroups(1, &u->gid) < 0)
			return GT_SYS;
	}
	if (setresgid(u->gid, u->gid, u->gid) < 0 ||
	    setresuid(u->uid, u->uid, u->uid) < 0)
		return GT_SYS;
	return GT_OK;
}

/* A pipe, as the status of a child is lost where SIGCHLD is ignored. */
enum gt_err
gt_os_user_try(const struct gt_os_user *u)
{
	int fd[2], error = EIO;
	sigset_t mask;
	pid_t pid;

	if (u->uid == geteuid() && u->gid == getegid())
		return GT_OK;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return GT_SYS;
	if ((pid = gt_os_fork(&mask)) == 0) {
		error = gt_os_user_become(u) == GT_OK ? 0 : errno;
		_exit(write(fd[1], &error, sizeof(error)) < 0);
	}
	if (pid < 0)
		error = errno;
	close(fd[1]);
	if (pid > 0 && read(fd[0], &error, sizeof(error)) < 0)
		error = errno;
	close(fd[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	errno = error;
	return error == 0 ? GT_OK : GT_SYS;
}

unsigned long
gt_os_raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return 1024;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		getrlimit(RLIMIT_NOFILE, &rl);
	return (unsigned long)rl.rlim_cur;
}

uint64_t
gt_os_rss(pid_t pid)
{
	struct gt_str rest, pages;
	char text[128];
	uint64_t n = 0;
	ssize_t len;
	int fd;

	snprintf(text, sizeof(text), "/proc/%d/statm", (int)pid);
	if ((fd = open(text, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	len = read(fd, text, sizeof(text));
	close(fd);
	rest = (struct gt_str){text, len > 0 ? (size_t)len : 0};
	if (!gt_str_split(&rest, ' ', &pages) || /* all */
	    !gt_str_split(&rest, ' ', &pages) || /* resident */
	    gt_parse_decimal(pages, &n) != GT_OK)
		return 0;
	return n * (uint64_t)sysconf(_SC_PAGESIZE);
}

pid_t
gt_os_fork(sigset_t *mask)
{
	sigset_t all;
	pid_t pid;
	int saved;

	fflush(NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, mask);
	pid = fork();
	saved = errno;
	if (pid != 0)
		sigprocmask(SIG_SETMASK, mask, NULL);
	errno = saved;
	return pid;
}

/*
 * Also those the process was started with. The signals of faults stay with the
 * sanitizer that may have taken them.
 */
void
gt_os_reset_signals(void)
{
	for (int n = 1; n < NSIG; n++) {
		if (n == SIGSEGV || n == SIGBUS || n == SIGFPE || n == SIGILL)
			continue;
		signal(n, SIG_DFL); /* fails for KILL, STOP and libc's own */
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}
