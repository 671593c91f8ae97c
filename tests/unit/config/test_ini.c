/* SPDX-License-Identifier: MIT */
/* INI text to assignments: lines, sections, and what is reported. */
#include "../cmocka_all.h"

#include <stdlib.h>
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

static const char *
parse_octets(const char *text, size_t n)
{
	gt_ini_parse(&c, "x.ini", (struct gt_str){text, n});
	assert_false(c.nomem);
	assert_int_equal(gt_buf_add(&c.errors, "", 1), GT_OK);
	return c.errors.p;
}

static const char *
parse(const char *text)
{
	return parse_octets(text, strlen(text));
}

/* The i-th assignment is name = value, from the line. */
static void
assert_assigned(int i, const char *name, const char *value, unsigned line)
{
	const struct gt_assign *a = c.assigns;

	while (i-- > 0 && a != NULL)
		a = a->next;
	assert_non_null(a);
	if (a == NULL)
		return; /* gcc does not know that the line above ends it */
	assert_string_equal(a->setting->name, name);
	assert_string_equal(a->value, value);
	assert_int_equal(a->origin.level, GT_LEVEL_INI);
	assert_string_equal(a->origin.where, "x.ini");
	assert_int_equal(a->origin.line, line);
}

static void
keys_have_values_and_lines(void **state)
{
	(void)state;
	assert_string_equal(parse("# c\n\n[gthreadd]\nworkers = 4\n"
	                          "  worker_class=sync  \n; c\n"
	                          "bind = unix:/x y\n"),
	                    "");
	assert_assigned(0, "workers", "4", 4);
	assert_assigned(1, "worker-class", "sync", 5);
	assert_assigned(2, "bind", "unix:/x y", 7);
}

static void
an_indented_key_is_a_key_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(parse("[gthreadd]\nworkers = 4\n  threads = 9"),
	                    "");
	assert_assigned(0, "workers", "4", 2);
	assert_assigned(1, "threads", "9", 3);
}

static void
a_value_is_taken_as_it_stands(void **state)
{
	(void)state;
	assert_string_equal(parse("[gthreadd]\n"
	                          "access-logformat = \"%(r)s\" ; x # y = z\n"),
	                    "");
	assert_assigned(0, "access-logformat", "\"%(r)s\" ; x # y = z", 2);
}

/* "name = xxx...", len octets long, in the second line; "workers" after it. */
static char *
with_long_line(size_t len)
{
	struct gt_buf b = {0};

	assert_int_equal(gt_buf_addf(&b, "[gthreadd]\nname = "), GT_OK);
	while (b.len < 11 + len)
		assert_int_equal(gt_buf_add(&b, "x", 1), GT_OK);
	assert_int_equal(gt_buf_addf(&b, "\nworkers = 1\n"), GT_OK);
	assert_int_equal(gt_buf_add(&b, "", 1), GT_OK);
	return b.p;
}

static void
lines_of_64_kib_are_whole_and_longer_ones_reported(void **state)
{
	char *text = with_long_line(65535);

	assert_string_equal(parse(text), "");
	assert_int_equal(strlen(c.assigns->value), 65535 - 7);
	assert_assigned(1, "workers", "1", 3);
	free(text);
	fini(state);
	text = with_long_line(65536);
	assert_string_equal(parse(text),
	                    "gthreadd: x.ini:2: the line is longer than "
	                    "64 KiB\n");
	assert_assigned(0, "workers", "1", 3);
	free(text);
}

static void
crlf_and_byte_order_mark_are_accepted(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("\xef\xbb\xbf[gthreadd]\r\nname = a b \r\n\r\n"), "");
	assert_assigned(0, "name", "a b", 2);
}

static void
env_lines_become_pairs(void **state)
{
	(void)state;
	assert_string_equal(parse("[env]\nA = 1\nDB=pg://u:p@h/x?a=b\nC ="),
	                    "");
	assert_assigned(0, "env", "A=1", 2);
	assert_assigned(1, "env", "DB=pg://u:p@h/x?a=b", 3);
	assert_assigned(2, "env", "C=", 4);
}

static void
scheme_lines_become_pairs(void **state)
{
	(void)state;
	assert_string_equal(parse("[secure-scheme-headers]\nX-A = on\nX-B"),
	                    "gthreadd: x.ini:3: [secure-scheme-headers] needs "
	                    "NAME = VALUE\n");
	assert_assigned(0, "secure-scheme-headers", "X-A=on", 2);
}

static void
bad_env_lines_are_reported_without_their_text(void **state)
{
	(void)state;
	assert_string_equal(parse("[env]\nA:hunter2=1\nhunter2\n=hunter2"),
	                    "gthreadd: x.ini:2: [env] needs NAME = VALUE\n"
	                    "gthreadd: x.ini:3: [env] needs NAME = VALUE\n"
	                    "gthreadd: x.ini:4: [env] needs NAME = VALUE\n");
	assert_null(c.assigns);
}

