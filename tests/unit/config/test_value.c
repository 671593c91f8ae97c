/* SPDX-License-Identifier: MIT */
/* Texts to values and back; suggestions; words of a shell. */
#include "../cmocka_all.h"

#include <limits.h>
#include <string.h>

#include "../../../src/config/config_priv.h"

union field {
	uint64_t count;
	int64_t ms;
	size_t size;
	bool on;
	unsigned mode;
	int choice;
	char *text;
	struct gt_strv list;
};

static struct gt_arena mem;
static struct gt_why why;

static int
fini(void **state)
{
	(void)state;
	gt_arena_fini(&mem);
	return 0;
}

static enum gt_err
set(const char *name, const char *text, union field *f)
{
	const struct gt_setting *s = gt_setting_find(gt_str_of(name));

	assert_non_null(s);
	why.text[0] = '\0';
	return gt_value_set(&mem, s, text, f, &why);
}

static void
assert_refused(const char *name, const char *text, const char *what)
{
	union field f = {0};

	assert_int_equal(set(name, text, &f), GT_INVALID);
	assert_string_equal(why.text, what);
}

static void
names_and_aliases_are_found_with_either_dash(void **state)
{
	static const char *const names[] = {"limit-request-field-size",
	                                    "limit_request_field_size",
	                                    "limit-request-field_size"};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(
		    gt_setting_find(gt_str_of(names[i])),
		    &gt_setting_table[GT_S_limit_request_field_size]);
	assert_ptr_equal(gt_setting_find(GT_STR("errorlog")),
	                 &gt_setting_table[GT_S_error_logfile]);
	assert_null(gt_setting_find(GT_STR("")));
	assert_null(gt_setting_find(GT_STR("worker")));
	assert_null(gt_setting_find(GT_STR("log-file errorlog")));
}

static void
groups_cover_the_table(void **state)
{
	const struct gt_setting_group *g = gt_setting_groups;

	(void)state;
	assert_int_equal(gt_setting_groups[0].first, 0);
	assert_int_equal(gt_setting_groups[1].first, GT_S_workers);
	while (g->title != NULL) {
		assert_true(g[1].first > g[0].first);
		g++;
	}
	assert_int_equal(g->first, GT_SETTINGS);
}

static void
every_default_is_valid_and_every_text_is_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < GT_SETTINGS; i++) {
		const struct gt_setting *s = &gt_setting_table[i];
		union field f = {0};

		assert_int_equal(set(s->name, s->dflt, &f), GT_OK);
		assert_true(strlen(s->text) > 20);
		assert_int_equal(s->text[strlen(s->text) - 1], '.');
		assert_true(s->type == GT_T_BOOL || *s->metavar != '\0');
	}
}

static void
numbers_are_read_and_bounded(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("threads", " 8 ", &f), GT_OK);
	assert_int_equal(f.count, 8);
	assert_int_equal(set("workers", "0x10", &f), GT_OK);
	assert_int_equal(f.count, 16);
	assert_refused("threads", "0", "must be at least 1");
	assert_refused("threads", "1025", "must be at most 1024");
	assert_refused("threads", "99999999999999999999",
	               "must be at most 1024");
	assert_refused("threads", "many", "'many' is not a number");
	assert_refused("threads", "", "'' is not a number");
	assert_refused("threads", "-1", "'-1' is not a number");
}

static void
durations_are_milliseconds(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("timeout", "30", &f), GT_OK);
	assert_int_equal(f.ms, 30000);
	assert_int_equal(set("timeout", "1.5s", &f), GT_OK);
	assert_int_equal(f.ms, 1500);
	assert_int_equal(set("timeout", "2m", &f), GT_OK);
	assert_int_equal(f.ms, 120000);
	assert_refused("header-timeout", "0", "must be at least 1ms");
	assert_refused("switch-interval", "11", "must be at most 10s");
	assert_refused("timeout", "999999999h", "must be at most 316224000s");
	assert_refused("timeout", "soon",
	               "'soon' is not a duration (30, 1.5s, 500ms, 2m, 1h)");
}

static void
sizes_are_octets(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("max-body-size", "1g", &f), GT_OK);
	assert_int_equal(f.size, 1u << 30);
	assert_int_equal(set("body-buffer", "4096", &f), GT_OK);
	assert_int_equal(f.size, 4096);
	assert_refused("body-buffer", "4095", "must be at least 4k");
	assert_refused("limit-request-line", "65537", "must be at most 64k");
	assert_refused("body-buffer", "64kb",
	               "'64kb' is not a size (8190, 64k, 1m, 2g)");
}

