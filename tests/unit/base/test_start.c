/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/start.h"

static char dir[] = "/tmp/gt-start-XXXXXX";
static char self[PATH_MAX], link_path[64], pwd[80], path[200], name[80];
static char program[] = "program";
static char *env[] = {path, pwd, NULL};

/* dir/program is this program; dir/here is a link to dir. */
static int
set_up(void **state)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	if (n < 0 || mkdtemp(dir) == NULL || chdir(dir) < 0)
		return -1;
	self[n] = '\0';
	snprintf(link_path, sizeof(link_path), "%s/here", dir);
	return symlink(self, "program") < 0 || symlink(dir, "here") < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink("program") < 0 || unlink("here") < 0 || rmdir(dir) < 0;
}

/* It is for the life of a process; here there are several in one. */
static void
discard(const struct gt_start *s)
{
	if (s == NULL)
		return;
	free((void *)(uintptr_t)s->argv);
	free((void *)(uintptr_t)s->env);
	free((void *)(uintptr_t)s->cwd);
	free((void *)(uintptr_t)s->program);
}

static const struct gt_start *
save(const char *argv0, const char *pwd_value, const char *path_value)
{
	char *argv[] = {name, NULL};

	snprintf(name, sizeof(name), "%s", argv0);
	snprintf(pwd, sizeof(pwd), "PWD=%s", pwd_value);
	snprintf(path, sizeof(path), "PATH=%s", path_value);
	discard(gt_start_get());
	gt_start_save(1, argv, env);
	assert_non_null(gt_start_get());
	assert_string_equal(gt_start_get()->argv[0], argv0);
	assert_ptr_equal(gt_start_get()->env[0], path);
	return gt_start_get();
}

/* The name is searched as the shell does; all of these are dir/program. */
static void
program_is_found_as_the_shell_has_found_it(void **state)
{
	char want[80], list[120];

	(void)state;
	snprintf(want, sizeof(want), "%s/program", dir);
	assert_string_equal(save(want, dir, "/nowhere")->program, want);
	snprintf(list, sizeof(list), "/usr/bin:%s:/bin", dir);
	assert_string_equal(save(program, dir, list)->program, want);
	snprintf(want, sizeof(want), "%s/./program", dir);
	assert_string_equal(save("./program", dir, "/bin")->program, want);
	assert_string_equal(save(program, dir, "/bin:")->program, want);
	snprintf(want, sizeof(want), "%s/./program", link_path);
	assert_string_equal(save("./program", link_path, "")->program, want);
	snprintf(want, sizeof(want), "%s/here/program", dir);
	assert_string_equal(save(program, dir, "here")->program, want);
}

/* exec -a, or a PATH that has changed: then the kernel is asked. */
static void
another_name_does_not_hide_the_program(void **state)
{
	(void)state;
	assert_string_equal(save("other", dir, "/bin")->program, self);
	assert_string_equal(save("/bin/sh", dir, "/bin")->program, self);
	assert_string_equal(save("sh", dir, "/bin")->program, self);
}

static void
directory_keeps_the_link_by_which_it_was_entered(void **state)
{
	(void)state;
	assert_string_equal(save("./program", link_path, "")->cwd, link_path);
	assert_string_equal(save("./program", "/", "")->cwd, dir);
	assert_string_equal(save("./program", "here", "")->cwd, dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(program_is_found_as_the_shell_has_found_it),
	    cmocka_unit_test(another_name_does_not_hide_the_program),
	    cmocka_unit_test(directory_keeps_the_link_by_which_it_was_entered),
	};

	return cmocka_run_group_tests_name("base/start", tests, set_up,
	                                   tear_down);
}
