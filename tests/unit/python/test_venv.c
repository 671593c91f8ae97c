/* SPDX-License-Identifier: MIT */
/* the diagnosis of virtual environments, on one of python3 -m venv. */
#include "../cmocka_all.h"

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../src/python/python_priv.h"
#include "gthreadd/python/interp.h"

static char root[] = "/tmp/test_venv.XXXXXX";
static char venv_path[64], version[16];
static char why[GT_VENV_PATH + 256];
static struct gt_venv venv;

static void run(const char *fmt, ...) GT_PRINTF(1, 2);

static void
run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int
make_venv(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(venv_path, sizeof(venv_path), "%s/v", root);
	snprintf(version, sizeof(version), "%.*s",
	         (int)(strrchr(gt_interp_version(), '.') - gt_interp_version()),
	         gt_interp_version());
	run("%s -m venv --without-pip %s && cp -a %s %s.good", GT_PYTHON_PATH,
	    venv_path, venv_path, venv_path);
	return 0;
}

static int
remove_venv(void **state)
{
	(void)state;
	run("rm -rf %s", root);
	return 0;
}

static int
restore_venv(void **state)
{
	(void)state;
	run("rm -rf %s && cp -a %s.good %s", venv_path, venv_path, venv_path);
	return 0;
}

static enum gt_err
look_at(const char *path)
{
	return gt_venv_read(path, version, GT_PYTHON_PATH, &venv, why,
	                    sizeof(why));
}

static void
assert_wrong(const char *path, const char *says)
{
	assert_int_equal(look_at(path), GT_INVALID);
	if (strstr(why, says) == NULL)
		fail_msg("no \"%s\" in: %s", says, why);
	assert_null(strchr(why, '\n'));
}

static void
a_sound_environment_is_taken(void **state)
{
	(void)state;
	if (look_at(venv_path) != GT_OK)
		fail_msg("%s", why);
	assert_false(venv.is_foreign);
	assert_non_null(strstr(venv.python, "/v/bin/python3"));
}

static void
a_missing_folder_is_named(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/none/deeper/v", root);
	assert_wrong(path, "/none' does not exist");
}

static void
a_folder_without_cfg_is_no_environment(void **state)
{
	(void)state;
	assert_wrong("/usr", "'/usr' is no virtual environment");
}

static void
another_version_is_an_error(void **state)
{
	(void)state;
	run("sed -i 's/^version.*/version = 3.1.4/' %s/pyvenv.cfg", venv_path);
	assert_wrong(venv_path, "is for Python 3.1.4, this server embeds");
	run("sed -i 's/^version.*/version_info = 3.110.0.final.0/' "
	    "%s/pyvenv.cfg",
	    venv_path);
	assert_wrong(venv_path, "is for Python 3.110.0");
}

static void
another_build_is_foreign(void **state)
{
	(void)state;
	run("sed -i 's,^home.*,home = /opt/other/bin,' %s/pyvenv.cfg",
	    venv_path);
	assert_int_equal(look_at(venv_path), GT_OK);
	assert_true(venv.is_foreign);
	assert_string_equal(venv.home, "/opt/other/bin");
	run("sed -i '/^home/d' %s/pyvenv.cfg", venv_path);
	assert_wrong(venv_path, "names no home");
}

static void
a_dangling_interpreter_is_named(void **state)
{
	(void)state;
	run("ln -sf /opt/gone/python3 %s/bin/python3", venv_path);
	assert_wrong(venv_path, "bin/python3' is a link to "
	                        "'/opt/gone/python3', which is missing");
}

static void
missing_packages_are_named(void **state)
{
	(void)state;
	run("rm -r %s/lib/python*", venv_path);
	assert_wrong(venv_path, "/lib/python");
	assert_non_null(strstr(why, "does not exist"));
}

static void
an_unreadable_component_is_named(void **state)
{
	(void)state;
	if (geteuid() == 0 && seteuid(65534) != 0)
		skip();
	if (seteuid(0) == 0)
		run("chmod 755 %s && chmod 700 %s/lib", root, venv_path);
	else
		run("chmod 600 %s/lib", venv_path);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_wrong(venv_path, "/lib' is not readable for uid");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	run("chmod 755 %s/lib", venv_path);
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, restore_venv)
	const struct CMUnitTest tests[] = {
	    T(a_sound_environment_is_taken),
	    T(a_missing_folder_is_named),
	    T(a_folder_without_cfg_is_no_environment),
	    T(another_version_is_an_error),
	    T(another_build_is_foreign),
	    T(a_dangling_interpreter_is_named),
	    T(missing_packages_are_named),
	    T(an_unreadable_component_is_named),
	};

	return cmocka_run_group_tests_name("python venv", tests, make_venv,
	                                   remove_venv);
}