static void
networks_and_fields_are_lists(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("proxy-allow-from", "10.0.0.0/8, ::1,*", &f),
	                 GT_OK);
	assert_int_equal(f.list.n, 3);
	assert_string_equal(f.list.v[1], "::1");
	assert_int_equal(set("forwarded-allow-ips", "", &f), GT_OK);
	assert_int_equal(f.list.n, 3);
	assert_refused("forwarded-allow-ips", "::1,10.0.0.1/8",
	               "'10.0.0.1/8' has bits set behind its prefix");
	f = (union field){0};
	assert_int_equal(set("secure-scheme-headers", "X-A=b, X_C = d", &f),
	                 GT_OK);
	assert_int_equal(f.list.n, 2);
	assert_refused("secure-scheme-headers", "X-A", "must be NAME=VALUE");
	assert_refused("secure-scheme-headers", "X-A=", "must be NAME=VALUE");
	assert_refused("secure-scheme-headers", "X A=b",
	               "'X A' is not the name of a header field");
	assert_int_equal(set("forwarder-headers", "*,A_B", &f), GT_OK);
	assert_refused("forwarder-headers", "A:B",
	               "'A:B' is not the name of a header field");
}

static void
what_was_a_switch_is_still_one(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("proxy-protocol", "V2", &f), GT_OK);
	assert_int_equal(f.choice, 2);
	assert_int_equal(set("proxy-protocol", "true", &f), GT_OK);
	assert_int_equal(f.choice, 3);
	assert_int_equal(set("proxy-protocol", "no", &f), GT_OK);
	assert_int_equal(f.choice, 0);
	assert_refused("proxy-protocol", "v3",
	               "'v3' is none of off, v1, v2, auto, required (did you "
	               "mean 'v1'?)");
	assert_refused("log-level", "true",
	               "'true' is none of debug, info, warning, error, "
	               "critical");
}

static void
modes_are_octal_and_may_be_unset(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("umask", "0o27", &f), GT_OK);
	assert_int_equal(f.mode, 027);
	assert_int_equal(set("umask", "22", &f), GT_OK);
	assert_int_equal(f.mode, 022);
	assert_int_equal(set("socket-mode", "", &f), GT_OK);
	assert_int_equal(f.mode, UINT_MAX);
	assert_refused("umask", "", "'' is not an octal mode such as 022");
	assert_refused("umask", "08", "'08' is not an octal mode such as 022");
	assert_refused("umask", "0x12",
	               "'0x12' is not an octal mode such as 022");
	assert_refused("umask", "-22",
	               "'-22' is not an octal mode such as 022");
	assert_refused("umask", "u=rwx,g=rx",
	               "'u=rwx,g=rx' is not an octal mode such as 022");
	assert_refused("umask", "1777", "must be at most 0777");
}

static void
choices_are_matched_in_any_case_and_suggested(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("log-level", "WARNING", &f), GT_OK);
	assert_int_equal(f.choice, 2);
	assert_refused("log-level", "warn",
	               "'warn' is none of debug, info, warning, error, "
	               "critical (did you mean 'warning'?)");
	assert_refused("worker-class", "gevent",
	               "'gevent' is none of gthread, sync");
	assert_refused("worker-class", "gthreads",
	               "'gthreads' is none of gthread, sync (did you mean "
	               "'gthread'?)");
}

static void
lists_append_and_split_at_commas(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("bind", "127.0.0.1:1, unix:/x ,", &f), GT_OK);
	assert_int_equal(set("bind", "[::1]:2", &f), GT_OK);
	assert_int_equal(f.list.n, 3);
	assert_string_equal(f.list.v[0], "127.0.0.1:1");
	assert_string_equal(f.list.v[1], "unix:/x");
	assert_string_equal(f.list.v[2], "[::1]:2");
	assert_refused("bind", "", "is empty (0.0.0.0:8000 is every address)");
	assert_refused("bind", "a:b",
	               "'a:b': port must be a number from 0 to 65535");
}

static void
env_is_not_split_and_never_shown(void **state)
{
	union field f = {0};

	(void)state;
	assert_int_equal(set("env", "A=1,2=3", &f), GT_OK);
	assert_int_equal(f.list.n, 1);
	assert_string_equal(f.list.v[0], "A=1,2=3");
	assert_refused("env", "hunter2", "must be NAME=VALUE");
	assert_refused("env", "=hunter2", "must be NAME=VALUE");
}

