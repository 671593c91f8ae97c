/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "gthreadd/base/log.h"

static char got[8192];
static size_t got_len;

static void
collect(void *arg, const char *line, size_t n)
{
	(void)arg;
	memcpy(got + got_len, line, n);
	got_len += n;
	got[got_len] = '\0';
}

static int
start(void **state)
{
	(void)state;
	got_len = 0;
	got[0] = '\0';
	gt_log_set_level(GT_LOG_INFO);
	gt_log_set_sink(collect, NULL);
	return 0;
}

static void
a_line_looks_like_gunicorns(void **state)
{
	char want[64];

	(void)state;
	gt_log_info("worker ready threads=%d", 4);
	snprintf(want, sizeof(want), "] [%d] [INFO] worker ready threads=4\n",
	         (int)getpid());
	assert_int_equal(got[0], '[');
	assert_non_null(strstr(got, want));
}

static void
levels_below_the_least_are_silent(void **state)
{
	(void)state;
	gt_log_debug("nothing");
	assert_int_equal(got_len, 0);
	gt_log_set_level(GT_LOG_DEBUG);
	gt_log_debug("something");
	assert_non_null(strstr(got, "[DEBUG] something"));
}

static void
a_message_is_always_one_line(void **state)
{
	(void)state;
	gt_log_error("a\nb\x1b[31m\x7f");
	assert_non_null(strstr(got, "a\\x0ab\\x1b[31m\\x7f\n"));
	assert_ptr_equal(strchr(got, '\n'), got + got_len - 1);
}

static void
long_messages_are_cut(void **state)
{
	char text[6000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gt_log_error("%s", text);
	assert_true(got_len < 5000);
	assert_int_equal(got[got_len - 1], '\n');
}

static void
errno_survives(void **state)
{
	(void)state;
	errno = ENOENT;
	gt_log_info("x");
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_line_looks_like_gunicorns, start),
	    cmocka_unit_test_setup(levels_below_the_least_are_silent, start),
	    cmocka_unit_test_setup(a_message_is_always_one_line, start),
	    cmocka_unit_test_setup(long_messages_are_cut, start),
	    cmocka_unit_test_setup(errno_survives, start),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
