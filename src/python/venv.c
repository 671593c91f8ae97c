/* SPDX-License-Identifier: MIT */
/*
 * Is that folder a virtual environment this libpython can use, and if not,
 * what exactly is wrong with it? Runs before the interpreter starts: no
 * Python here.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gthreadd/base/str.h"
#include "gthreadd/python/pyobj.h"
#include "python_priv.h"

/* The lines of pyvenv.cfg that matter. */
struct venv_cfg {
	char home[GT_VENV_PATH];
	char version[64]; /* "" when the file does not tell */
};

static bool
can_access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* Why path cannot be used; path itself or the folder that is in the way. */
static void
blame(const char *path, int err, char *why, size_t n)
{
	char target[256];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (err == ENOENT && len > 0)
		snprintf(why, n, "'%s' is a link to '%.*s', which is missing",
		         path, (int)len, target);
	else if (err == ENOENT)
		snprintf(why, n, "'%s' does not exist", path);
	else if (err == EACCES)
		snprintf(why, n, "'%s' is not readable for uid %ld", path,
		         (long)geteuid());
	else
		snprintf(why, n, "'%s': %s", path, strerror(err));
}

/* Every folder on the way must be passable, path itself fit for mode. */
static enum gt_err
check_component(const char *path, int mode, char *why, size_t n)
{
	char part[GT_VENV_PATH];
	const char *slash = path;

	if (can_access(path, mode))
		return GT_OK;
	while ((slash = strchr(slash + 1, '/')) != NULL) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (!can_access(part, X_OK)) {
			blame(part, errno, why, n);
			return GT_INVALID;
		}
	}
	if (can_access(path, mode))
		return GT_OK;
	blame(path, errno, why, n);
	return GT_INVALID;
}

/* root/rest; a path that is too long cannot exist. */
static enum gt_err
join_path(char out[GT_VENV_PATH], const char *root, const char *rest, char *why,
          size_t n)
{
	if ((size_t)snprintf(out, GT_VENV_PATH, "%s/%s", root, rest) <
	    GT_VENV_PATH)
		return GT_OK;
	snprintf(why, n, "'%.200s...' is too long", root);
	return GT_INVALID;
}

static void
copy_text(char *out, size_t size, struct gt_str s)
{
	snprintf(out, size, "%.*s", (int)s.n, s.p);
}

static void
read_line(struct venv_cfg *cfg, struct gt_str line)
{
	struct gt_str key, value = line;

	if (!gt_str_split(&value, '=', &key) || value.p == NULL)
		return;
	key = gt_str_trim(key);
	value = gt_str_trim(value);
	if (gt_str_eq_icase(key, GT_STR("home")))
		copy_text(cfg->home, sizeof(cfg->home), value);
	else if (gt_str_eq_icase(key, GT_STR("version")) ||
	         gt_str_eq_icase(key, GT_STR("version_info")))
		copy_text(cfg->version, sizeof(cfg->version), value);
}

static enum gt_err
read_cfg(const char *path, struct venv_cfg *cfg, char *why, size_t n)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	FILE *f;

	memset(cfg, 0, sizeof(*cfg));
	if ((f = fopen(path, "re")) == NULL) {
		blame(path, errno, why, n);
		return GT_INVALID;
	}
	while ((len = getline(&line, &cap, f)) >= 0) {
		while (len > 0 &&
		       (line[len - 1] == '\n' || line[len - 1] == '\r'))
			len--;
		read_line(cfg, (struct gt_str){line, (size_t)len});
	}
	free(line);
	fclose(f);
	if (cfg->home[0] != '\0')
		return GT_OK;
	snprintf(why, n, "'%s' names no home", path);
	return GT_INVALID;
}

/* "3.11.2" is of version "3.11"; "3.1" and "3.110" are not. */
static bool
is_of_version(const char *text, const char *version)
{
	size_t n = strlen(version);

	return strncmp(text, version, n) == 0 && !gt_ascii_is_digit(text[n]);
}

/* Is home the folder of our own interpreter, by whatever name? */
static bool
is_own_home(const char *home, const char *own_python)
{
	char own[GT_VENV_PATH], *slash;
	char a[PATH_MAX], b[PATH_MAX];

	snprintf(own, sizeof(own), "%s", own_python);
	if ((slash = strrchr(own, '/')) == NULL)
		return false;
	*slash = '\0';
	return realpath(home, a) != NULL && realpath(own, b) != NULL &&
	       strcmp(a, b) == 0;
}

static enum gt_err
check_packages(const char *root, const char *version, char *why, size_t n)
{
	char rest[64], path[GT_VENV_PATH];

	snprintf(rest, sizeof(rest),
	         "lib/python%s" GT_PYOBJ_ABI "/site-packages", version);
	if (join_path(path, root, rest, why, n) != GT_OK)
		return GT_INVALID;
	return check_component(path, R_OK | X_OK, why, n);
}

enum gt_err
gt_venv_read(const char *path, const char *version, const char *own_python,
             struct gt_venv *out, char *why, size_t n)
{
	char file[GT_VENV_PATH];
	struct venv_cfg cfg;

	if (check_component(path, X_OK, why, n) != GT_OK ||
	    join_path(file, path, "pyvenv.cfg", why, n) != GT_OK)
		return GT_INVALID;
	if (faccessat(AT_FDCWD, file, F_OK, AT_EACCESS) != 0) {
		snprintf(why, n,
		         "'%s' is no virtual environment: it has no pyvenv.cfg",
		         path);
		return GT_INVALID;
	}
	if (read_cfg(file, &cfg, why, n) != GT_OK)
		return GT_INVALID;
	if (cfg.version[0] != '\0' && !is_of_version(cfg.version, version)) {
		snprintf(why, n,
		         "'%s' is for Python %s, this server embeds Python %s",
		         path, cfg.version, version);
		return GT_INVALID;
	}
	if (join_path(out->python, path, "bin/python3", why, n) != GT_OK ||
	    check_component(out->python, X_OK, why, n) != GT_OK ||
	    check_packages(path, version, why, n) != GT_OK)
		return GT_INVALID;
	memcpy(out->home, cfg.home, sizeof(out->home));
	out->is_foreign = !is_own_home(cfg.home, own_python);
	return GT_OK;
}