static void
unknown_settings_get_a_suggestion(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("[gthreadd]\nwokers = 1\nzzzz = 1\n = 3\n"),
	    "gthreadd: x.ini:2: setting 'wokers': is unknown (did you mean "
	    "'workers'?)\n"
	    "gthreadd: x.ini:3: setting 'zzzz': is unknown\n"
	    "gthreadd: x.ini:4: setting '': is unknown\n");
}

static void
commands_belong_on_the_command_line(void **state)
{
	(void)state;
	assert_string_equal(parse("[gthreadd]\nconfig = y.ini\n"),
	                    "gthreadd: x.ini:2: setting 'config': belongs on "
	                    "the command line\n");
}

static void
unknown_sections_are_reported_once(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("[gthread]\na = 1\nb\n[gunicorn]\n[plugins]\n"),
	    "gthreadd: x.ini:1: section [gthread] is unknown (did you mean "
	    "'gthreadd'?)\n"
	    "gthreadd: x.ini:4: section [gunicorn] is unknown (did you mean "
	    "'gthreadd'?)\n"
	    "gthreadd: x.ini:5: section [plugins] is unknown\n");
}

static void
broken_sections_are_reported(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("[gthreadd\nworkers = 1\n[gthreadd] # x\n"),
	    "gthreadd: x.ini:1: a section is one [name] on its line\n"
	    "gthreadd: x.ini:3: a section is one [name] on its line\n");
	assert_null(c.assigns);
}

static void
a_long_section_name_is_not_cut(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("[xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]"),
	    "gthreadd: x.ini:1: section "
	    "[xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx] is "
	    "unknown\n");
}

static void
keys_before_a_section_are_reported_once(void **state)
{
	(void)state;
	assert_string_equal(parse("workers = 1\nthreads = 2\n"),
	                    "gthreadd: x.ini:1: a setting stands before the "
	                    "first section: [gthreadd] is missing above it\n");
	assert_null(c.assigns);
}

static void
lines_without_a_value_are_all_reported(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("[gthreadd]\nworkers\nthreads = 2\nsendfile"),
	    "gthreadd: x.ini:2: 'workers' has no value: NAME = VALUE is "
	    "needed\n"
	    "gthreadd: x.ini:4: 'sendfile' has no value: NAME = VALUE is "
	    "needed\n");
	assert_assigned(0, "threads", "2", 3);
}

static void
nul_and_control_octets_do_not_reach_the_report(void **state)
{
	static const char text[] = "[gthreadd]\nworkers = 1\0 2\n\x1b[2J = 1\n";

	(void)state;
	assert_string_equal(
	    parse_octets(text, sizeof(text) - 1),
	    "gthreadd: x.ini:2: the line has a NUL octet in it\n"
	    "gthreadd: x.ini:3: setting '?[2J': is unknown\n");
}

static void
what_gunicorn_has_and_this_has_not_keeps_its_line(void **state)
{
	(void)state;
	assert_string_equal(
	    parse("[gthreadd]\nworker_tmp_dir = /x\nkeyfile = k\n"
	          "casefold-http-method = false\n"),
	    "gthreadd: x.ini:3: setting 'keyfile': this build does not have "
	    "TLS: a proxy in front can do it\n");
	assert_int_equal(c.warnings.n, 1);
	assert_string_equal(c.warnings.v[0],
	                    "x.ini:2: setting 'worker-tmp-dir' has no effect: "
	                    "heartbeats are in shared memory");
}

#define T(f) cmocka_unit_test_teardown(f, fini)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(keys_have_values_and_lines),
	    T(an_indented_key_is_a_key_of_its_own),
	    T(a_value_is_taken_as_it_stands),
	    T(lines_of_64_kib_are_whole_and_longer_ones_reported),
	    T(crlf_and_byte_order_mark_are_accepted),
	    T(env_lines_become_pairs),
	    T(scheme_lines_become_pairs),
	    T(bad_env_lines_are_reported_without_their_text),
	    T(unknown_settings_get_a_suggestion),
	    T(commands_belong_on_the_command_line),
	    T(unknown_sections_are_reported_once),
	    T(broken_sections_are_reported),
	    T(a_long_section_name_is_not_cut),
	    T(keys_before_a_section_are_reported_once),
	    T(lines_without_a_value_are_all_reported),
	    T(what_gunicorn_has_and_this_has_not_keeps_its_line),
	    T(nul_and_control_octets_do_not_reach_the_report),
	};

	return cmocka_run_group_tests_name("config ini", tests, NULL, NULL);
}