static void
long_lists_keep_their_order(void **state)
{
	union field f = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(set("pythonpath", i % 2 ? "/b" : "/a", &f),
		                 GT_OK);
	assert_int_equal(f.list.n, 100);
	for (size_t i = 0; i < 100; i++)
		assert_string_equal(f.list.v[i], i % 2 ? "/b" : "/a");
}

static void
printed_values_parse_to_themselves(void **state)
{
	static const char *const cases[][3] = {
	    {"timeout", "500ms", "500ms"},
	    {"timeout", "90s", "90s"},
	    {"timeout", "0", "0"},
	    {"timeout", "1m", "60s"},
	    {"body-buffer", "65536", "64k"},
	    {"body-buffer", "1m", "1m"},
	    {"body-buffer", "5000", "5000"},
	    {"max-body-size", "0", "0"},
	    {"umask", "22", "022"},
	    {"umask", "0", "0"},
	    {"sendfile", "off", "false"},
	    {"log-level", "error", "error"},
	    {"worker-class", "sync", "sync"},
	    {"user", "www", "www"},
	    {"workers", "12", "12"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct gt_setting *s =
		    gt_setting_find(gt_str_of(cases[i][0]));
		struct gt_buf out = {0};
		union field f = {0};

		assert_int_equal(set(cases[i][0], cases[i][1], &f), GT_OK);
		assert_int_equal(gt_value_format(s, &f, &out), GT_OK);
		assert_int_equal(gt_buf_add(&out, "", 1), GT_OK);
		assert_string_equal(out.p, cases[i][2]);
		assert_int_equal(set(cases[i][0], out.p, &f), GT_OK);
		gt_buf_fini(&out);
	}
}

static void
only_a_word_that_is_alike_is_suggested(void **state)
{
	static const char *const cases[][2] = {
	    {"threds", "threads"},
	    {"Workers", "workers"},
	    {"keep_aliv", "keep-alive"},
	    {"zzzz", ""},
	    {"x", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gt_near near;
		char hint[96], want[96] = "";

		gt_near_init(&near, gt_str_of(cases[i][0]));
		for (size_t j = 0; j < GT_SETTINGS; j++)
			gt_near_offer(&near,
			              gt_str_of(gt_setting_table[j].name));
		if (*cases[i][1] != '\0')
			snprintf(want, sizeof(want), " (did you mean '%s'?)",
			         cases[i][1]);
		assert_string_equal(gt_near_hint(&near, "", hint), want);
	}
}

static void
words_are_split_like_a_shell(void **state)
{
	struct gt_strv v = {0};
	const char *what;

	(void)state;
	assert_int_equal(
	    gt_split_words(&mem, " -w 4\t'a b'\"c \\\"d\\n\" e\\ f '' x\n", &v,
	                   &what),
	    GT_OK);
	assert_int_equal(v.n, 6);
	assert_string_equal(v.v[0], "-w");
	assert_string_equal(v.v[1], "4");
	assert_string_equal(v.v[2], "a bc \"d\\n");
	assert_string_equal(v.v[3], "e f");
	assert_string_equal(v.v[4], "");
	assert_string_equal(v.v[5], "x");
}

static void
words_that_do_not_end_are_refused(void **state)
{
	static const char *const bad[] = {"'a", "b \"c", "d\\", "\"e\\\""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gt_strv v = {0};
		const char *what = NULL;

		assert_int_equal(gt_split_words(&mem, bad[i], &v, &what),
		                 GT_INVALID);
		assert_non_null(what);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_and_aliases_are_found_with_either_dash),
	    cmocka_unit_test(groups_cover_the_table),
	    cmocka_unit_test(every_default_is_valid_and_every_text_is_written),
	    cmocka_unit_test(numbers_are_read_and_bounded),
	    cmocka_unit_test(durations_are_milliseconds),
	    cmocka_unit_test(sizes_are_octets),
	    cmocka_unit_test(networks_and_fields_are_lists),
	    cmocka_unit_test(what_was_a_switch_is_still_one),
	    cmocka_unit_test(modes_are_octal_and_may_be_unset),
	    cmocka_unit_test(choices_are_matched_in_any_case_and_suggested),
	    cmocka_unit_test(lists_append_and_split_at_commas),
	    cmocka_unit_test(env_is_not_split_and_never_shown),
	    cmocka_unit_test(long_lists_keep_their_order),
	    cmocka_unit_test(printed_values_parse_to_themselves),
	    cmocka_unit_test(only_a_word_that_is_alike_is_suggested),
	    cmocka_unit_test(words_are_split_like_a_shell),
	    cmocka_unit_test(words_that_do_not_end_are_refused),
	};

	return cmocka_run_group_tests_name("config value", tests, NULL, fini);
}
