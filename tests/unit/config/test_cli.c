/* SPDX-License-Identifier: MIT */
/* Command lines to assignments, and gunicorn's spellings. */
#include "../cmocka_all.h"

#include <string.h>

#include "../../../src/config/config_priv.h"

static struct gt_config c;

static int
fini(void **state)
{
	(void)state;
	gt_config_fini(&c);
	memset(&c, 0, sizeof(c));
	return 0;
}

/* Parse a command line given as a shell would take it; returns the report. */
static const char *
parse(const char *line)
{
	static const struct gt_origin cli = {GT_LEVEL_CLI, NULL, 0};
	static char program[] = "gthreadd";
	struct gt_strv argv = {0};
	const char *why;

	assert_int_equal(gt_strv_add(&c.mem, &argv, program), GT_OK);
	assert_int_equal(gt_split_words(&c.mem, line, &argv, &why), GT_OK);
	assert_int_equal(gt_strv_add(&c.mem, &argv, NULL), GT_OK);
	gt_cli_parse(&c, (int)argv.n - 1, argv.v, &cli);
	assert_false(c.nomem);
	assert_int_equal(gt_buf_add(&c.errors, "", 1), GT_OK);
	return c.errors.p;
}

static void
assert_assigned(int i, const char *name, const char *value)
{
	const struct gt_assign *a = c.assigns;

	while (i-- > 0 && a != NULL)
		a = a->next;
	assert_non_null(a);
	if (a == NULL)
		return; /* gcc does not know that the line above ends it */
	assert_string_equal(a->setting->name, name);
	assert_string_equal(a->value, value);
}

static void
a_gunicorn_command_line_runs_as_it_is(void **state)
{
	static const char *const want[][2] = {
	    {"workers", "4"},
	    {"worker-class", "gthread"},
	    {"threads", "8"},
	    {"bind", "127.0.0.1:1"},
	    {"bind", "unix:/x"},
	    {"timeout", "60"},
	    {"limit-request-field-size", "100"},
	    {"error-logfile", "-"},
	    {"access-logfile", "/a"},
	    {"pid", "/p"},
	    {"name", "n"},
	    {"env", "A=1"},
	    {"user", "u"},
	    {"group", "g"},
	    {"umask", "7"},
	    {"sendfile", "false"},
	    {"wsgi-app", "m:f('x')"},
	    {"keep-alive", "5"},
	};

	(void)state;
	assert_string_equal(
	    parse("-w 4 -k gthread --threads=8 -b 127.0.0.1:1 --bind unix:/x "
	          "-t60 --limit-request-field_size 100 --log-file - "
	          "--access-logfile /a --pid /p -n n -e A=1 -u u -g g -m 7 "
	          "--no-sendfile \"m:f('x')\" --keep-alive 5"),
	    "");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_assigned((int)i, want[i][0], want[i][1]);
}

static void
every_name_and_alias_is_an_option(void **state)
{
	static const struct gt_origin cli = {GT_LEVEL_CLI, NULL, 0};

	(void)state;
	for (size_t i = 0; i < GT_SETTINGS; i++) {
		const struct gt_setting *s = &gt_setting_table[i];
		struct gt_str rest = gt_str_of(s->aliases);
		struct gt_str name = gt_str_of(s->name);

		do {
			char option[64], program[] = "gthreadd";
			char *argv[] = {program, option, NULL};

			if (name.n == 0)
				continue;
			snprintf(option, sizeof(option), "--%.*s=1",
			         (int)name.n, name.p);
			gt_cli_parse(&c, 2, argv, &cli);
			assert_ptr_equal(c.last_assign->setting, s);
			assert_string_equal(c.last_assign->value, "1");
		} while (gt_str_split(&rest, ' ', &name));
	}
	assert_int_equal(c.errors.len, 0);
}

