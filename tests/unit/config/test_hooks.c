/* SPDX-License-Identifier: MIT */
/* [hooks]: names, callables, and where they were set. */
#include "../cmocka_all.h"

#include <string.h>

#include "../../../src/config/config_priv.h"
#include "gthreadd/config/hooks.h"

static struct gt_config c;

static int
init(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	gt_config_init(&c);
	return 0;
}

static int
fini(void **state)
{
	(void)state;
	gt_config_fini(&c);
	return 0;
}

static const char *
load(const char *text)
{
	gt_ini_parse(&c, "x.ini", gt_str_of(text));
	gt_config_apply(&c, NULL);
	assert_false(c.nomem);
	assert_int_equal(gt_buf_add(&c.errors, "", 1), GT_OK);
	return c.errors.p;
}

static void
nothing_is_set_by_default(void **state)
{
	(void)state;
	for (int i = 0; i < GT_HOOK_COUNT; i++)
		assert_null(gt_hook_spec(&c.settings, (enum gt_hook)i));
	assert_false(gt_hooks_are_set(&c.settings, GT_HOOK_MASTER));
	assert_false(gt_hooks_are_set(&c.settings, GT_HOOK_WORKER));
	assert_false(gt_hooks_are_set(&c.settings, GT_HOOK_REQUEST));
}

static void
a_hook_has_its_callable_and_its_line(void **state)
{
	const struct gt_settings *s = &c.settings;

	(void)state;
	assert_string_equal(load("[hooks]\npost-fork = a.b:C.d\n\n"
	                         "on_exit = file:/x, y/z:w.py:f\n"),
	                    "");
	assert_string_equal(gt_hook_spec(s, GT_HOOK_post_fork), "a.b:C.d");
	assert_string_equal(gt_hook_origin(s, GT_HOOK_post_fork), "x.ini:2");
	assert_string_equal(gt_hook_spec(s, GT_HOOK_on_exit),
	                    "file:/x, y/z:w.py:f");
	assert_string_equal(gt_hook_origin(s, GT_HOOK_on_exit), "x.ini:4");
	assert_null(gt_hook_spec(s, GT_HOOK_on_reload));
	assert_true(gt_hooks_are_set(s, GT_HOOK_MASTER));
	assert_true(gt_hooks_are_set(s, GT_HOOK_WORKER));
	assert_false(gt_hooks_are_set(s, GT_HOOK_REQUEST));
}

static void
a_name_is_not_its_beginning(void **state)
{
	(void)state;
	load("[hooks]\npre_fork = a:b\n");
	assert_null(gt_hook_spec(&c.settings, GT_HOOK_pre_request));
	assert_non_null(gt_hook_spec(&c.settings, GT_HOOK_pre_fork));
}

static void
the_last_of_two_holds_and_a_warning_says_so(void **state)
{
	(void)state;
	assert_string_equal(load("[hooks]\npre_fork = a:b\non_exit = c:d\n"
	                         "pre_fork = e:f\n"),
	                    "");
	assert_string_equal(gt_hook_spec(&c.settings, GT_HOOK_pre_fork), "e:f");
	assert_string_equal(gt_hook_origin(&c.settings, GT_HOOK_pre_fork),
	                    "x.ini:4");
	assert_int_equal(c.settings.hooks.n, 2);
	assert_int_equal(c.warnings.n, 1);
	assert_string_equal(c.warnings.v[0],
	                    "x.ini:4: hook 'pre_fork' was given already; this "
	                    "one holds");
}

static void
unknown_hooks_get_a_suggestion(void **state)
{
	(void)state;
	assert_string_equal(load("[hooks]\npre_froek = a:b\nfoo_bar_baz = a:b"),
	                    "gthreadd: x.ini:2: setting 'hooks': 'pre_froek' "
	                    "is no hook (did you mean 'pre_fork'?)\n"
	                    "gthreadd: x.ini:3: setting 'hooks': "
	                    "'foo_bar_baz' is no hook\n");
}

static void
callables_are_checked_for_syntax(void **state)
{
	static const struct {
		const char *value, *why;
	} bad[] = {
	    {"a", "module:function or file:PATH:function is needed"},
	    {"", "module:function or file:PATH:function is needed"},
	    {"a:", "the part behind the last ':' is not a name"},
	    {"a:f()", "the part behind the last ':' is not a name"},
	    {"a:1f", "the part behind the last ':' is not a name"},
	    {":f", "the part before ':' is no module name"},
	    {"a-b:f", "the part before ':' is no module name"},
	    {"a/b.py:f", "a path is written file:PATH:function"},
	    {"file::f", "the PATH of file:PATH is empty"},
	};
	char text[128], want[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[hooks]\non_exit = %s\n",
		         bad[i].value);
		snprintf(want, sizeof(want),
		         "gthreadd: x.ini:2: setting 'hooks': on_exit: %s\n",
		         bad[i].why);
		assert_string_equal(load(text), want);
		fini(state);
		init(state);
	}
}

static void
a_line_without_a_value_is_reported(void **state)
{
	(void)state;
	assert_string_equal(
	    load("[hooks]\non_exit\n[hook]\n"),
	    "gthreadd: x.ini:2: [hooks] needs NAME = VALUE\n"
	    "gthreadd: x.ini:3: section [hook] is unknown (did you mean "
	    "'hooks'?)\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, init, fini)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(nothing_is_set_by_default),
	    T(a_hook_has_its_callable_and_its_line),
	    T(a_name_is_not_its_beginning),
	    T(the_last_of_two_holds_and_a_warning_says_so),
	    T(unknown_hooks_get_a_suggestion),
	    T(callables_are_checked_for_syntax),
	    T(a_line_without_a_value_is_reported),
	};

	return cmocka_run_group_tests_name("config hooks", tests, NULL, NULL);
}
