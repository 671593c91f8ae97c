/* SPDX-License-Identifier: MIT */
/*
 * --check-config, without opening anything: could the master write its logs,
 * its pid file and its sockets where the settings say, and do the hosts exist
 * that they name? Whatever is there already, such as the files of a server that
 * runs, is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/addr.h"
#include "gthreadd/base/log.h"

#include "arbiter_priv.h"
#include "relays_priv.h"

struct places {
	bool ok;
};

static void
blame(struct places *p, const char *what, const char *path)
{
	gt_log_error("%s %s: %s", what, path, strerror(errno));
	p->ok = false;
}

/* May files be made in the directory of path? errno says why not. */
static bool
is_dir_writable(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (slash == NULL || slash == path)
		slash = path + 1;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
}

/* A file that is opened for writing, and made when it is not there. */
static void
check_file(struct places *p, const char *what, const char *path)
{
	struct stat st;

	if (path[0] == '\0' || strcmp(path, "-") == 0)
		return;
	if (stat(path, &st) < 0) {
		if (errno != ENOENT || !is_dir_writable(path))
			blame(p, what, path);
	} else if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		blame(p, what, path);
	} else if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0) {
		blame(p, what, path);
	}
}

/* A socket: made anew in its directory. */
static void
check_socket(struct places *p, const char *what, const char *path)
{
	struct stat st;

	if (!is_dir_writable(path)) {
		blame(p, what, path);
	} else if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		blame(p, what, path);
	}
}

static void
check_name(struct places *p, const char *what, const char *host)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	int rc = getaddrinfo(host, "0", &hints, &found);

	if (rc == 0) {
		freeaddrinfo(found);
		return;
	}
	gt_log_error("%s %s: %s", what, host, gai_strerror(rc));
	p->ok = false;
}

static void
check_address(struct places *p, const char *what, const char *text)
{
	struct gt_bind b;
	const char *why;

	if (gt_bind_parse(gt_str_of(text), &b, &why) != GT_OK)
		return; /* config has refused it */
	if (b.kind == GT_BIND_UNIX)
		check_socket(p, what, b.path);
	else if (b.kind == GT_BIND_TCP && b.host[0] != '\0')
		check_name(p, what, b.host);
}

static void
check_relays(struct places *p, const struct gt_settings *s)
{
	struct gt_relay_targets targets;
	char why[512];

	if (gt_relay_resolve(s, &targets, why, sizeof(why)) == GT_OK) {
		gt_relays_warn(s, &targets);
	} else {
		gt_log_error("%s", why);
		p->ok = false;
	}
}

bool
gt_places_check(const struct gt_settings *s)
{
	struct places p = {.ok = true};

	check_file(&p, "error-logfile", s->error_logfile);
	check_file(&p, "access-logfile", s->access_logfile);
	check_file(&p, "pid", s->pid);
	for (size_t i = 0; i < s->bind.n; i++)
		check_address(&p, "bind", s->bind.v[i]);
	if (s->metrics_bind[0] != '\0')
		check_address(&p, "metrics-bind", s->metrics_bind);
	if (s->control_socket[0] != '\0')
		check_socket(&p, "control-socket", s->control_socket);
	check_relays(&p, s);
	return p.ok;
}