static void
every_bool_has_a_no_form(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("--sendfile --no-sendfile --sendfile=off --sendfile x"), "");
	assert_assigned(0, "sendfile", "true");
	assert_assigned(1, "sendfile", "false");
	assert_assigned(2, "sendfile", "off");
	assert_assigned(3, "sendfile", "true");
	assert_assigned(4, "wsgi-app", "x");
}

static void
the_application_may_stand_anywhere(void **state)
{
	(void)state;
	assert_string_equal(parse("-w 1 app:x -b :1"), "");
	assert_assigned(1, "wsgi-app", "app:x");
	assert_assigned(2, "bind", ":1");
	fini(state);
	assert_string_equal(parse("-w 1 -- app:x"), "");
	assert_assigned(1, "wsgi-app", "app:x");
}

static void
a_second_application_is_refused(void **state)
{
	(void)state;
	assert_string_equal(parse("a:x b:y"),
	                    "gthreadd: command line: setting 'wsgi-app': only "
	                    "one may be given, not 'a:x' and 'b:y'\n");
}

static void
short_options_take_an_equals_sign(void **state)
{
	(void)state;
	assert_string_equal(parse("-w=4 -e=A==1"), "");
	assert_assigned(0, "workers", "4");
	assert_assigned(1, "env", "A==1");
}

static void
unknown_options_are_all_reported_and_suggested(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("--wokers 4 -Z --no-sendfil --zzzz app:x"),
	    "gthreadd: command line: option '--wokers' is unknown (did you "
	    "mean '--workers'?)\n"
	    "gthreadd: command line: option '-Z' is unknown\n"
	    "gthreadd: command line: option '--zzzz' is unknown\n");
	assert_assigned(0, "sendfile", "false"); /* a beginning is enough */
}

static const char *
warning(size_t i)
{
	return i < c.warnings.n ? c.warnings.v[i] : "";
}

static void
what_gunicorn_has_and_this_has_not_is_warned_of_once(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("--worker-tmp-dir /dev/shm -w 2 --worker-tmp-dir=/x "
	          "--dirty-app a:b --strip-header-spaces app:x"),
	    "");
	assert_int_equal(c.warnings.n, 3);
	assert_string_equal(warning(0),
	                    "command line: setting 'worker-tmp-dir' has no "
	                    "effect: heartbeats are in shared memory");
	assert_string_equal(warning(2),
	                    "command line: setting 'strip-header-spaces' has "
	                    "no effect: a blank before the colon of a header "
	                    "field is always refused");
	assert_assigned(0, "workers", "2");
	assert_assigned(1, "wsgi-app", "app:x");
}

static void
what_asks_for_what_holds_anyway_needs_no_word(void **state)
{
	(void)state;
	assert_string_equal(parse("--initgroups --no-control-socket "
	                          "--suppress-ragged-eofs --protocol http "
	                          "--http-protocols=h1 --cert-reqs 0 "
	                          "--do-handshake-on-connect=false"),
	                    "");
	assert_int_equal(c.warnings.n, 0);
}

static void
what_cannot_be_is_refused_with_the_reason(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("--certfile x --http-protocols h2,h1 --protocol uwsgi"),
	    "gthreadd: command line: setting 'certfile': this build does not "
	    "have TLS: a proxy in front can do it\n"
	    "gthreadd: command line: setting 'http-protocols': this build "
	    "does not have HTTP/2: h1 is the one that it speaks\n"
	    "gthreadd: command line: setting 'protocol': only http is spoken, "
	    "not the protocol of uWSGI: the proxy in front must use "
	    "proxy_pass in the place of uwsgi_pass\n");
}

static void
no_name_is_both_a_setting_and_foreign(void **state)
{
	const struct gt_foreign *f;

	(void)state;
	for (f = gt_foreign_table; f->name != NULL; f++) {
		struct gt_str rest = gt_str_of(f->aliases);
		struct gt_str name = gt_str_of(f->name);

		assert_ptr_equal(gt_foreign_find(name), f);
		do {
			assert_null(gt_setting_find(name));
		} while (gt_str_split(&rest, ' ', &name));
	}
}

