/* SPDX-License-Identifier: MIT */
/*
 * How this process was started: what it takes to start it again the same way,
 * whatever has become of the program's file, the directory and the process
 * title since then. Saved once, in main, by one thread; only read afterwards.
 */
#ifndef GTHREADD_BASE_START_H
#define GTHREADD_BASE_START_H

struct gt_start {
	const char *program; /* absolute path, links not followed */
	char *const *argv;   /* in the order they were given */
	char *const *env;
	const char *cwd; /* as the user named it: $PWD when that is right */
};

/*
 * Save it. The strings are borrowed for the life of the process, the vectors
 * are copied. Ends the process without memory.
 */
void gt_start_save(int argc, char *const argv[], char *const env[]);
/* NULL: nothing was saved, or the program's file cannot be told. */
const struct gt_start *gt_start_get(void);
/* The value of a variable of env; NULL: it has none. */
const char *gt_start_variable(char *const env[], const char *name);
/*
 * The current directory, in memory of the caller: pwd (may be NULL) when it
 * names it, for it keeps a symbolic link that getcwd would follow, so that a
 * later switch of the link is seen. NULL: errno tells.
 */
char *gt_start_dir(const char *pwd);

#endif
