/* SPDX-License-Identifier: MIT */
/*
 * How this process was started. The path is found as the shell has found it,
 * so that a symbolic link (/srv/current/bin) is followed anew at each upgrade.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gthreadd/base/mem.h"
#include "gthreadd/base/start.h"
#include "gthreadd/base/str.h"

#define SELF "/proc/self/exe"

static struct gt_start start;

const char *
gt_start_variable(char *const env[], const char *name)
{
	size_t n = strlen(name);

	for (; *env != NULL; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

static bool
is_same_file(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

char *
gt_start_dir(const char *pwd)
{
	if (pwd != NULL && *pwd == '/' && is_same_file(pwd, "."))
		return strdup(pwd);
	return getcwd(NULL, 0);
}

/* dir/name, absolute, when that is this program. The caller frees it. */
static char *
try(struct gt_str dir, const char *name)
{
	const char *slash = dir.n > 0 ? "/" : "";
	const char *cwd = "", *sep = "";
	char *path;

	if ((dir.n > 0 ? *dir.p : *name) != '/') {
		cwd = start.cwd;
		sep = "/";
	}
	if (asprintf(&path, "%s%s%.*s%s%s", cwd, sep, (int)dir.n,
	             dir.n > 0 ? dir.p : "", slash, name) < 0)
		return NULL;
	if (is_same_file(path, SELF))
		return path;
	free(path);
	return NULL;
}

/* The path by which it was found. NULL: argv[0] is something else. */
static char *
search(const char *name, const char *path)
{
	struct gt_str rest = gt_str_of(path != NULL ? path : ""), dir;
	char *found = NULL;

	if (strchr(name, '/') != NULL)
		return try((struct gt_str){0}, name);
	while (found == NULL && gt_str_split(&rest, ':', &dir))
		found = try(dir.n > 0 ? dir : GT_STR("."), name);
	return found;
}

/* What argv[0] may hide (exec -a, fexecve) the kernel knows. */
static char *
ask_kernel(void)
{
	char path[4096];
	ssize_t n = readlink(SELF, path, sizeof(path));

	if (n <= 0 || (size_t)n == sizeof(path))
		return NULL;
	return strndup(path, (size_t)n);
}

static char **
copy_vector(char *const v[])
{
	size_t n = 0;
	char **copy;

	while (v[n] != NULL)
		n++;
	copy = gt_xcalloc(n + 1, sizeof(*copy));
	memcpy(copy, v, n * sizeof(*copy));
	return copy;
}

void
gt_start_save(int argc, char *const argv[], char *const env[])
{
	start.argv = copy_vector(argv);
	start.env = copy_vector(env);
	start.cwd = gt_start_dir(gt_start_variable(env, "PWD"));
	if (argc == 0 || start.cwd == NULL)
		return;
	start.program = search(argv[0], gt_start_variable(env, "PATH"));
	if (start.program == NULL)
		start.program = ask_kernel();
}

const struct gt_start *
gt_start_get(void)
{
	return start.program != NULL ? &start : NULL;
}