static void
the_value_of_an_unknown_option_is_not_shown(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("--enw=A=hunter2"),
	    "gthreadd: command line: option '--enw' is unknown (did you mean "
	    "'--env'?)\n");
}

static void
lacking_and_needless_values_are_reported(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("--no-sendfile=1 --check-config=yes --workers"),
	    "gthreadd: command line: option '--no-sendfile' takes no value\n"
	    "gthreadd: command line: option '--check-config' takes no value\n"
	    "gthreadd: command line: option '--workers' needs a value\n");
}

static void
commands_choose_the_action(void **state)
{
	static const struct {
		const char *line;
		enum gt_config_action action;
	} cases[] = {
	    {"", GT_ACTION_RUN},
	    {"--check-config", GT_ACTION_CHECK},
	    {"--print-config --check-config", GT_ACTION_PRINT},
	    {"-h", GT_ACTION_HELP},
	    {"--help", GT_ACTION_HELP},
	    {"-v", GT_ACTION_VERSION},
	    {"--version", GT_ACTION_VERSION},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(parse(cases[i].line), "");
		assert_int_equal(c.action, cases[i].action);
		fini(state);
	}
}

static void
the_last_config_of_a_line_holds(void **state)
{
	(void)state;
	assert_string_equal(parse("-c a.ini --config=b.ini"), "");
	assert_string_equal(c.ini, "b.ini");
	assert_int_equal(c.ini_origin.level, GT_LEVEL_CLI);
}

static void
lines_can_be_parsed_one_after_another(void **state)
{
	(void)state;
	assert_string_equal(parse("-w 1 a"), "");
	gt_buf_fini(&c.errors);
	assert_string_equal(parse("-w 2"), "");
	assert_assigned(0, "workers", "1");
	assert_assigned(1, "wsgi-app", "a");
	assert_assigned(2, "workers", "2");
}

static void
a_mode_may_be_left_out(void **state)
{
	(void)state;
	assert_string_equal(parse("--proxy-protocol a:b"), "");
	assert_assigned(0, "proxy-protocol", "true");
	assert_assigned(1, "wsgi-app", "a:b");
	fini(state);
	assert_string_equal(parse("--proxy-protocol v2 a:b"), "");
	assert_assigned(0, "proxy-protocol", "v2");
	assert_assigned(1, "wsgi-app", "a:b");
	fini(state);
	assert_string_equal(parse("a:b --proxy-protocol=v1 --proxy-protocol "
	                          "-w 2 --proxy-protocol off "
	                          "--proxy-protocol"),
	                    "");
	assert_assigned(1, "proxy-protocol", "v1");
	assert_assigned(2, "proxy-protocol", "true");
	assert_assigned(3, "workers", "2");
	assert_assigned(4, "proxy-protocol", "off");
	assert_assigned(5, "proxy-protocol", "true");
}

#define T(f) cmocka_unit_test_teardown(f, fini)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_gunicorn_command_line_runs_as_it_is),
	    T(every_name_and_alias_is_an_option),
	    T(every_bool_has_a_no_form),
	    T(the_application_may_stand_anywhere),
	    T(a_mode_may_be_left_out),
	    T(a_second_application_is_refused),
	    T(short_options_take_an_equals_sign),
	    T(unknown_options_are_all_reported_and_suggested),
	    T(the_value_of_an_unknown_option_is_not_shown),
	    T(lacking_and_needless_values_are_reported),
	    T(what_gunicorn_has_and_this_has_not_is_warned_of_once),
	    T(what_asks_for_what_holds_anyway_needs_no_word),
	    T(what_cannot_be_is_refused_with_the_reason),
	    T(no_name_is_both_a_setting_and_foreign),
	    T(commands_choose_the_action),
	    T(the_last_config_of_a_line_holds),
	    T(lines_can_be_parsed_one_after_another),
	};

	return cmocka_run_group_tests_name("config cli", tests, NULL, NULL);
}
